//! Purges: signed, effective at once, and never followed by an older version.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use shared::edge::{
    METRICS, MIN_VERSION_HEADER, PURGE, PURGE_TAGS_MAX, SIGNED_HEADER, VERSION_HEADER, signed_call,
};

use crate::support::{
    OriginHealth, SECRET, SHARED_CACHE_CONTROL, TestEdge, TestOrigin, TestResponse,
    origin_and_edge, repetitions, seconds,
};

/// An origin whose every response is the current version.
fn versioned(
    delay_us: impl Fn() -> u64 + Send + Sync + 'static,
) -> (TestOrigin, TestEdge, Arc<AtomicU64>) {
    let version = Arc::new(AtomicU64::new(1));
    let now = Arc::clone(&version);
    let (origin, edge) = origin_and_edge(move |request| {
        let body = now.load(Ordering::SeqCst).to_string();
        let tag = request
            .target
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        TestResponse::new(body)
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Cache-Tag", &format!("{tag},all"))
            .delayed_by(Duration::from_micros(delay_us()))
    });
    (origin, edge, version)
}

#[test]
fn a_purge_takes_effect_at_once_and_for_its_tags_only() {
    let (origin, edge, version) = versioned(|| 0);
    for round in 1..=100 {
        version.store(round, Ordering::SeqCst);
        let order = format!(r#"{{"tags":[{{"name":"mug"}}],"mode":"{}"}}"#, "hard");
        edge.purge(&order);
        assert_eq!(edge.get("/p/mug").text(), round.to_string());
        edge.get("/p/cup");
    }
    assert_eq!(
        (
            origin.request_count("/p/mug"),
            origin.request_count("/p/cup")
        ),
        (100, 1)
    );
    edge.purge(r#"{"tags":[{"name":"all"}]}"#);
    for path in ["/p/mug", "/p/cup"] {
        assert!(
            edge.get(path).cache_status_contains("fwd=uri-miss"),
            "{path}"
        );
        assert!(edge.get(path).cache_status_contains("hit"), "{path}");
    }
    edge.purge(r#"{"everything":true}"#);
    assert!(edge.get("/p/cup").cache_status_contains("fwd=uri-miss"));
}

#[test]
fn a_soft_purge_serves_stale_until_revalidated() {
    let (origin, edge, version) = versioned(|| 0);
    edge.get("/p/mug");
    version.store(2, Ordering::SeqCst);
    edge.purge(r#"{"mode":"soft","tags":[{"name":"mug"}]}"#);
    origin.set_health(OriginHealth::Down);
    let stale = edge.get("/p/mug");
    assert_eq!((stale.status, stale.text()), (200, "1"));
    assert!(
        stale.cache_status_contains("; ttl=0; detail=renewing"),
        "{stale:?}"
    );
    origin.set_health(OriginHealth::Healthy);
    while edge.get("/p/mug").text() == "1" {
        thread::sleep(Duration::from_millis(5));
    }
}

/// The race between purge and refill: a request is sent, a purge arrives, and then the response is
/// about to be stored. A request after the acknowledged purge must never get that response.
#[test]
fn a_thousand_purges_among_refills_never_show_an_older_version() {
    let purges = repetitions("MALLARD_PURGES", 1_000) as u64;
    let spread = AtomicU64::new(0);
    let (_origin, edge, version) = versioned(move || {
        spread
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(2_654_435_761)
            % 2_500
    });
    let acknowledged = AtomicU64::new(1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = edge.client();
                while !done.load(Ordering::SeqCst) {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let seen: u64 = client.get("/p/mug").text().parse().unwrap();
                    assert!(seen >= least, "version {seen} was shown after {least}");
                }
            });
        }
        let mut client = edge.client();
        for round in 2..=purges {
            version.store(round, Ordering::SeqCst);
            let body = r#"{"tags":[{"name":"mug"}]}"#.as_bytes();
            let signed = signed_call(SECRET, "POST", PURGE, body, seconds());
            let response = client.send("POST", PURGE, &[(SIGNED_HEADER, &signed)], body);
            assert_eq!(response.status, 204);
            acknowledged.store(round, Ordering::SeqCst);
            let seen: u64 = client.get("/p/mug").text().parse().unwrap();
            assert!(seen >= round, "version {seen} was shown after {round}");
        }
        done.store(true, Ordering::SeqCst);
    });
}

/// The origin may read from a replica that lags behind. A response with a version before that of
/// the purge is not stored, however late it was requested; the edge states the version that it
/// needs.
#[test]
fn a_response_older_than_a_purged_version_is_not_stored() {
    let lag = Arc::new(AtomicU64::new(6));
    let copy = Arc::clone(&lag);
    let (origin, edge) = origin_and_edge(move |_| {
        let version = copy.load(Ordering::SeqCst);
        TestResponse::new(version.to_string())
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Cache-Tag", "mug")
            .with_field(VERSION_HEADER, &version.to_string())
    });
    edge.get("/p/mug");
    edge.purge(r#"{"tags":[{"name":"mug","version":7}]}"#);
    for request_count in 2..5 {
        let response = edge.get("/p/mug");
        assert_eq!(
            (response.text(), origin.request_count("/p/mug")),
            ("6", request_count)
        );
        assert!(!response.fields.contains_key(VERSION_HEADER));
    }
    lag.store(7, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(edge.get("/p/mug").text(), "7");
    }
    assert_eq!(origin.request_count("/p/mug"), 5);
    let requests = origin.requests();
    let known: Vec<&str> = requests
        .iter()
        .map(|it| it.field(MIN_VERSION_HEADER))
        .collect();
    assert_eq!(known, ["", "7", "7", "7", "7"]);
}

#[test]
fn purges_and_metrics_need_the_secret() {
    let (origin, edge, _) = versioned(|| 0);
    edge.get("/p/mug");
    let order = r#"{"everything":true}"#;
    let sign =
        |secret: &str, seconds| signed_call(secret, "POST", PURGE, order.as_bytes(), seconds);
    for signed in [
        String::new(),
        sign("guessed", seconds()),
        sign(SECRET, seconds() - 3_600),
        signed_call(SECRET, "POST", PURGE, b"{}", seconds()),
        signed_call(SECRET, "GET", METRICS, b"", seconds()),
    ] {
        let fields = [(SIGNED_HEADER, signed.as_str())];
        assert_eq!(
            edge.send("POST", PURGE, &fields, order.as_bytes()).status,
            403
        );
        assert_eq!(edge.send("GET", METRICS, &fields[..0], b"").status, 403);
    }
    assert_eq!(edge.call_signed("POST", PURGE, "{").status, 400);
    let tags = (0..=PURGE_TAGS_MAX).map(|it| format!(r#"{{"name":"t{it}"}}"#));
    let tags = tags.collect::<Vec<_>>().join(",");
    assert_eq!(
        edge.call_signed("POST", PURGE, &format!(r#"{{"tags":[{tags}]}}"#))
            .status,
        413
    );
    assert_eq!(
        edge.call_signed("POST", PURGE, &" ".repeat(200_000)).status,
        413
    );
    assert_eq!(edge.call_signed("GET", "/_edge/other", "").status, 404);
    edge.get("/p/mug");
    assert_eq!(origin.requests().len(), 1);
    let silent = TestEdge::start_with(&origin, &[]);
    assert_eq!(silent.call_signed("POST", PURGE, order).status, 404);
}
