//! Errors of webhooks.

use shared::{
    account::Right,
    problem::{Problem, ProblemKind},
};

use crate::db;

/// Why a webhook request fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No webhook has this id.
    #[error("no such webhook")]
    NoSuchWebhook,
    /// An invalid field, with the reason.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
    /// The creator lacks the right to read a topic.
    #[error("{topic} needs the right {}", right.as_str())]
    NeedsRight {
        /// The topic.
        topic: &'static str,
        /// The required right.
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
                let right = right.as_str();
                Self::new(ProblemKind::Forbidden).detail(format!(
                    "A webhook for {topic} needs the right {right}; name only topics that you may read."
                ))
            }
            Error::Db(error) => db::problem(&error),
        }
    }
}
