//! What opens a breaker and what does not: only what the origin did counts, each kind of request and each
//! address for itself, and an origin that answers a probe is never left alone.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use shared::edge::READY;

use crate::support::{Answer, Edge, Health, Origin, Request, SECRET, free_address, needed};

const ORDERS: &str = "/api/v1/orders";
const CLOSED: &str = "mallard_edge_breaker_closed";
const PROBED: &str = "mallard_edge_origin_total{event=\"probed\"}";
const FAULTS: &str = "mallard_edge_origin_total{event=\"client_fault\"}";

fn status(status: u16, text: &str) -> Answer {
    let mut answer = Answer::new(text);
    answer.status = status;
    answer
}

fn edge(origin: &Origin) -> Edge {
    Edge::start_with(
        origin,
        &[("EDGE_SECRET", SECRET), ("ORIGIN_TIMEOUT_MS", "300")],
    )
}

/// Whether one can still order, look at a cart and at a page that nobody has seen.
fn is_open(edge: &Edge, page: &str) {
    for (method, path) in [("POST", ORDERS), ("GET", "/cart"), ("GET", page)] {
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        let reply = edge.send(method, path, &[], body);
        assert_eq!(reply.status, 200, "{method} {path}: {reply:?}");
    }
    assert_eq!(edge.counter(CLOSED), 1);
}

fn well(request: &Request) -> Answer {
    Answer::new(format!("{} {}", request.method, request.body.len()))
}

#[test]
fn the_body_of_a_get_is_dropped() {
    let origin = Origin::start(well);
    let edge = edge(&origin);
    for _ in 0..10 {
        for (method, length, body) in [("GET", "0", ""), ("GET", "3", "abc"), ("HEAD", "0", "")] {
            let mut client = edge.client();
            let fields = [("content-length", length)];
            client.ask(method, "/cart", &fields, b"");
            client.write(body.as_bytes());
            let reply = client.answer(method).unwrap();
            assert_eq!(reply.status, 200, "{reply:?}");
            // The connection is still good for another one.
            assert_eq!(client.get("/cart").text(), "GET 0");
        }
    }
    assert!(origin.requests().iter().all(|it| it.body.is_empty()));
    assert_eq!(edge.counter(PROBED), 0);
    is_open(&edge, "/p/mug");
}

#[test]
fn a_client_that_goes_away_or_sends_nonsense_counts_for_nothing() {
    let origin = Origin::start(well);
    let edge = edge(&origin);
    let chunked =
        "POST /api/v1/orders HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n";
    for number in 0..30 {
        let mut gone = edge.client();
        gone.write(b"POST /cart HTTP/1.1\r\nhost: shop\r\ncontent-length: 10\r\n\r\nabc");
        drop(gone);
        let mut bad = edge.client();
        bad.write(format!("{chunked}3\r\nabc\r\nnonsense\r\n").as_bytes());
        if let Some(reply) = bad.answer("POST") {
            assert_eq!(reply.status, 400, "{reply:?}");
        }
        let reply = edge.send("TRACE", &format!("/p/{number}"), &[], b"");
        assert_eq!(reply.status, 405, "{reply:?}");
    }
    assert_eq!(edge.counter(PROBED), 0);
    assert_eq!(origin.asked(ORDERS), 0, "nothing half was ordered");
    is_open(&edge, "/p/mug");
    assert!(edge.counter(FAULTS) > 0);
}

#[test]
fn forty_failing_pages_close_nothing_else() {
    let origin = Origin::start(|request| match request.target.starts_with("/p/broken") {
        true => status(500, "failed"),
        false => well(request),
    });
    let edge = edge(&origin);
    for round in 0..4 {
        for number in 0..40 {
            edge.get(&format!("/p/broken-{number}"));
        }
        is_open(&edge, &format!("/p/mug-{round}"));
    }
    // Each of them is left alone after a few failures.
    let before = origin.asked("/p/broken-1");
    let spared = (0..100).filter(|_| edge.get("/p/broken-1").says("origin-spared"));
    assert!(spared.count() > 50);
    assert!(origin.asked("/p/broken-1") - before < 50);
}

/// Where an origin is meant to fail, as that of a test suite is, its answers are what clients get.
#[test]
fn without_a_threshold_the_origin_is_always_asked() {
    let origin = Origin::start(|_| status(500, "failed"));
    let environment = [("EDGE_SECRET", SECRET), ("BREAKER_FAILURES", "0")];
    let edge = Edge::start_with(&origin, &environment);
    for _ in 0..20 {
        for (method, path) in [("POST", ORDERS), ("GET", "/cart"), ("GET", "/p/mug")] {
            let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
            let reply = edge.send(method, path, &[], body);
            assert_eq!((reply.status, reply.text()), (500, "failed"), "{path}");
        }
    }
    assert_eq!(origin.requests().len(), 60);
    assert_eq!((edge.counter(PROBED), edge.counter(CLOSED)), (0, 1));
}

#[test]
fn failing_orders_close_no_page() {
    let origin = Origin::start(|request| match (&*request.method, &*request.target) {
        ("POST", _) | (_, READY) => status(500, "failed"),
        _ => well(request),
    });
    let edge = edge(&origin);
    while edge.counter(CLOSED) == 1 {
        edge.send("POST", ORDERS, &[], b"{}");
    }
    for _ in 0..400 {
        if edge.send("POST", ORDERS, &[], b"{}").says("origin-spared") {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let order = edge.send("POST", ORDERS, &[], b"{}");
    assert!(order.says("origin-spared"), "{order:?}");
    assert_eq!(edge.get("/p/mug").status, 200);
    assert_eq!(edge.get("/cart").status, 200);
}

#[test]
fn twelve_slow_addresses_close_nothing_else() {
    let origin = Origin::start(|request| match request.target.starts_with("/p/slow") {
        true => Answer::new("slow").after(Duration::from_millis(2_000)),
        false => well(request),
    });
    let edge = edge(&origin);
    for round in 0..3 {
        thread::scope(|scope| {
            for number in 0..12 {
                let edge = &edge;
                scope.spawn(move || edge.get(&format!("/p/slow-{number}")));
            }
        });
        is_open(&edge, &format!("/p/mug-{round}"));
    }
}

/// 503 with `Retry-After` is load shedding: the origin is alive.
#[test]
fn an_origin_that_is_busy_is_alive() {
    let origin = Origin::start(|request| match request.target.starts_with("/search") {
        true => status(503, "busy").with("Retry-After", "1"),
        false => well(request),
    });
    let edge = edge(&origin);
    for number in 0..100 {
        let reply = edge.get(&format!("/search?q={number}"));
        assert_eq!((reply.status, reply.text()), (503, "busy"));
        assert_eq!(reply.field("retry-after"), "1");
    }
    assert_eq!(edge.counter(PROBED), 0);
    is_open(&edge, "/p/mug");
}

#[test]
fn a_renewal_that_fails_is_not_repeated_at_once() {
    let asked = AtomicUsize::new(0);
    let origin = Origin::start(move |request| match &*request.target {
        "/p/mug" if asked.fetch_add(1, Ordering::SeqCst) > 0 => status(500, "failed"),
        "/p/mug" => Answer::new("mug").with(
            "CDN-Cache-Control",
            "public, max-age=0, stale-while-revalidate=600",
        ),
        _ => well(request),
    });
    let edge = edge(&origin);
    edge.get("/p/mug");
    while origin.asked("/p/mug") < 2 {
        assert_eq!(edge.get("/p/mug").text(), "mug");
    }
    for _ in 0..100 {
        assert_eq!(edge.get("/p/mug").text(), "mug");
    }
    assert!(origin.asked("/p/mug") < 10, "{}", origin.asked("/p/mug"));
}

#[test]
fn a_post_waits_for_an_origin_that_is_being_started() {
    let address = free_address();
    let config = format!("{}/workerd.capnp", needed("EDGE_DIR"));
    let environment = [("EDGE_SECRET", SECRET), ("RESTART_MS", "20000")];
    let edge = Edge::before(&config, address, &environment);
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
                let reply = edge.send(method, "/cart", &[], body);
                assert_eq!(reply.status, 200, "{method}: {reply:?}");
            });
        }
        // They have been refused by now: nobody is there.
        while edge.counter(PROBED) < 3 {
            thread::sleep(Duration::from_millis(10));
        }
        let origin = Origin::start_at(address, well);
        while origin.asked("/cart") < requests.len() {
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(origin.asked("/cart"), requests.len(), "each once");
    });
}

#[test]
fn nobody_waits_for_an_origin_that_is_gone() {
    let config = format!("{}/workerd.capnp", needed("EDGE_DIR"));
    let environment = [("EDGE_SECRET", SECRET), ("RESTART_MS", "200")];
    let edge = Edge::before(&config, free_address(), &environment);
    for (method, body) in [("POST", &b"{}"[..]), ("GET", b""), ("DELETE", b"")] {
        let reply = edge.send(method, "/cart", &[], body);
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(!reply.field("retry-after").is_empty());
    }
    assert_eq!(edge.counter(CLOSED), 0);
}

/// Whoever asks first after a quiet outage is not refused because of what was long ago.
#[test]
fn the_first_after_a_pause_gets_the_answer() {
    let origin = Origin::start(well);
    let edge = edge(&origin);
    origin.is(Health::Hanging);
    let mut pages = (0..).map(|number| format!("/p/{number}"));
    while edge.counter(CLOSED) == 1 {
        edge.get(&pages.next().unwrap());
    }
    origin.is(Health::Well);
    while edge.counter(CLOSED) == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    is_open(&edge, "/p/mug");
}
