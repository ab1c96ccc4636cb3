//! What can be wrong with a file, and with a row of it.

use std::{io, path::PathBuf};

/// Why the rest of a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be opened.
    #[error("{} cannot be opened: {source}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Reading failed.
    #[error("line {line}: cannot read: {source}")]
    Read {
        /// How far it got.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not of this format, or ends in the middle.
    #[error("line {line}: {reason}")]
    Broken {
        /// Where that was seen.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The temporary file that brings scattered rows together could not be written or read.
    #[error("temporary file error: {0}")]
    Spool(String),
}

/// What is lost by something that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// The whole category or product.
    Row,
    /// One variant; the product stays as long as it has another.
    Variant,
    /// Only what the field says.
    Field,
}

/// Something that is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line on which the row begins, counted from 1.
    pub line: u64,
    /// Which field: a column's name, or a path such as `variants[2].price`; empty for the row.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// What is skipped because of it.
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

/// Something wrong with a field, before it is known on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: String,
    pub(super) reason: String,
    pub(super) skipped: Skipped,
}

impl Fault {
    /// The row cannot be used.
    pub(super) fn row(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
            skipped: Skipped::Row,
        }
    }

    /// The field cannot be used.
    pub(super) fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
            skipped: Skipped::Field,
        }
    }

    /// The variant cannot be used.
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

    /// With the line.
    pub(super) fn at(self, line: u64) -> BadRow {
        BadRow {
            line,
            field: self.field,
            reason: self.reason,
            skipped: self.skipped,
        }
    }
}

/// What was found wrong on the way to a row that can still be used.
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

    /// Notes something.
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }
}
