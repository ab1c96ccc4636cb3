//! When to leave something alone that does not answer: after some failures in a row it is not asked for a
//! moment; then one may try, and what comes of that decides.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How many failures in a row open it.
const FAILURES_MAX: u32 = 3;
/// For how long nobody asks then.
const OPEN_TIME: Duration = Duration::from_secs(1);

/// Counts failures, and says who may ask.
#[derive(Debug)]
pub(super) struct RedisBreaker {
    began: Instant,
    failures: AtomicU32,
    /// Until when nobody asks, in milliseconds from the beginning.
    open_until_ms: AtomicU64,
}

impl Default for RedisBreaker {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            failures: AtomicU32::new(0),
            open_until_ms: AtomicU64::new(0),
        }
    }
}

impl RedisBreaker {
    /// Whether everybody may ask.
    pub(super) fn is_closed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES_MAX
    }

    /// Whether this one may ask.
    pub(super) fn allows(&self, now: Instant) -> bool {
        if self.is_closed() {
            return true;
        }
        let until = self.open_until_ms.load(Ordering::Relaxed);
        // Of those who come when the rest is over, one tries; when nothing comes of it, another does.
        self.at(now) >= until
            && self
                .open_until_ms
                .compare_exchange(
                    until,
                    self.at(now + OPEN_TIME),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// It has answered. Says whether it had not before.
    pub(super) fn succeeded(&self) -> bool {
        // Nothing is written where nothing has changed: everybody comes by here.
        self.failures.load(Ordering::Relaxed) > 0
            && self.failures.swap(0, Ordering::Relaxed) >= FAILURES_MAX
    }

    /// It has not answered. Says whether that opens it.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before >= FAILURES_MAX {
            // Not by those who had asked before it was opened, again and again until it wraps around.
            self.failures.store(FAILURES_MAX, Ordering::Relaxed);
        }
        let opens = before + 1 == FAILURES_MAX;
        if opens {
            self.open_until_ms
                .store(self.at(now + OPEN_TIME), Ordering::Relaxed);
        }
        opens
    }

    fn at(&self, time: Instant) -> u64 {
        let passed = time.saturating_duration_since(self.began);
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_failures_in_a_row_open_it_and_one_trial_decides() {
        let breaker = RedisBreaker::default();
        let now = Instant::now();
        for _ in 1..FAILURES_MAX {
            assert!(!breaker.failed(now));
        }
        assert!(!breaker.succeeded(), "an answer between them counts");
        for _ in 1..FAILURES_MAX {
            assert!(!breaker.failed(now));
        }
        assert!(breaker.allows(now));
        assert!(breaker.failed(now), "the last one opens it");
        assert!(!breaker.allows(now));
        assert!(!breaker.allows(now + OPEN_TIME / 2));
        assert!(breaker.allows(now + OPEN_TIME), "one tries");
        assert!(!breaker.allows(now + OPEN_TIME), "and nobody else");
        assert!(!breaker.failed(now + OPEN_TIME), "it is open already");
        assert!(!breaker.allows(now + OPEN_TIME + OPEN_TIME / 2));
        assert!(breaker.allows(now + OPEN_TIME * 2));
        assert!(breaker.succeeded(), "that closes it");
        assert!(breaker.is_closed() && breaker.allows(now + OPEN_TIME * 2));
    }

    #[test]
    fn a_trial_that_comes_to_nothing_is_followed_by_another() {
        let breaker = RedisBreaker::default();
        let now = Instant::now();
        for _ in 0..FAILURES_MAX + 5 {
            breaker.failed(now);
        }
        assert!(breaker.allows(now + OPEN_TIME));
        // Whoever tried has gone away without a word.
        assert!(breaker.allows(now + OPEN_TIME * 2));
    }
}
