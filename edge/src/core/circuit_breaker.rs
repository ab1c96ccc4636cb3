//! What keeps a failing origin from being asked to death, and clients from waiting for it. Only what the
//! origin did is counted. Requests that may change something and those that only read have a breaker each,
//! and it opens when an active probe fails too: a few broken pages are no broken origin. A single address
//! that keeps failing is held back by itself ([`KeyBreakers`]).

mod key_breakers;

pub use key_breakers::KeyBreakers;

use std::collections::HashSet;

use super::stored_response::Millis;

/// Over how long failures are counted.
const WINDOW_MS: Millis = 10_000;
/// So many failures, and this part of the requests, make the origin suspect, unless the settings say another
/// number.
pub const FAILURES_MIN: u32 = 3;
const FAILED_PER_CENT: u32 = 50;
/// How often the origin is probed while a breaker is open.
pub const PROBE_EVERY_MS: u32 = 250;
/// Who probes and has said nothing for so long has gone away.
const PROBE_LOST_MS: Millis = 3_000;
/// A second try costs ten first ones, so an outage makes a tenth more requests and not twice as many.
const TRIES_PER_RETRY: u32 = 10;
const RETRIES_MAX: u32 = 10;

/// What is asked of the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind<'k> {
    /// It may change something.
    Unsafe,
    /// It only reads, for somebody.
    Safe,
    /// It reads what is the same for everybody at this address.
    Key(&'k str),
}

/// What the origin did with a request. What the client did is no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginOutcome {
    /// It answered; also that it has too much to do (503 with `Retry-After`).
    Success,
    /// It answered that it failed.
    ServerError,
    /// It had the whole request and did not answer in time.
    Timeout,
    /// There was no connection, or it broke off.
    NoConnection,
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Go to the origin.
    Send,
    /// Wait for a moment: the origin is being started again.
    Wait,
    /// Fail at once.
    Reject,
}

/// The breakers of this isolate.
#[derive(Clone, Debug)]
pub struct CircuitBreakers {
    /// For how long after its connections broke off an origin counts as being started again.
    restart_ms: Millis,
    /// So many failures make the origin suspect. With 0 it is asked whatever it does.
    failures_min: u32,
    writes: CircuitBreaker,
    reads: CircuitBreaker,
    key_breakers: KeyBreakers,
    probe: Option<PendingProbe>,
    /// In tenths of a retry.
    retry_budget: u32,
}

/// What is known of the one who probes.
#[derive(Clone, Copy, Debug)]
struct PendingProbe {
    seen_at: Millis,
    answered: bool,
}

/// The breaker of one kind of requests.
#[derive(Clone, Debug, Default)]
struct CircuitBreaker {
    state: BreakerState,
    window_began_at: Millis,
    requests: u32,
    failures: u32,
    /// The key_breakers that failed in this window: one that always fails is one failure.
    failed_keys: HashSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum BreakerState {
    /// Everybody asks.
    #[default]
    Closed,
    /// Everybody asks, and the origin is probed.
    Suspect,
    /// Nobody asks but the probe.
    Open {
        since: Millis,
        /// Whether there was no connection: nothing that is sent now gets lost on the way.
        disconnected: bool,
    },
}

impl CircuitBreakers {
    /// CircuitBreakers that hold requests back for so long while an origin is started again, and look at it after so
    /// many failures; with 0 none of them ever opens, and no address is held back.
    pub fn new(restart_ms: Millis, failures_min: u32) -> Self {
        Self {
            restart_ms,
            failures_min,
            writes: CircuitBreaker::default(),
            reads: CircuitBreaker::default(),
            key_breakers: KeyBreakers::default(),
            probe: None,
            retry_budget: RETRIES_MAX * TRIES_PER_RETRY,
        }
    }

    /// Whether the origin may be asked now.
    pub fn permit(&mut self, request: RequestKind<'_>, now: Millis) -> Permit {
        let restart_ms = self.restart_ms;
        let answered = self.probe.is_some_and(|probe| probe.answered);
        match self.breaker_for(request).state {
            BreakerState::Open {
                since,
                disconnected,
            } => match disconnected && now < since + restart_ms {
                // After a pause in which nobody asked, nothing is known before the probe is answered.
                false if answered => Permit::Reject,
                _ => Permit::Wait,
            },
            BreakerState::Closed | BreakerState::Suspect => match request {
                RequestKind::Key(key) if !self.key_breakers.permit(key, now) => Permit::Reject,
                _ => Permit::Send,
            },
        }
    }

    /// Counts what the origin did with a request.
    pub fn record(&mut self, request: RequestKind<'_>, outcome: OriginOutcome, now: Millis) {
        self.retry_budget = (self.retry_budget + 1).min(RETRIES_MAX * TRIES_PER_RETRY);
        let failures_min = self.failures_min;
        if failures_min == 0 {
            return;
        }
        let key = match request {
            RequestKind::Key(key) => {
                self.key_breakers.record(key, outcome, now);
                Some(key)
            }
            RequestKind::Unsafe | RequestKind::Safe => None,
        };
        let breaker = self.breaker_for(request);
        breaker.record(key, outcome, failures_min, now);
    }

    fn breaker_for(&mut self, request: RequestKind<'_>) -> &mut CircuitBreaker {
        match request {
            RequestKind::Unsafe => &mut self.writes,
            RequestKind::Safe | RequestKind::Key(_) => &mut self.reads,
        }
    }

    /// Whether the caller is to probe the origin, which one does at a time.
    pub fn begin_probe(&mut self, now: Millis) -> bool {
        let lent = !self.is_closed() && !self.is_probed(now);
        if lent {
            self.probe = Some(PendingProbe {
                seen_at: now,
                answered: false,
            });
        }
        lent
    }

    fn is_probed(&self, now: Millis) -> bool {
        let seen = |probe: PendingProbe| now < probe.seen_at + PROBE_LOST_MS;
        self.probe.is_some_and(seen)
    }

    /// Takes what a probe has found. Whether another one has to follow.
    pub fn record_probe(&mut self, outcome: OriginOutcome, now: Millis) -> bool {
        for breaker in [&mut self.writes, &mut self.reads] {
            breaker.record_probe(outcome, now);
        }
        let open = !self.is_closed();
        self.probe = open.then_some(PendingProbe {
            seen_at: now,
            answered: true,
        });
        open
    }

    /// Lets another one probe: this one has to end.
    pub fn end_probe(&mut self) {
        self.probe = None;
    }

    /// Takes a second try out of the retry_budget, if there is one.
    pub fn take_retry(&mut self) -> bool {
        let left = self.retry_budget.checked_sub(TRIES_PER_RETRY);
        self.retry_budget = left.unwrap_or(self.retry_budget);
        left.is_some()
    }

    /// Whether a probe has still to say what is wrong.
    pub fn is_suspect(&self) -> bool {
        let suspect = |breaker: &CircuitBreaker| breaker.state == BreakerState::Suspect;
        suspect(&self.writes) || suspect(&self.reads)
    }

    /// Whether some requests do not reach the origin.
    pub fn is_open(&self) -> bool {
        let open = |breaker: &CircuitBreaker| matches!(breaker.state, BreakerState::Open { .. });
        open(&self.writes) || open(&self.reads)
    }

    /// Whether all requests reach the origin, and nothing is wrong with it.
    pub fn is_closed(&self) -> bool {
        let closed = |breaker: &CircuitBreaker| breaker.state == BreakerState::Closed;
        closed(&self.writes) && closed(&self.reads)
    }
}

impl CircuitBreaker {
    fn record(
        &mut self,
        key: Option<&str>,
        outcome: OriginOutcome,
        failures_min: u32,
        now: Millis,
    ) {
        match self.state {
            BreakerState::Open { .. } if outcome == OriginOutcome::Success => {
                *self = Self::default();
            }
            BreakerState::Open { .. } | BreakerState::Suspect => {}
            BreakerState::Closed => self.count(key, outcome, failures_min, now),
        }
    }

    fn count(&mut self, key: Option<&str>, outcome: OriginOutcome, failures_min: u32, now: Millis) {
        if now.saturating_sub(self.window_began_at) > WINDOW_MS {
            *self = Self {
                window_began_at: now,
                ..Self::default()
            };
        }
        match (outcome, key) {
            (OriginOutcome::Success, _) => {}
            (OriginOutcome::NoConnection, _) => {
                // Whether it was one connection or all of them, a probe finds out at once.
                self.state = BreakerState::Suspect;
                return;
            }
            (_, Some(key)) if !self.failed_keys.insert(key.to_owned()) => return,
            _ => self.failures += 1,
        }
        self.requests += 1;
        let share = self.failures * 100 / self.requests;
        if self.failures >= failures_min && share >= FAILED_PER_CENT {
            self.state = BreakerState::Suspect;
        }
    }

    fn record_probe(&mut self, outcome: OriginOutcome, now: Millis) {
        let disconnected = outcome == OriginOutcome::NoConnection;
        match (self.state, outcome) {
            (BreakerState::Closed, OriginOutcome::Success) => {}
            (_, OriginOutcome::Success) => *self = Self::default(),
            (BreakerState::Suspect, _) | (BreakerState::Closed, OriginOutcome::NoConnection) => {
                self.state = BreakerState::Open {
                    since: now,
                    disconnected,
                };
            }
            (BreakerState::Open { .. } | BreakerState::Closed, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
