//! Range requests, preconditions, and bodies without `Content-Length`.

use crate::support::{
    OriginHealth, ReceivedRequest, SHARED_CACHE_CONTROL, TestResponse, origin_and_edge,
};

/// A file that supports ranges, with one entity tag.
fn file(request: &ReceivedRequest) -> TestResponse {
    const FILE: &str = "0123456789";
    let response = |body: &str| {
        TestResponse::new(body)
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("ETag", "\"a\"")
    };
    let about = ["", "\"a\""].contains(&request.field("if-range"));
    let range = request.field("range").strip_prefix("bytes=");
    let Some((first, last)) = range
        .filter(|_| about)
        .and_then(|range| range.split_once('-'))
    else {
        return response(FILE);
    };
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.min(9)),
        (Ok(first), Err(_)) => (first, 9),
        (Err(_), Ok(count)) => (10 - count, 9),
        _ => return response(FILE),
    };
    let mut part = response(&FILE[first..=last]);
    part.status = 206;
    part.with_field("Content-Range", &format!("bytes {first}-{last}/10"))
}

/// RFC 9111 §3.3: a partial response is stored if the complete one is not.
#[test]
fn a_requested_range_is_stored() {
    let (origin, edge) = origin_and_edge(file);
    let path = "/media/film.webm";
    let part = |range: &str| {
        let response = edge.send("GET", path, &[("range", range)], b"");
        let said = response.field("content-range").to_owned();
        (response.status, response.text().to_owned(), said)
    };
    let found = |text: &str, said: &str| (206, text.to_owned(), said.to_owned());
    assert_eq!(part("bytes=4-"), found("456789", "bytes 4-9/10"));
    assert_eq!(part("bytes=6-8"), found("678", "bytes 6-8/10"));
    assert_eq!(part("bytes=-2"), found("89", "bytes 8-9/10"));
    assert_eq!(origin.request_count(path), 1);
    assert_eq!(part("bytes=0-5"), found("012345", "bytes 0-5/10"));
    assert_eq!(origin.request_count(path), 2);
    // A partial response cannot answer a request for the complete one, or for its header fields.
    assert_eq!(
        edge.send("HEAD", path, &[("range", "bytes=0-1")], b"")
            .status,
        200
    );
    assert_eq!(origin.request_count(path), 3);
    let whole = edge.get(path);
    assert_eq!((whole.status, whole.text()), (200, "0123456789"));
    assert!(whole.cache_status_contains("hit"));
    assert_eq!(part("bytes=1-2"), found("12", "bytes 1-2/10"));
    assert_eq!(origin.request_count(path), 3);
}

/// With another entity tag the client gets the complete response.
#[test]
fn if_range_compares_entity_tags() {
    let (origin, edge) = origin_and_edge(file);
    let path = "/media/film.webm";
    let part = |tag: &str| {
        let fields = [("range", "bytes=0-1"), ("if-range", tag)];
        let response = edge.send("GET", path, &fields, b"");
        (response.status, response.text().to_owned())
    };
    assert_eq!(part("\"a\""), (206, "01".to_owned()));
    assert_eq!(part("\"b\""), (200, "0123456789".to_owned()));
    assert_eq!(part("\"a\""), (206, "01".to_owned()));
    assert_eq!(origin.request_count(path), 2);
}

/// On contract routes a range or a precondition does not bypass the cache: the first request fills
/// it.
#[test]
fn pages_are_stored_completely_despite_ranges_and_preconditions() {
    let (origin, edge) = origin_and_edge(file);
    let ask = |name: &str, value: &str| {
        let response = edge.send("GET", "/p/mug", &[(name, value)], b"");
        (response.status, response.text().to_owned())
    };
    assert_eq!(ask("range", "bytes=0-1"), (206, "01".to_owned()));
    assert_eq!(ask("if-match", "\"b\""), (412, String::new()));
    assert_eq!(ask("if-match", "\"a\""), (200, "0123456789".to_owned()));
    assert_eq!(origin.request_count("/p/mug"), 1);
    assert!(origin.requests()[0].field("range").is_empty());
    let failed = edge.send("GET", "/p/mug", &[("if-match", "\"b\"")], b"");
    assert_eq!(failed.field("cache-control"), "no-store");
}

/// Without a stored response, the origin evaluates the precondition.
#[test]
fn a_precondition_without_a_stored_response_is_forwarded() {
    let (origin, edge) =
        origin_and_edge(|_| TestResponse::new("x").with_field("Cache-Control", "no-store"));
    let response = edge.send("GET", "/thing", &[("if-match", "\"b\"")], b"");
    assert!(
        response.cache_status_contains("detail=precondition"),
        "{response:?}"
    );
    assert_eq!(origin.requests()[0].field("if-match"), "\"b\"");
}

#[test]
fn a_body_without_content_length_is_stored_if_it_is_small_enough() {
    let (origin, edge) = origin_and_edge(|request| {
        let length = if request.target == "/p/mug" {
            2_097_152
        } else {
            2_097_153
        };
        TestResponse::new(vec![b'x'; length])
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Transfer-Encoding", "chunked")
    });
    for (path, length, request_count) in [("/p/mug", 2_097_152, 1), ("/p/large", 2_097_153, 2)] {
        for _ in 0..2 {
            assert_eq!(edge.get(path).body.len(), length, "{path}");
        }
        assert_eq!(origin.request_count(path), request_count, "{path}");
    }
    assert!(edge.get("/p/large").cache_status_contains("too-large"));
}

/// An incomplete body is never stored, with or without `Content-Length`.
#[test]
fn a_truncated_body_is_not_stored() {
    let (origin, edge) = origin_and_edge(|_| {
        TestResponse::new("0123456789")
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Transfer-Encoding", "chunked")
    });
    origin.set_health(OriginHealth::Truncating);
    assert_eq!(edge.get("/p/mug").status, 503);
    origin.set_health(OriginHealth::Healthy);
    assert_eq!(edge.get("/p/mug").text(), "0123456789");
}
