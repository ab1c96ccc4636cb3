//! Errors of coupons.

use shared::problem::{Problem, ProblemKind};

use crate::db;

/// Why a coupon request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No coupon has this code.
    #[error("no such coupon")]
    NoSuchCoupon,
    /// Invalid fields, with the reason for each.
    #[error("invalid fields: {0:?}")]
    Invalid(Vec<(&'static str, String)>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    /// Whether the transaction conflicted with another one, which may have created the same coupon.
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
