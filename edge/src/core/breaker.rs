//! What keeps a failing origin from being asked to death, and clients from waiting for it. Only what the
//! origin did is counted. Requests that may change something and those that only read have a breaker each,
//! and it opens when an active probe fails too: a few broken pages are no broken origin. A single address
//! that keeps failing is held back by itself ([`Addresses`]).

mod addresses;

pub use addresses::Addresses;

use std::collections::HashSet;

use super::entry::Millis;

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
pub enum Request<'k> {
    /// It may change something.
    Unsafe,
    /// It only reads, for somebody.
    Safe,
    /// It reads what is the same for everybody at this address.
    Address(&'k str),
}

/// What the origin did with a request. What the client did is no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
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
pub struct Breakers {
    /// For how long after its connections broke off an origin counts as being started again.
    restart_ms: Millis,
    /// So many failures make the origin suspect. With 0 it is asked whatever it does.
    failures_min: u32,
    writes: Breaker,
    reads: Breaker,
    addresses: Addresses,
    probe: Option<Probe>,
    /// In tenths of a retry.
    budget: u32,
}

/// What is known of the one who probes.
#[derive(Clone, Copy, Debug)]
struct Probe {
    seen_at: Millis,
    answered: bool,
}

/// The breaker of one kind of requests.
#[derive(Clone, Debug, Default)]
struct Breaker {
    state: State,
    began_at: Millis,
    requests: u32,
    failures: u32,
    /// The addresses that failed in this window: one that always fails is one failure.
    failed: HashSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
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

impl Breakers {
    /// Breakers that hold requests back for so long while an origin is started again, and look at it after so
    /// many failures; with 0 none of them ever opens, and no address is held back.
    pub fn new(restart_ms: Millis, failures_min: u32) -> Self {
        Self {
            restart_ms,
            failures_min,
            writes: Breaker::default(),
            reads: Breaker::default(),
            addresses: Addresses::default(),
            probe: None,
            budget: RETRIES_MAX * TRIES_PER_RETRY,
        }
    }

    /// Whether the origin may be asked now.
    pub fn permit(&mut self, request: Request<'_>, now: Millis) -> Permit {
        let restart_ms = self.restart_ms;
        let answered = self.probe.is_some_and(|probe| probe.answered);
        match self.of(request).state {
            State::Open {
                since,
                disconnected,
            } => match disconnected && now < since + restart_ms {
                // After a pause in which nobody asked, nothing is known before the probe is answered.
                false if answered => Permit::Reject,
                _ => Permit::Wait,
            },
            State::Closed | State::Suspect => match request {
                Request::Address(key) if !self.addresses.permit(key, now) => Permit::Reject,
                _ => Permit::Send,
            },
        }
    }

    /// Counts what the origin did with a request.
    pub fn record(&mut self, request: Request<'_>, outcome: Outcome, now: Millis) {
        self.budget = (self.budget + 1).min(RETRIES_MAX * TRIES_PER_RETRY);
        let failures_min = self.failures_min;
        if failures_min == 0 {
            return;
        }
        let address = match request {
            Request::Address(key) => {
                self.addresses.record(key, outcome, now);
                Some(key)
            }
            Request::Unsafe | Request::Safe => None,
        };
        let breaker = self.of(request);
        breaker.record(address, outcome, failures_min, now);
    }

    fn of(&mut self, request: Request<'_>) -> &mut Breaker {
        match request {
            Request::Unsafe => &mut self.writes,
            Request::Safe | Request::Address(_) => &mut self.reads,
        }
    }

    /// Whether the caller is to probe the origin, which one does at a time.
    pub fn lend_probe(&mut self, now: Millis) -> bool {
        let lent = !self.is_closed() && !self.is_probed(now);
        if lent {
            self.probe = Some(Probe {
                seen_at: now,
                answered: false,
            });
        }
        lent
    }

    fn is_probed(&self, now: Millis) -> bool {
        let seen = |probe: Probe| now < probe.seen_at + PROBE_LOST_MS;
        self.probe.is_some_and(seen)
    }

    /// Takes what a probe has found. Whether another one has to follow.
    pub fn probed(&mut self, outcome: Outcome, now: Millis) -> bool {
        for breaker in [&mut self.writes, &mut self.reads] {
            breaker.probed(outcome, now);
        }
        let open = !self.is_closed();
        self.probe = open.then_some(Probe {
            seen_at: now,
            answered: true,
        });
        open
    }

    /// Lets another one probe: this one has to end.
    pub fn return_probe(&mut self) {
        self.probe = None;
    }

    /// Takes a second try out of the budget, if there is one.
    pub fn retry(&mut self) -> bool {
        let left = self.budget.checked_sub(TRIES_PER_RETRY);
        self.budget = left.unwrap_or(self.budget);
        left.is_some()
    }

    /// Whether a probe has still to say what is wrong.
    pub fn is_suspect(&self) -> bool {
        let suspect = |breaker: &Breaker| breaker.state == State::Suspect;
        suspect(&self.writes) || suspect(&self.reads)
    }

    /// Whether some requests do not reach the origin.
    pub fn is_open(&self) -> bool {
        let open = |breaker: &Breaker| matches!(breaker.state, State::Open { .. });
        open(&self.writes) || open(&self.reads)
    }

    /// Whether all requests reach the origin, and nothing is wrong with it.
    pub fn is_closed(&self) -> bool {
        let closed = |breaker: &Breaker| breaker.state == State::Closed;
        closed(&self.writes) && closed(&self.reads)
    }
}

impl Breaker {
    fn record(&mut self, address: Option<&str>, outcome: Outcome, failures_min: u32, now: Millis) {
        match self.state {
            State::Open { .. } if outcome == Outcome::Success => *self = Self::default(),
            State::Open { .. } | State::Suspect => {}
            State::Closed => self.count(address, outcome, failures_min, now),
        }
    }

    fn count(&mut self, address: Option<&str>, outcome: Outcome, failures_min: u32, now: Millis) {
        if now.saturating_sub(self.began_at) > WINDOW_MS {
            *self = Self {
                began_at: now,
                ..Self::default()
            };
        }
        match (outcome, address) {
            (Outcome::Success, _) => {}
            (Outcome::NoConnection, _) => {
                // Whether it was one connection or all of them, a probe finds out at once.
                self.state = State::Suspect;
                return;
            }
            (_, Some(key)) if !self.failed.insert(key.to_owned()) => return,
            _ => self.failures += 1,
        }
        self.requests += 1;
        let share = self.failures * 100 / self.requests;
        if self.failures >= failures_min && share >= FAILED_PER_CENT {
            self.state = State::Suspect;
        }
    }

    fn probed(&mut self, outcome: Outcome, now: Millis) {
        let disconnected = outcome == Outcome::NoConnection;
        match (self.state, outcome) {
            (State::Closed, Outcome::Success) => {}
            (_, Outcome::Success) => *self = Self::default(),
            (State::Suspect, _) | (State::Closed, Outcome::NoConnection) => {
                self.state = State::Open {
                    since: now,
                    disconnected,
                };
            }
            (State::Open { .. } | State::Closed, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
