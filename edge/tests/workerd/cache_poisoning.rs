//! Cache poisoning: the request of one client must not change the response to another client.

use std::thread;

use crate::support::{
    ReceivedRequest, SHARED_CACHE_CONTROL, TestEdge, TestOrigin, TestResponse, origin_and_edge,
};

/// A careless origin, whose responses contain every part of the request.
fn careless(request: &ReceivedRequest) -> TestResponse {
    let mut said: Vec<String> = request
        .fields
        .iter()
        .filter(|(name, _)| !UNRENDERED_FIELDS.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    said.sort_unstable();
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let text = format!(
        "{} {} {body} {}",
        request.method,
        request.target,
        said.join(" ")
    );
    TestResponse::new(text).with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
}

/// Header fields that differ with every request and appear in no page.
const UNRENDERED_FIELDS: [&str; 6] = [
    "content-length",
    "host",
    "mallard-client",
    "mallard-raw",
    "traceparent",
    "x-request-id",
];

#[test]
fn no_unkeyed_field_reaches_a_shared_page() {
    let (_origin, edge) = origin_and_edge(careless);
    let clean = |path: &str| edge.get(path).text().to_owned();
    for (number, (name, value)) in [
        ("x-forwarded-host", "evil"),
        ("x-forwarded-proto", "nothttps"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-http-method-override", "POST"),
        ("forwarded", "host=evil"),
        ("user-agent", "evil"),
        ("referer", "http://evil"),
        ("origin", "http://evil"),
        ("cookie", "session=evil"),
        ("authorization", "Bearer evil"),
        ("x-anything", "evil"),
        ("cache-control", "no-transform"),
        ("range", "bytes=0-1"),
        ("if-none-match", "\"evil\""),
        ("content-type", "evil/evil"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/p/{number}");
        let first = edge.send("GET", &path, &[(name, value)], b"");
        let second = clean(&path);
        assert!(!second.contains("evil"), "{name}: {second}");
        let expected = format!("GET {path}  accept-encoding=identity");
        assert_eq!(second, expected, "{name}: {first:?}");
    }
}

#[test]
fn the_body_of_a_get_is_not_forwarded() {
    let (_origin, edge) = origin_and_edge(careless);
    let first = edge.send("GET", "/p/mug", &[], b"evil");
    assert!(!first.text().contains("evil"), "{first:?}");
    assert!(!edge.get("/p/mug").text().contains("evil"));
}

#[test]
fn unkeyed_parameters_are_not_forwarded() {
    let (origin, edge) = origin_and_edge(careless);
    for query in [
        "variant=1&evil=1",
        "evil=1&variant=1&utm_source=evil",
        "%65vil=1&variant=1",
        "variant=1#evil",
    ] {
        let response = edge.get(&format!("/p/mug?{query}"));
        assert_eq!(
            response.text(),
            "GET /p/mug?variant=1  accept-encoding=identity",
            "{query}"
        );
    }
    assert_eq!(origin.requests().len(), 1);
    // A repeated parameter may have a meaning, so this is another cache key with its own response.
    let twice = edge.get("/p/mug?variant=1&variant=2");
    assert!(
        twice.text().contains("/p/mug?variant=1&variant=2"),
        "{twice:?}"
    );
    assert!(edge.get("/p/mug?variant=1").text().contains("?variant=1 "));
}

#[test]
fn equivalent_urls_have_one_cache_key() {
    let (origin, edge) = origin_and_edge(careless);
    for path in ["/p/mug", "/p/%6dug", "/p/%6Dug", "/p/m%75g?fbclid=1"] {
        assert_eq!(
            edge.get(path).text(),
            "GET /p/mug  accept-encoding=identity"
        );
    }
    assert_eq!(origin.requests().len(), 1);
    // These are different cache keys, and stay different.
    for path in ["/p/MUG", "/p/mug%2F", "/p//mug", "/p/mug%00", "/p/mug;x"] {
        assert!(edge.get(path).cache_status_contains("fwd="), "{path}");
    }
}

#[test]
fn unknown_codings_are_normalized_to_identity() {
    let (origin, edge) =
        origin_and_edge(|request| careless(request).with_field("Vary", "Accept-Encoding"));
    for coding in [
        "evil",
        "zstd, evil;q=1",
        "identity",
        "br;q=0, gzip;q=0",
        "*;q=0",
    ] {
        let response = edge.send("GET", "/p/mug", &[("accept-encoding", coding)], b"");
        assert_eq!(response.text(), "GET /p/mug  accept-encoding=identity");
    }
    assert_eq!(origin.requests().len(), 1);
}

/// A personal page at a path that looks like a static file, from an origin with missing or wrong
/// cache fields.
#[test]
fn a_personal_page_at_a_file_name_is_not_stored() {
    for control in ["", "max-age=600", "public, max-age=600"] {
        let (_origin, edge) = origin_and_edge(move |request| {
            let response = TestResponse::new(format!("secret of {}", request.field("cookie")));
            match control {
                "" => response,
                _ if request.field("cookie").is_empty() => response,
                // The origin itself declares this response public; the edge refuses it because of
                // the cookie.
                "public, max-age=600" => response
                    .with_field("Cache-Control", control)
                    .with_field("Set-Cookie", "session=1"),
                _ => response.with_field("Cache-Control", control),
            }
        });
        for path in ["/account/x.css", "/account/orders.js", "/cart/x.png"] {
            let own = edge.send("GET", path, &[("cookie", "ann")], b"");
            assert_eq!(own.text(), "secret of ann");
            let other = edge.get(path);
            assert_eq!(other.text(), "secret of ", "{control:?} {path}: {other:?}");
        }
        // Edge and origin could read an encoded slash differently, so it reaches no page at all.
        let ambiguous = edge.send("GET", "/account%2Fx.css", &[("cookie", "ann")], b"");
        assert_eq!(ambiguous.status, 400, "{control:?}: {ambiguous:?}");
    }
}

#[test]
fn personal_responses_are_never_mixed_up() {
    let origin = TestOrigin::start(|request| {
        let who = [request.field("cookie"), request.field("authorization")].concat();
        let response = TestResponse::new(format!("secret of {who}"));
        match request.target.as_str() {
            "/account" => response,
            "/cart" => response.with_field("CDN-Cache-Control", "public, max-age=600"),
            "/api/v1/account" => response.with_field("Cache-Control", "private, max-age=600"),
            "/other" => response
                .with_field("Cache-Control", "max-age=600")
                .with_field("ETag", "\"same\""),
            _ => response.with_field("Cache-Control", "no-store"),
        }
    });
    let edge = TestEdge::start(&origin);
    let paths = [
        "/account",
        "/cart",
        "/api/v1/account",
        "/other",
        "/orders/7K3Q",
        "/nothing",
    ];
    thread::scope(|scope| {
        for user in 0..100 {
            let edge = &edge;
            scope.spawn(move || {
                let mut client = edge.client();
                let own = format!("user-{user}");
                for round in 0..100 {
                    let path = paths[(user + round) % paths.len()];
                    let name = ["cookie", "authorization"][round % 2];
                    let response = client.send("GET", path, &[(name, &own)], b"");
                    assert_eq!(response.text(), format!("secret of {own}"), "{path}");
                }
            });
        }
    });
    for path in paths {
        assert_eq!(edge.get(path).text(), "secret of ", "{path}");
    }
}
