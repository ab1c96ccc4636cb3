//! Saleor's `populatedb_data.json`: a dump of its tables, all rows in one list, in any order.
//!
//! The rows are put into a [`Spool`] under the row that they belong to; then the categories and
//! the products are put together from it one by one. What counts is the channel in the shop's
//! currency: its prices, and whether it has published the product.

use shared::{locale::Locale, money::Currency};

use super::{
    Source,
    check::CATEGORY_DEPTH_MAX,
    error::{Fault, Lost, Notes},
    fields::Fields,
    gate::{Flow, Gate},
    open,
    pictures::Photos,
    records::Objects,
    saleor_product::Products,
    saleor_tables::{self, Tables},
    spool::{Entry, Filling, Spool},
    text,
};
use crate::catalog::{
    model::{NewCategory, Texts, UNPLACED},
    slug::is_slug,
};

/// What stands before every identity from here.
pub(super) const PREFIX: &str = "saleor-";

/// Reads the file.
pub(super) fn read(source: &Source, gate: &mut Gate<'_, '_>) -> Flow {
    let folder = source.media.clone().unwrap_or_else(|| {
        source
            .path
            .parent()
            .map(|folder| folder.join("placeholders"))
            .unwrap_or_default()
    });
    let mut photos = Photos::list(folder);
    let spool = Spool::filled(|filling| put(source, filling, &mut photos, gate))?;
    let tables = Tables::new(&spool);
    for root in spool.range(&["category below", ""])? {
        put_out(&tables, &root?, 1, gate)?;
    }
    report_unreached(&tables, gate)?;
    let channel = channel(&tables, gate.currency())?;
    let products = Products {
        tables: &tables,
        photos,
        channel,
        currency: gate.currency(),
    };
    for product in spool.range(&["product"])? {
        products.read(&product?, gate)?;
    }
    Ok(())
}

/// Puts the rows of the file away.
fn put(
    source: &Source,
    filling: &mut Filling<'_>,
    photos: &mut Photos,
    gate: &mut Gate<'_, '_>,
) -> Flow {
    let mut objects = Objects::new(open(&source.path)?)?;
    while let Some(record) = objects.next()? {
        let line = record.line;
        let put = Fields::record(record.bytes)
            .and_then(|row| saleor_tables::place(&row, line))
            .map(|place| {
                let Some(place) = place else { return Ok(true) };
                if let Some(stored) = &place.photo
                    && let Some(file) = photos.same_name(stored).map(str::to_owned)
                {
                    photos.claim(&file);
                }
                saleor_tables::put(filling, line, &place)
            });
        match put {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => gate.fault(line, Fault::row("pk", "already appears in the file"))?,
            Ok(Err(error)) => return Err(error.into()),
            Err(fault) => gate.fault(line, fault)?,
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

/// Lets a category pass, and then what lies below it.
fn put_out(tables: &Tables<'_>, entry: &Entry, depth: usize, gate: &mut Gate<'_, '_>) -> Flow {
    let pk = entry.text.as_str();
    let Some(entry) = tables.spool.get(&["category", pk])? else {
        return Ok(());
    };
    let mut notes = Notes::default();
    let category = entry
        .fields()
        .and_then(|row| read_category(tables, &row, pk, &mut notes));
    for note in notes.0 {
        gate.fault(entry.line, note)?;
    }
    let passed = match category {
        Ok(category) => gate.category(entry.line, category)?,
        Err(fault) => {
            gate.fault(entry.line, fault)?;
            false
        }
    };
    // Whatever lies deeper than one level too deep is reported as not reached.
    if passed && depth <= CATEGORY_DEPTH_MAX {
        for below in tables.spool.range(&["category below", pk])? {
            put_out(tables, &below?, depth + 1, gate)?;
        }
    }
    Ok(())
}

fn read_category(
    tables: &Tables<'_>,
    row: &Fields<'_>,
    pk: &str,
    notes: &mut Notes,
) -> Result<NewCategory, Fault> {
    let name = row
        .filled("name")?
        .ok_or_else(|| row.fault("name", "missing"))?;
    let (mut names, mut descriptions) = (Texts::new(), Texts::new());
    names.insert(Locale::En, text::line(&name));
    descriptions.insert(Locale::En, saleor_tables::description(row, notes));
    let translations = tables.spool.below(&["categorytranslation", pk]);
    let translations = translations.unwrap_or_default();
    tables.translate(&translations, &mut names, &mut descriptions, notes);
    Ok(NewCategory {
        external_id: format!("{PREFIX}{pk}"),
        slug: notes.soft(row.filled("slug")).filter(|slug| is_slug(slug)),
        parent: row
            .filled("parent")?
            .map(|parent| format!("{PREFIX}{parent}")),
        position: UNPLACED + notes.soft(row.integer("lft")).unwrap_or_default(),
        names,
        descriptions,
        image: None,
    })
}

/// Categories below one that is not in the file, or below themselves.
fn report_unreached(tables: &Tables<'_>, gate: &mut Gate<'_, '_>) -> Flow {
    for entry in tables.spool.range(&["category"])? {
        let entry = entry?;
        let Ok(row) = entry.fields() else { continue };
        let pk = row.filled("pk").ok().flatten().unwrap_or_default();
        let external_id = format!("{PREFIX}{pk}");
        let reported = row.filled("name").ok().flatten().is_none();
        if !gate.has_category(&external_id) && !reported {
            let reason =
                "its parent categories do not lead to a top-level category, or are skipped";
            gate.fault(entry.line, Fault::row("parent", reason).losing(Lost::Row))?;
        }
    }
    Ok(())
}
