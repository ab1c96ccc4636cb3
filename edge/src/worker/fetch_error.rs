//! Why there is no answer, and what an answer says about the origin.

use wasm_bindgen::JsValue;

use crate::core::{
    admission::is_failure, circuit_breaker::OriginOutcome, headers::Headers, metrics::OriginEvent,
};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// It cannot be reached, or its answer broke off.
    Unreachable,
    /// There was no connection, and nothing was sent.
    ConnectionRefused,
    /// It took too long.
    Timeout,
    /// It was not asked: the breaker is open.
    BreakerOpen,
    /// The client's request did not come whole, or cannot be sent.
    Client(UploadFault),
}

/// What a client did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadFault {
    /// Its body broke off.
    Aborted,
    /// Its body did not come in time.
    TooSlow,
    /// Its body is too large.
    TooLarge,
    /// The runtime cannot send such a request.
    Unsendable,
}

impl UploadFault {
    /// The fault that a word of the bridge means.
    pub fn from_js(error: &JsValue) -> Option<Self> {
        Some(match error.as_string()?.as_str() {
            "aborted" => Self::Aborted,
            "too-slow" => Self::TooSlow,
            "too-large" => Self::TooLarge,
            "unsendable" => Self::Unsendable,
            _ => return None,
        })
    }
}

impl FetchError {
    /// The word in `Cache-Status`.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Unreachable | Self::ConnectionRefused => "origin-unreachable",
            Self::Timeout => "origin-late",
            Self::BreakerOpen => "origin-spared",
            Self::Client(_) => "client-fault",
        }
    }

    /// What a failure of the bridge means.
    pub fn from_js(error: &JsValue) -> Self {
        if let Some(fault) = UploadFault::from_js(error) {
            return Self::Client(fault);
        }
        match error.as_string().as_deref() {
            Some("timeout") => Self::Timeout,
            Some("connection-refused") => Self::ConnectionRefused,
            _ => Self::Unreachable,
        }
    }

    /// As what it is counted.
    pub const fn event(self) -> OriginEvent {
        match self {
            Self::Unreachable | Self::ConnectionRefused => OriginEvent::Unreachable,
            Self::Timeout => OriginEvent::Timeout,
            Self::BreakerOpen => OriginEvent::Rejected,
            Self::Client(_) => OriginEvent::ClientFault,
        }
    }

    /// What the origin did; nothing when it did nothing.
    pub const fn outcome(self) -> Option<OriginOutcome> {
        match self {
            Self::Unreachable | Self::ConnectionRefused => Some(OriginOutcome::NoConnection),
            Self::Timeout => Some(OriginOutcome::Timeout),
            Self::BreakerOpen | Self::Client(_) => None,
        }
    }
}

/// What an answer of the origin says about it. Too much to do is no failure.
pub fn outcome_of_response(status: u16, headers: &Headers) -> OriginOutcome {
    let busy = status == 503 && headers.contains("retry-after");
    match is_failure(status) && !busy {
        true => OriginOutcome::ServerError,
        false => OriginOutcome::Success,
    }
}

/// What Cloudflare answers when it cannot reach an origin at an address.
pub const fn error_of_cloudflare_status(status: u16) -> Option<FetchError> {
    match status {
        521 | 523 | 525 | 526 => Some(FetchError::ConnectionRefused),
        520 | 530 => Some(FetchError::Unreachable),
        522 | 524 => Some(FetchError::Timeout),
        _ => None,
    }
}
