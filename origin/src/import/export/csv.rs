//! Writes rows as CSV.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::source_text;
use crate::{
    catalog::model::{NewCategory, NewImage, NewOption, NewOptionValue, NewProduct, Texts},
    import::{
        Row,
        csv::{column, columns, join_tags},
        formula::escape,
    },
};

/// Writes rows as Mallard's CSV, with all columns.
pub struct CsvWriter<W: Write> {
    out: csv::Writer<W>,
    columns: Vec<String>,
    folder: PathBuf,
}

/// The non-empty cells of a row, by column.
type Cells = BTreeMap<String, String>;

impl<W: Write> CsvWriter<W> {
    /// Creates a writer, and writes the header.
    pub(super) fn new(out: W, folder: &Path) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(out);
        let columns = columns();
        out.write_record(&columns)?;
        Ok(Self {
            out,
            columns,
            folder: folder.to_owned(),
        })
    }

    /// Writes a category as one row, or a product as one row for each variant, and more if it has
    /// more pictures or attributes.
    pub(super) fn write(&mut self, row: &Row) -> io::Result<()> {
        match row {
            Row::Category(category) => self.put(&self.category(category)),
            Row::Product(product) => {
                for cells in self.product(product) {
                    self.put(&cells)?;
                }
                Ok(())
            }
        }
    }

    /// Flushes the buffer and returns the underlying writer.
    pub(super) fn finish(self) -> io::Result<W> {
        self.out
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }

    fn put(&mut self, cells: &Cells) -> io::Result<()> {
        let row = self
            .columns
            .iter()
            .map(|column| escape(cells.get(column).map_or("", String::as_str)));
        for cell in row {
            self.out.write_field(cell.as_bytes())?;
        }
        let end: [&str; 0] = [];
        self.out.write_record(end).map_err(io::Error::from)
    }

    fn category(&self, category: &NewCategory) -> Cells {
        let mut cells = Cells::new();
        set(&mut cells, "type", "category");
        set(&mut cells, "external_id", &category.external_id);
        set(
            &mut cells,
            "slug",
            category.slug.as_deref().unwrap_or_default(),
        );
        set(
            &mut cells,
            "parent",
            category.parent.as_deref().unwrap_or_default(),
        );
        set(&mut cells, "position", &category.position.to_string());
        set_texts(&mut cells, "name", &category.names);
        set_texts(&mut cells, "description", &category.descriptions);
        if let Some(image) = &category.image {
            self.set_image(&mut cells, image);
        }
        cells
    }

    /// The rows of a product. Rows of option values come first if the variants would introduce the
    /// values in another order. Each further row has one variant, one picture and one attribute, as
    /// long as there are any.
    fn product(&self, product: &NewProduct) -> Vec<Cells> {
        let mut rows = value_rows(product);
        let before = rows.len();
        let count = [
            product.variants.len(),
            product.images.len(),
            product.attributes.len(),
            1,
        ];
        rows.resize(before + count.into_iter().max().unwrap_or(1), Cells::new());
        for (variant, cells) in product.variants.iter().zip(&mut rows[before..]) {
            set(cells, "sku", &variant.sku);
            set_some(cells, "gtin", variant.gtin.as_deref());
            set(cells, "price", &variant.price.to_decimal());
            let compare_at = variant.compare_at.map(shared::money::Money::to_decimal);
            set_some(cells, "compare_at", compare_at);
            set_some(cells, "stock", variant.stock);
            set_some(cells, "backorder", variant.backorder.then_some(true));
            set_some(cells, "weight_g", variant.weight_g);
            set_some(
                cells,
                "variant_image",
                variant.image.map(|index| u64::from(index) + 1),
            );
            set_choices(cells, &product.options, &variant.options);
        }
        for (image, cells) in product.images.iter().zip(&mut rows[before..]) {
            self.set_image(cells, image);
        }
        for (attribute, cells) in product.attributes.iter().zip(&mut rows[before..]) {
            set_texts(cells, "attribute_name", &attribute.names);
            set_texts(cells, "attribute_value", &attribute.values);
        }
        for cells in &mut rows {
            set(cells, "external_id", &product.external_id);
        }
        set_product(&mut rows[0], product);
        rows
    }

    fn set_image(&self, cells: &mut Cells, image: &NewImage) {
        set(cells, "image", &source_text(&image.source, &self.folder));
        set_texts(cells, "image_alt", &image.alts);
    }
}

/// Sets the cells of the product itself, which are in its first row.
fn set_product(cells: &mut Cells, product: &NewProduct) {
    set(cells, "slug", product.slug.as_deref().unwrap_or_default());
    set(cells, "status", product.status.as_str());
    set(
        cells,
        "category_id",
        product.category.as_deref().unwrap_or_default(),
    );
    set(cells, "brand", product.brand.as_deref().unwrap_or_default());
    set(cells, "tags", &join_tags(&product.tags));
    set_some(cells, "created_at", product.created_at);
    set(cells, "sold", &product.sold.to_string());
    set_texts(cells, "name", &product.names);
    set_texts(cells, "description", &product.descriptions);
    for (option, number) in product.options.iter().zip(1..) {
        set(cells, &format!("option{number}_code"), &option.code);
        set_texts(cells, &format!("option{number}_name"), &option.names);
    }
}

/// Rows that only add option values; none if the variants introduce them in the right order.
fn value_rows(product: &NewProduct) -> Vec<Cells> {
    let in_order = product.options.iter().all(|option| {
        let mut seen: Vec<&str> = Vec::new();
        for variant in &product.variants {
            let choices = variant
                .options
                .iter()
                .filter(|(code, _)| *code == option.code);
            for (_, value) in choices {
                if !seen.contains(&value.as_str()) {
                    seen.push(value);
                }
            }
        }
        seen.iter()
            .copied()
            .eq(option.values.iter().map(|value| value.code.as_str()))
    });
    let mut rows = Vec::new();
    if in_order {
        return rows;
    }
    for (option, number) in product.options.iter().zip(1..) {
        for value in &option.values {
            let mut cells = Cells::new();
            set_value(&mut cells, number, value);
            rows.push(cells);
        }
    }
    rows
}

fn set_choices(cells: &mut Cells, options: &[NewOption], choices: &[(String, String)]) {
    for (option, number) in options.iter().zip(1..) {
        let chosen = choices.iter().find(|(code, _)| *code == option.code);
        let value = chosen.and_then(|(_, code)| option.values.iter().find(|it| it.code == *code));
        if let Some(value) = value {
            set_value(cells, number, value);
        }
    }
}

fn set_value(cells: &mut Cells, number: usize, value: &NewOptionValue) {
    set(cells, &format!("option{number}_value_code"), &value.code);
    set_texts(cells, &format!("option{number}_value"), &value.names);
    set_some(
        cells,
        &format!("option{number}_swatch"),
        value.swatch.as_deref(),
    );
}

fn set_texts(cells: &mut Cells, base: &str, texts: &Texts) {
    for (locale, text) in texts {
        set(cells, &column(base, *locale), text);
    }
}

fn set_some(cells: &mut Cells, column: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        set(cells, column, &value.to_string());
    }
}

fn set(cells: &mut Cells, column: &str, text: &str) {
    cells.insert(column.to_owned(), text.to_owned());
}
