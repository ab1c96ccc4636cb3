//! An origin that is down, hanging, failing or truncating its responses: stored responses are
//! served stale, and no broken response is stored.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    ClientResponse, OriginHealth, TestEdge, TestOrigin, TestResponse, repetitions,
};

const PAGES: [&str; 5] = [
    "/",
    "/c/tea",
    "/p/mug",
    "/api/v1/products",
    "/api/v1/categories",
];

fn body(target: &str) -> String {
    format!("{target} ").repeat(2_000)
}

fn shop() -> (TestOrigin, TestEdge) {
    let origin = TestOrigin::start(|request| match request.target.as_str() {
        "/api/v1/orders" => TestResponse::new("ordered").with_field("Cache-Control", "no-store"),
        target => TestResponse::new(body(target))
            .with_field("CDN-Cache-Control", "public, max-age=0, stale-if-error=600"),
    });
    let edge = TestEdge::start_with(&origin, &[("ORIGIN_TIMEOUT_MS", "400")]);
    (origin, edge)
}

/// Goes through an outage whose length in seconds is `MALLARD_OUTAGE_S`, or one second.
fn survive(health: OriginHealth, detail: &str) {
    let (origin, edge) = shop();
    for page in PAGES {
        assert_eq!(edge.get(page).text(), body(page));
    }
    origin.set_health(health);
    let lasts = Duration::from_secs(repetitions("MALLARD_OUTAGE_S", 1) as u64);
    thread::scope(|scope| {
        for page in PAGES {
            let edge = &edge;
            scope.spawn(move || {
                let mut client = edge.client();
                let (begun, mut rounds) = (Instant::now(), 0);
                while begun.elapsed() < lasts || rounds < 12 {
                    let response = client.get(page);
                    assert_eq!((response.status, response.text()), (200, &*body(page)));
                    let details = [detail, "origin-spared", "collapsed"];
                    assert!(
                        details.iter().any(|it| response.cache_status_contains(it)),
                        "{response:?}"
                    );
                    rounds += 1;
                }
            });
        }
    });
    // A page that is not stored is an error, and an order fails before it has any effect.
    let missing = edge.get("/p/other");
    assert!(matches!(missing.status, 500 | 503), "{missing:?}");
    let mut client = edge.client();
    client.send_request("POST", "/api/v1/orders", &[], b"{}");
    // A truncated response to an order is truncated for its client, too: the rest is unknown.
    let ordered = client.read_response("POST");
    let refused = |it: &ClientResponse| matches!(it.status, 500 | 503);
    assert!(
        ordered
            .as_ref()
            .map_or(health == OriginHealth::Truncating, refused),
        "{ordered:?}"
    );
    origin.set_health(OriginHealth::Healthy);
    let begun = Instant::now();
    while edge.get("/p/other").text() != body("/p/other") {
        assert!(
            begun.elapsed() < Duration::from_secs(40),
            "it does not recover"
        );
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(
        edge.send("POST", "/api/v1/orders", &[], b"{}").text(),
        "ordered"
    );
}

#[test]
fn a_killed_origin_is_survived() {
    survive(OriginHealth::Down, "origin-unreachable");
}

#[test]
fn a_hanging_origin_is_survived() {
    survive(OriginHealth::Hanging, "origin-late");
}

#[test]
fn a_failing_origin_is_survived() {
    survive(OriginHealth::Failing, "origin-failed");
}

#[test]
fn a_truncating_origin_is_survived() {
    survive(OriginHealth::Truncating, "origin-unreachable");
}

#[test]
fn requests_to_a_hanging_origin_fail_at_once() {
    let (origin, edge) = shop();
    origin.set_health(OriginHealth::Hanging);
    for number in 0..20 {
        edge.get(&format!("/p/{number}"));
    }
    // The breaker is open, so most requests were not sent.
    assert!(origin.requests().len() < 20, "{}", origin.requests().len());
    let response = edge.get("/p/one-more");
    assert!(
        response.cache_status_contains("origin-spared"),
        "{response:?}"
    );
}

#[test]
fn a_retry_hides_a_closed_connection() {
    // The origin closes its connection after each response.
    let origin = TestOrigin::start(|request| {
        let response = TestResponse::new(body(&request.target));
        response.with_field("Connection", "close")
    });
    let edge = TestEdge::start_with(&origin, &[]);
    for number in 0..10 {
        assert_eq!(edge.get(&format!("/p/{number}")).status, 200);
    }
}
