//! Request bodies: slow ones, large ones, and when the origin is asked.

use std::thread;

use crate::support::{ReceivedRequest, SECRET, TestEdge, TestOrigin, TestResponse};

fn origin() -> TestOrigin {
    TestOrigin::start(|request: &ReceivedRequest| {
        let mut response = TestResponse::new(request.body.len().to_string());
        response.status = if request.target == "/nothing" {
            404
        } else {
            200
        };
        response
    })
}

fn edge(origin: &TestOrigin, more: &[(&str, &str)]) -> TestEdge {
    let environment = [&[("EDGE_SECRET", SECRET)][..], more].concat();
    TestEdge::start_with(origin, &environment)
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let head = "POST /nothing HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut request = head.as_bytes().to_vec();
    for chunk in body.chunks(60_000) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// Small bodies are buffered and large ones streamed; the client gets the origin's response.
#[test]
fn a_body_below_the_limit_reaches_the_origin() {
    let origin = origin();
    let edge = edge(&origin, &[]);
    for megabytes in [0, 1, 3, 5] {
        for more in [0, 1, 100_000] {
            let body = vec![b'x'; megabytes * 1_024 * 1_024 + more];
            let response = edge.send("POST", "/nothing", &[], &body);
            assert_eq!(
                (response.status, response.text()),
                (404, &*body.len().to_string())
            );
            let mut client = edge.client();
            client.write(&chunked(&body));
            let response = client.read_response("POST").unwrap();
            assert_eq!(
                (response.status, response.text()),
                (404, &*body.len().to_string())
            );
        }
    }
}

#[test]
fn a_body_above_the_limit_is_rejected_by_the_edge() {
    let origin = origin();
    let edge = edge(&origin, &[("UPLOAD_MAX", "100000")]);
    let body = vec![b'x'; 100_001];
    for _ in 0..10 {
        let declared = edge.send("POST", "/nothing", &[], &body);
        assert_eq!(declared.status, 413, "{declared:?}");
        let mut client = edge.client();
        client.write(&chunked(&body));
        let counted = client.read_response("POST").unwrap();
        assert_eq!(counted.status, 413, "{counted:?}");
    }
    assert!(origin.requests().is_empty());
    let fits = edge.send("POST", "/nothing", &[], &body[1..]);
    assert_eq!((fits.status, fits.text()), (404, "100000"));
    let api = edge.send("POST", "/api/v1/carts", &[], &body);
    assert_eq!(api.field("content-type"), "application/problem+json");
}

/// Forty clients that send one byte of their bodies delay no other request, and never reach the
/// origin.
#[test]
fn slow_clients_delay_no_other_request() {
    let origin = origin();
    let edge = edge(
        &origin,
        &[("UPLOAD_TIMEOUT_MS", "3000"), ("ORIGIN_TIMEOUT_MS", "500")],
    );
    let mut slow: Vec<_> = (0..40)
        .map(|_| {
            let mut client = edge.client();
            client.write(b"POST /cart HTTP/1.1\r\nhost: shop\r\ncontent-length: 10\r\n\r\nx");
            client
        })
        .collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let response = edge.send("POST", "/cart", &[], b"{}");
                    assert_eq!((response.status, response.text()), (200, "2"));
                }
            });
        }
    });
    for client in &mut slow {
        let response = client.read_response("POST").unwrap();
        assert_eq!(response.status, 408, "{response:?}");
    }
    assert_eq!(origin.requests().len(), 100);
    assert_eq!(edge.counter("mallard_edge_breaker_closed"), 1);
}
