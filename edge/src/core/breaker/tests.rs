use proptest::prelude::*;

use super::*;

const RESTART_MS: Millis = 5_000;

fn breakers() -> Breakers {
    Breakers::new(RESTART_MS, FAILURES_MIN)
}

/// Breakers of an origin of which these are suspect.
fn suspect(requests: &[Request<'_>]) -> Breakers {
    let mut breakers = breakers();
    for request in requests {
        breakers.record(*request, Outcome::NoConnection, 1);
    }
    breakers
}

fn open(outcome: Outcome) -> Breakers {
    let mut breakers = suspect(&[Request::Safe, Request::Unsafe]);
    assert!(breakers.lend_probe(1));
    assert!(breakers.probed(outcome, 1));
    breakers
}

#[test]
fn failures_alone_do_not_open_it() {
    let mut breakers = breakers();
    for number in 0..100 {
        let key = format!("/p/{number}");
        for request in [Request::Address(&key), Request::Unsafe] {
            breakers.record(request, Outcome::Timeout, 1);
            breakers.record(request, Outcome::ServerError, 1);
        }
    }
    assert_eq!(breakers.permit(Request::Unsafe, 2), Permit::Send);
    assert_eq!(breakers.permit(Request::Safe, 2), Permit::Send);
    assert_eq!(breakers.permit(Request::Address("/"), 2), Permit::Send);
    assert!(breakers.lend_probe(2), "but the origin is probed");
    assert!(!breakers.probed(Outcome::Success, 3));
    assert!(breakers.is_closed());
}

/// Where an origin is meant to fail, as that of a test suite is.
#[test]
fn without_a_threshold_nothing_opens() {
    let mut breakers = Breakers::new(RESTART_MS, 0);
    let outcomes = [
        Outcome::ServerError,
        Outcome::Timeout,
        Outcome::NoConnection,
    ];
    for outcome in outcomes.repeat(10) {
        for request in [Request::Unsafe, Request::Safe, Request::Address("/p/mug")] {
            breakers.record(request, outcome, 1);
            assert_eq!(breakers.permit(request, 1), Permit::Send);
        }
    }
    assert!(!breakers.lend_probe(1));
    assert!(breakers.is_closed() && breakers.retry());
}

/// Two failures are enough where the settings say so.
#[test]
fn the_threshold_is_a_setting() {
    let mut breakers = Breakers::new(RESTART_MS, 2);
    breakers.record(Request::Safe, Outcome::Timeout, 1);
    assert!(!breakers.is_suspect());
    breakers.record(Request::Safe, Outcome::Timeout, 1);
    assert!(breakers.is_suspect());
}

#[test]
fn a_few_failures_among_many_make_nobody_look() {
    let mut breakers = breakers();
    for number in 0..100 {
        let outcome = match number % 5 {
            1 | 3 => Outcome::ServerError,
            _ => Outcome::Success,
        };
        breakers.record(Request::Unsafe, outcome, 1);
    }
    assert!(!breakers.lend_probe(1));
    for _ in 0..FAILURES_MIN - 1 {
        breakers.record(Request::Safe, Outcome::Timeout, 1);
    }
    assert!(!breakers.lend_probe(1));
    breakers.record(Request::Safe, Outcome::Timeout, WINDOW_MS + 2);
    assert!(!breakers.lend_probe(1), "that was long ago");
}

#[test]
fn one_failing_page_makes_nobody_look() {
    let mut breakers = breakers();
    for _ in 0..100 {
        breakers.record(Request::Address("/p/mug"), Outcome::ServerError, 1);
    }
    assert!(!breakers.lend_probe(1));
    assert_eq!(
        breakers.permit(Request::Address("/p/mug"), 1),
        Permit::Reject
    );
    assert_eq!(breakers.permit(Request::Address("/p/tea"), 1), Permit::Send);
}

#[test]
fn reads_and_writes_open_apart() {
    for (failing, open, closed) in [
        (Request::Safe, Request::Address("/"), Request::Unsafe),
        (Request::Unsafe, Request::Unsafe, Request::Safe),
    ] {
        let mut breakers = breakers();
        for _ in 0..FAILURES_MIN {
            breakers.record(failing, Outcome::ServerError, 1);
        }
        assert!(breakers.lend_probe(1));
        assert!(breakers.probed(Outcome::ServerError, 2));
        assert_eq!(breakers.permit(open, 3), Permit::Reject);
        assert_eq!(breakers.permit(closed, 3), Permit::Send);
    }
}

#[test]
fn where_nobody_is_connected_nobody_is_sent_for_nothing() {
    let mut breakers = suspect(&[Request::Safe]);
    assert!(breakers.lend_probe(1));
    assert!(!breakers.lend_probe(1), "one probes");
    assert!(breakers.probed(Outcome::NoConnection, 2));
    for request in [Request::Safe, Request::Unsafe, Request::Address("/")] {
        assert_eq!(breakers.permit(request, 3), Permit::Wait);
    }
    // A restart takes a moment. What takes longer is an outage.
    for _ in 0..20 {
        assert!(breakers.probed(Outcome::NoConnection, 2 + RESTART_MS));
    }
    assert_eq!(
        breakers.permit(Request::Unsafe, 1 + RESTART_MS),
        Permit::Wait
    );
    assert_eq!(
        breakers.permit(Request::Unsafe, 2 + RESTART_MS),
        Permit::Reject
    );
    assert!(!breakers.probed(Outcome::Success, 3 + RESTART_MS));
    assert_eq!(
        breakers.permit(Request::Unsafe, 3 + RESTART_MS),
        Permit::Send
    );
}

#[test]
fn a_hanging_origin_is_not_waited_for() {
    let mut breakers = open(Outcome::Timeout);
    assert_eq!(breakers.permit(Request::Unsafe, 2), Permit::Reject);
    assert_eq!(breakers.permit(Request::Safe, 2), Permit::Reject);
}

/// The one who probes may be gone without a word.
#[test]
fn a_lost_probe_is_followed_by_another() {
    let mut breakers = open(Outcome::Timeout);
    assert!(!breakers.lend_probe(PROBE_LOST_MS));
    assert_eq!(
        breakers.permit(Request::Safe, PROBE_LOST_MS),
        Permit::Reject
    );
    assert!(breakers.lend_probe(1 + PROBE_LOST_MS));
    // Nobody has looked for long: the origin may be well by now.
    assert_eq!(
        breakers.permit(Request::Safe, 1 + PROBE_LOST_MS),
        Permit::Wait
    );
    assert!(breakers.probed(Outcome::Timeout, 2 + PROBE_LOST_MS));
    assert_eq!(
        breakers.permit(Request::Safe, 2 + PROBE_LOST_MS),
        Permit::Reject
    );
    breakers.return_probe();
    assert!(breakers.lend_probe(2 + PROBE_LOST_MS));
    assert!(!breakers.probed(Outcome::Success, 2 + PROBE_LOST_MS));
    assert!(!breakers.lend_probe(99_000));
}

/// A late answer of an origin that hung is an answer.
#[test]
fn an_answer_closes_it() {
    let mut breakers = open(Outcome::Timeout);
    breakers.record(Request::Safe, Outcome::Success, 2);
    assert_eq!(breakers.permit(Request::Safe, 2), Permit::Send);
    assert_eq!(breakers.permit(Request::Unsafe, 2), Permit::Reject);
}

#[test]
fn second_tries_are_a_tenth() {
    let mut breakers = breakers();
    let first = (0..100).filter(|_| breakers.retry()).count();
    assert_eq!(first, RETRIES_MAX as usize);
    let mut again = 0;
    for _ in 0..1_000 {
        breakers.record(Request::Safe, Outcome::Success, 1);
        again += usize::from(breakers.retry());
    }
    assert_eq!(again, 100);
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Success),
        Just(Outcome::ServerError),
        Just(Outcome::Timeout),
        Just(Outcome::NoConnection),
    ]
}

proptest! {
    /// Whatever happens, somebody may ask again before long, and a probe that succeeds opens the shop.
    #[test]
    fn it_never_stays_open(
        outcomes in prop::collection::vec((any::<bool>(), outcome(), any::<bool>()), 0..200),
    ) {
        let mut breakers = breakers();
        let mut now = 0;
        for (writes, outcome, probes) in outcomes {
            now += 100;
            let request = if writes { Request::Unsafe } else { Request::Safe };
            if breakers.permit(request, now) == Permit::Send {
                breakers.record(request, outcome, now);
            }
            if probes && breakers.lend_probe(now) {
                breakers.probed(outcome, now);
            }
        }
        let later = now + PROBE_LOST_MS;
        prop_assert!(breakers.is_closed() || breakers.lend_probe(later));
        prop_assert_ne!(breakers.permit(Request::Unsafe, later), Permit::Reject);
        breakers.probed(Outcome::Success, now);
        prop_assert!(breakers.is_closed());
        prop_assert_eq!(breakers.permit(Request::Unsafe, now), Permit::Send);
        prop_assert_eq!(breakers.permit(Request::Safe, now), Permit::Send);
    }
}
