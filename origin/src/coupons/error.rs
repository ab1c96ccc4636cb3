//! What can go wrong with a coupon.

use shared::problem::{Problem, ProblemKind};

use crate::db;

/// What can go wrong with a coupon.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such coupon.
    #[error("no such coupon")]
    NoSuchCoupon,
    /// Fields are wrong: which, and why.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(&'static str, String)>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    /// Whether another transaction was in the way: it may have made the very coupon meanwhile.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Db(db::Error::Database(error)) if error.is_unique_violation() => true,
            Self::Db(error) => db::is_conflict(error),
            _ => false,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchCoupon => {
                Self::new(ProblemKind::NotFound).detail("No coupon has this code.")
            }
            Error::Invalid(fields) => {
                let problem = Self::new(ProblemKind::Invalid);
                fields
                    .into_iter()
                    .fold(problem, |problem, (field, why)| problem.field(field, why))
            }
            Error::Db(error) => db::problem(&error),
        }
    }
}
