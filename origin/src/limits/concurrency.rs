//! The limits of concurrent requests. Browsing and all other requests have one each; a bounded
//! number of requests waits for a permit for a short time.

use std::{
    num::NonZero,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Permits for all requests but browsing: they mostly wait for the batchers.
const OTHER_PERMITS: usize = 1_024;
/// How many requests may wait, for each permit.
const QUEUE_PER_PERMIT: usize = 64;
/// The longest wait for a permit. Clients that would wait longer often have given up by then.
pub const WAIT_MAX: Duration = Duration::from_millis(500);

/// The concurrency limits of both kinds of requests.
#[derive(Debug)]
pub struct ConcurrencyLimits {
    /// Browsing: responses that are the same for every client.
    pub browsing: ConcurrencyLimit,
    /// The permits for browsing while carts or orders are written.
    browsing_while_writing: Semaphore,
    /// All other requests.
    pub other: ConcurrencyLimit,
}

/// The concurrency limit of one kind of requests.
#[derive(Debug)]
pub struct ConcurrencyLimit {
    permits: Semaphore,
    count: Mutex<usize>,
    /// Running and waiting requests together.
    admitted: Semaphore,
    /// The longest wait for a permit.
    wait: Duration,
}

impl ConcurrencyLimits {
    /// Limits for so many database connections to read with.
    pub fn new(connections: usize) -> Self {
        Self {
            browsing: ConcurrencyLimit::new(browsing_permits(connections), WAIT_MAX),
            browsing_while_writing: Semaphore::new(processors().saturating_sub(1).max(1)),
            other: ConcurrencyLimit::new(OTHER_PERMITS, WAIT_MAX),
        }
    }

    /// Throttles browsing while carts or orders are written: it needs a second permit, of which
    /// there are fewer than processors.
    pub async fn throttle_browsing<'a>(
        &'a self,
        mut permit: RequestPermit<'a>,
        wait: Duration,
    ) -> Option<RequestPermit<'a>> {
        permit.second = Some(acquire(&self.browsing_while_writing, wait).await?);
        Some(permit)
    }

    /// Adapts the limit of browsing to the number of database connections.
    pub fn resize(&self, connections: usize) {
        self.browsing.resize(browsing_permits(connections));
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// The permits of browsing for so many database connections.
fn browsing_permits(connections: usize) -> usize {
    (connections * 3 / 4).max(1)
}

impl ConcurrencyLimit {
    fn new(permits: usize, wait: Duration) -> Self {
        Self {
            wait,
            permits: Semaphore::new(permits),
            count: Mutex::new(permits),
            admitted: Semaphore::new(permits * (1 + QUEUE_PER_PERMIT)),
        }
    }

    /// Sets the number of permits. Permits in use are not revoked, so a reduction may be
    /// incomplete; the next call completes it.
    fn resize(&self, target: usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if target > *count {
            let more = target - *count;
            self.admitted.add_permits(more * (1 + QUEUE_PER_PERMIT));
            self.permits.add_permits(more);
            *count = target;
        } else {
            let fewer = self.permits.forget_permits(*count - target);
            self.admitted.forget_permits(fewer * (1 + QUEUE_PER_PERMIT));
            *count -= fewer;
        }
    }

    /// A permit; none if the queue is full or the wait is too long.
    pub async fn take(&self) -> Option<RequestPermit<'_>> {
        Some(RequestPermit {
            admitted: self.admitted.try_acquire().ok()?,
            permit: acquire(&self.permits, self.wait).await?,
            second: None,
        })
    }
}

/// A permit to run, released on drop.
#[derive(Debug)]
#[expect(dead_code, reason = "the permits are held only to be released on drop")]
pub struct RequestPermit<'a> {
    admitted: SemaphorePermit<'a>,
    permit: SemaphorePermit<'a>,
    second: Option<SemaphorePermit<'a>>,
}

async fn acquire(permits: &Semaphore, wait: Duration) -> Option<SemaphorePermit<'_>> {
    if let Ok(permit) = permits.try_acquire() {
        return Some(permit);
    }
    tokio::time::timeout(wait, permits.acquire())
        .await
        .ok()?
        .ok()
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, future::join_all, poll};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn a_waiting_request_gets_a_released_permit() {
        let limit = ConcurrencyLimit::new(1, HOUR);
        let held = limit.take().await;
        assert!(held.is_some());
        let mut waiting = Box::pin(limit.take());
        assert!(poll!(&mut waiting).is_pending());
        drop(held);
        assert!(waiting.await.is_some());
    }

    #[tokio::test]
    async fn a_request_without_a_permit_in_time_is_refused() {
        let limit = ConcurrencyLimit::new(1, Duration::ZERO);
        let _held = limit.take().await;
        assert!(limit.take().await.is_none());
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let limit = ConcurrencyLimit::new(1, HOUR);
        let held = limit.take().await;
        let mut waiting = Box::pin(join_all((0..QUEUE_PER_PERMIT).map(|_| limit.take())));
        assert!(poll!(&mut waiting).is_pending());
        let late = limit.take().now_or_never();
        assert!(
            late.is_some_and(|it| it.is_none()),
            "the request beyond the queue is refused at once"
        );
        drop((waiting, held));
        assert!(
            limit.take().await.is_some(),
            "a cancelled request leaves the queue"
        );
    }

    #[tokio::test]
    async fn browsing_leaves_a_processor_while_carts_or_orders_are_written() {
        let limits = ConcurrencyLimits::new(100);
        let free = limits.browsing_while_writing.available_permits();
        assert!(free >= 1 && (free < processors() || free == 1));
        let throttled = async || {
            let permit = limits.browsing.take().await.unwrap();
            limits.throttle_browsing(permit, Duration::ZERO).await
        };
        let held = join_all((0..free).map(|_| throttled())).await;
        assert!(held.iter().all(Option::is_some));
        assert!(throttled().await.is_none());
        assert!(
            limits.browsing.take().await.is_some(),
            "nothing is being written"
        );
        drop(held);
        assert!(throttled().await.is_some());
    }

    #[test]
    fn browsing_leaves_connections_for_writes() {
        for connections in [2, 4, 16, 100] {
            let limits = ConcurrencyLimits::new(1_000);
            limits.resize(connections);
            let permits = limits.browsing.permits.available_permits();
            assert!(permits >= 1 && permits < connections, "{connections}");
        }
    }

    #[tokio::test]
    async fn resizing_adds_and_removes_permits() {
        let limit = ConcurrencyLimit::new(2, HOUR);
        let held = limit.take().await;
        limit.resize(3);
        assert_eq!(limit.permits.available_permits(), 2);
        limit.resize(1);
        assert_eq!(limit.permits.available_permits(), 0);
        drop(held);
        assert!(limit.take().await.is_some());
        assert_eq!(limit.permits.available_permits(), 1);
        limit.resize(2);
        assert_eq!(
            limit.admitted.available_permits(),
            2 * (1 + QUEUE_PER_PERMIT)
        );
    }
}
