//! Many who want the same: one asks the origin, and nobody waits for ever.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{Answer, Edge, Health, Origin, SHARED, pair};

const DELAY: Duration = Duration::from_millis(400);

/// Sends this many requests at once, and hands each reply over.
fn at_once(edge: &Edge, count: usize, check: impl Fn(usize, &crate::support::Reply) + Sync) {
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
    let (origin, edge) = pair(|_| Answer::new("mug").with(SHARED.0, SHARED.1).after(DELAY));
    at_once(&edge, 1_000, |_, reply| {
        assert_eq!((reply.status, reply.text()), (200, "mug"), "{reply:?}");
    });
    assert_eq!(origin.asked("/p/mug"), 1);
    let collapsed = "mallard_edge_requests_total{class=\"page\",result=\"collapsed\"}";
    let hits = "mallard_edge_requests_total{class=\"page\",result=\"hit\"}";
    assert_eq!(edge.counter(collapsed) + edge.counter(hits), 999);
}

#[test]
fn a_hot_key_that_expires_is_renewed_once() {
    let asked = AtomicUsize::new(0);
    let (origin, edge) = pair(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let fresh = if number == 0 { 1 } else { 600 };
        let control = format!("public, max-age={fresh}, stale-while-revalidate=600");
        Answer::new(format!("mug {number}"))
            .with("CDN-Cache-Control", &control)
            .after(DELAY / 2)
    });
    edge.get("/p/mug");
    let renewed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let mut client = edge.client();
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_secs(20) {
                    let reply = client.get("/p/mug");
                    assert_eq!(reply.status, 200);
                    if reply.text() == "mug 1" {
                        renewed.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
            });
        }
    });
    assert_eq!((renewed.into_inner(), origin.asked("/p/mug")), (50, 2));
}

#[test]
fn a_leader_that_goes_away_leaves_nobody_behind() {
    let (origin, edge) = pair(|_| Answer::new("mug").with(SHARED.0, SHARED.1).after(DELAY));
    let mut leader = edge.client();
    leader.ask("GET", "/p/mug", &[], b"");
    while origin.asked("/p/mug") == 0 {
        thread::yield_now();
    }
    let mut follower = edge.client();
    follower.ask("GET", "/p/mug", &[], b"");
    drop(leader);
    let reply = follower.answer("GET").expect("an answer");
    assert_eq!((reply.status, reply.text()), (200, "mug"), "{reply:?}");
    assert_eq!(edge.get("/p/mug").text(), "mug");
}

#[test]
fn a_leader_that_fails_tells_the_others() {
    let (origin, edge) = pair(|_| Answer::new("never").with(SHARED.0, SHARED.1));
    origin.is(Health::Cutting);
    at_once(&edge, 100, |_, reply| {
        assert_eq!(reply.status, 503, "{reply:?}");
    });
    origin.is(Health::Killed);
    at_once(&edge, 100, |_, reply| {
        assert_eq!(reply.status, 503, "{reply:?}");
    });
    // Each who failed may have been followed by others who then asked for themselves, at most.
    assert!(origin.asked("/p/mug") < 50, "{}", origin.asked("/p/mug"));
}

/// What is for nobody else is answered to nobody else, and nobody stands in a line for it.
#[test]
fn what_cannot_be_kept_is_asked_for_by_each() {
    let asked = AtomicUsize::new(0);
    let (_origin, edge) = pair(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        Answer::new(number.to_string())
            .with("Cache-Control", "no-store")
            .after(DELAY / 4)
    });
    let seen = std::sync::Mutex::new(Vec::new());
    at_once(&edge, 50, |_, reply| {
        seen.lock().unwrap().push(reply.text().to_owned());
    });
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 50);
}

#[test]
fn variants_are_not_mixed_up() {
    let origin = Origin::start(|request| {
        Answer::new(request.field("accept-encoding").to_owned())
            .with(SHARED.0, SHARED.1)
            .with("Vary", "Accept-Encoding")
            .after(DELAY / 4)
    });
    let edge = Edge::start(&origin);
    let barrier = Barrier::new(60);
    thread::scope(|scope| {
        for number in 0..60 {
            let (barrier, edge) = (&barrier, &edge);
            scope.spawn(move || {
                let coding = ["br", "gzip", "identity"][number % 3];
                barrier.wait();
                let reply = edge.send("GET", "/p/mug", &[("accept-encoding", coding)], b"");
                assert_eq!(reply.text(), coding);
            });
        }
    });
    assert_eq!(origin.asked("/p/mug"), 3);
}
