//! Imports of files in every format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod formats;
mod real;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use origin::{
    catalog::model::{NewCategory, NewProduct},
    import::{BadRow, Error, Format, Row, Source, read},
};
use shared::money::Currency;

/// The rows and faults of a file.
#[derive(Debug, Default)]
struct Found {
    categories: Vec<(u64, NewCategory)>,
    products: Vec<(u64, NewProduct)>,
    bad: Vec<BadRow>,
}

impl Found {
    fn product(&self, external_id: &str) -> &NewProduct {
        let product = self
            .products
            .iter()
            .find(|(_, it)| it.external_id == external_id);
        &product
            .unwrap_or_else(|| panic!("no product {external_id}"))
            .1
    }

    fn bad_fields(&self) -> Vec<(u64, &str)> {
        self.bad
            .iter()
            .map(|bad| (bad.line, bad.field.as_str()))
            .collect()
    }

    fn variants(&self) -> usize {
        self.products
            .iter()
            .map(|(_, product)| product.variants.len())
            .sum()
    }
}

fn source(path: impl Into<PathBuf>) -> Source {
    Source {
        path: path.into(),
        translations: None,
        media: None,
    }
}

fn read_from(format: Format, source: &Source, currency: Currency) -> (Found, Result<(), Error>) {
    let mut found = Found::default();
    let done = read(format, source, currency, &mut |row| {
        match row {
            Ok(located) => match located.row {
                Row::Category(category) => found.categories.push((located.line, category)),
                Row::Product(product) => found.products.push((located.line, product)),
            },
            Err(bad) => found.bad.push(bad),
        }
        ControlFlow::Continue(())
    });
    (found, done)
}

/// Reads a text as a file of this format.
fn read_text(format: Format, text: impl AsRef<[u8]>) -> (Found, Result<(), Error>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, text).unwrap();
    read_from(format, &source(path), Currency::USD)
}
