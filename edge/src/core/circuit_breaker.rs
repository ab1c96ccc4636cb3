//! Circuit breakers: they keep a failing origin from being overloaded and clients from waiting for
//! it. Only outcomes that the origin caused are counted. Unsafe requests and safe requests have a
//! breaker each. Failures only make a breaker suspect the origin; it opens when an active probe
//! fails too, so that a few broken pages do not take the shop offline. A single cache key that
//! keeps failing has a breaker of its own ([`KeyBreakers`]).

mod key_breakers;

pub use key_breakers::KeyBreakers;

use std::collections::HashSet;

use super::stored_response::Millis;

/// The window in which failures are counted.
const WINDOW_MS: Millis = 10_000;
/// The number of failures, and below the percentage of requests, from which the origin is suspect.
/// The number is the default of a setting.
pub const FAILURES_MIN: u32 = 3;
const FAILED_PER_CENT: u32 = 50;
/// The interval between probes while a breaker is open.
pub const PROBE_EVERY_MS: u32 = 250;
/// A probe without a result for this long is lost, because the request that ran it was cancelled.
const PROBE_LOST_MS: Millis = 3_000;
/// A retry costs as much budget as ten requests earn, so that an outage adds a tenth of the
/// requests instead of doubling them.
const TRIES_PER_RETRY: u32 = 10;
const RETRIES_MAX: u32 = 10;

/// The kind of a request to the origin; it selects the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind<'k> {
    /// A request with an unsafe method.
    Unsafe,
    /// A safe request whose response is personal.
    Safe,
    /// A safe request that fills the cache under this key.
    Key(&'k str),
}

/// The outcome of a request at the origin. A failure that the client caused is not an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginOutcome {
    /// The origin responded. Load shedding (503 with `Retry-After`) counts as success.
    Success,
    /// The origin responded with 500, 502, 503 or 504.
    ServerError,
    /// The origin had the whole request and did not respond in time.
    Timeout,
    /// There was no connection, or it was lost.
    NoConnection,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Send the request.
    Send,
    /// Wait and ask again: the origin is probably restarting.
    Wait,
    /// Fail at once.
    Reject,
}

/// The circuit breakers of this isolate.
#[derive(Clone, Debug)]
pub struct CircuitBreakers {
    /// How long an origin without connections counts as restarting.
    restart_ms: Millis,
    /// How many failures make the origin suspect; 0 disables the breakers.
    failures_min: u32,
    writes: CircuitBreaker,
    reads: CircuitBreaker,
    key_breakers: KeyBreakers,
    probe: Option<PendingProbe>,
    /// In tenths of a retry.
    retry_budget: u32,
}

/// The probe that is running.
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
    /// The cache keys that failed in this window. A key counts once, however often it fails.
    failed_keys: HashSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum BreakerState {
    /// Requests are sent.
    #[default]
    Closed,
    /// Requests are sent, and the origin is probed.
    Suspect,
    /// Only probes are sent.
    Open {
        since: Millis,
        /// Whether the last probe found no connection, as while the origin restarts. A request that
        /// waits then loses nothing.
        disconnected: bool,
    },
}

impl CircuitBreakers {
    /// Breakers for an origin whose restart takes up to `restart_ms`, and which becomes suspect
    /// after `failures_min` failures. With 0 failures no breaker ever opens, including those of
    /// single keys.
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

    /// Whether a request may be sent now.
    pub fn permit(&mut self, request: RequestKind<'_>, now: Millis) -> Permit {
        let restart_ms = self.restart_ms;
        let answered = self.probe.is_some_and(|probe| probe.answered);
        match self.breaker_for(request).state {
            BreakerState::Open {
                since,
                disconnected,
            } => match disconnected && now < since + restart_ms {
                // Without a recent probe the state is unknown, so requests wait for the next probe
                // result.
                false if answered => Permit::Reject,
                _ => Permit::Wait,
            },
            BreakerState::Closed | BreakerState::Suspect => match request {
                RequestKind::Key(key) if !self.key_breakers.permit(key, now) => Permit::Reject,
                _ => Permit::Send,
            },
        }
    }

    /// Records the outcome of a request.
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

    /// Whether the caller has to probe the origin. Only one probe runs at a time.
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

    /// Records the outcome of a probe. True if another probe has to follow.
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

    /// Ends a probe without a result, so that another task can start one.
    pub fn end_probe(&mut self) {
        self.probe = None;
    }

    /// Takes one retry out of the budget; false if there is none left.
    pub fn take_retry(&mut self) -> bool {
        let left = self.retry_budget.checked_sub(TRIES_PER_RETRY);
        self.retry_budget = left.unwrap_or(self.retry_budget);
        left.is_some()
    }

    /// Whether the origin is suspect and the next probe decides.
    pub fn is_suspect(&self) -> bool {
        let suspect = |breaker: &CircuitBreaker| breaker.state == BreakerState::Suspect;
        suspect(&self.writes) || suspect(&self.reads)
    }

    /// Whether a breaker is open.
    pub fn is_open(&self) -> bool {
        let open = |breaker: &CircuitBreaker| matches!(breaker.state, BreakerState::Open { .. });
        open(&self.writes) || open(&self.reads)
    }

    /// Whether all breakers are closed and the origin is not suspect.
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
                // A probe finds out at once whether one connection was lost or the origin is down.
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
