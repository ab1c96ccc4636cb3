use proptest::prelude::*;

use super::*;

const RESTART_MS: Millis = 5_000;

fn breakers() -> CircuitBreakers {
    CircuitBreakers::new(RESTART_MS, FAILURES_MIN)
}

/// Breakers that suspect the origin after a lost connection for each of these requests.
fn suspect(requests: &[RequestKind<'_>]) -> CircuitBreakers {
    let mut breakers = breakers();
    for request in requests {
        breakers.record(*request, OriginOutcome::NoConnection, 1);
    }
    breakers
}

fn open(outcome: OriginOutcome) -> CircuitBreakers {
    let mut breakers = suspect(&[RequestKind::Safe, RequestKind::Unsafe]);
    assert!(breakers.begin_probe(1));
    assert!(breakers.record_probe(outcome, 1));
    breakers
}

#[test]
fn failures_without_a_failed_probe_do_not_open_a_breaker() {
    let mut breakers = breakers();
    for number in 0..100 {
        let key = format!("/p/{number}");
        for request in [RequestKind::Key(&key), RequestKind::Unsafe] {
            breakers.record(request, OriginOutcome::Timeout, 1);
            breakers.record(request, OriginOutcome::ServerError, 1);
        }
    }
    assert_eq!(breakers.permit(RequestKind::Unsafe, 2), Permit::Send);
    assert_eq!(breakers.permit(RequestKind::Safe, 2), Permit::Send);
    assert_eq!(breakers.permit(RequestKind::Key("/"), 2), Permit::Send);
    assert!(breakers.begin_probe(2), "but the origin is probed");
    assert!(!breakers.record_probe(OriginOutcome::Success, 3));
    assert!(breakers.is_closed());
}

/// For an origin that fails on purpose, such as that of a conformance suite.
#[test]
fn with_a_threshold_of_zero_no_breaker_opens() {
    let mut breakers = CircuitBreakers::new(RESTART_MS, 0);
    let outcomes = [
        OriginOutcome::ServerError,
        OriginOutcome::Timeout,
        OriginOutcome::NoConnection,
    ];
    for outcome in outcomes.repeat(10) {
        for request in [
            RequestKind::Unsafe,
            RequestKind::Safe,
            RequestKind::Key("/p/mug"),
        ] {
            breakers.record(request, outcome, 1);
            assert_eq!(breakers.permit(request, 1), Permit::Send);
        }
    }
    assert!(!breakers.begin_probe(1));
    assert!(breakers.is_closed() && breakers.take_retry());
}

/// The setting may lower the threshold to two failures.
#[test]
fn the_threshold_is_a_setting() {
    let mut breakers = CircuitBreakers::new(RESTART_MS, 2);
    breakers.record(RequestKind::Safe, OriginOutcome::Timeout, 1);
    assert!(!breakers.is_suspect());
    breakers.record(RequestKind::Safe, OriginOutcome::Timeout, 1);
    assert!(breakers.is_suspect());
}

#[test]
fn a_low_failure_rate_starts_no_probe() {
    let mut breakers = breakers();
    for number in 0..100 {
        let outcome = match number % 5 {
            1 | 3 => OriginOutcome::ServerError,
            _ => OriginOutcome::Success,
        };
        breakers.record(RequestKind::Unsafe, outcome, 1);
    }
    assert!(!breakers.begin_probe(1));
    for _ in 0..FAILURES_MIN - 1 {
        breakers.record(RequestKind::Safe, OriginOutcome::Timeout, 1);
    }
    assert!(!breakers.begin_probe(1));
    breakers.record(RequestKind::Safe, OriginOutcome::Timeout, WINDOW_MS + 2);
    assert!(!breakers.begin_probe(1), "that was long ago");
}

#[test]
fn one_failing_key_starts_no_probe() {
    let mut breakers = breakers();
    for _ in 0..100 {
        breakers.record(RequestKind::Key("/p/mug"), OriginOutcome::ServerError, 1);
    }
    assert!(!breakers.begin_probe(1));
    assert_eq!(
        breakers.permit(RequestKind::Key("/p/mug"), 1),
        Permit::Reject
    );
    assert_eq!(breakers.permit(RequestKind::Key("/p/tea"), 1), Permit::Send);
}

#[test]
fn safe_and_unsafe_requests_have_separate_breakers() {
    for (failing, open, closed) in [
        (
            RequestKind::Safe,
            RequestKind::Key("/"),
            RequestKind::Unsafe,
        ),
        (RequestKind::Unsafe, RequestKind::Unsafe, RequestKind::Safe),
    ] {
        let mut breakers = breakers();
        for _ in 0..FAILURES_MIN {
            breakers.record(failing, OriginOutcome::ServerError, 1);
        }
        assert!(breakers.begin_probe(1));
        assert!(breakers.record_probe(OriginOutcome::ServerError, 2));
        assert_eq!(breakers.permit(open, 3), Permit::Reject);
        assert_eq!(breakers.permit(closed, 3), Permit::Send);
    }
}

#[test]
fn requests_wait_while_the_origin_restarts() {
    let mut breakers = suspect(&[RequestKind::Safe]);
    assert!(breakers.begin_probe(1));
    assert!(!breakers.begin_probe(1), "one probes");
    assert!(breakers.record_probe(OriginOutcome::NoConnection, 2));
    for request in [
        RequestKind::Safe,
        RequestKind::Unsafe,
        RequestKind::Key("/"),
    ] {
        assert_eq!(breakers.permit(request, 3), Permit::Wait);
    }
    // A restart is short; after the limit it counts as an outage.
    for _ in 0..20 {
        assert!(breakers.record_probe(OriginOutcome::NoConnection, 2 + RESTART_MS));
    }
    assert_eq!(
        breakers.permit(RequestKind::Unsafe, 1 + RESTART_MS),
        Permit::Wait
    );
    assert_eq!(
        breakers.permit(RequestKind::Unsafe, 2 + RESTART_MS),
        Permit::Reject
    );
    assert!(!breakers.record_probe(OriginOutcome::Success, 3 + RESTART_MS));
    assert_eq!(
        breakers.permit(RequestKind::Unsafe, 3 + RESTART_MS),
        Permit::Send
    );
}

#[test]
fn requests_to_a_hanging_origin_are_rejected() {
    let mut breakers = open(OriginOutcome::Timeout);
    assert_eq!(breakers.permit(RequestKind::Unsafe, 2), Permit::Reject);
    assert_eq!(breakers.permit(RequestKind::Safe, 2), Permit::Reject);
}

/// The task that probes may be cancelled without a result.
#[test]
fn a_lost_probe_is_replaced() {
    let mut breakers = open(OriginOutcome::Timeout);
    assert!(!breakers.begin_probe(PROBE_LOST_MS));
    assert_eq!(
        breakers.permit(RequestKind::Safe, PROBE_LOST_MS),
        Permit::Reject
    );
    assert!(breakers.begin_probe(1 + PROBE_LOST_MS));
    // After a time without probes the state is unknown: the origin may have recovered.
    assert_eq!(
        breakers.permit(RequestKind::Safe, 1 + PROBE_LOST_MS),
        Permit::Wait
    );
    assert!(breakers.record_probe(OriginOutcome::Timeout, 2 + PROBE_LOST_MS));
    assert_eq!(
        breakers.permit(RequestKind::Safe, 2 + PROBE_LOST_MS),
        Permit::Reject
    );
    breakers.end_probe();
    assert!(breakers.begin_probe(2 + PROBE_LOST_MS));
    assert!(!breakers.record_probe(OriginOutcome::Success, 2 + PROBE_LOST_MS));
    assert!(!breakers.begin_probe(99_000));
}

/// A late response closes the breaker of an origin that hung.
#[test]
fn a_response_closes_the_breaker() {
    let mut breakers = open(OriginOutcome::Timeout);
    breakers.record(RequestKind::Safe, OriginOutcome::Success, 2);
    assert_eq!(breakers.permit(RequestKind::Safe, 2), Permit::Send);
    assert_eq!(breakers.permit(RequestKind::Unsafe, 2), Permit::Reject);
}

#[test]
fn retries_are_limited_to_a_tenth_of_the_requests() {
    let mut breakers = breakers();
    let first = (0..100).filter(|_| breakers.take_retry()).count();
    assert_eq!(first, RETRIES_MAX as usize);
    let mut again = 0;
    for _ in 0..1_000 {
        breakers.record(RequestKind::Safe, OriginOutcome::Success, 1);
        again += usize::from(breakers.take_retry());
    }
    assert_eq!(again, 100);
}

fn outcome() -> impl Strategy<Value = OriginOutcome> {
    prop_oneof![
        Just(OriginOutcome::Success),
        Just(OriginOutcome::ServerError),
        Just(OriginOutcome::Timeout),
        Just(OriginOutcome::NoConnection),
    ]
}

proptest! {
    /// In any sequence of events a request is soon sent again, and a successful probe closes all
    /// breakers.
    #[test]
    fn a_breaker_never_stays_open_for_good(
        outcomes in prop::collection::vec((any::<bool>(), outcome(), any::<bool>()), 0..200),
    ) {
        let mut breakers = breakers();
        let mut now = 0;
        for (writes, outcome, probes) in outcomes {
            now += 100;
            let request = if writes { RequestKind::Unsafe } else { RequestKind::Safe };
            if breakers.permit(request, now) == Permit::Send {
                breakers.record(request, outcome, now);
            }
            if probes && breakers.begin_probe(now) {
                breakers.record_probe(outcome, now);
            }
        }
        let later = now + PROBE_LOST_MS;
        prop_assert!(breakers.is_closed() || breakers.begin_probe(later));
        prop_assert_ne!(breakers.permit(RequestKind::Unsafe, later), Permit::Reject);
        breakers.record_probe(OriginOutcome::Success, now);
        prop_assert!(breakers.is_closed());
        prop_assert_eq!(breakers.permit(RequestKind::Unsafe, now), Permit::Send);
        prop_assert_eq!(breakers.permit(RequestKind::Safe, now), Permit::Send);
    }
}
