//! The error of a command.

use crate::db;

/// An error as one line for the user.
#[derive(Debug)]
pub struct CommandError(pub String);

impl From<String> for CommandError {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<db::Error> for CommandError {
    fn from(error: db::Error) -> Self {
        Self(format!("database error: {error}"))
    }
}

impl From<db::LeaseError> for CommandError {
    fn from(error: db::LeaseError) -> Self {
        match error {
            db::LeaseError::Database(error) => error.into(),
            error => Self(error.to_string()),
        }
    }
}
