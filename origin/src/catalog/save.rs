//! Saves products in batches of a handful of statements each. Saving an unchanged product writes
//! nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::{
    catalog::{Attribute, Availability, SelectedOption},
    id::{BrandId, CategoryId, ProductId, VariantId},
    locale::Locale,
    time::Timestamp,
};

use crate::{
    db::{self, Tx},
    inventory,
    platform::WriteContext,
};

use super::{
    facet_counts::record_save,
    invalidation,
    model::{NewProduct, NewVariant, Status, Texts},
    search,
    slug::slug_from,
    store::{StockSupply, StoredImage},
    tree::text,
    write::{self, ExistingRows},
};

/// A product whose pictures are already in the media folder.
#[derive(Clone, Debug)]
pub struct PreparedProduct {
    /// The product; its `images` are ignored.
    pub product: NewProduct,
    /// The pictures, in the order of `product.images`.
    pub images: Vec<StoredImage>,
}

/// The outcome of saving a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is new.
    Added(ProductId),
    /// It existed and was changed.
    Changed(ProductId),
    /// It existed with the same content.
    Unchanged(ProductId),
    /// It cannot be saved: which field, and why. Nothing of it was written.
    Refused(&'static str, String),
}

/// The most products of one batch.
pub const BATCH_MAX: usize = db::Rows::MAX;

/// Saves up to [`BATCH_MAX`] products and returns a result for each, in order. Of two with the same
/// external id in a batch, the last one is saved.
pub async fn save_products(
    tx: &mut Tx,
    context: WriteContext<'_>,
    batch: &[PreparedProduct],
) -> Result<Vec<Saved>, db::Error> {
    let existing = write::find_existing(tx, batch).await?;
    let brands = write::ensure_brands(tx, context.ids, context.now, batch).await?;
    let mut reservations = NameReservations::new(&existing);
    let mut results = vec![Saved::Refused("external_id", String::new()); batch.len()];
    let mut rows: Vec<ProductRow> = Vec::with_capacity(batch.len());
    let mut documents = Vec::with_capacity(batch.len());
    let last: HashMap<&str, usize> = batch
        .iter()
        .enumerate()
        .map(|(index, prepared)| (prepared.product.external_id.as_str(), index))
        .collect();
    for (index, prepared) in batch.iter().enumerate() {
        let external_id = prepared.product.external_id.as_str();
        if last.get(external_id) != Some(&index) {
            let why = format!("{external_id:?} appears again further down; the last one is used");
            results[index] = Saved::Refused("external_id", why);
            continue;
        }
        results[index] = match row(context, prepared, &existing, &brands, &mut reservations) {
            Err((field, why)) => Saved::Refused(field, why),
            Ok(row) => {
                let result = match existing.products.get(external_id) {
                    None => Saved::Added(row.id),
                    Some(old) if old.content_hash == row.content_hash => Saved::Unchanged(row.id),
                    Some(_) => Saved::Changed(row.id),
                };
                if !matches!(result, Saved::Unchanged(_)) {
                    documents.push(search_document(&row, &prepared.product));
                    rows.push(row);
                }
                result
            }
        };
    }
    if !rows.is_empty() {
        let products: Vec<ProductId> = rows.iter().map(|row| row.id).collect();
        let previous_categories = invalidation::categories_of(tx, &products).await?;
        write::save_rows(tx, &rows).await?;
        search::save_words(tx, &documents).await?;
        record_save(tx).await?;
        invalidation::invalidate_products(tx, context, &products, previous_categories).await?;
        let counted: Vec<_> = rows
            .iter()
            .flat_map(|row| &row.variants)
            .filter_map(|variant| Some((variant.id, variant.stock?)))
            .collect();
        inventory::record_count(tx, context, &counted).await?;
    }
    Ok(results)
}

/// The searchable content of a product.
fn search_document(row: &ProductRow, product: &NewProduct) -> search::SearchDocument {
    search::SearchDocument {
        id: row.id,
        active: product.status == Status::Active,
        sold: row.sold,
        names: product.names.clone(),
        brand: product.brand.clone(),
        tags: product.tags.clone(),
        skus: row.variants.iter().map(|it| it.sku.clone()).collect(),
    }
}

/// A product as it is written.
#[derive(Debug)]
pub(super) struct ProductRow {
    pub(super) id: ProductId,
    pub(super) external_id: String,
    pub(super) slug: String,
    pub(super) status: &'static str,
    pub(super) category: Option<CategoryId>,
    pub(super) found_in: Vec<CategoryId>,
    pub(super) brand: Option<BrandId>,
    pub(super) price_from_minor: i64,
    pub(super) price_to_minor: i64,
    pub(super) compare_at_minor: Option<i64>,
    pub(super) currency: String,
    pub(super) availability: Availability,
    pub(super) sold: i64,
    pub(super) options: String,
    pub(super) image: Option<String>,
    pub(super) images: String,
    pub(super) tags: String,
    pub(super) texts: Vec<TextRow>,
    pub(super) variants: Vec<VariantRow>,
    pub(super) content_hash: String,
    pub(super) version: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct TextRow {
    pub(super) locale: Locale,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) attributes: String,
}

#[derive(Debug)]
pub(super) struct VariantRow {
    pub(super) id: VariantId,
    pub(super) sku: String,
    pub(super) gtin: Option<String>,
    pub(super) options: String,
    pub(super) price_minor: i64,
    pub(super) compare_at_minor: Option<i64>,
    pub(super) stock: Option<i64>,
    pub(super) backorder: bool,
    pub(super) image: Option<u32>,
    pub(super) weight_g: Option<u32>,
}

/// The slugs and SKUs that are taken, by the tables and by the batch itself.
struct NameReservations<'k> {
    existing: &'k ExistingRows,
    slugs: HashSet<String>,
    skus: HashSet<String>,
}

impl<'k> NameReservations<'k> {
    fn new(existing: &'k ExistingRows) -> Self {
        Self {
            existing,
            slugs: HashSet::new(),
            skus: HashSet::new(),
        }
    }

    /// The wanted slug, or the first free one with a number appended.
    fn slug(&mut self, wanted: &str, external_id: &str) -> String {
        let taken = |slug: &str, claimed: &HashSet<String>| {
            claimed.contains(slug)
                || self
                    .existing
                    .slugs
                    .get(slug)
                    .is_some_and(|owner| owner != external_id)
        };
        let mut slug = wanted.to_owned();
        let mut number = 2;
        while taken(&slug, &self.slugs) {
            let suffix = format!("-{number}");
            let kept = wanted.len().min(SLUG_MAX - suffix.len());
            slug = format!("{}{suffix}", &wanted[..kept]);
            number += 1;
        }
        self.slugs.insert(slug.clone());
        slug
    }

    fn sku(&mut self, sku: &str, product: Option<ProductId>) -> Result<(), FieldError> {
        let owner = self.existing.skus.get(sku);
        let elsewhere = owner.is_some_and(|owner| owner.active && Some(owner.product) != product);
        if elsewhere || !self.skus.insert(sku.to_owned()) {
            return Err(("sku", format!("{sku:?} belongs to another variant")));
        }
        Ok(())
    }
}

/// The longest slug, in bytes.
const SLUG_MAX: usize = 100;

type FieldError = (&'static str, String);

fn row(
    context: WriteContext<'_>,
    prepared: &PreparedProduct,
    existing: &ExistingRows,
    brands: &HashMap<String, BrandId>,
    reservations: &mut NameReservations<'_>,
) -> Result<ProductRow, FieldError> {
    let product = &prepared.product;
    let old = existing.products.get(&product.external_id);
    let category = match &product.category {
        Some(external_id) => Some(*existing.categories.get(external_id).ok_or_else(|| {
            (
                "category",
                format!("no category has the external_id {external_id:?}"),
            )
        })?),
        None => None,
    };
    for variant in &product.variants {
        reservations.sku(&variant.sku, old.map(|old| old.id))?;
    }
    let prices = product.variants.iter().map(|variant| variant.price);
    let cheapest = product
        .variants
        .iter()
        .min_by_key(|variant| variant.price.minor)
        .ok_or_else(|| ("variants", "a product needs at least one".to_owned()))?;
    let texts = texts(product);
    let slug = match (&product.slug, old) {
        (None, Some(old)) => old.slug.clone(),
        (None, None) => reservations.slug(
            &slug_from(&text(&product.names, Locale::En)),
            &product.external_id,
        ),
        (Some(slug), _) => reservations.slug(slug, &product.external_id),
    };
    let mut row = ProductRow {
        id: old.map_or_else(
            || ProductId::new(context.ids.next(context.now)),
            |old| old.id,
        ),
        external_id: product.external_id.clone(),
        slug,
        status: product.status.as_str(),
        category,
        found_in: category
            .and_then(|id| existing.ancestors.get(&id).cloned())
            .unwrap_or_default(),
        brand: product
            .brand
            .as_ref()
            .and_then(|name| brands.get(name).copied()),
        price_from_minor: cheapest.price.minor,
        price_to_minor: prices
            .map(|price| price.minor)
            .max()
            .unwrap_or(cheapest.price.minor),
        compare_at_minor: reduced_from(cheapest),
        currency: cheapest.price.currency.to_string(),
        availability: best_availability(&product.variants, context.low_stock),
        sold: product.sold.max(0),
        options: json(&product.options),
        image: prepared.images.first().map(json),
        images: json(&prepared.images),
        tags: json(&product.tags),
        texts,
        variants: variants(context, product, existing),
        content_hash: String::new(),
        version: old.map_or(1, |old| old.version + 1),
        created_at: product
            .created_at
            .or(old.map(|old| old.created_at))
            .unwrap_or(context.now),
        updated_at: context.now,
    };
    row.content_hash = content_hash(&row);
    Ok(row)
}

/// The texts in every language that has any, and in the default language.
fn texts(product: &NewProduct) -> Vec<TextRow> {
    let languages = |texts: &Texts| texts.keys().copied().collect::<Vec<_>>();
    let mut locales: Vec<Locale> = languages(&product.names);
    locales.extend(languages(&product.descriptions));
    locales.push(Locale::default());
    locales.sort_unstable();
    locales.dedup();
    let attributes = |locale| -> Vec<Attribute> {
        let localized = |(name, value): (&Texts, &Texts)| Attribute {
            name: text(name, locale),
            value: text(value, locale),
        };
        product
            .attributes
            .iter()
            .map(|it| localized((&it.names, &it.values)))
            .collect()
    };
    locales
        .into_iter()
        .map(|locale| TextRow {
            locale,
            name: text(&product.names, locale),
            description: text(&product.descriptions, locale),
            attributes: json(&attributes(locale)),
        })
        .collect()
}

/// The rows of the variants. A variant keeps its id while its SKU is the same.
fn variants(
    context: WriteContext<'_>,
    product: &NewProduct,
    existing: &ExistingRows,
) -> Vec<VariantRow> {
    let identity = |sku: &str| {
        let old = existing.skus.get(sku).map(|owner| owner.variant);
        old.unwrap_or_else(|| VariantId::new(context.ids.next(context.now)))
    };
    product
        .variants
        .iter()
        .map(|variant| VariantRow {
            id: identity(&variant.sku),
            sku: variant.sku.clone(),
            gtin: variant.gtin.clone(),
            options: json(&selected(variant)),
            price_minor: variant.price.minor,
            compare_at_minor: reduced_from(variant),
            stock: variant.stock.map(|stock| stock.max(0)),
            backorder: variant.backorder,
            image: variant.image,
            weight_g: variant.weight_g,
        })
        .collect()
}

fn selected(variant: &NewVariant) -> Vec<SelectedOption> {
    let pairs = variant.options.iter().cloned();
    pairs
        .map(|(option, value)| SelectedOption { option, value })
        .collect()
}

/// The price before a reduction, if it is higher than the price.
fn reduced_from(variant: &NewVariant) -> Option<i64> {
    variant
        .compare_at
        .map(|money| money.minor)
        .filter(|minor| *minor > variant.price.minor)
}

/// The availability of a product: the best of its variants.
fn best_availability(variants: &[NewVariant], low_stock: u32) -> Availability {
    let supplies = variants.iter().map(|variant| StockSupply {
        count: variant.stock,
        backorder: variant.backorder,
    });
    let availabilities = supplies.map(|it| it.availability(low_stock));
    availabilities.min().unwrap_or(Availability::Out)
}

/// Serialization cannot fail: these types have string keys and no floats.
fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A hash of the content of a product: everything but ids, the version and times that were not
/// given.
fn content_hash(row: &ProductRow) -> String {
    let variants: Vec<_> = row
        .variants
        .iter()
        .map(|it| {
            (
                &it.sku,
                &it.options,
                it.price_minor,
                it.compare_at_minor,
                (it.stock, it.backorder),
                it.image,
                it.weight_g,
            )
        })
        .collect();
    let texts: BTreeMap<_, _> = row
        .texts
        .iter()
        .map(|it| {
            (
                it.locale.code(),
                (&it.name, &it.description, &it.attributes),
            )
        })
        .collect();
    let content = json(&(
        (
            &row.slug,
            row.status,
            row.category.map(CategoryId::get),
            row.brand.map(BrandId::get),
        ),
        (&row.currency, row.sold, row.availability, row.created_at),
        (&row.options, &row.images, &row.tags, texts, variants),
    ));
    let mut hash = blake3::Hasher::new();
    hash.update(content.as_bytes());
    // Hashed apart, so that products without a GTIN keep the hash of versions that had no GTINs.
    for variant in &row.variants {
        if let Some(gtin) = &variant.gtin {
            hash.update(json(&(&variant.sku, gtin)).as_bytes());
        }
    }
    hash.finalize().to_hex()[..32].to_owned()
}
