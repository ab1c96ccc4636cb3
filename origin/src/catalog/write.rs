//! SQL that writes products in batches.

use std::collections::HashMap;

use shared::{
    id::{BrandId, CategoryId, IdGenerator, ProductId, VariantId},
    time::Timestamp,
};
use sqlx::Row as _;

use crate::db::{self, Rows, Tx, Upsert};

use super::{
    save::{PreparedProduct, ProductRow},
    slug::slug_from,
    store::{WHOLE_SHOP, availability_number},
};

/// The existing rows that a batch may change or conflict with.
#[derive(Debug, Default)]
pub(super) struct ExistingRows {
    /// Products by external id.
    pub(super) products: HashMap<String, ExistingProduct>,
    /// The external id of the product with each slug.
    pub(super) slugs: HashMap<String, String>,
    /// Variants by sku.
    pub(super) skus: HashMap<String, ExistingVariant>,
    /// Categories by external id.
    pub(super) categories: HashMap<String, CategoryId>,
    /// Each category with its ancestors, itself included.
    pub(super) ancestors: HashMap<CategoryId, Vec<CategoryId>>,
}

#[derive(Debug)]
pub(super) struct ExistingProduct {
    pub(super) id: ProductId,
    pub(super) slug: String,
    pub(super) content_hash: String,
    pub(super) version: i64,
    pub(super) created_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct ExistingVariant {
    pub(super) variant: VariantId,
    pub(super) product: ProductId,
    pub(super) active: bool,
}

/// Finds the rows that decide how a batch is written.
pub(super) async fn find_existing(
    tx: &mut Tx,
    batch: &[PreparedProduct],
) -> Result<ExistingRows, db::Error> {
    let mut existing = ExistingRows::default();
    if batch.is_empty() {
        return Ok(existing);
    }
    find_products(tx, batch, &mut existing).await?;
    find_slugs(tx, batch, &mut existing).await?;
    find_variants(tx, batch, &mut existing).await?;
    find_categories(tx, batch, &mut existing).await?;
    Ok(existing)
}

async fn find_products(
    tx: &mut Tx,
    batch: &[PreparedProduct],
    existing: &mut ExistingRows,
) -> Result<(), db::Error> {
    let head = "
        select external_id, id, slug, content_hash, version, created_at
          from products
         where external_id in ";
    let mut query = Rows::among(head, batch.iter().map(|it| it.product.external_id.as_str()));
    for row in query.build().fetch_all(tx.conn()).await? {
        let product = ExistingProduct {
            id: ProductId::new(row.try_get("id")?),
            slug: row.try_get("slug")?,
            content_hash: row.try_get("content_hash")?,
            version: row.try_get("version")?,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
        };
        existing
            .products
            .insert(row.try_get("external_id")?, product);
    }
    Ok(())
}

/// Finds the slugs that wanted ones may conflict with: the same, and those with a number appended.
async fn find_slugs(
    tx: &mut Tx,
    batch: &[PreparedProduct],
    existing: &mut ExistingRows,
) -> Result<(), db::Error> {
    let wanted = batch.iter().map(|it| {
        let product = &it.product;
        product.slug.clone().unwrap_or_else(|| {
            slug_from(&super::tree::text(
                &product.names,
                shared::locale::Locale::En,
            ))
        })
    });
    let head = "
        select external_id, slug
          from products
         where slug in ";
    let mut query = Rows::among(head, wanted);
    let rows = query.build().fetch_all(tx.conn()).await?;
    for row in &rows {
        existing
            .slugs
            .insert(row.try_get("slug")?, row.try_get("external_id")?);
    }
    for slug in existing.slugs.keys().cloned().collect::<Vec<_>>() {
        let statement = "
            select external_id, slug
              from products
             where slug >= ?
               and slug < ?";
        let rows = sqlx::query(statement)
            .bind(format!("{slug}-2"))
            .bind(format!("{slug}-:"))
            .fetch_all(tx.conn())
            .await?;
        for row in rows {
            existing
                .slugs
                .insert(row.try_get("slug")?, row.try_get("external_id")?);
        }
    }
    Ok(())
}

async fn find_variants(
    tx: &mut Tx,
    batch: &[PreparedProduct],
    existing: &mut ExistingRows,
) -> Result<(), db::Error> {
    let head = "
        select sku, id, product_id, active
          from variants
         where sku in ";
    let skus: Vec<&str> = batch
        .iter()
        .flat_map(|it| {
            it.product
                .variants
                .iter()
                .map(|variant| variant.sku.as_str())
        })
        .collect();
    for chunk in skus.chunks(Rows::MAX) {
        let mut query = Rows::among(head, chunk.iter().copied());
        for row in query.build().fetch_all(tx.conn()).await? {
            let variant = ExistingVariant {
                variant: VariantId::new(row.try_get("id")?),
                product: ProductId::new(row.try_get("product_id")?),
                active: row.try_get::<i64, _>("active")? != 0,
            };
            existing.skus.insert(row.try_get("sku")?, variant);
        }
    }
    Ok(())
}

async fn find_categories(
    tx: &mut Tx,
    batch: &[PreparedProduct],
    existing: &mut ExistingRows,
) -> Result<(), db::Error> {
    let mut wanted: Vec<&str> = batch
        .iter()
        .filter_map(|it| it.product.category.as_deref())
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(());
    }
    let head = "
        select c.external_id, c.id, p.ancestor_id
          from categories c
          join category_paths p on p.descendant_id = c.id
         where c.external_id in ";
    let mut query = Rows::among(head, wanted);
    for row in query.build().fetch_all(tx.conn()).await? {
        let id = CategoryId::new(row.try_get("id")?);
        existing.categories.insert(row.try_get("external_id")?, id);
        let above = CategoryId::new(row.try_get("ancestor_id")?);
        existing.ancestors.entry(id).or_default().push(above);
    }
    Ok(())
}

/// The ids of the brands of a batch, by name. Adds those that do not exist.
pub(super) async fn ensure_brands(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    batch: &[PreparedProduct],
) -> Result<HashMap<String, BrandId>, db::Error> {
    let mut names: Vec<&str> = batch
        .iter()
        .filter_map(|it| it.product.brand.as_deref())
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let head = "
        select slug, id
          from brands
         where slug in ";
    let mut query = Rows::among(head, names.iter().map(|name| slug_from(name)));
    let rows = query.build().fetch_all(tx.conn()).await?;
    let mut by_slug = HashMap::new();
    for row in rows {
        by_slug.insert(
            row.try_get::<String, _>("slug")?,
            BrandId::new(row.try_get("id")?),
        );
    }
    // Two spellings of one slug, such as "Acme" and "ACME", are one brand.
    let mut added: Vec<(BrandId, String, &str)> = Vec::new();
    let mut brands = HashMap::new();
    for name in names {
        let slug = slug_from(name);
        let id = *by_slug.entry(slug.clone()).or_insert_with(|| {
            let id = BrandId::new(ids.next(now));
            added.push((id, slug, name));
            id
        });
        brands.insert(name.to_owned(), id);
    }
    Rows::insert("insert into brands (id, slug, name) ")
        .write(tx, &added, |mut row, (id, slug, name)| {
            row.push_bind(id.get())
                .push_bind(slug.clone())
                .push_bind((*name).to_owned());
        })
        .await?;
    Ok(brands)
}

/// Writes products with their texts, variants and listings.
pub(super) async fn save_rows(tx: &mut Tx, rows: &[ProductRow]) -> Result<(), db::Error> {
    save_own(tx, rows).await?;
    remove_parts(tx, rows).await?;
    add_texts(tx, rows).await?;
    save_variants(tx, rows).await?;
    add_listings(tx, rows).await
}

async fn save_own(tx: &mut Tx, rows: &[ProductRow]) -> Result<(), db::Error> {
    let head = "
        insert into products (id, external_id, slug, status, category_id, brand_id,
            price_from_minor, price_to_minor, compare_at_minor, currency, availability, sold,
            options, image, images, tags, content_hash, version, created_at, updated_at) ";
    let upsert = Upsert {
        key: "id",
        columns: &[
            "slug",
            "status",
            "category_id",
            "brand_id",
            "price_from_minor",
            "price_to_minor",
            "compare_at_minor",
            "currency",
            "availability",
            "sold",
            "options",
            "image",
            "images",
            "tags",
            "content_hash",
            "version",
            "created_at",
            "updated_at",
        ],
    };
    Rows::upsert(head, upsert)
        .write(tx, rows, |mut values, row| {
            values
                .push_bind(row.id.get())
                .push_bind(row.external_id.clone())
                .push_bind(row.slug.clone())
                .push_bind(row.status)
                .push_bind(row.category.map(CategoryId::get))
                .push_bind(row.brand.map(BrandId::get))
                .push_bind(row.price_from_minor)
                .push_bind(row.price_to_minor)
                .push_bind(row.compare_at_minor)
                .push_bind(row.currency.clone())
                .push_bind(availability_number(row.availability))
                .push_bind(row.sold)
                .push_bind(row.options.clone())
                .push_bind(row.image.clone())
                .push_bind(row.images.clone())
                .push_bind(row.tags.clone())
                .push_bind(row.content_hash.clone())
                .push_bind(row.version)
                .push_bind(row.created_at.as_millis())
                .push_bind(row.updated_at.as_millis());
        })
        .await
}

/// Deletes the dependent rows that are written again. Variants are deactivated instead, because
/// carts and orders may refer to them.
async fn remove_parts(tx: &mut Tx, rows: &[ProductRow]) -> Result<(), db::Error> {
    for head in [
        "delete from product_texts where product_id in ",
        "delete from product_listings where product_id in ",
        "update variants set active = 0 where product_id in ",
    ] {
        for chunk in rows.chunks(Rows::MAX) {
            let mut query = Rows::among(head, chunk.iter().map(|row| row.id.get()));
            query.build().execute(tx.conn()).await?;
        }
    }
    Ok(())
}

async fn add_texts(tx: &mut Tx, rows: &[ProductRow]) -> Result<(), db::Error> {
    let texts: Vec<_> = rows
        .iter()
        .flat_map(|row| row.texts.iter().map(move |text| (row.id, text)))
        .collect();
    let head = "
        insert into product_texts (product_id, locale, name, description, attributes) ";
    Rows::insert(head)
        .write(tx, &texts, |mut values, (product, text)| {
            values
                .push_bind(product.get())
                .push_bind(text.locale.code())
                .push_bind(text.name.clone())
                .push_bind(text.description.clone())
                .push_bind(text.attributes.clone());
        })
        .await
}

async fn save_variants(tx: &mut Tx, rows: &[ProductRow]) -> Result<(), db::Error> {
    let variants: Vec<_> = rows
        .iter()
        .flat_map(|row| {
            (0_i64..)
                .zip(&row.variants)
                .map(move |(position, it)| (row.id, position, it))
        })
        .collect();
    let head = "
        insert into variants (id, product_id, position, active, sku, options, price_minor,
            compare_at_minor, tracked, backorder, image, weight_g, gtin) ";
    let upsert = Upsert {
        key: "id",
        columns: &[
            "product_id",
            "position",
            "active",
            "options",
            "price_minor",
            "compare_at_minor",
            "tracked",
            "backorder",
            "image",
            "weight_g",
            "gtin",
        ],
    };
    Rows::upsert(head, upsert)
        .write(tx, &variants, |mut values, (product, position, variant)| {
            values
                .push_bind(variant.id.get())
                .push_bind(product.get())
                .push_bind(*position)
                .push_bind(1_i64)
                .push_bind(variant.sku.clone())
                .push_bind(variant.options.clone())
                .push_bind(variant.price_minor)
                .push_bind(variant.compare_at_minor)
                .push_bind(i64::from(variant.stock.is_some()))
                .push_bind(i64::from(variant.backorder))
                .push_bind(variant.image.map(i64::from))
                .push_bind(variant.weight_g.map(i64::from))
                .push_bind(variant.gtin.clone());
        })
        .await
}

async fn add_listings(tx: &mut Tx, rows: &[ProductRow]) -> Result<(), db::Error> {
    let listings: Vec<_> = rows
        .iter()
        .filter(|row| row.status == super::model::Status::Active.as_str())
        .flat_map(|row| {
            let places = row.found_in.iter().copied().chain([WHOLE_SHOP]);
            places.map(move |category| (category, row))
        })
        .collect();
    let head = "
        insert into product_listings (category_id, product_id, brand_id, price_minor,
            availability, sold, created_at) ";
    Rows::insert(head)
        .write(tx, &listings, |mut values, (category, row)| {
            values
                .push_bind(category.get())
                .push_bind(row.id.get())
                .push_bind(row.brand.map_or(0, BrandId::get))
                .push_bind(row.price_from_minor)
                .push_bind(availability_number(row.availability))
                .push_bind(row.sold)
                .push_bind(row.created_at.as_millis());
        })
        .await
}
