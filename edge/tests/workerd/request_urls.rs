//! Request URLs: the edge forwards exactly the URL that it has decided about, so that no other
//! spelling of a URL evades a rule.

use shared::edge::FIELD_PREFIX;

use crate::support::{ReceivedRequest, TestClient, TestResponse, origin_and_edge};

fn echo(request: &ReceivedRequest) -> TestResponse {
    TestResponse::new(request.target.clone())
        .with_field("CDN-Cache-Control", "public, max-age=60")
        .with_field("mallard-as-of", "7")
        .with_field("mallard-secret", "of the origin")
}

#[test]
fn non_canonical_urls_are_not_forwarded() {
    let (origin, edge) = origin_and_edge(echo);
    for (target, status, location) in [
        ("/./metrics", 308, "/metrics"),
        ("/%2e/metrics", 308, "/metrics"),
        ("/x/%2e%2e/metrics", 308, "/metrics"),
        ("/docs/../metrics?a=1", 308, "/metrics?a=1"),
        ("/account/../account", 308, "/account"),
        ("/u1/../p/mug", 308, "/p/mug"),
        ("/p//mug", 308, "/p/mug"),
        ("//evil.example/", 308, "/evil.example/"),
        ("/x\\..\\metrics", 400, ""),
        ("\\metrics", 400, ""),
        ("/x%5c..%5cmetrics", 400, ""),
        ("/x%2f..%2fmetrics", 400, ""),
        ("/p/%00", 400, ""),
        ("/p/%zz", 400, ""),
        ("/metrics", 404, ""),
        ("/%6detrics", 404, ""),
        ("/metrics#x", 404, ""),
        ("/metrics?x", 404, ""),
    ] {
        let mut client = TestClient::to(edge.address);
        client.write(format!("GET {target} HTTP/1.1\r\nhost: shop\r\n\r\n").as_bytes());
        let response = client.read_response("GET").unwrap();
        assert_eq!(response.status, status, "{target}: {response:?}");
        assert_eq!(response.field("location"), location, "{target}");
    }
    // Unsafe requests are not redirected.
    for target in ["/./cart", "//cart", "/x/../cart"] {
        assert_eq!(
            edge.send("POST", target, &[], b"{}").status,
            400,
            "{target}"
        );
    }
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());
}

#[test]
fn the_forwarded_url_is_the_one_that_was_decided_about() {
    let (origin, edge) = origin_and_edge(echo);
    for (method, target, sent) in [
        ("GET", "/%63art?x=%zz'", "/cart?x=%zz%27"),
        (
            "POST",
            "/api/v1/carts/1/lines/a%2fb",
            "/api/v1/carts/1/lines/a%2Fb",
        ),
        ("GET", "/p/%e8%8c%b6", "/p/%E8%8C%B6"),
        ("GET", "/other%7Epath", "/other~path"),
    ] {
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        assert_eq!(edge.send(method, target, &[], body).text(), sent);
        assert_eq!(origin.request_count(sent), 1);
    }
}

/// Fields of the protocol between edge and origin are accepted from no client, and sent to none.
#[test]
fn internal_fields_stay_between_edge_and_origin() {
    let (origin, edge) = origin_and_edge(echo);
    let fields = [
        ("mallard-at-least", "99"),
        ("mallard-coding", "br"),
        ("Mallard-Raw", "evil"),
        ("mallard-whatever", "1"),
        ("mallard-client", "192.0.2.1 1 00"),
        ("mallard-signed", "1 00"),
    ];
    for (method, path) in [
        ("GET", "/p/mug"),
        ("GET", "/cart"),
        ("GET", "/x"),
        ("POST", "/cart"),
    ] {
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        for _ in 0..2 {
            let response = edge.send(method, path, &fields, body);
            assert_eq!(response.status, 200);
            let internal = response
                .fields
                .keys()
                .find(|it| it.starts_with(FIELD_PREFIX));
            assert_eq!(internal, None, "{path}");
        }
    }
    for request in origin.requests() {
        let mut inner: Vec<_> = request
            .fields
            .iter()
            .filter(|(name, _)| name.starts_with(FIELD_PREFIX) && *name != "mallard-client")
            // The edge itself states the version that it has seen.
            .filter(|(name, value)| !(*name == "mallard-at-least" && *value == "7"))
            .collect();
        inner.sort();
        assert_eq!(inner, [(&"mallard-raw".to_owned(), &"1".to_owned())]);
        assert!(request.field("mallard-client").starts_with("- "));
    }
}
