//! Why there is no answer, and what an answer says about the origin.

use wasm_bindgen::JsValue;

use crate::core::{
    admission::is_failure, circuit_breaker::OriginOutcome, headers::Headers, metrics::OriginEvent,
};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It cannot be reached, or its answer broke off.
    Unreachable,
    /// There was no connection, and nothing was sent.
    Refused,
    /// It took too long.
    Late,
    /// It was not asked: the breaker is open.
    Spared,
    /// The client's request did not come whole, or cannot be sent.
    Faulty(Fault),
}

/// What a client did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its body broke off.
    Broken,
    /// Its body did not come in time.
    Slow,
    /// Its body is too large.
    Large,
    /// The runtime cannot send such a request.
    Unsendable,
}

impl Fault {
    /// The fault that a word of the bridge means.
    pub fn of(error: &JsValue) -> Option<Self> {
        Some(match error.as_string()?.as_str() {
            "broken" => Self::Broken,
            "slow" => Self::Slow,
            "large" => Self::Large,
            "unsendable" => Self::Unsendable,
            _ => return None,
        })
    }
}

impl Silence {
    /// The word in `Cache-Status`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreachable | Self::Refused => "origin-unreachable",
            Self::Late => "origin-late",
            Self::Spared => "origin-spared",
            Self::Faulty(_) => "client-fault",
        }
    }

    /// What a failure of the bridge means.
    pub fn of(error: &JsValue) -> Self {
        if let Some(fault) = Fault::of(error) {
            return Self::Faulty(fault);
        }
        match error.as_string().as_deref() {
            Some("late") => Self::Late,
            Some("refused") => Self::Refused,
            _ => Self::Unreachable,
        }
    }

    /// As what it is counted.
    pub const fn event(self) -> OriginEvent {
        match self {
            Self::Unreachable | Self::Refused => OriginEvent::Unreachable,
            Self::Late => OriginEvent::Timeout,
            Self::Spared => OriginEvent::Rejected,
            Self::Faulty(_) => OriginEvent::ClientFault,
        }
    }

    /// What the origin did; nothing when it did nothing.
    pub const fn outcome(self) -> Option<OriginOutcome> {
        match self {
            Self::Unreachable | Self::Refused => Some(OriginOutcome::NoConnection),
            Self::Late => Some(OriginOutcome::Timeout),
            Self::Spared | Self::Faulty(_) => None,
        }
    }
}

/// What an answer of the origin says about it. Too much to do is no failure.
pub fn outcome_of(status: u16, headers: &Headers) -> OriginOutcome {
    let busy = status == 503 && headers.contains("retry-after");
    match is_failure(status) && !busy {
        true => OriginOutcome::ServerError,
        false => OriginOutcome::Success,
    }
}

/// What Cloudflare answers when it cannot reach an origin at an address.
pub const fn silence_of(status: u16) -> Option<Silence> {
    match status {
        521 | 523 | 525 | 526 => Some(Silence::Refused),
        520 | 530 => Some(Silence::Unreachable),
        522 | 524 => Some(Silence::Late),
        _ => None,
    }
}
