//! The circuit breaker of Redis: consecutive failures open it; after a short time one request may
//! try, and its outcome closes the breaker or keeps it open.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The number of consecutive failures that open it.
const FAILURES_MAX: u32 = 3;
/// The time until the next trial request.
const OPEN_TIME: Duration = Duration::from_secs(1);

/// Counts failures and decides which requests may be sent.
#[derive(Debug)]
pub(super) struct RedisBreaker {
    began: Instant,
    failures: AtomicU32,
    /// Until when it stays open, in milliseconds since `began`.
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
    /// Whether it is closed: all requests may be sent.
    pub(super) fn is_closed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES_MAX
    }

    /// Whether this request may be sent.
    pub(super) fn allows(&self, now: Instant) -> bool {
        if self.is_closed() {
            return true;
        }
        let until = self.open_until_ms.load(Ordering::Relaxed);
        // One request wins the exchange and is the trial. If it never reports an outcome, another
        // one follows later.
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

    /// Records a success. True if that closes the breaker.
    pub(super) fn succeeded(&self) -> bool {
        // This is on every request's path, so it writes only if something changes.
        self.failures.load(Ordering::Relaxed) > 0
            && self.failures.swap(0, Ordering::Relaxed) >= FAILURES_MAX
    }

    /// Records a failure. True if that opens the breaker.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before >= FAILURES_MAX {
            // Requests that were sent before it opened also fail; they must not overflow the
            // counter.
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
    fn consecutive_failures_open_it_and_one_trial_decides() {
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
    fn a_trial_without_an_outcome_is_followed_by_another() {
        let breaker = RedisBreaker::default();
        let now = Instant::now();
        for _ in 0..FAILURES_MAX + 5 {
            breaker.failed(now);
        }
        assert!(breaker.allows(now + OPEN_TIME));
        // The trial request was cancelled.
        assert!(breaker.allows(now + OPEN_TIME * 2));
    }
}
