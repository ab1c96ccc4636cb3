//! What can go wrong with a cart.

use shared::problem::{Problem, ProblemKind};

use crate::{batcher::BatchAborted, catalog, db};

/// What can go wrong with a cart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No cart has this id.
    #[error("no such cart")]
    NoSuchCart,
    /// It has become an order.
    #[error("the cart has become an order")]
    Ordered,
    /// `If-Match` names another version.
    #[error("the cart was changed concurrently")]
    Stale,
    /// Fields are wrong: which, and why.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(String, String)>),
    /// The catalogue failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A JSON text in the database is not what this program writes.
    #[error("a stored value is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// The batch that this belonged to could not be written.
    #[error("the cart could not be written")]
    NotWritten(Box<Problem>),
    /// The batch panicked.
    #[error(transparent)]
    BatchAborted(#[from] BatchAborted),
}

impl Error {
    /// Whether another transaction was in the way.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Db(error) => db::is_conflict(error) || db::is_duplicate(error),
            Self::Catalog(error) => error.is_conflict(),
            _ => false,
        }
    }

    /// One field is wrong.
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
            Error::NotWritten(problem) => *problem,
            Error::Damaged(_) | Error::BatchAborted(_) => {
                tracing::error!(error = %error, "cart request failed");
                Self::new(ProblemKind::Internal)
            }
        }
    }
}
