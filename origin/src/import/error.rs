//! Errors of a file, and faults of its rows.

use std::{io, path::PathBuf};

/// Why the rest of a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be opened.
    #[error("{} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Reading failed.
    #[error("line {line}: cannot read: {source}")]
    Read {
        /// The last line that was read.
        line: u64,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file does not have this format, or is truncated.
    #[error("line {line}: {reason}")]
    Broken {
        /// The line of the error.
        line: u64,
        /// The reason.
        reason: String,
    },
    /// The temporary file that groups rows could not be written or read.
    #[error("temporary file error: {0}")]
    Spool(String),
}

/// The part of a row that is skipped because of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// The whole category or product.
    Row,
    /// One variant. The product is kept if it has another.
    Variant,
    /// Only the field.
    Field,
}

/// A fault of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line on which the row begins, counted from 1.
    pub line: u64,
    /// The field: a column name or a path such as `variants[2].price`. Empty for the row.
    pub field: String,
    /// The reason.
    pub reason: String,
    /// The part that is skipped because of it.
    pub skipped: Skipped,
}

impl std::fmt::Display for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        let skipped = match self.skipped {
            Skipped::Row => "the row",
            Skipped::Variant => "the variant",
            Skipped::Field => "the field",
        };
        write!(f, "{} ({skipped} is skipped)", self.reason)
    }
}

/// A fault whose line is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: String,
    pub(super) reason: String,
    pub(super) skipped: Skipped,
}

impl Fault {
    /// A fault that skips the row.
    pub(super) fn row(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
            skipped: Skipped::Row,
        }
    }

    /// A fault that skips the field.
    pub(super) fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
            skipped: Skipped::Field,
        }
    }

    /// A fault that skips the variant.
    pub(super) fn variant(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
            skipped: Skipped::Variant,
        }
    }

    /// Changes what the fault skips.
    pub(super) fn skipping(self, skipped: Skipped) -> Self {
        Self { skipped, ..self }
    }

    /// Adds the line.
    pub(super) fn at(self, line: u64) -> BadRow {
        BadRow {
            line,
            field: self.field,
            reason: self.reason,
            skipped: self.skipped,
        }
    }
}

/// The faults of a row that can still be used.
#[derive(Debug, Default)]
pub(super) struct Warnings(pub(super) Vec<Fault>);

impl Warnings {
    /// The value, or its default with a warning that the field is skipped.
    pub(super) fn or_warn<T: Default>(&mut self, value: Result<T, Fault>) -> T {
        value.unwrap_or_else(|fault| {
            self.0.push(fault.skipping(Skipped::Field));
            T::default()
        })
    }

    /// Adds a warning.
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }
}
