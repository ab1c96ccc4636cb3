//! Writes a catalogue in Mallard's own formats, so that importing it gives the same rows.
//!
//! Paths of picture files are relative to the folder of the export. A picture outside of that
//! folder keeps its path, which the import rejects.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{Row, pictures::DRAW};
use crate::catalog::model::ImageSource;

mod csv;
mod jsonl;

/// A writer of an export. Categories must be written before the rows that refer to them, as for
/// imports.
pub enum Writer<W: Write> {
    /// CSV.
    Csv(Box<csv::CsvWriter<W>>),
    /// JSON Lines.
    Jsonl(jsonl::JsonlWriter<W>),
}

impl<W: Write> Writer<W> {
    /// A CSV writer; `folder` will contain the file.
    pub fn csv(out: W, folder: &Path) -> io::Result<Self> {
        csv::CsvWriter::new(out, folder).map(|it| Self::Csv(Box::new(it)))
    }

    /// A JSON Lines writer; `folder` will contain the file.
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

    /// Flushes buffers and returns the underlying writer.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Csv(writer) => writer.finish(),
            Self::Jsonl(writer) => Ok(writer.finish()),
        }
    }
}

/// A picture's source as the formats represent it.
fn source_text(source: &ImageSource, folder: &Path) -> String {
    match source {
        ImageSource::Remote(url) => url.clone(),
        ImageSource::Drawn(description) => format!("{DRAW}{description}"),
        ImageSource::File(path) => path
            .strip_prefix(folder)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned(),
    }
}

#[cfg(test)]
mod tests;
