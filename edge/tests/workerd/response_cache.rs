//! Which responses are stored, and how stored responses are served.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::support::{
    OriginHealth, ReceivedRequest, SHARED_CACHE_CONTROL, TestEdge, TestOrigin, TestResponse,
    origin_and_edge,
};

/// Status, header fields and body by target; any other target is 404.
type ResponsesByTarget =
    HashMap<&'static str, (u16, Vec<(&'static str, &'static str)>, &'static [u8])>;

fn respond_by_target(
    answers: ResponsesByTarget,
) -> impl Fn(&ReceivedRequest) -> TestResponse + Send + Sync {
    move |request| {
        let none = (404, vec![], &b"nothing"[..]);
        let (status, fields, body) = answers.get(&*request.target).unwrap_or(&none);
        let mut response = TestResponse::new(*body);
        response.status = *status;
        if request.target == "/echo" {
            response.body.clone_from(&request.body);
        }
        fields.iter().fold(response, |response, (name, value)| {
            response.with_field(name, value)
        })
    }
}

/// The client's address in requests to the origin comes from the edge only: signed if there is a
/// secret, absent otherwise, and never as the client sent it.
#[test]
fn the_client_address_is_set_by_the_edge_only() {
    let fields = [
        ("x-real-ip", "192.0.2.7"),
        ("mallard-client", "198.51.100.1 1 00"),
    ];
    let said = |environment: &[(&str, &str)], path: &str| {
        let origin = TestOrigin::start(respond_by_target(HashMap::from([(
            "/p/mug",
            (200, vec![SHARED_CACHE_CONTROL], &b"mug"[..]),
        )])));
        let edge = TestEdge::start_with(&origin, environment);
        edge.send("GET", path, &fields, b"");
        edge.send("POST", path, &fields, b"{}");
        let requests = origin.requests().into_iter();
        requests
            .map(|it| it.fields.get("mallard-client").cloned())
            .collect::<Vec<_>>()
    };
    assert_eq!(said(&[], "/p/mug"), [None, None]);
    let environment = [
        ("EDGE_SECRET", "secret"),
        ("CLIENT_ADDRESS_FIELD", "x-real-ip"),
    ];
    for line in said(&environment, "/p/mug") {
        let line = line.unwrap();
        let (text, signature) = line.rsplit_once(' ').unwrap();
        assert!(text.starts_with("192.0.2.7 "), "{text}");
        let seconds: i64 = text.rsplit_once(' ').unwrap().1.parse().unwrap();
        assert_eq!(
            shared::edge::signed_address("secret", Some("192.0.2.7"), seconds),
            format!("{text} {signature}")
        );
    }
    for line in said(&environment[..1], "/p/mug") {
        assert!(line.unwrap().starts_with("- "));
    }
}

#[test]
fn equivalent_urls_are_hits() {
    let fields = vec![
        SHARED_CACHE_CONTROL,
        ("ETag", "\"a\""),
        ("Cache-Control", "public, max-age=0"),
    ];
    let (origin, edge) = origin_and_edge(respond_by_target(HashMap::from([(
        "/p/mug",
        (200, fields, &b"mug"[..]),
    )])));
    let first = edge.get("/p/mug");
    assert!(
        first.field("cache-status").contains("fwd=uri-miss"),
        "{first:?}"
    );
    assert!(
        first
            .field("server-timing")
            .starts_with("cache;desc=fwd, origin;dur=")
    );
    for path in ["/p/mug", "/p/m%75g?utm_source=x&fbclid=1"] {
        let again = edge.get(path);
        assert_eq!((again.status, &again.body[..]), (200, &b"mug"[..]));
        assert!(
            again
                .field("cache-status")
                .starts_with("Mallard; hit; ttl="),
            "{again:?}"
        );
        assert_eq!(again.field("cache-control"), "public, max-age=0");
        assert!(again.fields.contains_key("age") && again.fields.contains_key("x-request-id"));
        assert!(!again.fields.contains_key("cdn-cache-control"));
        assert_eq!(again.field("server-timing"), "cache;desc=hit");
    }
    let known = edge.send("GET", "/p/mug", &[("If-None-Match", "\"a\"")], b"");
    assert_eq!((known.status, known.body.len()), (304, 0));
    let head = edge.send("HEAD", "/p/mug", &[], b"");
    assert_eq!(
        (head.status, head.body.len(), head.field("content-length")),
        (200, 0, "3")
    );
    assert_eq!(origin.request_count("/p/mug"), 1);
}

#[test]
fn private_responses_are_not_stored() {
    let (origin, edge) = origin_and_edge(respond_by_target(HashMap::from([
        (
            "/private",
            (200, vec![("Cache-Control", "no-store")], &b"a"[..]),
        ),
        (
            "/p/cookie",
            (
                200,
                vec![SHARED_CACHE_CONTROL, ("Set-Cookie", "a=b")],
                &b"b"[..],
            ),
        ),
        ("/silent", (200, vec![], &b"c"[..])),
        (
            "/p/quiet",
            (
                200,
                vec![("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT")],
                &b"d"[..],
            ),
        ),
    ])));
    for path in ["/private", "/p/cookie", "/silent", "/p/quiet"] {
        for _ in 0..3 {
            assert!(
                edge.get(path).field("cache-status").contains("fwd="),
                "{path}"
            );
        }
        assert_eq!(origin.request_count(path), 3, "{path}");
    }
}

#[test]
fn variants_by_coding_are_stored_unchanged() {
    let fields = vec![
        SHARED_CACHE_CONTROL,
        ("Vary", "Accept-Encoding"),
        ("mallard-coding", "br"),
    ];
    let (_origin, edge) = origin_and_edge(respond_by_target(HashMap::from([(
        "/p/br",
        (200, fields, &b"not really br"[..]),
    )])));
    for _ in 0..2 {
        let response = edge.send("GET", "/p/br", &[("Accept-Encoding", "gzip, br")], b"");
        assert_eq!(response.field("content-encoding"), "br");
        assert_eq!(response.body, b"not really br");
        assert!(!response.fields.contains_key("mallard-coding"));
    }
    let plain = edge.get("/p/br");
    assert!(
        plain.field("cache-status").contains("fwd=vary-miss"),
        "{plain:?}"
    );
}

#[test]
fn the_shop_stays_browsable_when_its_origin_is_down() {
    let short = ("CDN-Cache-Control", "public, max-age=0, stale-if-error=600");
    let (origin, edge) = origin_and_edge(respond_by_target(HashMap::from([(
        "/p/mug",
        (200, vec![short], &b"mug"[..]),
    )])));
    edge.get("/p/mug");
    origin.set_health(OriginHealth::Down);
    let stale = edge.get("/p/mug");
    assert_eq!((stale.status, &stale.body[..]), (200, &b"mug"[..]));
    assert!(
        stale.field("cache-status").contains("origin-unreachable"),
        "{stale:?}"
    );
    let page = edge.get("/p/other");
    assert_eq!(
        (page.status, page.field("cache-control")),
        (503, "no-store")
    );
    assert!(page.field("content-type").starts_with("text/html"));
    let api = edge.get("/api/v1/products");
    assert_eq!(
        (api.status, api.field("content-type")),
        (503, "application/problem+json")
    );
}

#[test]
fn an_unsafe_request_is_forwarded_with_its_body() {
    let (origin, edge) = origin_and_edge(respond_by_target(HashMap::from([(
        "/echo",
        (201, vec![], &b""[..]),
    )])));
    let response = edge.send("POST", "/echo", &[("Content-Type", "text/plain")], b"hello");
    assert_eq!((response.status, &response.body[..]), (201, &b"hello"[..]));
    assert_eq!(origin.request_count("/echo"), 1);
}

#[test]
fn operator_paths_are_not_forwarded() {
    let (origin, edge) = origin_and_edge(respond_by_target(HashMap::new()));
    for path in ["/metrics", "/healthz", "/%72eadyz"] {
        assert_eq!(edge.get(path).status, 404, "{path}");
        assert_eq!(origin.request_count(path), 0, "{path}");
    }
}

#[test]
fn ten_thousand_hits_ask_the_origin_once() {
    let (origin, edge) = origin_and_edge(respond_by_target(HashMap::from([(
        "/p/mug",
        (200, vec![SHARED_CACHE_CONTROL], &b"mug"[..]),
    )])));
    edge.get("/p/mug");
    let hits = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let mut client = edge.client();
                for _ in 0..1_000 {
                    let response = client.get("/p/mug");
                    hits.fetch_add(usize::from(response.body == b"mug"), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(
        (hits.into_inner(), origin.request_count("/p/mug")),
        (10_000, 1)
    );
}

/// Ranges are served from a complete stored response (RFC 9110 §14).
#[test]
fn a_range_is_served_from_a_stored_response() {
    let (origin, edge) = origin_and_edge(|_| {
        TestResponse::new("0123456789")
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("ETag", "\"a\"")
    });
    edge.get("/media/a.webp");
    for (range, status, body, said) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=0-0,2-2", 200, "0123456789", ""),
    ] {
        let part = edge.send("GET", "/media/a.webp", &[("range", range)], b"");
        assert_eq!((part.status, part.text()), (status, body), "{range}");
        assert_eq!(part.field("content-range"), said, "{range}");
    }
    let other = [("range", "bytes=2-4"), ("if-range", "\"b\"")];
    assert_eq!(edge.send("GET", "/media/a.webp", &other, b"").status, 200);
    assert_eq!(origin.request_count("/media/a.webp"), 1);
}

/// A response that is too large for the memory is streamed.
#[test]
fn a_large_response_is_streamed() {
    let large = vec![b'x'; 3_000_000];
    let (origin, edge) = origin_and_edge(move |_| {
        TestResponse::new(large.clone()).with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
    });
    for _ in 0..2 {
        let response = edge.get("/media/large.webp");
        assert!(
            response.cache_status_contains("too-large"),
            "{:?}",
            response.fields
        );
        assert_eq!(response.body.len(), 3_000_000);
    }
    assert_eq!(origin.request_count("/media/large.webp"), 2);
}

/// W3C Trace Context: a child span of the client's trace, or a new trace.
#[test]
fn request_id_and_trace_reach_the_origin() {
    let (origin, edge) =
        origin_and_edge(|_| TestResponse::new("mug").with_field("Cache-Control", "no-store"));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let fields = [
        ("traceparent", parent),
        ("tracestate", "a=b"),
        ("x-request-id", "mine-1"),
    ];
    let response = edge.send("GET", "/p/mug", &fields, b"");
    assert_eq!(response.field("x-request-id"), "mine-1");
    edge.send("GET", "/p/mug", &[("x-request-id", "not a word")], b"");
    let requests = origin.requests();
    let trace = requests[0].field("traceparent");
    assert!(
        trace.starts_with(&parent[..36]) && trace != parent,
        "{trace}"
    );
    assert_eq!(
        (
            requests[0].field("tracestate"),
            requests[0].field("x-request-id")
        ),
        ("a=b", "mine-1")
    );
    assert_eq!(requests[1].field("traceparent").len(), parent.len());
    assert_ne!(requests[1].field("x-request-id"), "not a word");
}
