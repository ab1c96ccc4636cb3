//! Spree's product export: a row for the product, then one for each variant with its option values,
//! and further rows, anywhere in the file, with prices in other currencies. A second file may
//! contain names and descriptions in other languages.
//!
//! The rows are grouped in a [`Spool`], so that their order does not matter. Only prices in the
//! shop's currency and only the first category of a product are used. The price of the product's
//! own row is used if there are no variants.

use csv::StringRecord;
use shared::{locale::Locale, money::Currency};
use std::rc::Rc;

use super::{
    Source,
    check::place_images,
    error::{Fault, Skipped, Warnings},
    open,
    pictures::{Folder, pictures},
    row_validator::{Flow, RowValidator},
    sheet::{Columns, Sheet, SheetRow},
    spool::{Entry, Spool, SpoolWriter, ordered},
    spree_variants::{self, ProductRows},
    text,
};
use crate::catalog::{
    model::{NewAttribute, NewProduct, Status, Texts},
    slug::{is_slug, slug_from},
};

/// The prefix of external ids of this format.
const PREFIX: &str = "spree-";
/// The prefixes of columns that hold attributes.
const FACTS: [&str; 3] = ["custom_field.", "metafield.", "property."];

/// Reads both files.
pub(super) fn read(source: &Source, validator: &mut RowValidator<'_, '_>) -> Flow {
    let mut columns = Rc::new(Columns::new());
    let spool = Spool::filled(|writer| {
        columns = put_products(source, writer, validator)?;
        put_translations(source, writer, validator)
    })?;
    let reading = SpreeReader {
        folder: Folder::new(source.media_folder()),
        columns,
        spool,
    };
    for first in reading.spool.range(&["first"])? {
        reading.product(&first?, validator)?;
    }
    Ok(())
}

/// Stores the rows by product.
fn put_products(
    source: &Source,
    writer: &mut SpoolWriter<'_>,
    validator: &mut RowValidator<'_, '_>,
) -> Flow<Rc<Columns>> {
    let mut sheet = Sheet::new(open(&source.path)?)?;
    sheet.require("name")?;
    sheet.require("price")?;
    let mut last = String::new();
    while let Some(row) = sheet.next()? {
        let row = match row {
            Ok(row) => row,
            Err((line, fault)) => {
                validator.fault(line, fault)?;
                continue;
            }
        };
        let slug = match (row.filled("slug"), row.filled("name")) {
            (Some(slug), _) => slug.to_owned(),
            (None, Some(name)) => slug_from(name),
            (None, None) => last,
        };
        if slug.is_empty() {
            validator.fault(row.line, Fault::row("slug", "missing"))?;
        } else {
            let line = ordered(i64::try_from(row.line).unwrap_or(i64::MAX));
            if writer.put(&["seen", &slug], row.line, "")? {
                writer.put(&["first", &line], row.line, &slug)?;
            }
            writer.put(&["row", &slug, &line], row.line, &cells_text(&row))?;
        }
        last = slug;
    }
    Ok(Rc::clone(sheet.columns()))
}

/// Stores the texts of supported languages by product.
fn put_translations(
    source: &Source,
    writer: &mut SpoolWriter<'_>,
    validator: &mut RowValidator<'_, '_>,
) -> Flow {
    let Some(path) = &source.translations else {
        return Ok(());
    };
    let mut sheet = Sheet::new(open(path)?)?;
    sheet.require("slug")?;
    sheet.require("locale")?;
    while let Some(row) = sheet.next()? {
        let row = match row {
            Ok(row) => row,
            Err((line, fault)) => {
                let field = format!("translations.{}", fault.field);
                validator.fault(
                    line,
                    Fault {
                        field,
                        skipped: Skipped::Field,
                        ..fault
                    },
                )?;
                continue;
            }
        };
        let language = row
            .get("locale")
            .split(['-', '_'])
            .next()
            .unwrap_or_default();
        let Some(locale) = Locale::from_code(&language.to_ascii_lowercase()) else {
            continue;
        };
        for (kind, cell) in [("name", row.get("name")), ("text", row.get("description"))] {
            if !cell.is_empty() {
                writer.put(&[kind, row.get("slug"), locale.code()], row.line, cell)?;
            }
        }
    }
    Ok(())
}

/// The context of all products.
struct SpreeReader {
    folder: Folder,
    columns: Rc<Columns>,
    spool: Spool,
}

impl SpreeReader {
    fn product(&self, first: &Entry, validator: &mut RowValidator<'_, '_>) -> Flow {
        let slug = &first.text;
        let entries = self.spool.below(&["row", slug])?;
        let rows = ProductRows::new(entries.iter().map(|entry| self.row(entry)).collect());
        let line = rows.all.iter().find(|row| row.filled("name").is_some());
        let line = line.map_or(first.line, |row| row.line);
        let mut warnings = Warnings::default();
        let made = self.make(slug, &rows, validator.currency(), &mut warnings)?;
        for fault in warnings.0 {
            validator.fault(line, fault)?;
        }
        match made {
            Ok((product, lines)) => {
                let path = read_path(&rows);
                let category = validator.category_path(line, PREFIX, &path)?;
                validator.product(
                    line,
                    NewProduct {
                        category,
                        ..product
                    },
                    Some(&lines),
                )
            }
            Err(fault) => validator.fault(line, fault),
        }
    }

    /// The product, and the lines of its variants.
    fn make(
        &self,
        slug: &str,
        rows: &ProductRows,
        currency: Currency,
        warnings: &mut Warnings,
    ) -> Flow<Result<(NewProduct, Vec<u64>), Fault>> {
        let names = match self.texts("name", slug, rows.cell("name").map(text::line))? {
            names if names.is_empty() => return Ok(Err(Fault::row("name", "missing"))),
            names => names,
        };
        let descriptions =
            self.texts("text", slug, rows.cell("description").map(text::paragraphs))?;
        let list = spree_variants::picture_list(rows);
        let external_id = format!("{PREFIX}{slug}");
        let made = match spree_variants::read(rows, &external_id, &list, currency, warnings) {
            Ok(made) => made,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut product = NewProduct {
            external_id,
            slug: Some(slug.to_owned()).filter(|slug| is_slug(slug)),
            status: read_status(rows, warnings),
            category: None,
            brand: rows
                .cell("brand_name")
                .or(rows.cell("vendor_name"))
                .map(text::line),
            names,
            descriptions,
            attributes: self.read_attributes(rows),
            options: made.options,
            variants: made.variants,
            images: Vec::new(),
            tags: read_tags(rows),
            created_at: None,
            sold: 0,
        };
        let images = pictures(&self.folder, &list, &mut warnings.0);
        place_images(&mut product, images, &mut warnings.0);
        Ok(Ok((product, made.lines)))
    }

    /// A text from the file itself, which is English, and from the translations.
    fn texts(&self, kind: &str, slug: &str, own: Option<String>) -> Flow<Texts> {
        let mut texts = Texts::new();
        for locale in Locale::ALL {
            let translated = self.spool.get(&[kind, slug, locale.code()])?;
            let translated = translated.map(|entry| match kind {
                "name" => text::line(&entry.text),
                _ => text::paragraphs(&entry.text),
            });
            let own = own.clone().filter(|_| locale == Locale::En);
            texts.extend(own.or(translated).map(|text| (locale, text)));
        }
        Ok(texts)
    }

    /// The attributes, in the order of their columns.
    fn read_attributes(&self, rows: &ProductRows) -> Vec<NewAttribute> {
        let mut facts: Vec<_> = self.columns.iter().collect();
        facts.retain(|(name, _)| FACTS.iter().any(|fact| name.starts_with(fact)));
        facts.sort_by_key(|(_, place)| **place);
        let named = facts.into_iter().map(|(column, _)| {
            let word = column.rsplit('.').next().unwrap_or_default();
            (text::words(word), rows.cell(column))
        });
        let kind = ("Product type".to_owned(), rows.cell("product_type"));
        let filled = std::iter::once(kind)
            .chain(named)
            .filter_map(|(name, value)| {
                Some(NewAttribute {
                    names: Texts::from([(Locale::En, name)]),
                    values: Texts::from([(Locale::En, text::line(value?))]),
                })
            });
        filled.collect()
    }

    fn row(&self, entry: &Entry) -> SheetRow {
        let cells: Vec<String> = serde_json::from_str(&entry.text).unwrap_or_default();
        SheetRow::from_cells(
            entry.line,
            Rc::clone(&self.columns),
            StringRecord::from(cells),
        )
    }
}

/// The cells as one text.
fn cells_text(row: &SheetRow) -> String {
    let cells: Vec<&str> = row.cells().iter().collect();
    serde_json::to_string(&cells).unwrap_or_default()
}

/// The path of the product's first category, from the top.
fn read_path(rows: &ProductRows) -> Vec<String> {
    let cells = (1..=9).filter_map(|number| rows.cell(&format!("category{number}")));
    let path = cells.into_iter().next().unwrap_or_default();
    let names = path.split("->").map(text::line);
    names.filter(|name| !name.is_empty()).collect()
}

fn read_status(rows: &ProductRows, warnings: &mut Warnings) -> Status {
    let Some(name) = rows.cell("status") else {
        return Status::Active;
    };
    Status::from_name(&name.to_ascii_lowercase()).unwrap_or_else(|| {
        warnings.add(Fault::field(
            "status",
            format!("unknown value {name:?}; imported as a draft"),
        ));
        Status::Draft
    })
}

fn read_tags(rows: &ProductRows) -> Vec<String> {
    let tags = rows
        .cell("tags")
        .unwrap_or_default()
        .split(',')
        .map(text::line);
    tags.filter(|tag| !tag.is_empty()).collect()
}
