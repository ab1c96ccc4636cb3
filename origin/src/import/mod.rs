//! Reading catalogues from files, and writing them. This half knows files and nothing of the
//! database: every format becomes the same [`Row`]s, and every row passes [`check`].
//!
//! Invariants: memory does not grow with the file, except for eight bytes or so for each
//! identity (so that repetitions are noticed) and for the categories; a category comes before
//! whatever names it, and once; no input makes it panic.

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

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Mallard's own spreadsheet: one row a variant.
    Csv,
    /// Mallard's own JSON Lines: one category or product a line.
    Jsonl,
    /// Products as dummyjson.com serves them.
    Dummyjson,
    /// Typesense's e-commerce showcase: products with category paths and popularity.
    Typesense,
    /// Saleor's `populatedb_data.json`: a dump of its tables.
    Saleor,
    /// Spree's product export, a spreadsheet.
    Spree,
}

/// What is read.
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
    /// The folder that relative pictures are relative to.
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

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A category.
    Category(NewCategory),
    /// A product with its variants.
    Product(NewProduct),
}

/// A row and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatedRow {
    /// The line on which it begins, counted from 1.
    pub line: u64,
    /// What stands there.
    pub row: Row,
}

/// The receiver of rows and faults. It returns whether to continue.
pub type Emit<'a> = dyn FnMut(Result<LocatedRow, BadRow>) -> ControlFlow<()> + 'a;

/// Reads a file from beginning to end and hands out what it holds, and what is wrong with it.
/// Blocking. An error means that the rest of the file could not be read; what was handed out
/// before stays true.
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

/// A product that somebody writes by hand: as it may be saved, or everything that is wrong with it.
pub fn check_product(currency: Currency, product: NewProduct) -> Result<NewProduct, Vec<BadRow>> {
    let passed = validate_row(currency, |validator| validator.product(0, product, None))?;
    match passed {
        Row::Product(product) => Ok(product),
        Row::Category(_) => Err(Vec::new()),
    }
}

/// A category that somebody writes by hand: as it may be saved, or everything that is wrong with it.
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

/// A file, opened for reading from the start.
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
