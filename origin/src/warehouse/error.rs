//! Errors of stock requests.

use shared::problem::{Problem, ProblemKind};

use crate::{
    batcher::{BatchAborted, NotWritten},
    catalog, db,
};

/// Why a stock request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Invalid fields, with the reason for each.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(String, String)>),
    /// The stock is not as the request expects: the field and the current value.
    #[error("the stock differs: {0:?}")]
    Conflict(Vec<(String, String)>),
    /// The catalogue failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
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
            Self::Db(error) => db::is_conflict(error),
            Self::Catalog(error) => error.is_conflict(),
            _ => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let named = |kind, fields: Vec<(String, String)>| {
            let problem = Self::new(kind);
            fields
                .into_iter()
                .fold(problem, |problem, (field, why)| problem.field(field, why))
        };
        match error {
            Error::Invalid(fields) => named(ProblemKind::Invalid, fields),
            Error::Conflict(fields) => named(ProblemKind::StockConflict, fields),
            Error::Catalog(error) => error.into(),
            Error::Db(error) => db::problem(&error),
            Error::NotWritten(NotWritten(problem)) => *problem,
            Error::BatchAborted(_) => {
                tracing::error!(error = %error, "stock request failed");
                Self::new(ProblemKind::Internal)
            }
        }
    }
}
