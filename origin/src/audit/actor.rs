//! The author of a change.

/// The author of a change, as the audit log names it: `user:17`, `key:4`, `operator`,
/// `command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

impl Actor {
    /// The actor of changes by commands.
    pub fn command() -> Self {
        Self("command".to_owned())
    }
}
