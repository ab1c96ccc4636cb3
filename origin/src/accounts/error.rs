//! Errors of accounts.

use shared::problem::{Problem, ProblemKind};

use crate::{cart, db, limits::RateLimited, orders, seal::SealError, signer::SigningError};

/// Why an account request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Invalid fields, with the reason for each.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(String, String)>),
    /// The request has no valid session.
    #[error("not signed in")]
    NotSignedIn,
    /// The email address or the password is incorrect.
    #[error("the email address or the password is incorrect")]
    WrongCredentials,
    /// The password is correct, and the account has a second factor.
    #[error("a code of the second factor is required")]
    CodeNeeded,
    /// The code of the second factor is wrong, or was used before.
    #[error("the code is incorrect or has already been used")]
    WrongCode,
    /// The account has a second factor already.
    #[error("the account already has a second factor")]
    SecondFactorOn,
    /// The shop requires a second factor of this account.
    #[error("the shop requires a second factor")]
    SecondFactorRequired,
    /// The account has no such session, address or key.
    #[error("nothing has this id")]
    NotFound,
    /// The account has open orders.
    #[error("the account has open orders")]
    OpenOrders,
    /// The account was changed concurrently.
    #[error("the account was changed concurrently")]
    Raced,
    /// A token could not be signed.
    #[error(transparent)]
    Signature(#[from] SigningError),
    /// An authenticator's address could not be written.
    #[error("the authenticator URI could not be made")]
    Code,
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A rate limit is exceeded.
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    /// The queue of password hashes is full.
    #[error("too many passwords are waiting to be checked")]
    Busy,
    /// A JSON value in the database cannot be decoded.
    #[error("a stored value is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// The cart failed.
    #[error(transparent)]
    Cart(#[from] cart::Error),
    /// The orders failed.
    #[error(transparent)]
    Orders(#[from] orders::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    /// One field that is wrong.
    pub(super) fn field(field: &str, why: impl Into<String>) -> Self {
        Self::Invalid(vec![(field.to_owned(), why.into())])
    }

    /// Whether the transaction conflicted with another one and should be retried.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Raced => true,
            Self::Db(error) => db::is_conflict(error),
            _ => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(fields) => fields
                .into_iter()
                .fold(Self::new(ProblemKind::Invalid), |problem, (field, why)| {
                    problem.field(field, why)
                }),
            Error::NotSignedIn => Self::new(ProblemKind::Unauthorized),
            Error::WrongCredentials => Self::new(ProblemKind::WrongCredentials),
            Error::CodeNeeded => Self::new(ProblemKind::CodeRequired),
            Error::WrongCode => Self::new(ProblemKind::WrongCode),
            Error::SecondFactorOn => Self::new(ProblemKind::SecondFactorOn),
            Error::SecondFactorRequired => Self::new(ProblemKind::SecondFactorRequired),
            Error::NotFound => Self::new(ProblemKind::NotFound),
            Error::OpenOrders => Self::new(ProblemKind::OpenOrders),
            Error::RateLimited(error) => error.into(),
            Error::Busy | Error::Raced => Self::new(ProblemKind::Unavailable),
            Error::Cart(error) => error.into(),
            Error::Orders(error) => error.into(),
            Error::Db(error) => db::problem(&error),
            Error::Damaged(_) | Error::Signature(_) | Error::Code | Error::Seal(_) => {
                tracing::error!(error = %error, "account request failed");
                Self::new(ProblemKind::Internal)
            }
        }
    }
}
