//! Reads a product with its variants in one statement. The short columns are one JSON array, and
//! each variant is another, so that few values move between threads, as for
//! [`super::product_card`].

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::Error as _};
use shared::{
    catalog::{Attribute, Brand, PriceRange, SelectedOption, Variant},
    id::{BrandId, CategoryId, ProductId, VariantId},
    locale::Locale,
    money::{Currency, Money},
    time::Timestamp,
};
use sqlx::{Row as _, any::AnyRow};

use crate::db::CatalogReader;

use super::{
    Error,
    model::NewOption,
    store::{StockSupply, StoredImage, json},
};

/// A product as it is stored, with its texts in one language.
#[derive(Debug)]
pub struct StoredProduct {
    /// Its identity.
    pub id: ProductId,
    /// Its slug.
    pub slug: String,
    /// Its category.
    pub category: Option<CategoryId>,
    /// Its brand.
    pub brand: Option<Brand>,
    /// The price range of its variants.
    pub price: PriceRange,
    /// Its active variants.
    pub variants: Vec<Variant>,
    /// Its options, in all languages.
    pub options: Vec<NewOption>,
    /// Its pictures, with alternative texts in all languages.
    pub images: Vec<StoredImage>,
    /// Free words.
    pub tags: Vec<String>,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its version, which every change raises.
    pub version: i64,
}

/// The statement that finds an active product by id or slug. Its arrays are [`ProductFields`] and
/// [`VariantFields`].
macro_rules! find_product {
    ($column:literal) => {
        concat!(
            "select json_array(p.id, p.slug, p.category_id, p.price_from_minor, p.price_to_minor,
                               p.compare_at_minor, p.currency, p.created_at, p.updated_at, p.version,
                               b.id, b.slug, b.name, coalesce(t.name, d.name)) as short,
                    p.options, p.images, p.tags,
                    coalesce(t.description, d.description) as description,
                    coalesce(t.attributes, d.attributes) as attributes,
                    (select group_concat(json_array(
                                v.position, v.id, v.sku, v.options, v.price_minor, v.compare_at_minor,
                                v.tracked, v.backorder, v.image, v.weight_g, v.gtin,
                                (select cast(sum(s.on_hand - s.held) as signed)
                                   from stock s
                                  where s.variant_id = v.id)))
                       from variants v
                      where v.product_id = p.id
                        and v.active = 1) as variants
               from products p
               left join brands b on b.id = p.brand_id
               left join product_texts t on t.product_id = p.id and t.locale = ?
               left join product_texts d on d.product_id = p.id and d.locale = 'en'
              where p.status = 'active'
                and p.",
            $column,
            " = ?"
        )
    };
}

/// The active product with this id.
pub async fn find_product(
    reader: &mut CatalogReader,
    id: ProductId,
    locale: Locale,
    low_stock: u32,
) -> Result<Option<StoredProduct>, Error> {
    let query = sqlx::query(find_product!("id"))
        .bind(locale.code())
        .bind(id.get());
    let row = query.fetch_optional(reader.conn()).await?;
    row.map(|row| stored_product(&row, low_stock)).transpose()
}

/// The active product with this slug.
pub async fn find_product_by_slug(
    reader: &mut CatalogReader,
    slug: &str,
    locale: Locale,
    low_stock: u32,
) -> Result<Option<StoredProduct>, Error> {
    let query = sqlx::query(find_product!("slug"))
        .bind(locale.code())
        .bind(slug);
    let row = query.fetch_optional(reader.conn()).await?;
    row.map(|row| stored_product(&row, low_stock)).transpose()
}

/// The short values of a product, in the statement's order.
#[derive(Deserialize)]
struct ProductFields {
    id: i64,
    slug: String,
    category: Option<i64>,
    price_from: i64,
    price_to: i64,
    compare_at: Option<i64>,
    currency: Currency,
    created_at: i64,
    updated_at: i64,
    version: i64,
    brand_id: Option<i64>,
    brand_slug: Option<String>,
    brand_name: Option<String>,
    name: String,
}

/// A variant, in the statement's order.
#[derive(Deserialize)]
struct VariantFields {
    position: i64,
    id: i64,
    sku: String,
    #[serde(deserialize_with = "within")]
    options: Vec<SelectedOption>,
    price: i64,
    compare_at: Option<i64>,
    tracked: i64,
    backorder: i64,
    image: Option<u32>,
    weight_g: Option<u32>,
    gtin: Option<String>,
    available: Option<i64>,
}

/// Deserializes a JSON string that itself contains JSON.
fn within<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: serde::de::DeserializeOwned,
    D: Deserializer<'de>,
{
    let text = Cow::<str>::deserialize(deserializer)?;
    serde_json::from_str(&text).map_err(D::Error::custom)
}

fn stored_product(row: &AnyRow, low_stock: u32) -> Result<StoredProduct, Error> {
    let short: ProductFields = json(row, "short")?;
    let money = |minor| Money::new(minor, short.currency);
    let brand = short.brand_id.zip(short.brand_slug).zip(short.brand_name);
    let variants: Option<String> = row.try_get("variants")?;
    Ok(StoredProduct {
        id: ProductId::new(short.id),
        category: short.category.map(CategoryId::new),
        brand: brand.map(|((id, slug), name)| Brand {
            id: BrandId::new(id),
            slug,
            name,
        }),
        price: PriceRange {
            from: money(short.price_from),
            to: money(short.price_to),
            compare_at: short.compare_at.map(money),
        },
        variants: variants_of(&variants.unwrap_or_default(), short.currency, low_stock)?,
        options: json(row, "options")?,
        images: json(row, "images")?,
        tags: json(row, "tags")?,
        description: row.try_get("description")?,
        attributes: json(row, "attributes")?,
        created_at: Timestamp::from_millis(short.created_at),
        updated_at: Timestamp::from_millis(short.updated_at),
        version: short.version,
        slug: short.slug,
        name: short.name,
    })
}

fn variants_of(text: &str, currency: Currency, low_stock: u32) -> Result<Vec<Variant>, Error> {
    let mut fields: Vec<VariantFields> = serde_json::from_str(&format!("[{text}]"))?;
    fields.sort_by_key(|it| it.position);
    let variants = fields
        .into_iter()
        .map(|it| it.into_variant(currency, low_stock));
    Ok(variants.collect())
}

impl VariantFields {
    fn into_variant(self, currency: Currency, low_stock: u32) -> Variant {
        let supply = StockSupply {
            count: (self.tracked != 0).then_some(self.available.unwrap_or(0)),
            backorder: self.backorder != 0,
        };
        Variant {
            id: VariantId::new(self.id),
            sku: self.sku,
            gtin: self.gtin,
            options: self.options,
            price: Money::new(self.price, currency),
            compare_at: self.compare_at.map(|minor| Money::new(minor, currency)),
            availability: supply.availability(low_stock),
            image: self.image,
            weight_g: self.weight_g,
        }
    }
}
