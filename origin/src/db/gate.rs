//! How many connections may be busy at the same time: as few as do not make anybody wait long, within
//! bounds. More of them than the database has hands only get in each other's way.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// Waiting longer than this on average asks for more connections.
const LONG: Duration = Duration::from_millis(2);
/// Waiting shorter than this on average is none.
const SHORT: Duration = Duration::from_micros(100);
/// So many looks without anybody waiting take one away.
const QUIET_LOOKS: u32 = 20;

/// What one passes to have a connection.
#[derive(Debug)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    least: usize,
    most: usize,
    open: Mutex<Open>,
    waiting: AtomicUsize,
    timed_out: AtomicU64,
    passed: AtomicU64,
    waited_us: AtomicU64,
}

/// How wide it is, and what was seen at the last look.
#[derive(Debug)]
struct Open {
    width: usize,
    passed: u64,
    waited_us: u64,
    average: Duration,
    quiet: u32,
}

/// What was seen at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateFigures {
    /// How many may pass at the same time just now.
    pub width: usize,
    /// How many have passed and are not back.
    pub active: usize,
    /// How many stand before it.
    pub waiting: usize,
    /// How often somebody went away because it took too long.
    pub timed_out: u64,
    /// How many have passed or gone away.
    pub passed: u64,
    /// How long all of them have waited.
    pub waited: Duration,
    /// How long one has waited on average, between the last two looks.
    pub average: Duration,
}

impl Gate {
    /// As wide as `least`, until that is too narrow.
    pub(super) fn new(least: usize, most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(least)),
            least,
            most,
            open: Mutex::new(Open {
                width: least,
                passed: 0,
                waited_us: 0,
                average: Duration::ZERO,
                quiet: 0,
            }),
            waiting: AtomicUsize::new(0),
            timed_out: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            waited_us: AtomicU64::new(0),
        }
    }

    /// Passes, or fails when that takes longer than this.
    pub(super) async fn pass(&self, patience: Duration) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            self.passed.fetch_add(1, Ordering::Relaxed);
            return Ok(permit);
        }
        let began = Instant::now();
        let waiting = Waiting::new(&self.waiting);
        let passed = tokio::time::timeout(patience, Arc::clone(&self.places).acquire_owned());
        let passed = passed.await;
        drop(waiting);
        self.passed.fetch_add(1, Ordering::Relaxed);
        self.note_waited(began.elapsed());
        match passed {
            Ok(permit) => permit.map_err(|_| Error::PoolClosed),
            Err(_) => {
                self.timed_out.fetch_add(1, Ordering::Relaxed);
                Err(Error::PoolTimedOut)
            }
        }
    }

    /// Somebody has waited for so long to get through, here or on the way here.
    pub(super) fn note_waited(&self, waited: Duration) {
        let us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.waited_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Becomes wider when it took long to pass since the last look, and narrower when nobody has waited
    /// for a while.
    pub(super) fn look(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = self.passed.load(Ordering::Relaxed);
        let waited_us = self.waited_us.load(Ordering::Relaxed);
        let count = passed.wrapping_sub(open.passed);
        let waited = Duration::from_micros(waited_us.wrapping_sub(open.waited_us));
        (open.passed, open.waited_us) = (passed, waited_us);
        let average = waited / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        open.average = average;
        if average > LONG || (count == 0 && self.waiting.load(Ordering::Relaxed) > 0) {
            open.quiet = 0;
            let wider = (open.width + open.width.div_ceil(2)).min(self.most);
            self.places.add_permits(wider - open.width);
            open.width = wider;
        } else if average < SHORT && open.width > self.least {
            open.quiet += 1;
            if open.quiet >= QUIET_LOOKS {
                open.quiet = 0;
                // Whoever has passed is not called back: a place is taken away when it is free.
                open.width -= self.places.forget_permits(1);
            }
        } else {
            open.quiet = 0;
        }
    }

    /// Lets nobody through any more, and waits until all are back.
    pub(super) async fn close(&self) {
        let width = self.figures().width;
        let all = u32::try_from(width).unwrap_or(u32::MAX);
        if let Ok(permits) = self.places.acquire_many(all).await {
            permits.forget();
        }
        self.places.close();
    }

    pub(super) fn figures(&self) -> GateFigures {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (width, average) = (open.width, open.average);
        drop(open);
        GateFigures {
            width,
            active: width.saturating_sub(self.places.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            passed: self.passed.load(Ordering::Relaxed),
            waited: Duration::from_micros(self.waited_us.load(Ordering::Relaxed)),
            average,
        }
    }
}

/// Counts one who waits, also when that one goes away.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn it_becomes_wider_while_passing_takes_long_and_no_wider_than_it_may() {
        let gate = Gate::new(2, 4);
        for width in [3, 4, 4] {
            gate.note_waited(LONG * 2);
            gate.look();
            assert_eq!(gate.figures().width, width);
        }
        let held: Vec<_> = (0..4).map(|_| gate.places.try_acquire().unwrap()).collect();
        assert!(gate.places.try_acquire().is_err());
        assert_eq!(gate.figures().active, 4);
        drop(held);
    }

    #[tokio::test]
    async fn it_becomes_narrower_again_when_nobody_has_waited_for_a_while() {
        let gate = Gate::new(1, 3);
        gate.note_waited(LONG * 2);
        gate.look();
        assert_eq!(gate.figures().width, 2);
        for _ in 0..QUIET_LOOKS * 3 {
            let _ = gate.pass(PATIENCE).await.unwrap();
            gate.look();
        }
        assert_eq!(gate.figures().width, 1);
        let held = gate.pass(PATIENCE).await.unwrap();
        assert!(gate.places.try_acquire().is_err());
        drop(held);
    }

    #[tokio::test]
    async fn it_becomes_wider_when_nobody_gets_through_at_all() {
        let gate = Arc::new(Gate::new(1, 2));
        let held = gate.pass(PATIENCE).await.unwrap();
        gate.look();
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.pass(PATIENCE).await.is_ok() }
        });
        while gate.figures().waiting == 0 {
            tokio::task::yield_now().await;
        }
        gate.look();
        assert!(waiting.await.unwrap());
        drop(held);
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_so_and_counted() {
        let gate = Gate::new(1, 1);
        let _held = gate.pass(PATIENCE).await.unwrap();
        let refused = gate.pass(Duration::ZERO).await;
        assert!(matches!(refused, Err(Error::PoolTimedOut)));
        let figures = gate.figures();
        assert_eq!(
            (figures.timed_out, figures.waiting, figures.active),
            (1, 0, 1)
        );
    }

    #[tokio::test]
    async fn a_closed_gate_waits_for_those_who_are_through() {
        let gate = Arc::new(Gate::new(2, 2));
        let held = gate.pass(PATIENCE).await.unwrap();
        let closing = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.close().await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished());
        drop(held);
        closing.await.unwrap();
        assert!(matches!(gate.pass(PATIENCE).await, Err(Error::PoolClosed)));
    }
}
