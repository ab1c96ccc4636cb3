//! The audit log: the actor of each change, with the values before and after. Owns `audit_log`.
//!
//! Invariants: an entry is written in the transaction of its change and never modified; only
//! entries of sign-ins are deleted after a configured time. Entries hold no secrets, and of buyers
//! only ids.

mod actor;
mod store;

pub use actor::Actor;
pub use store::{delete_old_sign_ins, list, record, record_all};

use serde::Serialize;

use crate::{db, platform::Platform};

/// The action of a sign-in.
pub const SIGN_IN: &str = "user.sign_in";
/// The action of a failed sign-in.
pub const SIGN_IN_FAILED: &str = "user.sign_in_failed";

/// A change to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub(crate) action: &'static str,
    pub(crate) subject: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Change {
    /// A change by its action and subject: `user.role`, `user:17`.
    pub fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self {
            action,
            subject: subject.into(),
            before: NOTHING.to_owned(),
            after: NOTHING.to_owned(),
        }
    }

    /// Adds the value before the change; without it the subject is new.
    #[must_use]
    pub fn from<T: Serialize>(mut self, before: &T) -> Self {
        self.before = text(before);
        self
    }

    /// Adds the value after the change; without it the subject is deleted.
    #[must_use]
    pub fn to<T: Serialize>(mut self, after: &T) -> Self {
        self.after = text(after);
        self
    }
}

const NOTHING: &str = "null";

/// Records a change by a command, whose actor is `command`.
pub async fn record_command(platform: &Platform, change: Change) -> Result<(), db::Error> {
    let mut tx = platform.db.write().await?;
    let actor = Actor::command();
    record(&mut tx, platform.context(), &actor, &[change]).await?;
    tx.commit().await
}

/// Serialization cannot fail: the contract's types have string keys and no floats.
fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| NOTHING.to_owned())
}
