//! The audit log: who has changed what, before and after. Owns `audit_log`.
//!
//! What must stay true: a row is written in the transaction of the change that it tells of, and is never
//! changed; only who has signed in is forgotten after a time. It holds no secret and nothing about a buyer
//! but identities.

mod store;
mod web;

pub use store::{delete_old_sign_ins, record, record_all};
pub use web::routes;

use serde::Serialize;

use crate::{accounts::Actor, app::App, db};

/// Somebody has signed in.
pub const SIGN_IN: &str = "user.sign_in";
/// Somebody has tried to.
pub const SIGN_IN_FAILED: &str = "user.sign_in_failed";

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

/// Records a change by a command, whose actor is `command`.
pub async fn record_command(app: &App, change: Change) -> Result<(), db::Error> {
    let mut tx = app.db.write().await?;
    let actor = Actor("command".to_owned());
    record(&mut tx, app.context(), &actor, &[change]).await?;
    tx.commit().await
}

/// The contract's types have text keys and no floats, which is all that can fail here.
fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| NOTHING.to_owned())
}
