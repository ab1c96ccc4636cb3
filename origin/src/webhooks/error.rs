//! What can go wrong with a webhook.

use shared::{
    account::Right,
    problem::{Problem, ProblemKind},
};

use crate::db;

/// What can go wrong with a webhook.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such webhook.
    #[error("no such webhook")]
    NoSuchWebhook,
    /// A field is wrong: which, and why.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
    /// Whoever makes it may not read what it would be told.
    #[error("{topic} needs the right {}", right.word())]
    NeedsRight {
        /// What it would be told.
        topic: &'static str,
        /// The right that is needed to read that.
        right: Right,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchWebhook => {
                Self::new(ProblemKind::NotFound).detail("No webhook has this id.")
            }
            Error::Invalid(field, why) => Self::new(ProblemKind::Invalid).field(field, why),
            Error::NeedsRight { topic, right } => {
                let right = right.word();
                Self::new(ProblemKind::Forbidden).detail(format!(
                    "A webhook for {topic} needs the right {right}; name only topics that you may read."
                ))
            }
            Error::Db(error) => db::problem(&error),
        }
    }
}
