//! What can go wrong with a payment.

use std::time::Duration;

use shared::problem::{Problem, ProblemKind};

use crate::{db, orders};

/// What can go wrong with a payment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The order has no such payment.
    #[error("no such payment")]
    NoSuchPayment,
    /// A field is wrong: which, and why.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
    /// The shop has no account with the provider of this payment any more.
    #[error("this payment has no provider")]
    NoProvider,
    /// An event is not what the provider signs, or is too old.
    #[error("the event was refused: {0}")]
    BadEvent(String),
    /// The provider did not say what has become of a payment.
    #[error(transparent)]
    Provider(#[from] super::ProviderError),
    /// Too many cards were declined: none is taken for so long.
    #[error("too many cards were declined")]
    Paused(Duration),
    /// In its present state the payment cannot take this step.
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
    /// Whether another transaction was in the way.
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
