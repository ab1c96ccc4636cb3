//! Reads catalogue files and writes them. Nothing here uses the database: every format is converted
//! to [`Row`]s, and every row passes [`check`].
//!
//! Invariants: memory does not grow with the file, except for the categories and about eight bytes
//! for each id, by which duplicates are detected; a category is emitted once and before any row
//! that refers to it; no input causes a panic.

use std::{
    fs::File,
    io::BufReader,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use shared::money::Currency;

use crate::catalog::model::{NewCategory, NewProduct};

pub mod check;
mod check_variant;
mod csv;
mod dummyjson;
mod error;
pub mod export;
mod fields;
mod formula;
mod jsonl;
pub mod money;
mod options;
mod pictures;
mod records;
mod row_validator;
mod saleor;
mod saleor_product;
mod saleor_tables;
mod saleor_variants;
mod sheet;
mod sku;
mod spool;
mod spree;
mod spree_variants;
mod text;
mod typesense;
mod weight;

pub use error::{BadRow, Error, Skipped};

use row_validator::{Flow, RowValidator, Stop};

/// The file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Mallard's own spreadsheet: one row a variant.
    Csv,
    /// Mallard's own JSON Lines: one category or product a line.
    Jsonl,
    /// Products as dummyjson.com serves them.
    Dummyjson,
    /// Typesense's e-commerce presentations: products with category paths and popularity.
    Typesense,
    /// Saleor's `populatedb_data.json`: a dump of its tables.
    Saleor,
    /// Spree's product export, a spreadsheet.
    Spree,
}

/// The files to read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Spree's second file, with names and descriptions in other languages.
    pub translations: Option<PathBuf>,
    /// The folder in which relative pictures are looked up; beside the file when absent (for
    /// Saleor: `placeholders` beside the file).
    pub media: Option<PathBuf>,
}

impl Source {
    /// The folder in which relative picture paths are resolved.
    fn media_folder(&self) -> PathBuf {
        match &self.media {
            Some(folder) => folder.clone(),
            None => self
                .path
                .parent()
                .unwrap_or_else(|| Path::new(""))
                .to_owned(),
        }
    }
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A category.
    Category(NewCategory),
    /// A product with its variants.
    Product(NewProduct),
}

/// A row with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatedRow {
    /// The line on which it begins, counted from 1.
    pub line: u64,
    /// The row.
    pub row: Row,
}

/// The receiver of rows and faults. It returns whether to continue.
pub type Emit<'a> = dyn FnMut(Result<LocatedRow, BadRow>) -> ControlFlow<()> + 'a;

/// Reads a file from beginning to end and emits its rows and faults. Blocking. An error means that
/// the rest of the file could not be read; rows emitted before remain valid.
pub fn read(
    format: Format,
    source: &Source,
    currency: Currency,
    emit: &mut Emit<'_>,
) -> Result<(), Error> {
    let mut validator = RowValidator::new(currency, emit);
    let done = match format {
        Format::Csv => csv::read(source, &mut validator),
        Format::Jsonl => jsonl::read(source, &mut validator),
        Format::Dummyjson => dummyjson::read(source, &mut validator),
        Format::Typesense => typesense::read(source, &mut validator),
        Format::Saleor => saleor::read(source, &mut validator),
        Format::Spree => spree::read(source, &mut validator),
    };
    match done {
        Ok(()) | Err(Stop::Cancelled) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Validates a product of the staff API. Returns it normalized, or all of its faults.
pub fn check_product(currency: Currency, product: NewProduct) -> Result<NewProduct, Vec<BadRow>> {
    let passed = validate_row(currency, |validator| validator.product(0, product, None))?;
    match passed {
        Row::Product(product) => Ok(product),
        Row::Category(_) => Err(Vec::new()),
    }
}

/// Validates a category of the staff API. Returns it normalized, or all of its faults.
pub fn check_category(
    currency: Currency,
    category: NewCategory,
) -> Result<NewCategory, Vec<BadRow>> {
    let passed = validate_row(currency, |validator| {
        validator.category(0, category).map(drop)
    })?;
    match passed {
        Row::Category(category) => Ok(category),
        Row::Product(_) => Err(Vec::new()),
    }
}

/// Validates one row. Unlike an import, it rejects the row for any fault, skipped fields included.
fn validate_row(
    currency: Currency,
    row: impl FnOnce(&mut RowValidator<'_, '_>) -> Flow,
) -> Result<Row, Vec<BadRow>> {
    let (mut passed, mut bad) = (None, Vec::new());
    let mut emit = |item: Result<LocatedRow, BadRow>| {
        match item {
            Ok(located) => passed = Some(located.row),
            Err(row) => bad.push(row),
        }
        ControlFlow::Continue(())
    };
    // It cannot stop early: nothing is read, and the receiver always continues.
    let _ = row(&mut RowValidator::new(currency, &mut emit));
    match passed {
        Some(row) if bad.is_empty() => Ok(row),
        _ => Err(bad),
    }
}

/// Opens a file for reading.
fn open(path: &Path) -> Result<BufReader<File>, Error> {
    let failed = |source| Error::Open {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(BufReader::with_capacity(1 << 16, file))
}
