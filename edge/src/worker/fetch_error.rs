//! Errors of requests to the origin, and the outcomes that circuit breakers count.

use wasm_bindgen::JsValue;

use crate::core::{
    admission::is_failure, circuit_breaker::OriginOutcome, headers::Headers, metrics::OriginEvent,
};

/// Why there is no response of the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The origin cannot be reached, or the connection was lost.
    Unreachable,
    /// The connection was refused, and nothing was sent.
    ConnectionRefused,
    /// The origin did not respond in time.
    Timeout,
    /// The request was not sent, because a circuit breaker is open.
    BreakerOpen,
    /// The client's request was incomplete, or cannot be forwarded.
    Client(UploadFault),
}

/// A fault of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadFault {
    /// The client aborted the body.
    Aborted,
    /// The body did not arrive in time.
    TooSlow,
    /// The body is too large.
    TooLarge,
    /// The runtime cannot send such a request.
    Unsendable,
}

impl UploadFault {
    /// Parses the text that the bridge throws.
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
    /// The `detail` parameter of `Cache-Status`.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Unreachable | Self::ConnectionRefused => "origin-unreachable",
            Self::Timeout => "origin-late",
            Self::BreakerOpen => "origin-spared",
            Self::Client(_) => "client-fault",
        }
    }

    /// Parses the error that the bridge throws.
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

    /// The event that is counted.
    pub const fn event(self) -> OriginEvent {
        match self {
            Self::Unreachable | Self::ConnectionRefused => OriginEvent::Unreachable,
            Self::Timeout => OriginEvent::Timeout,
            Self::BreakerOpen => OriginEvent::Rejected,
            Self::Client(_) => OriginEvent::ClientFault,
        }
    }

    /// The outcome for the circuit breaker; None if the origin had no part in it.
    pub const fn outcome(self) -> Option<OriginOutcome> {
        match self {
            Self::Unreachable | Self::ConnectionRefused => Some(OriginOutcome::NoConnection),
            Self::Timeout => Some(OriginOutcome::Timeout),
            Self::BreakerOpen | Self::Client(_) => None,
        }
    }
}

/// The outcome for the circuit breaker of a response. Load shedding is not a failure.
pub fn outcome_of_response(status: u16, headers: &Headers) -> OriginOutcome {
    let busy = status == 503 && headers.contains("retry-after");
    match is_failure(status) && !busy {
        true => OriginOutcome::ServerError,
        false => OriginOutcome::Success,
    }
}

/// The error behind a status with which Cloudflare reports that the origin cannot be reached.
pub const fn error_of_cloudflare_status(status: u16) -> Option<FetchError> {
    match status {
        521 | 523 | 525 | 526 => Some(FetchError::ConnectionRefused),
        520 | 530 => Some(FetchError::Unreachable),
        522 | 524 => Some(FetchError::Timeout),
        _ => None,
    }
}
