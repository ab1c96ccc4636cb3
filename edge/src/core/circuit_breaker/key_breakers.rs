//! Circuit breakers of single cache keys. Each opens after repeated failures of its key, and lets
//! one trial request through at a time (half-open).

use std::collections::HashMap;

use super::{Millis, OriginOutcome};

/// The number of consecutive failures that open the breaker of a key.
const FAILURES_MAX: u32 = 3;
/// How long the breaker stays open before a trial request.
const OPEN_MS: Millis = 1_000;
/// A trial request without an outcome for this long is lost.
const TRIAL_TIMEOUT_MS: Millis = 15_000;
/// Failures older than this no longer count.
const FAILURE_EXPIRY_MS: Millis = 60_000;
/// The most keys that are tracked.
const KEYS_MAX: usize = 1_000;

/// The cache keys that failed recently.
#[derive(Clone, Debug, Default)]
pub struct KeyBreakers {
    by_key: HashMap<String, KeyBreaker>,
}

#[derive(Clone, Copy, Debug)]
struct KeyBreaker {
    failures: u32,
    last_failed_at: Millis,
    open_until: Millis,
}

impl KeyBreakers {
    /// Whether a request for this key may be sent now.
    pub fn permit(&mut self, key: &str, now: Millis) -> bool {
        let Some(breaker) = self.by_key.get_mut(key) else {
            return true;
        };
        if breaker.failures < FAILURES_MAX {
            return true;
        }
        let may = now >= breaker.open_until;
        if may {
            breaker.open_until = now + TRIAL_TIMEOUT_MS;
        }
        may
    }

    /// Records the outcome of a request. A missing connection says nothing about a single key.
    pub fn record(&mut self, key: &str, outcome: OriginOutcome, now: Millis) {
        match outcome {
            OriginOutcome::Success => drop(self.by_key.remove(key)),
            OriginOutcome::NoConnection => {}
            OriginOutcome::ServerError | OriginOutcome::Timeout => self.fail(key, now),
        }
    }

    fn fail(&mut self, key: &str, now: Millis) {
        let is_recent = |it: &KeyBreaker| now < it.last_failed_at + FAILURE_EXPIRY_MS;
        if !self.by_key.contains_key(key) && self.by_key.len() >= KEYS_MAX {
            self.by_key.retain(|_, breaker| is_recent(breaker));
            if self.by_key.len() >= KEYS_MAX {
                self.by_key.clear();
            }
        }
        let known = self.by_key.get(key).filter(|it| is_recent(it));
        let failures = known.map_or(0, |it| it.failures) + 1;
        let breaker = KeyBreaker {
            failures,
            last_failed_at: now,
            open_until: now + OPEN_MS,
        };
        self.by_key.insert(key.to_owned(), breaker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32) -> KeyBreakers {
        let mut key_breakers = KeyBreakers::default();
        for _ in 0..times {
            key_breakers.record("/p/mug", OriginOutcome::ServerError, 0);
        }
        key_breakers
    }

    #[test]
    fn a_key_opens_after_three_failures_and_allows_one_trial_at_a_time() {
        assert!(failing(FAILURES_MAX - 1).permit("/p/mug", 0));
        let mut key_breakers = failing(FAILURES_MAX);
        assert!(!key_breakers.permit("/p/mug", OPEN_MS - 1));
        assert!(key_breakers.permit("/p/other", 0));
        assert!(key_breakers.permit("/p/mug", OPEN_MS));
        assert!(!key_breakers.permit("/p/mug", OPEN_MS), "one at a time");
        key_breakers.record("/p/mug", OriginOutcome::Timeout, 5_000);
        assert!(!key_breakers.permit("/p/mug", 5_000 + OPEN_MS - 1));
        assert!(key_breakers.permit("/p/mug", 5_000 + OPEN_MS));
        assert!(key_breakers.permit("/p/mug", 5_000 + OPEN_MS + TRIAL_TIMEOUT_MS));
        key_breakers.record("/p/mug", OriginOutcome::Success, 30_000);
        assert!((0..9).all(|_| key_breakers.permit("/p/mug", 30_000)));
    }

    #[test]
    fn old_failures_and_lost_connections_do_not_count() {
        let mut key_breakers = failing(FAILURES_MAX - 1);
        key_breakers.record("/p/mug", OriginOutcome::Timeout, FAILURE_EXPIRY_MS);
        assert!(key_breakers.permit("/p/mug", FAILURE_EXPIRY_MS));
        for _ in 0..9 {
            key_breakers.record("/p/tea", OriginOutcome::NoConnection, 0);
        }
        assert!(key_breakers.permit("/p/tea", 0));
    }

    #[test]
    fn the_number_of_tracked_keys_is_bounded() {
        let mut key_breakers = failing(FAILURES_MAX);
        for number in 0..3 * KEYS_MAX {
            key_breakers.record(&number.to_string(), OriginOutcome::ServerError, 1);
            assert!(key_breakers.by_key.len() <= KEYS_MAX);
        }
    }
}
