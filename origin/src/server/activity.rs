//! What a connection is doing, and until when it may. The limits hold from the accept on, whatever the client
//! speaks: until a request has begun, between requests, while its head arrives, and while its answer is taken.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// How long a connection may take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// To send the head of a request.
    pub head_ms: u64,
    /// To begin another one.
    pub idle_ms: u64,
    /// To take the next part of an answer.
    pub write_ms: u64,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CloseReason {
    /// No request came in time.
    Head,
    /// No other request came in time.
    Idle,
    /// Its answer is not taken.
    Write,
    /// There was no room for others.
    Room,
    /// It asked for work that is no request.
    Flood,
}

impl CloseReason {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Write => "write",
            Self::Room => "room",
            Self::Flood => "flood",
        }
    }
}

/// What time it is, in milliseconds since the listener was opened. Nobody sets this clock.
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

/// Nothing: in the place of a time.
const NEVER: u64 = u64::MAX;

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct ConnectionActivity {
    clock: MonotonicClock,
    limits: TimeLimits,
    state: Mutex<State>,
    /// Since when it does nothing for anybody, for the registry; [`NEVER`] while it does.
    waiting_since_ms: AtomicU64,
    /// Since when writing is held up; [`NEVER`] while it is not.
    stalled_since_ms: AtomicU64,
    /// Whether a request was answered on it.
    answered: AtomicBool,
    evicted: AtomicBool,
    flooded: AtomicBool,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    requests: usize,
    since_ms: u64,
    /// Whether a head has begun, or is due because nothing was asked yet.
    head: bool,
    /// When each answer that is on its way made progress last.
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

    /// The head of a request, or a part of it, has arrived.
    pub(super) fn on_request_bytes(&self) {
        let mut state = self.lock();
        if state.requests == 0 && !state.head {
            state.head = true;
            state.since_ms = self.now_ms();
        }
    }

    /// A request is here.
    pub(super) fn begin_request(&self) {
        let mut state = self.lock();
        state.requests += 1;
        self.waiting_since_ms.store(NEVER, Ordering::Relaxed);
    }

    /// A request is over, and so is its answer.
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

    /// An answer is on its way; what is given names it.
    pub(super) fn begin_response(&self) -> u64 {
        let mut state = self.lock();
        let response = state.next;
        state.next += 1;
        state.responses.insert(response, self.now_ms());
        response
    }

    /// More of an answer is wanted, and is here or still being made.
    pub(super) fn poll_response(&self, response: u64, is_made: bool) {
        let since = if is_made { NEVER } else { self.now_ms() };
        self.lock().responses.insert(response, since);
    }

    /// Whether what is written is not taken.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_since_ms.load(Ordering::Relaxed) != NEVER
    }

    /// Says whether what is written is taken.
    pub(super) fn set_stalled(&self, yes: bool) {
        let since = if yes { self.now_ms() } else { NEVER };
        self.stalled_since_ms.store(since, Ordering::Relaxed);
    }

    /// Whether it could be ended for the sake of others, and how soon: the least goes first. One that never
    /// asked or does not read goes before one that waits for its next request; of these who has waited longest.
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

    /// Ends it for the sake of others.
    pub(super) fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// It asks for too much that is no request.
    pub(super) fn set_flooded(&self) {
        self.flooded.store(true, Ordering::Release);
    }

    /// Whether it has asked for too much that is no request.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Acquire)
    }

    /// Whether it was ended for the sake of others.
    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Acquire)
    }

    /// When it is to be ended as things are, and why.
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

    /// Ends when the connection has to, and says why.
    pub(super) async fn wait_until_due(&self) -> CloseReason {
        let TimeLimits {
            head_ms,
            idle_ms,
            write_ms,
        } = self.limits;
        // Whatever begins meanwhile is not due earlier.
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
            // Evicted or not, one looks again.
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
    fn silence_ends_when_a_head_is_due() {
        let (clock, silent) = new();
        assert_eq!(silent.deadline(), (10_000, CloseReason::Head));
        // A head that drips in has begun long ago.
        for _ in 0..9 {
            clock.pass(1_000);
            silent.on_request_bytes();
        }
        assert_eq!(silent.deadline(), (10_000, CloseReason::Head));
    }

    #[test]
    fn between_requests_it_may_wait_longer_until_the_next_one_begins() {
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
    fn an_answer_that_nobody_takes_ends_it_and_one_that_is_taken_does_not() {
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
        // What the shop has not made yet is not the client's fault.
        activity.poll_response(other, true);
        assert_eq!(activity.deadline().0, NEVER);
        activity.set_stalled(true);
        assert_eq!(activity.eviction_rank(), Some((false, 220_000)));
        assert_eq!(activity.deadline(), (250_000, CloseReason::Write));
        activity.set_stalled(false);
        assert_eq!(activity.deadline().0, NEVER);
    }

    #[tokio::test]
    async fn it_makes_room_at_once() {
        let (_, activity) = new();
        activity.evict();
        assert_eq!(activity.wait_until_due().await, CloseReason::Room);
        assert_eq!(activity.eviction_rank(), None);
    }
}
