//! Writes rows as JSON Lines.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::source_text;
use crate::{
    catalog::model::{NewCategory, NewImage, NewOption, NewProduct, NewVariant, Texts},
    import::Row,
};

/// Writes rows as JSON Lines.
pub struct JsonlWriter<W> {
    out: W,
    folder: PathBuf,
}

impl<W: Write> JsonlWriter<W> {
    /// Creates a writer.
    pub(super) fn new(out: W, folder: &Path) -> Self {
        Self {
            out,
            folder: folder.to_owned(),
        }
    }

    /// Writes a category, or a product with its variants, as a line.
    pub(super) fn write(&mut self, row: &Row) -> io::Result<()> {
        let line = match row {
            Row::Category(category) => category_line(category, &self.folder),
            Row::Product(product) => product_line(product, &self.folder),
        };
        serde_json::to_writer(&mut self.out, &line.0)?;
        self.out.write_all(b"\n")
    }

    /// Returns the underlying writer.
    pub(super) fn finish(self) -> W {
        self.out
    }
}

fn category_line(category: &NewCategory, folder: &Path) -> Line {
    let mut line = Line::of("category", &category.external_id);
    line.put("slug", json!(category.slug));
    line.put("parent", json!(category.parent));
    line.put("position", json!(category.position));
    line.put("names", texts(&category.names));
    line.put("descriptions", texts(&category.descriptions));
    let image = category.image.as_ref();
    line.put(
        "image",
        image.map_or(Value::Null, |it| image_value(it, folder)),
    );
    line
}

fn product_line(product: &NewProduct, folder: &Path) -> Line {
    let attributes = product
        .attributes
        .iter()
        .map(|it| json!({ "names": texts(&it.names), "values": texts(&it.values) }));
    let images = product.images.iter().map(|it| image_value(it, folder));
    let mut line = Line::of("product", &product.external_id);
    line.put("slug", json!(product.slug));
    line.put("status", json!(product.status.as_str()));
    line.put("category", json!(product.category));
    line.put("brand", json!(product.brand));
    line.put("names", texts(&product.names));
    line.put("descriptions", texts(&product.descriptions));
    line.put("attributes", attributes.collect());
    line.put("options", product.options.iter().map(option).collect());
    line.put("variants", product.variants.iter().map(variant).collect());
    line.put("images", images.collect());
    line.put("tags", json!(product.tags));
    line.put("created_at", json!(product.created_at));
    line.put("sold", json!(product.sold));
    line
}

/// An object without empty fields.
struct Line(Map<String, Value>);

impl Line {
    fn of(kind: &str, external_id: &str) -> Self {
        let mut line = Self(Map::new());
        line.put("type", json!(kind));
        line.put("external_id", json!(external_id));
        line
    }

    fn put(&mut self, name: &str, value: Value) {
        let is_empty = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if !is_empty {
            self.0.insert(name.to_owned(), value);
        }
    }
}

fn texts(texts: &Texts) -> Value {
    texts
        .iter()
        .map(|(locale, text)| (locale.code().to_owned(), json!(text)))
        .collect()
}

fn option(option: &NewOption) -> Value {
    let values = option.values.iter().map(|value| {
        let mut written = json!({ "code": value.code, "names": texts(&value.names) });
        if let Some(swatch) = &value.swatch {
            written["swatch"] = json!(swatch);
        }
        written
    });
    json!({
        "code": option.code,
        "names": texts(&option.names),
        "values": values.collect::<Value>(),
    })
}

fn variant(variant: &NewVariant) -> Value {
    let chosen: Map<String, Value> = variant
        .options
        .iter()
        .map(|(option, value)| (option.clone(), json!(value)))
        .collect();
    let mut line = Line(Map::new());
    line.put("sku", json!(variant.sku));
    line.put("gtin", json!(variant.gtin));
    line.put("options", Value::Object(chosen));
    line.put("price", json!(variant.price.to_decimal()));
    line.put(
        "compare_at",
        json!(variant.compare_at.map(shared::money::Money::to_decimal)),
    );
    line.put("stock", json!(variant.stock));
    line.put("backorder", json!(variant.backorder.then_some(true)));
    line.put("weight_g", json!(variant.weight_g));
    line.put("image", json!(variant.image));
    Value::Object(line.0)
}

fn image_value(image: &NewImage, folder: &Path) -> Value {
    let mut written = json!({ "src": source_text(&image.source, folder) });
    if !image.alts.is_empty() {
        written["alt"] = texts(&image.alts);
    }
    written
}
