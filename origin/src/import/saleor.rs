//! Saleor's `populatedb_data.json`: a dump of its tables, all rows in one list, in any order.
//!
//! The rows are stored in a [`Spool`], keyed by the row that they belong to. Then the categories
//! and products are assembled from it one by one. Prices and publication are those of the channel
//! in the shop's currency.

use shared::{locale::Locale, money::Currency};

use super::{
    Source,
    check::CATEGORY_DEPTH_MAX,
    error::{Fault, Skipped, Warnings},
    fields::Fields,
    open,
    pictures::Photos,
    records::Objects,
    row_validator::{Flow, RowValidator},
    saleor_product::Products,
    saleor_tables::{self, Tables},
    spool::{Entry, Spool, SpoolWriter},
    text,
};
use crate::catalog::{
    model::{NewCategory, Texts, UNPOSITIONED},
    slug::is_slug,
};

/// The prefix of external ids of this format.
pub(super) const PREFIX: &str = "saleor-";

/// Reads the file.
pub(super) fn read(source: &Source, validator: &mut RowValidator<'_, '_>) -> Flow {
    let folder = source.media.clone().unwrap_or_else(|| {
        source
            .path
            .parent()
            .map(|folder| folder.join("placeholders"))
            .unwrap_or_default()
    });
    let mut photos = Photos::list(folder);
    let spool = Spool::filled(|writer| put(source, writer, &mut photos, validator))?;
    let tables = Tables::new(&spool);
    for root in spool.range(&["category below", ""])? {
        put_out(&tables, &root?, 1, validator)?;
    }
    report_unreached(&tables, validator)?;
    let channel = channel(&tables, validator.currency())?;
    let products = Products {
        tables: &tables,
        photos,
        channel,
        currency: validator.currency(),
    };
    for product in spool.range(&["product"])? {
        products.read(&product?, validator)?;
    }
    Ok(())
}

/// Stores the rows of the file in the spool.
fn put(
    source: &Source,
    writer: &mut SpoolWriter<'_>,
    photos: &mut Photos,
    validator: &mut RowValidator<'_, '_>,
) -> Flow {
    let mut objects = Objects::new(open(&source.path)?)?;
    while let Some(record) = objects.next()? {
        let line = record.line;
        let put = Fields::record(record.bytes)
            .and_then(|row| saleor_tables::spooled_row(&row, line))
            .map(|spooled_row| {
                let Some(spooled_row) = spooled_row else {
                    return Ok(true);
                };
                if let Some(stored) = &spooled_row.photo
                    && let Some(file) = photos.same_name(stored).map(str::to_owned)
                {
                    photos.claim(&file);
                }
                saleor_tables::put(writer, line, &spooled_row)
            });
        match put {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                validator.fault(line, Fault::row("pk", "already appears in the file"))?;
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(fault) => validator.fault(line, fault)?,
        }
    }
    Ok(())
}

/// The first active channel in the shop's currency.
fn channel(tables: &Tables<'_>, currency: Currency) -> Flow<Option<String>> {
    for entry in tables.spool.range(&["channel"])? {
        let entry = entry?;
        let Ok(row) = entry.fields() else { continue };
        let code = row.filled("currency_code").ok().flatten();
        if code.as_deref() == Some(currency.code()) && row.flag("is_active") != Ok(Some(false)) {
            return Ok(row.filled("pk").ok().flatten());
        }
    }
    Ok(None)
}

/// Emits a category, then its descendants.
fn put_out(
    tables: &Tables<'_>,
    entry: &Entry,
    depth: usize,
    validator: &mut RowValidator<'_, '_>,
) -> Flow {
    let pk = entry.text.as_str();
    let Some(entry) = tables.spool.get(&["category", pk])? else {
        return Ok(());
    };
    let mut warnings = Warnings::default();
    let category = entry
        .fields()
        .and_then(|row| read_category(tables, &row, pk, &mut warnings));
    for warning in warnings.0 {
        validator.fault(entry.line, warning)?;
    }
    let passed = match category {
        Ok(category) => validator.category(entry.line, category)?,
        Err(fault) => {
            validator.fault(entry.line, fault)?;
            false
        }
    };
    // Categories below a rejected level are reported as unreachable later.
    if passed && depth <= CATEGORY_DEPTH_MAX {
        for below in tables.spool.range(&["category below", pk])? {
            put_out(tables, &below?, depth + 1, validator)?;
        }
    }
    Ok(())
}

fn read_category(
    tables: &Tables<'_>,
    row: &Fields<'_>,
    pk: &str,
    warnings: &mut Warnings,
) -> Result<NewCategory, Fault> {
    let name = row
        .filled("name")?
        .ok_or_else(|| row.fault("name", "missing"))?;
    let (mut names, mut descriptions) = (Texts::new(), Texts::new());
    names.insert(Locale::En, text::line(&name));
    descriptions.insert(Locale::En, saleor_tables::description(row, warnings));
    let translations = tables.spool.below(&["categorytranslation", pk]);
    let translations = translations.unwrap_or_default();
    tables.translate(&translations, &mut names, &mut descriptions, warnings);
    Ok(NewCategory {
        external_id: format!("{PREFIX}{pk}"),
        slug: warnings
            .or_warn(row.filled("slug"))
            .filter(|slug| is_slug(slug)),
        parent: row
            .filled("parent")?
            .map(|parent| format!("{PREFIX}{parent}")),
        position: UNPOSITIONED + warnings.or_warn(row.integer("lft")).unwrap_or_default(),
        names,
        descriptions,
        image: None,
    })
}

/// Reports categories whose ancestors are missing or form a cycle.
fn report_unreached(tables: &Tables<'_>, validator: &mut RowValidator<'_, '_>) -> Flow {
    for entry in tables.spool.range(&["category"])? {
        let entry = entry?;
        let Ok(row) = entry.fields() else { continue };
        let pk = row.filled("pk").ok().flatten().unwrap_or_default();
        let external_id = format!("{PREFIX}{pk}");
        let reported = row.filled("name").ok().flatten().is_none();
        if !validator.has_category(&external_id) && !reported {
            let reason =
                "its parent categories do not lead to a top-level category, or are skipped";
            validator.fault(
                entry.line,
                Fault::row("parent", reason).skipping(Skipped::Row),
            )?;
        }
    }
    Ok(())
}
