//! The audit log: who has changed what, before and after. Owns `audit_log`.
//!
//! What must stay true: a row is written in the transaction of the change that it tells of, and is never
//! changed or taken out; it holds no secret and nothing about a buyer but identities.

mod store;
mod web;

pub use store::{note, note_all};
pub use web::routes;

use serde::Serialize;

/// A change, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub(crate) action: &'static str,
    pub(crate) subject: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Change {
    /// What was done, in a word, and to what: `user.role`, `user:17`.
    pub fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self {
            action,
            subject: subject.into(),
            before: NOTHING.to_owned(),
            after: NOTHING.to_owned(),
        }
    }

    /// What it was before; nothing when it is new.
    #[must_use]
    pub fn from<T: Serialize>(mut self, before: &T) -> Self {
        self.before = text(before);
        self
    }

    /// What it is now; nothing when it is gone.
    #[must_use]
    pub fn to<T: Serialize>(mut self, after: &T) -> Self {
        self.after = text(after);
        self
    }
}

const NOTHING: &str = "null";

/// The contract's types have text keys and no floats, which is all that can fail here.
fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| NOTHING.to_owned())
}
