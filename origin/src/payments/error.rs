//! Errors of payments.

use std::time::Duration;

use shared::problem::{Problem, ProblemKind};

use crate::{db, orders};

/// Why a payment request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The order has no such payment.
    #[error("no such payment")]
    NoSuchPayment,
    /// An invalid field, with the reason.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
    /// The payment's provider is not configured.
    #[error("this payment has no provider")]
    NoProvider,
    /// The event has no valid signature, or is too old.
    #[error("the event was refused: {0}")]
    BadEvent(String),
    /// The provider did not respond.
    #[error(transparent)]
    Provider(#[from] super::ProviderError),
    /// Too many cards were declined; further payments are refused for this duration.
    #[error("too many cards were declined")]
    Paused(Duration),
    /// The payment's state does not allow this step.
    #[error("the payment cannot take this step")]
    IllegalStep,
    /// The order failed.
    #[error(transparent)]
    Order(#[from] orders::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    /// Whether the transaction conflicted with another one and may be retried.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Db(error) => db::is_conflict(error) || db::is_duplicate(error),
            Self::Order(error) => error.is_conflict(),
            _ => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchPayment => {
                Self::new(ProblemKind::NotFound).detail("No payment of this order has this id.")
            }
            Error::Invalid(field, why) => Self::new(ProblemKind::Invalid).field(field, why),
            Error::NoProvider | Error::Provider(_) => {
                tracing::error!(error = %error, "payment request failed");
                Self::new(ProblemKind::Unavailable)
                    .detail("The payment provider is temporarily unavailable.")
            }
            Error::BadEvent(why) => Self::new(ProblemKind::BadRequest).detail(why),
            Error::Paused(retry_in) => Self::new(ProblemKind::PaymentPaused).retry_after(retry_in),
            Error::IllegalStep => Self::new(ProblemKind::IllegalStep),
            Error::Order(error) => error.into(),
            Error::Db(error) => db::problem(&error),
        }
    }
}
