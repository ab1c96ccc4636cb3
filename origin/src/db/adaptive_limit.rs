//! An adaptive concurrency limit for database connections: as low as keeps waits short, within
//! bounds. More connections than the database has processors only get in each other's way.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// An average wait above this raises the limit.
const LONG_WAIT: Duration = Duration::from_millis(2);
/// An average wait below this counts as no wait.
const SHORT_WAIT: Duration = Duration::from_micros(100);
/// After this many adjustments without a wait the limit falls by one.
const QUIET_ADJUSTMENTS: u32 = 20;

/// A semaphore whose number of permits follows how long callers wait for one.
#[derive(Debug)]
pub(super) struct AdaptiveLimit {
    permits: Arc<Semaphore>,
    min: usize,
    max: usize,
    state: Mutex<LimitState>,
    waiting: AtomicUsize,
    timed_out: AtomicU64,
    requests: AtomicU64,
    total_wait_us: AtomicU64,
}

/// The current limit, and the counters as they were at the last adjustment.
#[derive(Debug)]
struct LimitState {
    limit: usize,
    requests: u64,
    total_wait_us: u64,
    average_wait: Duration,
    /// Consecutive adjustments without a wait.
    quiet: u32,
}

/// The state of an adaptive limit, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveLimitStats {
    /// The number of permits.
    pub limit: usize,
    /// Permits in use.
    pub active: usize,
    /// Callers that wait for a permit.
    pub waiting: usize,
    /// Callers that gave up because a permit took too long, since the start.
    pub timed_out: u64,
    /// Callers that have got a permit or given up, since the start.
    pub requests: u64,
    /// The sum of their waits.
    pub total_wait: Duration,
    /// The average wait between the last two adjustments.
    pub average_wait: Duration,
}

impl AdaptiveLimit {
    /// Starts at `min` and never exceeds `max`.
    pub(super) fn new(min: usize, max: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(min)),
            min,
            max,
            state: Mutex::new(LimitState {
                limit: min,
                requests: 0,
                total_wait_us: 0,
                average_wait: Duration::ZERO,
                quiet: 0,
            }),
            waiting: AtomicUsize::new(0),
            timed_out: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            total_wait_us: AtomicU64::new(0),
        }
    }

    /// Waits for a permit; `PoolTimedOut` when that takes longer than `timeout`.
    pub(super) async fn acquire(&self, timeout: Duration) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            self.requests.fetch_add(1, Ordering::Relaxed);
            return Ok(permit);
        }
        let began = Instant::now();
        let waiting = WaitGuard::new(&self.waiting);
        let acquired = tokio::time::timeout(timeout, Arc::clone(&self.permits).acquire_owned());
        let acquired = acquired.await;
        drop(waiting);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.record_wait(began.elapsed());
        match acquired {
            Ok(permit) => permit.map_err(|_| Error::PoolClosed),
            Err(_) => {
                self.timed_out.fetch_add(1, Ordering::Relaxed);
                Err(Error::PoolTimedOut)
            }
        }
    }

    /// Counts a wait towards the average: one for a permit, or one in a queue before this limit.
    pub(super) fn record_wait(&self, wait: Duration) {
        let us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        self.total_wait_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Raises the limit when callers have waited long since the last adjustment, and lowers it when
    /// none has waited for a while.
    pub(super) fn adjust(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = self.requests.load(Ordering::Relaxed);
        let total_wait_us = self.total_wait_us.load(Ordering::Relaxed);
        let count = requests.wrapping_sub(state.requests);
        let wait = Duration::from_micros(total_wait_us.wrapping_sub(state.total_wait_us));
        (state.requests, state.total_wait_us) = (requests, total_wait_us);
        let average = wait / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        state.average_wait = average;
        if average > LONG_WAIT || (count == 0 && self.waiting.load(Ordering::Relaxed) > 0) {
            state.quiet = 0;
            let raised = (state.limit + state.limit.div_ceil(2)).min(self.max);
            self.permits.add_permits(raised - state.limit);
            state.limit = raised;
        } else if average < SHORT_WAIT && state.limit > self.min {
            state.quiet += 1;
            if state.quiet >= QUIET_ADJUSTMENTS {
                state.quiet = 0;
                // A permit in use is never revoked, so only a free one can be removed.
                state.limit -= self.permits.forget_permits(1);
            }
        } else {
            state.quiet = 0;
        }
    }

    /// Gives out no more permits, and waits until all of them are returned.
    pub(super) async fn close(&self) {
        let limit = self.stats().limit;
        let all = u32::try_from(limit).unwrap_or(u32::MAX);
        if let Ok(permits) = self.permits.acquire_many(all).await {
            permits.forget();
        }
        self.permits.close();
    }

    pub(super) fn stats(&self) -> AdaptiveLimitStats {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (limit, average_wait) = (state.limit, state.average_wait);
        drop(state);
        AdaptiveLimitStats {
            limit,
            active: limit.saturating_sub(self.permits.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            total_wait: Duration::from_micros(self.total_wait_us.load(Ordering::Relaxed)),
            average_wait,
        }
    }
}

/// Counts a waiting caller until it is dropped, which also happens when the caller is cancelled.
struct WaitGuard<'a>(&'a AtomicUsize);

impl<'a> WaitGuard<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn long_waits_raise_the_limit_up_to_its_maximum() {
        let limit = AdaptiveLimit::new(2, 4);
        for expected in [3, 4, 4] {
            limit.record_wait(LONG_WAIT * 2);
            limit.adjust();
            assert_eq!(limit.stats().limit, expected);
        }
        let held: Vec<_> = (0..4)
            .map(|_| limit.permits.try_acquire().unwrap())
            .collect();
        assert!(limit.permits.try_acquire().is_err());
        assert_eq!(limit.stats().active, 4);
        drop(held);
    }

    #[tokio::test]
    async fn the_limit_falls_after_a_while_without_waits() {
        let limit = AdaptiveLimit::new(1, 3);
        limit.record_wait(LONG_WAIT * 2);
        limit.adjust();
        assert_eq!(limit.stats().limit, 2);
        for _ in 0..QUIET_ADJUSTMENTS * 3 {
            let _ = limit.acquire(TIMEOUT).await.unwrap();
            limit.adjust();
        }
        assert_eq!(limit.stats().limit, 1);
        let held = limit.acquire(TIMEOUT).await.unwrap();
        assert!(limit.permits.try_acquire().is_err());
        drop(held);
    }

    #[tokio::test]
    async fn the_limit_rises_while_callers_wait_and_none_gets_a_permit() {
        let limit = Arc::new(AdaptiveLimit::new(1, 2));
        let held = limit.acquire(TIMEOUT).await.unwrap();
        limit.adjust();
        let waiting = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { limit.acquire(TIMEOUT).await.is_ok() }
        });
        while limit.stats().waiting == 0 {
            tokio::task::yield_now().await;
        }
        limit.adjust();
        assert!(waiting.await.unwrap());
        drop(held);
    }

    #[tokio::test]
    async fn a_wait_beyond_the_timeout_is_an_error_and_counted() {
        let limit = AdaptiveLimit::new(1, 1);
        let _held = limit.acquire(TIMEOUT).await.unwrap();
        let refused = limit.acquire(Duration::ZERO).await;
        assert!(matches!(refused, Err(Error::PoolTimedOut)));
        let stats = limit.stats();
        assert_eq!((stats.timed_out, stats.waiting, stats.active), (1, 0, 1));
    }

    #[tokio::test]
    async fn closing_waits_for_the_permits_in_use() {
        let limit = Arc::new(AdaptiveLimit::new(2, 2));
        let held = limit.acquire(TIMEOUT).await.unwrap();
        let closing = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { limit.close().await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished());
        drop(held);
        closing.await.unwrap();
        let refused = limit.acquire(TIMEOUT).await;
        assert!(matches!(refused, Err(Error::PoolClosed)));
    }
}
