//! What can go wrong with an order.

use shared::{
    locale::Locale,
    money::Money,
    problem::{Problem, ProblemKind},
};

use crate::{cart, catalog, db, desk::BrokenOff};

/// What can go wrong with an order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No order has this number, or the token is another's.
    #[error("no such order")]
    NoSuchOrder,
    /// The total is not what the shopper saw.
    #[error("the total has changed")]
    TotalChanged {
        /// What it comes to now.
        now: Money,
        /// What has changed, in words.
        lines: Vec<(String, String)>,
    },
    /// Something keeps the cart from being ordered.
    #[error("the cart cannot be ordered: {0:?}")]
    Obstacles(Vec<Obstacle>),
    /// The buyer, or the network, has too much on orders that are not paid.
    #[error("too many unpaid orders: {0:?}")]
    TooMuchUnpaid(Vec<Obstacle>),
    /// A field is wrong: which, and why.
    #[error("{0}: {1}")]
    Invalid(String, String),
    /// Some of its goods have not come yet.
    #[error("the order is waiting for stock")]
    AwaitingStock,
    /// In its present state the order cannot take this step.
    #[error("the order cannot take this step")]
    IllegalStep,
    /// The key belongs to a request with other content.
    #[error("the idempotency key belongs to another request")]
    KeyMismatch,
    /// A request with this key is being answered.
    #[error("a request with this idempotency key is in progress")]
    KeyInFlight,
    /// There is no key, and there must be one.
    #[error("the idempotency key is missing")]
    KeyMissing,
    /// The key is no key.
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
    /// A JSON text in the database is not what this program writes.
    #[error("a stored value is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// The batch that this belonged to could not be written.
    #[error("the order could not be written")]
    NotWritten(Box<Problem>),
    /// The batch panicked.
    #[error(transparent)]
    BrokenOff(#[from] BrokenOff),
}

/// What keeps a cart from being ordered: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// `lines.SKU`, `email`, `coupons.CODE` …
    pub field: String,
    /// Why, for a person.
    pub why: String,
    /// Whether another order of the same buyer may be what is in the way.
    pub may_be_own_order: bool,
}

impl Error {
    /// A field that is wrong, and why.
    pub(super) fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid(field.into(), why.into())
    }

    /// Whether another transaction was in the way.
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
                // Where no price has changed, it is the cart that the shopper has not seen like this.
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
            Error::NotWritten(problem) => *problem,
            Error::Damaged(_) | Error::BrokenOff(_) => {
                tracing::error!(error = %error, "order request failed");
                Self::new(ProblemKind::Internal)
            }
        }
    }
}
