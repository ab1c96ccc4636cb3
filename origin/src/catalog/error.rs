//! Errors of the catalogue.

use shared::problem::{Problem, ProblemKind};

use crate::db;

/// Why a catalogue request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No active product has this id or slug.
    #[error("no such product")]
    NoSuchProduct,
    /// No category has this slug.
    #[error("no such category")]
    NoSuchCategory,
    /// An invalid parameter, with the reason.
    #[error("{0}: {1}")]
    Invalid(&'static str, &'static str),
    /// The version in the precondition is not the current one.
    #[error("it was changed concurrently")]
    Stale,
    /// The category still has products or subcategories.
    #[error("the category is not empty")]
    NotEmpty,
    /// A field that cannot be saved, with the reason.
    #[error("{0}: {1}")]
    Refused(&'static str, String),
    /// Invalid fields, with the reason for each.
    #[error("invalid fields: {0:?}")]
    Fields(Vec<(String, String)>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A JSON value in the database cannot be decoded.
    #[error("a stored value is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

impl Error {
    /// Whether the transaction conflicted with another one and should be retried.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Db(error) if db::is_conflict(error))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchProduct | Error::NoSuchCategory => {
                Self::new(ProblemKind::NotFound).detail(sentence(&error))
            }
            Error::Invalid(field, reason) => Self::new(ProblemKind::Invalid).field(field, reason),
            Error::Stale => Self::new(ProblemKind::Stale),
            Error::NotEmpty => Self::new(ProblemKind::NotEmpty),
            Error::Refused(field, reason) => Self::new(ProblemKind::Invalid).field(field, reason),
            Error::Fields(fields) => fields.into_iter().fold(
                Self::new(ProblemKind::Invalid),
                |problem, (field, reason)| problem.field(field, reason),
            ),
            Error::Db(error) => db::problem(&error),
            Error::Damaged(_) => {
                tracing::error!(error = %error, "cannot read the catalogue");
                Self::new(ProblemKind::Internal)
            }
        }
    }
}

fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}
