//! Errors of orders.

use shared::{
    locale::Locale,
    money::Money,
    problem::{Problem, ProblemKind},
};

use crate::{
    batcher::{BatchAborted, NotWritten},
    cart, catalog, db,
};

/// Why an order request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No order has this number, or the token does not match.
    #[error("no such order")]
    NoSuchOrder,
    /// The total differs from the one that the client expects.
    #[error("the total has changed")]
    TotalChanged {
        /// The current total.
        now: Money,
        /// The changed lines, as field and reason.
        lines: Vec<(String, String)>,
    },
    /// The cart cannot be ordered.
    #[error("the cart cannot be ordered: {0:?}")]
    Obstacles(Vec<Obstacle>),
    /// The buyer or their network exceeds a limit of unpaid orders.
    #[error("too many unpaid orders: {0:?}")]
    TooMuchUnpaid(Vec<Obstacle>),
    /// An invalid field, with the reason.
    #[error("{0}: {1}")]
    Invalid(String, String),
    /// Some lines are on backorder, so that the order cannot be shipped.
    #[error("the order is waiting for stock")]
    AwaitingStock,
    /// The order's state does not allow this transition.
    #[error("the order cannot take this step")]
    IllegalStep,
    /// The idempotency key was used for a request with another body.
    #[error("the idempotency key belongs to another request")]
    KeyMismatch,
    /// A request with this idempotency key is in progress.
    #[error("a request with this idempotency key is in progress")]
    KeyInFlight,
    /// The idempotency key is missing.
    #[error("the idempotency key is missing")]
    KeyMissing,
    /// The idempotency key is malformed.
    #[error("the idempotency key is malformed")]
    KeyMalformed,
    /// The catalogue failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The cart failed.
    #[error(transparent)]
    Cart(#[from] cart::Error),
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

/// A reason why a cart cannot be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The field: `lines.SKU`, `email`, `coupons.CODE` …
    pub field: String,
    /// The reason, in plain English.
    pub why: String,
    /// Whether an unpaid order of the same buyer may cause it.
    pub may_be_own_order: bool,
}

impl Error {
    /// An invalid field, with the reason.
    pub(super) fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid(field.into(), why.into())
    }

    /// Whether the transaction conflicted with another one and may be retried.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Db(error) => db::is_conflict(error) || db::is_duplicate(error),
            Self::Catalog(error) => error.is_conflict(),
            Self::Cart(error) => error.is_conflict(),
            _ => false,
        }
    }
}

fn named(kind: ProblemKind, obstacles: Vec<Obstacle>) -> Problem {
    let obstacles = obstacles.into_iter();
    obstacles.fold(Problem::new(kind), |problem, it| {
        problem.field(it.field, it.why)
    })
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchOrder => {
                Self::new(ProblemKind::NotFound).detail("No order has this number and token.")
            }
            Error::TotalChanged { now, lines } => {
                // If no price has changed, the contents of the cart have.
                let kind = match lines.is_empty() {
                    true => ProblemKind::CartChanged,
                    false => ProblemKind::Changed,
                };
                let problem = Self::new(kind)
                    .detail(format!("The total is now {}.", now.display(Locale::En)))
                    .field("expected_total", now.to_decimal());
                let lines = lines.into_iter();
                lines.fold(problem, |problem, (field, why)| problem.field(field, why))
            }
            Error::Obstacles(obstacles) => named(ProblemKind::CannotOrder, obstacles),
            Error::TooMuchUnpaid(excess) => named(ProblemKind::TooMuchUnpaid, excess),
            Error::Invalid(field, why) => Self::new(ProblemKind::Invalid).field(field, why),
            Error::IllegalStep => Self::new(ProblemKind::IllegalStep),
            Error::AwaitingStock => Self::new(ProblemKind::IllegalStep)
                .detail("Some items are still out of stock; the lines say which."),
            Error::KeyMismatch => Self::new(ProblemKind::IdempotencyMismatch),
            Error::KeyInFlight => Self::new(ProblemKind::IdempotencyInFlight),
            Error::KeyMissing => Self::new(ProblemKind::BadRequest)
                .detail("This request needs an `Idempotency-Key` header."),
            Error::KeyMalformed => Self::new(ProblemKind::BadRequest)
                .detail("`Idempotency-Key` must be 1 to 255 printable ASCII characters."),
            Error::Catalog(error) => error.into(),
            Error::Cart(error) => error.into(),
            Error::Db(error) => db::problem(&error),
            Error::NotWritten(NotWritten(problem)) => *problem,
            Error::Damaged(_) | Error::BatchAborted(_) => {
                tracing::error!(error = %error, "order request failed");
                Self::new(ProblemKind::Internal)
            }
        }
    }
}
