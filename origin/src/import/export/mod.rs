//! Writing a catalogue in Mallard's own formats, so that reading it again gives the same rows.
//!
//! Pictures in files are written relative to the folder where the written file will lie; one that
//! lies elsewhere keeps its path and will be refused when it is read.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{Row, pictures::DRAW};
use crate::catalog::model::ImageSource;

mod csv;
mod jsonl;

/// A file under way. Categories come before what names them, as in reading.
pub enum Writer<W: Write> {
    /// A spreadsheet.
    Csv(Box<csv::CsvWriter<W>>),
    /// JSON Lines.
    Jsonl(jsonl::JsonlWriter<W>),
}

impl<W: Write> Writer<W> {
    /// A spreadsheet that will lie in `folder`.
    pub fn csv(out: W, folder: &Path) -> io::Result<Self> {
        csv::CsvWriter::new(out, folder).map(|it| Self::Csv(Box::new(it)))
    }

    /// JSON Lines that will lie in `folder`.
    pub fn jsonl(out: W, folder: &Path) -> Self {
        Self::Jsonl(jsonl::JsonlWriter::new(out, folder))
    }

    /// Writes a category or a product with its variants.
    pub fn write(&mut self, row: &Row) -> io::Result<()> {
        match self {
            Self::Csv(writer) => writer.write(row),
            Self::Jsonl(writer) => writer.write(row),
        }
    }

    /// The writer below, with everything written to it.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Csv(writer) => writer.finish(),
            Self::Jsonl(writer) => Ok(writer.finish()),
        }
    }
}

/// A picture's source as the formats spell it.
fn source_text(source: &ImageSource, folder: &Path) -> String {
    match source {
        ImageSource::Remote(url) => url.clone(),
        ImageSource::Drawn(words) => format!("{DRAW}{words}"),
        ImageSource::File(path) => path
            .strip_prefix(folder)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned(),
    }
}

#[cfg(test)]
mod tests;
