//! Circuit breakers: only failures of the origin open them, for each kind of request and each key
//! separately, and no breaker stays open while the origin answers its probe.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use shared::edge::READY;

use crate::support::{
    OriginHealth, ReceivedRequest, SECRET, TestEdge, TestOrigin, TestResponse,
    environment_variable, free_address, repeat_until,
};

const ORDERS: &str = "/api/v1/orders";
const CLOSED: &str = "mallard_edge_breaker_closed";
const PROBED: &str = "mallard_edge_origin_total{event=\"probed\"}";
const FAULTS: &str = "mallard_edge_origin_total{event=\"client_fault\"}";

fn status(status: u16, text: &str) -> TestResponse {
    let mut response = TestResponse::new(text);
    response.status = status;
    response
}

fn edge(origin: &TestOrigin) -> TestEdge {
    TestEdge::start_with(
        origin,
        &[("EDGE_SECRET", SECRET), ("ORIGIN_TIMEOUT_MS", "300")],
    )
}

/// Checks that an order, a cart and an uncached page still work.
fn assert_shop_is_open(edge: &TestEdge, page: &str) {
    for (method, path) in [("POST", ORDERS), ("GET", "/cart"), ("GET", page)] {
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        let response = edge.send(method, path, &[], body);
        assert_eq!(response.status, 200, "{method} {path}: {response:?}");
    }
    assert_eq!(edge.counter(CLOSED), 1);
}

fn healthy(request: &ReceivedRequest) -> TestResponse {
    TestResponse::new(format!("{} {}", request.method, request.body.len()))
}

#[test]
fn the_body_of_a_get_is_dropped() {
    let origin = TestOrigin::start(healthy);
    let edge = edge(&origin);
    for _ in 0..10 {
        for (method, length, body) in [("GET", "0", ""), ("GET", "3", "abc"), ("HEAD", "0", "")] {
            let mut client = edge.client();
            // In one piece: the edge may respond and close before it has read a body that is late.
            let head = format!("{method} /cart HTTP/1.1\r\nhost: shop\r\ncontent-length: {length}");
            client.write(format!("{head}\r\n\r\n{body}").as_bytes());
            let response = client.read_response(method).unwrap();
            assert_eq!(response.status, 200, "{response:?}");
            // The connection can be reused.
            assert_eq!(client.get("/cart").text(), "GET 0");
        }
    }
    assert!(origin.requests().iter().all(|it| it.body.is_empty()));
    assert_eq!(edge.counter(PROBED), 0);
    assert_shop_is_open(&edge, "/p/mug");
}

#[test]
fn client_faults_do_not_count() {
    let origin = TestOrigin::start(healthy);
    let edge = edge(&origin);
    let chunked =
        "POST /api/v1/orders HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n";
    for number in 0..30 {
        let mut gone = edge.client();
        gone.write(b"POST /cart HTTP/1.1\r\nhost: shop\r\ncontent-length: 10\r\n\r\nabc");
        drop(gone);
        let mut bad = edge.client();
        bad.write(format!("{chunked}3\r\nabc\r\nnonsense\r\n").as_bytes());
        if let Some(response) = bad.read_response("POST") {
            assert_eq!(response.status, 400, "{response:?}");
        }
        let response = edge.send("TRACE", &format!("/p/{number}"), &[], b"");
        assert_eq!(response.status, 405, "{response:?}");
    }
    assert_eq!(edge.counter(PROBED), 0);
    assert_eq!(origin.request_count(ORDERS), 0, "nothing half was ordered");
    assert_shop_is_open(&edge, "/p/mug");
    assert!(edge.counter(FAULTS) > 0);
}

#[test]
fn forty_failing_pages_open_no_other_breaker() {
    let origin = TestOrigin::start(|request| match request.target.starts_with("/p/broken") {
        true => status(500, "failed"),
        false => healthy(request),
    });
    let edge = edge(&origin);
    for round in 0..4 {
        for number in 0..40 {
            edge.get(&format!("/p/broken-{number}"));
        }
        assert_shop_is_open(&edge, &format!("/p/mug-{round}"));
    }
    // The breaker of each key opens after a few failures.
    let before = origin.request_count("/p/broken-1");
    let spared = (0..100).filter(|_| {
        edge.get("/p/broken-1")
            .cache_status_contains("origin-spared")
    });
    assert!(spared.count() > 50);
    assert!(origin.request_count("/p/broken-1") - before < 50);
}

/// For an origin that fails on purpose, such as that of a conformance suite: clients get its
/// responses.
#[test]
fn with_a_threshold_of_zero_every_request_is_sent() {
    let origin = TestOrigin::start(|_| status(500, "failed"));
    let environment = [("EDGE_SECRET", SECRET), ("BREAKER_FAILURES", "0")];
    let edge = TestEdge::start_with(&origin, &environment);
    for _ in 0..20 {
        for (method, path) in [("POST", ORDERS), ("GET", "/cart"), ("GET", "/p/mug")] {
            let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
            let response = edge.send(method, path, &[], body);
            assert_eq!(
                (response.status, response.text()),
                (500, "failed"),
                "{path}"
            );
        }
    }
    assert_eq!(origin.requests().len(), 60);
    assert_eq!((edge.counter(PROBED), edge.counter(CLOSED)), (0, 1));
}

#[test]
fn failing_orders_do_not_affect_pages() {
    let origin = TestOrigin::start(|request| match (&*request.method, &*request.target) {
        ("POST", _) | (_, READY) => status(500, "failed"),
        _ => healthy(request),
    });
    let edge = edge(&origin);
    repeat_until("a breaker opens", || {
        edge.send("POST", ORDERS, &[], b"{}");
        edge.counter(CLOSED) == 0
    });
    for _ in 0..400 {
        if edge
            .send("POST", ORDERS, &[], b"{}")
            .cache_status_contains("origin-spared")
        {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let order = edge.send("POST", ORDERS, &[], b"{}");
    assert!(order.cache_status_contains("origin-spared"), "{order:?}");
    assert_eq!(edge.get("/p/mug").status, 200);
    assert_eq!(edge.get("/cart").status, 200);
}

#[test]
fn twelve_slow_keys_open_no_other_breaker() {
    let origin = TestOrigin::start(|request| match request.target.starts_with("/p/slow") {
        true => TestResponse::new("slow").delayed_by(Duration::from_millis(2_000)),
        false => healthy(request),
    });
    let edge = edge(&origin);
    for round in 0..3 {
        thread::scope(|scope| {
            for number in 0..12 {
                let edge = &edge;
                scope.spawn(move || edge.get(&format!("/p/slow-{number}")));
            }
        });
        assert_shop_is_open(&edge, &format!("/p/mug-{round}"));
    }
}

/// 503 with `Retry-After` is load shedding, and the origin is healthy.
#[test]
fn load_shedding_is_not_a_failure() {
    let origin = TestOrigin::start(|request| match request.target.starts_with("/search") {
        true => status(503, "busy").with_field("Retry-After", "1"),
        false => healthy(request),
    });
    let edge = edge(&origin);
    for number in 0..100 {
        let response = edge.get(&format!("/search?q={number}"));
        assert_eq!((response.status, response.text()), (503, "busy"));
        assert_eq!(response.field("retry-after"), "1");
    }
    assert_eq!(edge.counter(PROBED), 0);
    assert_shop_is_open(&edge, "/p/mug");
}

#[test]
fn a_failed_revalidation_is_retried_with_backoff() {
    let requests = AtomicUsize::new(0);
    let origin = TestOrigin::start(move |request| match &*request.target {
        "/p/mug" if requests.fetch_add(1, Ordering::SeqCst) > 0 => status(500, "failed"),
        "/p/mug" => TestResponse::new("mug").with_field(
            "CDN-Cache-Control",
            "public, max-age=0, stale-while-revalidate=600",
        ),
        _ => healthy(request),
    });
    let edge = edge(&origin);
    edge.get("/p/mug");
    repeat_until("the page is fetched again", || {
        assert_eq!(edge.get("/p/mug").text(), "mug");
        origin.request_count("/p/mug") >= 2
    });
    for _ in 0..100 {
        assert_eq!(edge.get("/p/mug").text(), "mug");
    }
    assert!(
        origin.request_count("/p/mug") < 10,
        "{}",
        origin.request_count("/p/mug")
    );
}

#[test]
fn requests_wait_for_a_restarting_origin() {
    let address = free_address();
    let config = format!("{}/workerd.capnp", environment_variable("EDGE_DIR"));
    let environment = [("EDGE_SECRET", SECRET), ("RESTART_MS", "20000")];
    let edge = TestEdge::start_in_front_of(&config, address, &environment);
    let requests = [
        ("POST", &b"{}"[..]),
        ("DELETE", b""),
        ("GET", b""),
        ("POST", b"x"),
    ];
    thread::scope(|scope| {
        for (method, body) in requests {
            let edge = &edge;
            scope.spawn(move || {
                let response = edge.send(method, "/cart", &[], body);
                assert_eq!(response.status, 200, "{method}: {response:?}");
            });
        }
        // The connections have been refused by now, since the origin is down.
        repeat_until("three probes", || edge.counter(PROBED) >= 3);
        let origin = TestOrigin::start_at(address, healthy);
        repeat_until("each request arrives", || {
            origin.request_count("/cart") >= requests.len()
        });
        assert_eq!(origin.request_count("/cart"), requests.len(), "each once");
    });
}

#[test]
fn requests_fail_at_once_after_the_restart_time() {
    let config = format!("{}/workerd.capnp", environment_variable("EDGE_DIR"));
    let environment = [("EDGE_SECRET", SECRET), ("RESTART_MS", "200")];
    let edge = TestEdge::start_in_front_of(&config, free_address(), &environment);
    for (method, body) in [("POST", &b"{}"[..]), ("GET", b""), ("DELETE", b"")] {
        let response = edge.send(method, "/cart", &[], body);
        assert_eq!(response.status, 503, "{response:?}");
        assert!(!response.field("retry-after").is_empty());
    }
    assert_eq!(edge.counter(CLOSED), 0);
}

/// After an outage without traffic, the first request is not rejected because of an old state.
#[test]
fn the_first_request_after_a_quiet_outage_succeeds() {
    let origin = TestOrigin::start(healthy);
    let edge = edge(&origin);
    origin.set_health(OriginHealth::Hanging);
    let mut pages = (0..).map(|number| format!("/p/{number}"));
    repeat_until("a breaker opens", || {
        edge.get(&pages.next().unwrap());
        edge.counter(CLOSED) == 0
    });
    origin.set_health(OriginHealth::Healthy);
    repeat_until("the breaker closes", || edge.counter(CLOSED) == 1);
    assert_shop_is_open(&edge, "/p/mug");
}
