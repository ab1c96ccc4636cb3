//! SQL that reads the catalogue, except for lists, searches and single products.

use std::collections::HashMap;

use shared::{
    catalog::{Availability, BrandCount, Facets, Image, ImageSource, PriceSpan},
    id::{BrandId, CategoryId, ProductId},
    locale::Locale,
    money::{Currency, Money},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::db::{self, CatalogReader};

use super::{Error, ListQuery, list, tree::Category};

/// The id that stands for the whole shop in place of a category.
pub const WHOLE_SHOP: CategoryId = CategoryId::new(0);
/// The most brands in a filter.
const FACET_BRANDS_MAX: i64 = 40;

/// A picture as it is stored, with its alternative text in every language.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "StoredImageFields")]
pub struct StoredImage {
    /// The picture, without its text.
    #[serde(flatten)]
    pub image: Image,
    /// Its alternative text.
    #[serde(default)]
    pub alts: super::model::Texts,
}

/// The fields of a stored picture. Deserializing `#[serde(flatten)]` would buffer them first.
#[derive(serde::Deserialize)]
struct StoredImageFields {
    src: String,
    #[serde(default)]
    width: Option<u32>,
    #[serde(default)]
    height: Option<u32>,
    #[serde(default)]
    sources: Vec<ImageSource>,
    #[serde(default)]
    alts: super::model::Texts,
}

impl From<StoredImageFields> for StoredImage {
    fn from(flat: StoredImageFields) -> Self {
        Self {
            image: Image {
                src: flat.src,
                alt: String::new(),
                width: flat.width,
                height: flat.height,
                sources: flat.sources,
            },
            alts: flat.alts,
        }
    }
}

impl StoredImage {
    /// The picture with its text in this language.
    pub fn localized(self, locale: Locale) -> Image {
        Image {
            alt: super::tree::text(&self.alts, locale),
            ..self.image
        }
    }
}

pub(super) fn currency(row: &AnyRow) -> Result<Currency, Error> {
    let code: String = row.try_get("currency")?;
    code.parse()
        .map_err(|error| db::Error::Decode(Box::new(error)).into())
}

pub(super) fn json<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, Error> {
    let text: String = row.try_get(column)?;
    Ok(serde_json::from_str(&text)?)
}

/// The stock of a variant, as far as availability depends on it.
#[derive(Clone, Copy, Debug)]
pub struct StockSupply {
    /// The available units. None if stock is not tracked.
    pub count: Option<i64>,
    /// Whether it may be sold while out of stock.
    pub backorder: bool,
}

impl StockSupply {
    /// The availability that shoppers see.
    pub fn availability(self, low_stock: u32) -> Availability {
        match self.count {
            None => Availability::InStock,
            Some(..=0) if self.backorder => Availability::Backorder,
            Some(..=0) => Availability::Out,
            Some(few) if few < i64::from(low_stock) => Availability::Low,
            Some(_) => Availability::InStock,
        }
    }
}

/// The number of an availability in the tables.
pub const fn availability_number(availability: Availability) -> i64 {
    match availability {
        Availability::Out => 0,
        Availability::Low => 1,
        Availability::InStock => 2,
        Availability::Backorder => 3,
    }
}

pub(super) fn availability_of(number: i64) -> Availability {
    match number {
        0 => Availability::Out,
        1 => Availability::Low,
        3 => Availability::Backorder,
        _ => Availability::InStock,
    }
}

/// The ids of the brands with these slugs, in no particular order.
pub async fn find_brands(
    reader: &mut CatalogReader,
    slugs: &[String],
) -> Result<Vec<BrandId>, Error> {
    let mut found = Vec::new();
    for slug in slugs {
        let statement = "
            select id
              from brands
             where slug = ?";
        let id = sqlx::query_scalar(statement)
            .bind(slug)
            .fetch_optional(reader.conn())
            .await?;
        found.extend(id.map(BrandId::new));
    }
    Ok(found)
}

/// The facets of a category.
pub async fn facets(
    reader: &mut CatalogReader,
    category: CategoryId,
    currency: Currency,
) -> Result<Facets, Error> {
    let statement = "
        select product_count, price_from_minor, price_to_minor
          from category_facets
         where category_id = ?";
    let row = sqlx::query(statement)
        .bind(category.get())
        .fetch_optional(reader.conn())
        .await?;
    let Some(row) = row else {
        return Ok(Facets {
            product_count: 0,
            brands: Vec::new(),
            price: None,
        });
    };
    let money = |column| -> Result<Money, Error> { Ok(Money::new(row.try_get(column)?, currency)) };
    Ok(Facets {
        product_count: count(&row)?,
        brands: facet_brands(reader, category).await?,
        price: Some(PriceSpan {
            from: money("price_from_minor")?,
            to: money("price_to_minor")?,
        }),
    })
}

async fn facet_brands(
    reader: &mut CatalogReader,
    category: CategoryId,
) -> Result<Vec<BrandCount>, Error> {
    let statement = "
        select b.slug, b.name, c.product_count
          from category_brands c
          join brands b on b.id = c.brand_id
         where c.category_id = ?
         order by c.product_count desc, b.name
         limit ?";
    let query = sqlx::query(statement)
        .bind(category.get())
        .bind(FACET_BRANDS_MAX);
    let rows = query.fetch_all(reader.conn()).await?;
    let mut brands: Vec<BrandCount> = rows
        .iter()
        .map(|row| -> Result<_, Error> {
            Ok(BrandCount {
                slug: row.try_get("slug")?,
                name: row.try_get("name")?,
                product_count: count(row)?,
            })
        })
        .collect::<Result<_, _>>()?;
    brands.sort_by_cached_key(|brand| brand.name.to_lowercase());
    Ok(brands)
}

/// A brand with the number of matching products. The slug is empty for products without a brand.
pub(super) struct BrandRow {
    pub(super) slug: String,
    pub(super) product_count: u64,
}

/// The number of products by brand, under the filters by price and availability.
pub(super) async fn counts_by_brand(
    reader: &mut CatalogReader,
    listing: &ListQuery,
) -> Result<Vec<BrandRow>, Error> {
    let statement = "
        select coalesce(b.slug, '') as slug, g.product_count
          from (select brand_id, count(*) as product_count
                  from product_listings
                 where category_id = ?
                   and price_minor >= ?
                   and price_minor <= ?
                   and availability in (?, ?, ?, ?)
                 group by brand_id) g
          left join brands b on b.id = g.brand_id";
    let mut query = sqlx::query(statement)
        .bind(listing.category.get())
        .bind(listing.price_min)
        .bind(listing.price_max);
    for number in list::availability(&listing.availability) {
        query = query.bind(number);
    }
    let rows = query.fetch_all(reader.conn()).await?;
    let row = |row: &AnyRow| -> Result<_, Error> {
        Ok(BrandRow {
            slug: row.try_get("slug")?,
            product_count: count(row)?,
        })
    };
    rows.iter().map(row).collect()
}

pub(super) fn count(row: &AnyRow) -> Result<u64, Error> {
    let count: i64 = row.try_get("product_count")?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The version of the category tree.
pub async fn categories_version(reader: &mut CatalogReader) -> Result<i64, Error> {
    let statement = "
        select version
          from versions
         where name = 'categories'";
    Ok(sqlx::query_scalar(statement)
        .fetch_one(reader.conn())
        .await?)
}

/// All categories with their texts, in display order.
pub async fn list_categories(reader: &mut CatalogReader) -> Result<Vec<Category>, Error> {
    let statement = "
        select c.id, c.parent_id, c.slug, coalesce(c.image, f.image) as image, t.locale, t.name, t.description,
               coalesce(f.product_count, 0) as product_count
          from categories c
          left join category_facets f on f.category_id = c.id
          left join category_texts t on t.category_id = c.id
         order by c.position, c.id";
    let rows = sqlx::query(statement).fetch_all(reader.conn()).await?;
    let mut categories: Vec<Category> = Vec::new();
    for row in &rows {
        let id = CategoryId::new(row.try_get("id")?);
        if categories.last().is_none_or(|last| last.id != id) {
            categories.push(category(row, id)?);
        }
        let locale: Option<String> = row.try_get("locale")?;
        let locale = locale.as_deref().and_then(Locale::from_code);
        if let (Some(locale), Some(category)) = (locale, categories.last_mut()) {
            category.names.insert(locale, row.try_get("name")?);
            category
                .descriptions
                .insert(locale, row.try_get("description")?);
        }
    }
    Ok(categories)
}

fn category(row: &AnyRow, id: CategoryId) -> Result<Category, Error> {
    let image: Option<String> = row.try_get("image")?;
    let image: Option<StoredImage> = image.map(|text| serde_json::from_str(&text)).transpose()?;
    Ok(Category {
        id,
        parent: row
            .try_get::<Option<i64>, _>("parent_id")?
            .map(CategoryId::new),
        slug: row.try_get("slug")?,
        image,
        names: super::model::Texts::new(),
        descriptions: super::model::Texts::new(),
        product_count: count(row)?,
    })
}

/// The first id of each part of the sitemap: that of every `size`-th active product.
pub async fn sitemap_parts(reader: &mut CatalogReader, size: i64) -> Result<Vec<ProductId>, Error> {
    let statement = "
        select product_id
          from (select product_id, row_number() over (order by product_id) as place
                  from product_listings
                 where category_id = 0) numbered
         where place % ? = 1
         order by product_id";
    let ids: Vec<i64> = sqlx::query_scalar(statement)
        .bind(size)
        .fetch_all(reader.conn())
        .await?;
    Ok(ids.into_iter().map(ProductId::new).collect())
}

/// The creation time of the newest product of each category that has one.
pub async fn category_dates(
    reader: &mut CatalogReader,
) -> Result<HashMap<CategoryId, Timestamp>, Error> {
    let statement = "
        select c.id,
               (select l.created_at
                  from product_listings l
                 where l.category_id = c.id
                 order by l.created_at desc
                 limit 1)
          from categories c";
    let rows = sqlx::query(statement).fetch_all(reader.conn()).await?;
    let mut dates = HashMap::with_capacity(rows.len());
    for row in &rows {
        let at: Option<i64> = row.try_get(1)?;
        let id = CategoryId::new(row.try_get(0)?);
        dates.extend(at.map(|at| (id, Timestamp::from_millis(at))));
    }
    Ok(dates)
}

/// Slugs and modification times of active products, from this id on.
pub async fn list_slugs(
    reader: &mut CatalogReader,
    from: ProductId,
    limit: i64,
) -> Result<Vec<(String, Timestamp)>, Error> {
    let statement = "
        select p.slug, p.updated_at
          from product_listings l
          join products p on p.id = l.product_id
         where l.category_id = 0
           and l.product_id >= ?
         order by l.product_id
         limit ?";
    let query = sqlx::query(statement).bind(from.get()).bind(limit);
    let rows = query.fetch_all(reader.conn()).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, Timestamp::from_millis(row.try_get(1)?))))
        .collect()
}

/// The current version of a product.
#[derive(Clone, Copy, Debug)]
pub struct ProductVersion {
    /// The product.
    pub id: ProductId,
    /// Its version, which every change raises.
    pub version: i64,
}

/// The version of the product with this external id, whatever its status. `lock` is the locking
/// clause.
pub async fn find_version(
    conn: &mut AnyConnection,
    external_id: &str,
    lock: &'static str,
) -> Result<Option<ProductVersion>, Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select id, version
           from products
          where external_id = ",
    );
    query.push_bind(external_id.to_owned()).push(lock);
    let row = query.build().fetch_optional(conn).await?;
    let edited = |row: AnyRow| {
        Ok(ProductVersion {
            id: ProductId::new(row.try_get("id")?),
            version: row.try_get("version")?,
        })
    };
    row.map(edited).transpose()
}

/// The external id of the product with this sku.
pub async fn external_id_of(conn: &mut AnyConnection, sku: &str) -> Result<Option<String>, Error> {
    let statement = "
        select p.external_id
          from variants v
          join products p on p.id = v.product_id
         where v.sku = ?
           and v.active = 1";
    Ok(sqlx::query_scalar(statement)
        .bind(sku)
        .fetch_optional(conn)
        .await?)
}

/// The number of sold units of a product, and its creation time.
pub async fn sold_of(
    conn: &mut AnyConnection,
    external_id: &str,
) -> Result<Option<(i64, Timestamp)>, Error> {
    let statement = "
        select sold, created_at
          from products
         where external_id = ?";
    let row: Option<(i64, i64)> = sqlx::query_as(statement)
        .bind(external_id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|(sold, at)| (sold, Timestamp::from_millis(at))))
}

/// The categories in which a product is listed.
pub async fn listed_in(
    conn: &mut AnyConnection,
    external_id: &str,
) -> Result<Vec<CategoryId>, Error> {
    let statement = "
        select l.category_id
          from product_listings l
          join products p on p.id = l.product_id
         where p.external_id = ?";
    let ids: Vec<i64> = sqlx::query_scalar(statement)
        .bind(external_id)
        .fetch_all(conn)
        .await?;
    Ok(ids.into_iter().map(CategoryId::new).collect())
}
