//! The tables of a Saleor dump: which rows are used and by which key they are stored.

use shared::locale::Locale;

use super::{
    error::{Error, Fault, Warnings},
    fields::Fields,
    spool::{Entry, Spool, SpoolWriter, ordered},
    text,
};
use crate::catalog::model::Texts;

/// A row to be stored: its key, its text, and the photo that it names.
pub(super) struct SpooledRow {
    key: Vec<String>,
    text: String,
    /// A secondary key with the primary key as its value.
    index: Option<(Vec<String>, String)>,
    pub(super) photo: Option<String>,
}

/// The key by which the rows of a table are stored.
enum RowStorage {
    /// By their primary key.
    Own(&'static str),
    /// Below the row that this field names, sorted by `sort_order`.
    Below(&'static str, &'static str),
    /// By their line.
    Line(&'static str),
    /// By primary key, and below their parent.
    Tree,
}

/// The storage of the tables that are used. All others are ignored.
fn storage_of(model: &str, row: &Fields<'_>) -> Option<RowStorage> {
    use RowStorage::{Below, Line, Own, Tree};
    Some(match model {
        "product.category" => Tree,
        "product.product" => Line("product"),
        "product.producttype" => Own("producttype"),
        "product.collection" => Own("collection"),
        "channel.channel" => Own("channel"),
        "attribute.attribute" => Own("attribute"),
        "attribute.attributevalue" => Own("value"),
        "attribute.attributeproduct" => Own("attributeproduct"),
        "attribute.attributevariant" => Own("attributevariant"),
        "product.productvariant" => Below("variant", "product"),
        "product.productmedia" | "product.productimage" => Below("media", "product"),
        "product.productchannellisting" => Below("productlisting", "product"),
        "product.productvariantchannellisting" => Below("variantlisting", "variant"),
        "product.collectionproduct" => Below("collected", "product"),
        "product.producttranslation" => Below("producttranslation", "product"),
        "product.categorytranslation" => Below("categorytranslation", "category"),
        "warehouse.stock" => Below("stock", "product_variant"),
        "attribute.assignedproductattribute" => Below("assigned", "product"),
        "attribute.assignedvariantattribute" => Below("assigned to variant", "variant"),
        // Newer dumps name the product itself, older ones its assignment.
        "attribute.assignedproductattributevalue" if row.raw("product").is_some() => {
            Below("productvalue", "product")
        }
        "attribute.assignedproductattributevalue" => Below("assignedvalue", "assignment"),
        "attribute.assignedvariantattributevalue" => Below("variantvalue", "assignment"),
        _ => return None,
    })
}

/// Converts a row of the dump for storage; `None` if its table is not used.
pub(super) fn spooled_row(row: &Fields<'_>, line: u64) -> Result<Option<SpooledRow>, Fault> {
    let model = row
        .filled("model")?
        .ok_or_else(|| row.fault("model", "missing"))?;
    let Some(fields) = row.object("fields")? else {
        return Err(row.fault("fields", "missing"));
    };
    let Some(storage) = storage_of(&model, &fields) else {
        return Ok(None);
    };
    let pk = row
        .filled("pk")?
        .ok_or_else(|| row.fault("pk", "missing"))?;
    let sort = || {
        ordered(
            fields
                .integer("sort_order")
                .ok()
                .flatten()
                .unwrap_or_default(),
        )
    };
    let owned = |parts: &[&str]| {
        parts
            .iter()
            .map(|part| (*part).to_owned())
            .collect::<Vec<_>>()
    };
    let mut index = None;
    let key = match storage {
        RowStorage::Own(name) => owned(&[name, &pk]),
        RowStorage::Line(name) => {
            index = Some((owned(&["pk", name, &pk]), pk.clone()));
            owned(&[name, &ordered(i64::try_from(line).unwrap_or(i64::MAX))])
        }
        RowStorage::Below(name, field) => {
            let above = fields
                .filled(field)?
                .ok_or_else(|| fields.fault(field, "missing"))?;
            owned(&[name, &above, &sort(), &pk])
        }
        RowStorage::Tree => {
            let above = fields.filled("parent")?.unwrap_or_default();
            let left = ordered(fields.integer("lft").ok().flatten().unwrap_or_default());
            let tree = ordered(fields.integer("tree_id").ok().flatten().unwrap_or_default());
            index = Some((
                owned(&["category below", &above, &tree, &left, &pk]),
                pk.clone(),
            ));
            owned(&["category", &pk])
        }
    };
    let photo = match key[0].as_str() {
        "media" => fields.filled("image").ok().flatten(),
        _ => None,
    };
    Ok(Some(SpooledRow {
        key,
        text: with_pk(&fields, row),
        index,
        photo,
    }))
}

/// The fields as one JSON object, together with the row's primary key.
fn with_pk(fields: &Fields<'_>, row: &Fields<'_>) -> String {
    let mut text = format!("{{\"pk\":{}", row.raw("pk").unwrap_or("null"));
    for name in fields.names().filter(|name| *name != "pk") {
        // Search vectors are large and derived from other fields.
        if name.starts_with("search_") {
            continue;
        }
        if let Some(raw) = fields.raw(name) {
            let name = serde_json::Value::from(name);
            text.push_str(&format!(",{name}:{raw}"));
        }
    }
    text.push('}');
    text
}

/// Stores a row. False if a row with the same primary key was stored before.
pub(super) fn put(
    writer: &mut SpoolWriter<'_>,
    line: u64,
    spooled_row: &SpooledRow,
) -> Result<bool, Error> {
    let parts = |key: &[String]| key.to_vec();
    if let Some((key, text)) = &spooled_row.index {
        let key = parts(key);
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        if !writer.put(&key, line, text)? {
            return Ok(false);
        }
    }
    let key: Vec<&str> = spooled_row.key.iter().map(String::as_str).collect();
    writer.put(&key, line, &spooled_row.text)
}

impl Entry {
    /// The fields of a row of the dump.
    pub(super) fn fields(&self) -> Result<Fields<'_>, Fault> {
        Fields::record(Some(self.text.as_bytes()))
    }
}

/// The stored rows.
pub(super) struct Tables<'a> {
    pub(super) spool: &'a Spool,
}

impl<'a> Tables<'a> {
    pub(super) fn new(spool: &'a Spool) -> Self {
        Self { spool }
    }

    /// Adds the translations in the shop's languages.
    pub(super) fn translate(
        &self,
        translations: &[Entry],
        names: &mut Texts,
        descriptions: &mut Texts,
        warnings: &mut Warnings,
    ) {
        for entry in translations {
            let Ok(row) = entry.fields() else { continue };
            let code = warnings
                .or_warn(row.filled("language_code"))
                .unwrap_or_default();
            let language = code
                .split(['-', '_'])
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            let Some(locale) = Locale::from_code(&language) else {
                continue;
            };
            if let Some(name) = warnings.or_warn(row.filled("name")) {
                names.entry(locale).or_insert_with(|| text::line(&name));
            }
            descriptions
                .entry(locale)
                .or_insert_with(|| description(&row, warnings));
        }
    }
}

/// A description: an EditorJS document, as an object or as its text, or HTML or plain text.
pub(super) fn description(row: &Fields<'_>, warnings: &mut Warnings) -> String {
    let plain = row
        .filled("description_plaintext")
        .ok()
        .flatten()
        .unwrap_or_default();
    let Some(raw) = row.raw("description") else {
        return text::paragraphs(&plain);
    };
    let document = match raw.starts_with('"') {
        false => raw.to_owned(),
        true => match warnings.or_warn(row.filled("description")) {
            Some(text) if text.starts_with('{') => text,
            Some(text) => return text::paragraphs(&text),
            None => String::new(),
        },
    };
    match blocks(&document) {
        Some(text) if !text.is_empty() => text,
        Some(_) => text::paragraphs(&plain),
        None => {
            let reason = "not an EditorJS document; description_plaintext is imported instead";
            warnings.add(Fault::field(row.path("description"), reason));
            text::paragraphs(&plain)
        }
    }
}

/// The text of an EditorJS document's blocks.
fn blocks(document: &str) -> Option<String> {
    if document.is_empty() {
        return Some(String::new());
    }
    let document = Fields::record(Some(document.as_bytes())).ok()?;
    let mut paragraphs = Vec::new();
    for block in document.objects("blocks").ok()? {
        let Ok(Some(content)) = block.object("data") else {
            continue;
        };
        if let Ok(Some(text)) = content.filled("text") {
            paragraphs.push(text::paragraphs(&text));
        }
        let mut items = content.texts("items").unwrap_or_default();
        for item in content.objects("items").unwrap_or_default() {
            items.extend(item.filled("content").ok().flatten());
        }
        let items = items
            .iter()
            .map(|item| format!("• {}", text::paragraphs(item)));
        let items = items.collect::<Vec<_>>().join("\n");
        paragraphs.push(items);
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    Some(paragraphs.join("\n\n"))
}
