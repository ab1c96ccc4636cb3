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
pub(super) enum Cut {
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

impl Cut {
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
pub(super) enum Ticks {
    Since(Instant),
    #[cfg(test)]
    Manual(std::sync::Arc<AtomicU64>),
}

impl Ticks {
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
pub(super) struct Vitals {
    ticks: Ticks,
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
    answers: BTreeMap<u64, u64>,
    next: u64,
}

impl Vitals {
    pub(super) fn new(ticks: Ticks, limits: TimeLimits) -> Self {
        let now_ms = ticks.now_ms();
        Self {
            ticks,
            limits,
            state: Mutex::new(State {
                requests: 0,
                since_ms: now_ms,
                head: true,
                answers: BTreeMap::new(),
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
        self.ticks.now_ms()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head of a request, or a part of it, has arrived.
    pub(super) fn head_begun(&self) {
        let mut state = self.lock();
        if state.requests == 0 && !state.head {
            state.head = true;
            state.since_ms = self.now_ms();
        }
    }

    /// A request is here.
    pub(super) fn request_begun(&self) {
        let mut state = self.lock();
        state.requests += 1;
        self.waiting_since_ms.store(NEVER, Ordering::Relaxed);
    }

    /// A request is over, and so is its answer.
    pub(super) fn request_ended(&self, answer: Option<u64>) {
        let mut state = self.lock();
        state.requests = state.requests.saturating_sub(1);
        if let Some(answer) = answer {
            state.answers.remove(&answer);
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
    pub(super) fn answer_begun(&self) -> u64 {
        let mut state = self.lock();
        let answer = state.next;
        state.next += 1;
        state.answers.insert(answer, self.now_ms());
        answer
    }

    /// More of an answer is wanted, and is here or still being made.
    pub(super) fn answer_wanted(&self, answer: u64, is_made: bool) {
        let since = if is_made { NEVER } else { self.now_ms() };
        self.lock().answers.insert(answer, since);
    }

    /// Whether what is written is not taken.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_since_ms.load(Ordering::Relaxed) != NEVER
    }

    /// Says whether what is written is taken.
    pub(super) fn stalled(&self, yes: bool) {
        let since = if yes { self.now_ms() } else { NEVER };
        self.stalled_since_ms.store(since, Ordering::Relaxed);
    }

    /// Whether it could be ended for the sake of others, and how soon: the least goes first. One that never
    /// asked or does not read goes before one that waits for its next request; of these who has waited longest.
    pub(super) fn idleness(&self) -> Option<(bool, u64)> {
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
    pub(super) fn flooded(&self) {
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
    pub(super) fn due(&self) -> (u64, Cut) {
        let TimeLimits {
            head_ms,
            idle_ms,
            write_ms,
        } = self.limits;
        let state = self.lock();
        let waiting = match (state.requests, state.head) {
            (0, true) => (state.since_ms.saturating_add(head_ms), Cut::Head),
            (0, false) => (state.since_ms.saturating_add(idle_ms), Cut::Idle),
            _ => (NEVER, Cut::Idle),
        };
        let slowest = state.answers.values().min().copied().unwrap_or(NEVER);
        drop(state);
        let stalled = self.stalled_since_ms.load(Ordering::Relaxed).min(slowest);
        waiting.min((stalled.saturating_add(write_ms), Cut::Write))
    }

    /// Ends when the connection has to, and says why.
    pub(super) async fn overdue(&self) -> Cut {
        let TimeLimits {
            head_ms,
            idle_ms,
            write_ms,
        } = self.limits;
        // Whatever begins meanwhile is not due earlier.
        let nap = Duration::from_millis(head_ms.min(idle_ms).min(write_ms).max(1));
        loop {
            if self.is_evicted() {
                return Cut::Room;
            }
            let (due_ms, why) = self.due();
            let now_ms = self.now_ms();
            if due_ms <= now_ms {
                return why;
            }
            let left = Duration::from_millis(due_ms - now_ms).min(nap);
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

    fn new() -> (Ticks, Vitals) {
        let ticks = Ticks::manual();
        let vitals = Vitals::new(ticks.clone(), LIMITS);
        (ticks, vitals)
    }

    #[test]
    fn silence_ends_when_a_head_is_due() {
        let (ticks, silent) = new();
        assert_eq!(silent.due(), (10_000, Cut::Head));
        // A head that drips in has begun long ago.
        for _ in 0..9 {
            ticks.pass(1_000);
            silent.head_begun();
        }
        assert_eq!(silent.due(), (10_000, Cut::Head));
    }

    #[test]
    fn between_requests_it_may_wait_longer_until_the_next_one_begins() {
        let (ticks, vitals) = new();
        vitals.request_begun();
        ticks.pass(20_000);
        assert_eq!((vitals.due().0, vitals.idleness()), (NEVER, None));
        vitals.request_ended(None);
        assert_eq!(vitals.idleness(), Some((true, 20_000)));
        assert_eq!(vitals.due(), (95_000, Cut::Idle));
        ticks.pass(50_000);
        vitals.head_begun();
        ticks.pass(1_000);
        vitals.head_begun();
        assert_eq!(vitals.due(), (80_000, Cut::Head));
    }

    #[test]
    fn an_answer_that_nobody_takes_ends_it_and_one_that_is_taken_does_not() {
        let (ticks, vitals) = new();
        vitals.request_begun();
        vitals.request_begun();
        let (one, other) = (vitals.answer_begun(), vitals.answer_begun());
        for _ in 0..10 {
            ticks.pass(20_000);
            vitals.answer_wanted(one, false);
            vitals.answer_wanted(other, false);
            assert_eq!(vitals.due(), (vitals.now_ms() + 30_000, Cut::Write));
        }
        vitals.request_ended(Some(one));
        ticks.pass(20_000);
        assert_eq!(vitals.due(), (230_000, Cut::Write));
        // What the shop has not made yet is not the client's fault.
        vitals.answer_wanted(other, true);
        assert_eq!(vitals.due().0, NEVER);
        vitals.stalled(true);
        assert_eq!(vitals.idleness(), Some((false, 220_000)));
        assert_eq!(vitals.due(), (250_000, Cut::Write));
        vitals.stalled(false);
        assert_eq!(vitals.due().0, NEVER);
    }

    #[tokio::test]
    async fn it_makes_room_at_once() {
        let (_, vitals) = new();
        vitals.evict();
        assert_eq!(vitals.overdue().await, Cut::Room);
        assert_eq!(vitals.idleness(), None);
    }
}
