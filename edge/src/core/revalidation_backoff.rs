//! Exponential backoff for failed background revalidations. The stale response is still served
//! meanwhile, and the origin is asked again after a growing delay.

use std::collections::HashMap;

use super::stored_response::Millis;

const DELAY_MIN_MS: Millis = 1_000;
const DELAY_MAX_MS: Millis = 60_000;
/// The most keys that are tracked.
const KEYS_MAX: usize = 1_000;

/// The keys whose last revalidation failed.
#[derive(Clone, Debug, Default)]
pub struct RevalidationBackoff {
    by_key: HashMap<String, BackoffDelay>,
}

#[derive(Clone, Copy, Debug)]
struct BackoffDelay {
    until: Millis,
    delay_ms: Millis,
}

impl RevalidationBackoff {
    /// Whether this key may be revalidated now.
    pub fn may_revalidate(&self, key: &str, now: Millis) -> bool {
        self.by_key.get(key).is_none_or(|delay| now >= delay.until)
    }

    /// Records a failed revalidation: each delay is twice as long as the previous one.
    pub fn record_failure(&mut self, key: &str, now: Millis) {
        if !self.by_key.contains_key(key) && self.by_key.len() >= KEYS_MAX {
            self.by_key.retain(|_, delay| now < delay.until);
            if self.by_key.len() >= KEYS_MAX {
                self.by_key.clear();
            }
        }
        let last = self.by_key.get(key).map(|delay| delay.delay_ms * 2);
        let delay_ms = last.unwrap_or(DELAY_MIN_MS).min(DELAY_MAX_MS);
        let delay = BackoffDelay {
            until: now + delay_ms,
            delay_ms,
        };
        self.by_key.insert(key.to_owned(), delay);
    }

    /// Records a successful revalidation.
    pub fn record_success(&mut self, key: &str) {
        self.by_key.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_with_each_failure() {
        let mut backoff = RevalidationBackoff::default();
        assert!(backoff.may_revalidate("/", 0));
        for (now, delay) in [(0, 1_000), (1_000, 2_000), (3_000, 4_000)] {
            backoff.record_failure("/", now);
            assert!(!backoff.may_revalidate("/", now + delay - 1));
            assert!(backoff.may_revalidate("/", now + delay));
            assert!(backoff.may_revalidate("/p/mug", now));
        }
        for _ in 0..20 {
            backoff.record_failure("/", 10_000);
        }
        assert!(backoff.may_revalidate("/", 10_000 + DELAY_MAX_MS));
        backoff.record_success("/");
        assert!(backoff.may_revalidate("/", 10_000));
    }

    #[test]
    fn the_number_of_tracked_keys_is_bounded() {
        let mut backoff = RevalidationBackoff::default();
        for number in 0..3 * KEYS_MAX {
            backoff.record_failure(&number.to_string(), 0);
            assert!(backoff.by_key.len() <= KEYS_MAX);
        }
    }
}
