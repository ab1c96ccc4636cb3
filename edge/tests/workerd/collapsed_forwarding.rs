//! Collapsed forwarding: concurrent misses for a key send one request to the origin.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    OriginHealth, SHARED_CACHE_CONTROL, TestEdge, TestOrigin, TestResponse, origin_and_edge,
    repeat_until,
};

const DELAY: Duration = Duration::from_millis(400);

/// Sends this many requests at once, and checks each response.
fn send_concurrently(
    edge: &TestEdge,
    count: usize,
    check: impl Fn(usize, &crate::support::ClientResponse) + Sync,
) {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        for number in 0..count {
            let (barrier, check) = (&barrier, &check);
            scope.spawn(move || {
                let mut client = edge.client();
                barrier.wait();
                check(number, &client.get("/p/mug"));
            });
        }
    });
}

#[test]
fn a_thousand_parallel_misses_ask_the_origin_once() {
    let (origin, edge) = origin_and_edge(|_| {
        TestResponse::new("mug")
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .delayed_by(DELAY)
    });
    send_concurrently(&edge, 1_000, |_, response| {
        assert_eq!(
            (response.status, response.text()),
            (200, "mug"),
            "{response:?}"
        );
    });
    assert_eq!(origin.request_count("/p/mug"), 1);
    let collapsed = "mallard_edge_requests_total{class=\"page\",result=\"collapsed\"}";
    let hits = "mallard_edge_requests_total{class=\"page\",result=\"hit\"}";
    assert_eq!(edge.counter(collapsed) + edge.counter(hits), 999);
}

#[test]
fn a_popular_stale_response_is_revalidated_once() {
    let requests = AtomicUsize::new(0);
    let (origin, edge) = origin_and_edge(move |_| {
        let number = requests.fetch_add(1, Ordering::SeqCst);
        let fresh = if number == 0 { 1 } else { 600 };
        let control = format!("public, max-age={fresh}, stale-while-revalidate=600");
        TestResponse::new(format!("mug {number}"))
            .with_field("CDN-Cache-Control", &control)
            .delayed_by(DELAY / 2)
    });
    edge.get("/p/mug");
    let renewed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let mut client = edge.client();
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_secs(20) {
                    let response = client.get("/p/mug");
                    assert_eq!(response.status, 200);
                    if response.text() == "mug 1" {
                        renewed.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
            });
        }
    });
    assert_eq!(
        (renewed.into_inner(), origin.request_count("/p/mug")),
        (50, 2)
    );
}

#[test]
fn followers_are_served_when_the_leader_disconnects() {
    let (origin, edge) = origin_and_edge(|_| {
        TestResponse::new("mug")
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .delayed_by(DELAY)
    });
    let mut leader = edge.client();
    leader.send_request("GET", "/p/mug", &[], b"");
    repeat_until("the first request arrives", || {
        origin.request_count("/p/mug") > 0
    });
    let mut follower = edge.client();
    follower.send_request("GET", "/p/mug", &[], b"");
    drop(leader);
    let response = follower.read_response("GET").expect("an answer");
    assert_eq!(
        (response.status, response.text()),
        (200, "mug"),
        "{response:?}"
    );
    assert_eq!(edge.get("/p/mug").text(), "mug");
}

#[test]
fn followers_of_a_failed_leader_get_an_error() {
    let (origin, edge) = origin_and_edge(|_| {
        TestResponse::new("never").with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
    });
    origin.set_health(OriginHealth::Truncating);
    send_concurrently(&edge, 100, |_, response| {
        assert_eq!(response.status, 503, "{response:?}");
    });
    origin.set_health(OriginHealth::Down);
    send_concurrently(&edge, 100, |_, response| {
        assert_eq!(response.status, 503, "{response:?}");
    });
    // Each failed leader may be followed by others that lead again, but not by all of them.
    assert!(
        origin.request_count("/p/mug") < 50,
        "{}",
        origin.request_count("/p/mug")
    );
}

/// Requests for a response that may not be stored are not collapsed, and none gets another's
/// response.
#[test]
fn requests_for_an_unstorable_response_are_not_collapsed() {
    let requests = AtomicUsize::new(0);
    let (_origin, edge) = origin_and_edge(move |_| {
        let number = requests.fetch_add(1, Ordering::SeqCst);
        TestResponse::new(number.to_string())
            .with_field("Cache-Control", "no-store")
            .delayed_by(DELAY / 4)
    });
    let seen = std::sync::Mutex::new(Vec::new());
    send_concurrently(&edge, 50, |_, response| {
        seen.lock().unwrap().push(response.text().to_owned());
    });
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 50);
}

#[test]
fn variants_are_not_mixed_up() {
    let origin = TestOrigin::start(|request| {
        TestResponse::new(request.field("accept-encoding").to_owned())
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Vary", "Accept-Encoding")
            .delayed_by(DELAY / 4)
    });
    let edge = TestEdge::start(&origin);
    let barrier = Barrier::new(60);
    thread::scope(|scope| {
        for number in 0..60 {
            let (barrier, edge) = (&barrier, &edge);
            scope.spawn(move || {
                let coding = ["br", "gzip", "identity"][number % 3];
                barrier.wait();
                let response = edge.send("GET", "/p/mug", &[("accept-encoding", coding)], b"");
                assert_eq!(response.text(), coding);
            });
        }
    });
    assert_eq!(origin.request_count("/p/mug"), 3);
}
