//! The activity of a connection and its time limits. The limits apply from the accept on, for both
//! protocols: before the first request, between requests, while a request head arrives, and while
//! the client receives a response.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// The time limits of a connection, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// To send the head of a request.
    pub head_ms: u64,
    /// To begin the next request.
    pub idle_ms: u64,
    /// To receive the next part of a response.
    pub write_ms: u64,
}

/// Why the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CloseReason {
    /// No complete request head arrived in time.
    Head,
    /// No further request began in time.
    Idle,
    /// The client did not receive the response in time.
    Write,
    /// It was evicted to make room for other connections.
    Room,
    /// It sent too many frames that are no requests.
    Flood,
}

impl CloseReason {
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Write => "write",
            Self::Room => "room",
            Self::Flood => "flood",
        }
    }
}

/// A clock that nobody sets, in milliseconds since the listener was opened.
#[derive(Clone, Debug)]
pub(super) enum MonotonicClock {
    Since(Instant),
    #[cfg(test)]
    Manual(std::sync::Arc<AtomicU64>),
}

impl MonotonicClock {
    pub(super) fn now_ms(&self) -> u64 {
        match self {
            Self::Since(opened) => u64::try_from(opened.elapsed().as_millis()).unwrap_or(NEVER),
            #[cfg(test)]
            Self::Manual(now_ms) => now_ms.load(Ordering::Relaxed),
        }
    }

    #[cfg(test)]
    pub(super) fn manual() -> Self {
        Self::Manual(std::sync::Arc::default())
    }

    #[cfg(test)]
    pub(super) fn pass(&self, ms: u64) {
        if let Self::Manual(now_ms) = self {
            now_ms.fetch_add(ms, Ordering::Relaxed);
        }
    }
}

/// In place of a time: never.
const NEVER: u64 = u64::MAX;

/// The activity of a connection.
#[derive(Debug)]
pub(super) struct ConnectionActivity {
    clock: MonotonicClock,
    limits: TimeLimits,
    state: Mutex<State>,
    /// Since when it has been idle, for the registry; [`NEVER`] during requests.
    waiting_since_ms: AtomicU64,
    /// Since when writing has been stalled; [`NEVER`] while it is not.
    stalled_since_ms: AtomicU64,
    /// Whether a request on it has been served.
    answered: AtomicBool,
    evicted: AtomicBool,
    flooded: AtomicBool,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    requests: usize,
    since_ms: u64,
    /// Whether a head has begun, or is due because there was no request yet.
    head: bool,
    /// When each response in flight made progress last.
    responses: BTreeMap<u64, u64>,
    next: u64,
}

impl ConnectionActivity {
    pub(super) fn new(clock: MonotonicClock, limits: TimeLimits) -> Self {
        let now_ms = clock.now_ms();
        Self {
            clock,
            limits,
            state: Mutex::new(State {
                requests: 0,
                since_ms: now_ms,
                head: true,
                responses: BTreeMap::new(),
                next: 0,
            }),
            waiting_since_ms: AtomicU64::new(now_ms),
            stalled_since_ms: AtomicU64::new(NEVER),
            answered: AtomicBool::new(false),
            evicted: AtomicBool::new(false),
            flooded: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Milliseconds since the listener was opened.
    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of a request head have arrived.
    pub(super) fn on_request_bytes(&self) {
        let mut state = self.lock();
        if state.requests == 0 && !state.head {
            state.head = true;
            state.since_ms = self.now_ms();
        }
    }

    /// A request head is complete.
    pub(super) fn begin_request(&self) {
        let mut state = self.lock();
        state.requests += 1;
        self.waiting_since_ms.store(NEVER, Ordering::Relaxed);
    }

    /// A request and its response have ended.
    pub(super) fn end_request(&self, response: Option<u64>) {
        let mut state = self.lock();
        state.requests = state.requests.saturating_sub(1);
        if let Some(response) = response {
            state.responses.remove(&response);
        }
        self.answered.store(true, Ordering::Relaxed);
        if state.requests == 0 {
            state.head = false;
            state.since_ms = self.now_ms();
            self.waiting_since_ms
                .store(state.since_ms, Ordering::Relaxed);
        }
    }

    /// A response has begun. Returns its number.
    pub(super) fn begin_response(&self) -> u64 {
        let mut state = self.lock();
        let response = state.next;
        state.next += 1;
        state.responses.insert(response, self.now_ms());
        response
    }

    /// hyper wants more of a response. With `is_pending` the handler is still producing it, so the
    /// client's time does not run.
    pub(super) fn poll_response(&self, response: u64, is_pending: bool) {
        let since = if is_pending { NEVER } else { self.now_ms() };
        self.lock().responses.insert(response, since);
    }

    /// Whether writing is stalled: the client does not read.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_since_ms.load(Ordering::Relaxed) != NEVER
    }

    /// Records whether writing is stalled.
    pub(super) fn set_stalled(&self, stalled: bool) {
        let since = if stalled { self.now_ms() } else { NEVER };
        self.stalled_since_ms.store(since, Ordering::Relaxed);
    }

    /// The rank for eviction, none if it must not be evicted; the lowest rank is evicted first.
    /// Connections without a served request and stalled ones rank below those that wait for their
    /// next request; among these, the longest idle ranks lowest.
    pub(super) fn eviction_rank(&self) -> Option<(bool, u64)> {
        if self.is_evicted() {
            return None;
        }
        let stalled = self.stalled_since_ms.load(Ordering::Relaxed);
        if stalled != NEVER {
            return Some((false, stalled));
        }
        let waiting = self.waiting_since_ms.load(Ordering::Relaxed);
        (waiting != NEVER).then(|| (self.answered.load(Ordering::Relaxed), waiting))
    }

    /// Evicts it, to make room for other connections.
    pub(super) fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Records a flood of frames.
    pub(super) fn set_flooded(&self) {
        self.flooded.store(true, Ordering::Release);
    }

    /// Whether it has flooded the server with frames.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Acquire)
    }

    /// Whether it was evicted.
    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Acquire)
    }

    /// The current deadline, and the reason to close the connection then.
    pub(super) fn deadline(&self) -> (u64, CloseReason) {
        let TimeLimits {
            head_ms,
            idle_ms,
            write_ms,
        } = self.limits;
        let state = self.lock();
        let waiting = match (state.requests, state.head) {
            (0, true) => (state.since_ms.saturating_add(head_ms), CloseReason::Head),
            (0, false) => (state.since_ms.saturating_add(idle_ms), CloseReason::Idle),
            _ => (NEVER, CloseReason::Idle),
        };
        let slowest = state.responses.values().min().copied().unwrap_or(NEVER);
        drop(state);
        let stalled = self.stalled_since_ms.load(Ordering::Relaxed).min(slowest);
        waiting.min((stalled.saturating_add(write_ms), CloseReason::Write))
    }

    /// Waits until the connection has to be closed, and returns why.
    pub(super) async fn wait_until_due(&self) -> CloseReason {
        let TimeLimits {
            head_ms,
            idle_ms,
            write_ms,
        } = self.limits;
        // No deadline that begins meanwhile can end earlier than this.
        let nap = Duration::from_millis(head_ms.min(idle_ms).min(write_ms).max(1));
        loop {
            if self.is_evicted() {
                return CloseReason::Room;
            }
            let (deadline_ms, why) = self.deadline();
            let now_ms = self.now_ms();
            if deadline_ms <= now_ms {
                return why;
            }
            let left = Duration::from_millis(deadline_ms - now_ms).min(nap);
            // The loop checks again after a timeout and after an eviction.
            let _ = tokio::time::timeout(left, self.changed.notified()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TimeLimits = TimeLimits {
        head_ms: 10_000,
        idle_ms: 75_000,
        write_ms: 30_000,
    };

    fn new() -> (MonotonicClock, ConnectionActivity) {
        let clock = MonotonicClock::manual();
        let activity = ConnectionActivity::new(clock.clone(), LIMITS);
        (clock, activity)
    }

    #[test]
    fn a_silent_connection_is_closed_when_a_head_is_due() {
        let (clock, silent) = new();
        assert_eq!(silent.deadline(), (10_000, CloseReason::Head));
        // A head that arrives slowly gets no extra time.
        for _ in 0..9 {
            clock.pass(1_000);
            silent.on_request_bytes();
        }
        assert_eq!(silent.deadline(), (10_000, CloseReason::Head));
    }

    #[test]
    fn between_requests_the_idle_limit_applies() {
        let (clock, activity) = new();
        activity.begin_request();
        clock.pass(20_000);
        assert_eq!(
            (activity.deadline().0, activity.eviction_rank()),
            (NEVER, None)
        );
        activity.end_request(None);
        assert_eq!(activity.eviction_rank(), Some((true, 20_000)));
        assert_eq!(activity.deadline(), (95_000, CloseReason::Idle));
        clock.pass(50_000);
        activity.on_request_bytes();
        clock.pass(1_000);
        activity.on_request_bytes();
        assert_eq!(activity.deadline(), (80_000, CloseReason::Head));
    }

    #[test]
    fn the_write_limit_applies_to_stalled_responses_only() {
        let (clock, activity) = new();
        activity.begin_request();
        activity.begin_request();
        let (one, other) = (activity.begin_response(), activity.begin_response());
        for _ in 0..10 {
            clock.pass(20_000);
            activity.poll_response(one, false);
            activity.poll_response(other, false);
            assert_eq!(
                activity.deadline(),
                (activity.now_ms() + 30_000, CloseReason::Write)
            );
        }
        activity.end_request(Some(one));
        clock.pass(20_000);
        assert_eq!(activity.deadline(), (230_000, CloseReason::Write));
        // While the shop produces the body, the client's time does not run.
        activity.poll_response(other, true);
        assert_eq!(activity.deadline().0, NEVER);
        activity.set_stalled(true);
        assert_eq!(activity.eviction_rank(), Some((false, 220_000)));
        assert_eq!(activity.deadline(), (250_000, CloseReason::Write));
        activity.set_stalled(false);
        assert_eq!(activity.deadline().0, NEVER);
    }

    #[tokio::test]
    async fn an_evicted_connection_is_closed_at_once() {
        let (_, activity) = new();
        activity.evict();
        assert_eq!(activity.wait_until_due().await, CloseReason::Room);
        assert_eq!(activity.eviction_rank(), None);
    }
}
