//! Errors of carts.

use shared::problem::{Problem, ProblemKind};

use crate::{
    batcher::{BatchAborted, NotWritten},
    catalog, db,
};

/// Why a cart request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No cart has this id.
    #[error("no such cart")]
    NoSuchCart,
    /// The cart has become an order.
    #[error("the cart has become an order")]
    Ordered,
    /// `If-Match` names another version.
    #[error("the cart was changed concurrently")]
    Stale,
    /// Invalid fields, with the reason for each.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(String, String)>),
    /// The catalogue failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A JSON value in the database cannot be parsed.
    #[error("a stored value is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// The batch could not be committed.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// The batch panicked.
    #[error(transparent)]
    BatchAborted(#[from] BatchAborted),
}

impl Error {
    /// Whether the transaction conflicted with another one and may be retried.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Db(error) => db::is_conflict(error) || db::is_duplicate(error),
            Self::Catalog(error) => error.is_conflict(),
            _ => false,
        }
    }

    /// A single invalid field.
    pub(super) fn field(field: &str, why: impl Into<String>) -> Self {
        Self::Invalid(vec![(field.to_owned(), why.into())])
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchCart => Self::new(ProblemKind::NotFound).detail("No cart has this id."),
            Error::Ordered => Self::new(ProblemKind::AlreadyOrdered),
            Error::Stale => Self::new(ProblemKind::Stale),
            Error::Invalid(fields) => fields
                .into_iter()
                .fold(Self::new(ProblemKind::Invalid), |problem, (field, why)| {
                    problem.field(field, why)
                }),
            Error::Catalog(error) => error.into(),
            Error::Db(error) => db::problem(&error),
            Error::NotWritten(NotWritten(problem)) => *problem,
            Error::Damaged(_) | Error::BatchAborted(_) => {
                tracing::error!(error = %error, "cart request failed");
                Self::new(ProblemKind::Internal)
            }
        }
    }
}
