//! The catalogue: what is shown. Owns `brands`, `categories` and their texts and paths, `products`
//! and their texts, `variants`, the listings and what is counted from them, the words by which
//! products are found, and `versions`.
//!
//! What must stay true: an active product has a listing in its category, in all above it and in the
//! whole shop; a product is shown in every language, in the shop's own if in no other; a variant
//! keeps its identity as long as its sku is the same; whatever changes the tree raises its version in
//! the same commit.

mod categories;
mod count;
mod draft;
mod edit;
mod edit_categories;
mod edit_web;
mod error;
mod export;
pub mod gtin;
mod invalidation;
mod list;
pub mod model;
mod offer;
mod product;
mod product_card;
mod save;
mod search;
pub mod slug;
mod stock;
mod store;
mod tree;
mod web;
mod write;

use std::{collections::HashMap, sync::Arc};

use shared::{
    cache::{CachePolicy, TAGS_MAX, Tag, Tags},
    catalog::{
        BRANDS_MAX, Facets, LIMIT_DEFAULT, LIMIT_MAX, ListProducts, Product, ProductCard,
        ProductList, ProductOption, Sort,
    },
    id::{CategoryId, ProductId},
    locale::Locale,
    page::FilterCounts,
    time::Timestamp,
};

pub use categories::{SavedCategory, save_category};
pub use count::recount;
pub use edit::VersionPrecondition;
pub use error::Error;
pub use export::{list_categories_for_export, list_products_for_export};
pub use list::ListQuery;
pub use offer::{Offer, PresentationCache, find_offers, find_skus};
pub use save::{BATCH_MAX, PreparedProduct, Saved, save_products};
pub use search::{
    Search, SearchResult, matching_categories, rebuild_search_index, search_products, suggest,
};
pub use stock::update_availability;
pub use store::{StoredImage, WHOLE_SHOP};
pub use tree::{Category, DEPTH_MAX, Tree, TreeCache, text};
pub use web::routes;

use crate::{app::App, cache::Known, db::CatalogReader};

/// The category tree.
pub async fn tree(app: &App) -> Result<Arc<Tree>, Error> {
    app.changes.keep_up(&app.db, None).await;
    app.tree.get(&app.db, &app.changes).await
}

/// An active product by its id or slug.
pub async fn product(app: &App, key: &str, locale: Locale) -> Result<Product, Error> {
    let mut reader = app.db.catalog().await?;
    let low_stock = app.config.low_stock;
    let by_id = match key.parse::<ProductId>() {
        Ok(id) => product::find_product(&mut reader, id, locale, low_stock).await?,
        Err(_) => None,
    };
    let row = match by_id {
        Some(row) => Some(row),
        // A slug may look like a number.
        None => product::find_product_by_slug(&mut reader, key, locale, low_stock).await?,
    };
    let row = row.ok_or(Error::NoSuchProduct)?;
    drop(reader);
    let tree = tree(app).await?;
    let availabilities = row.variants.iter().map(|it| it.availability);
    Ok(Product {
        id: row.id,
        slug: row.slug,
        name: row.name,
        description: row.description,
        brand: row.brand,
        categories: row
            .category
            .map(|id| tree.path(id, locale))
            .unwrap_or_default(),
        price: row.price,
        availability: availabilities
            .min()
            .unwrap_or(shared::catalog::Availability::Out),
        options: row
            .options
            .into_iter()
            .map(|option| localized_option(option, locale))
            .collect(),
        variants: row.variants,
        images: row
            .images
            .into_iter()
            .map(|image| image.localized(locale))
            .collect(),
        attributes: row.attributes,
        tags: row.tags,
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
    })
}

fn localized_option(option: model::NewOption, locale: Locale) -> ProductOption {
    let value = |value: model::NewOptionValue| shared::catalog::OptionValue {
        name: text(&value.names, locale),
        code: value.code,
        swatch: value.swatch,
    };
    ProductOption {
        name: text(&option.names, locale),
        code: option.code,
        values: option.values.into_iter().map(value).collect(),
    }
}

/// A page of products as the API asks for it, with the category it is of.
pub async fn list_products(
    app: &App,
    query: &ListProducts,
) -> Result<(ProductList, CategoryId), Error> {
    let tree = tree(app).await?;
    let category = match &query.category {
        Some(slug) => tree.find(slug).ok_or(Error::NoSuchCategory)?.id,
        None => WHOLE_SHOP,
    };
    let mut listing = ListQuery::of(category, query.sort, limit(query.limit, LIMIT_DEFAULT)?);
    listing.price_min = price(query.price_min, "price_min", 0)?;
    listing.price_max = price(query.price_max, "price_max", i64::MAX)?;
    listing.availability = query.availability.clone();
    listing.cursor = query.cursor;
    let mut reader = app.db.catalog().await?;
    let list = list_narrowed(&mut reader, listing, &query.brand, query.locale).await?;
    Ok((list, category))
}

/// A list narrowed to the brands with these slugs; a slug that no brand has finds nothing.
pub async fn list_narrowed(
    reader: &mut CatalogReader,
    mut listing: ListQuery,
    brands: &[String],
    locale: Locale,
) -> Result<ProductList, Error> {
    narrow_to(reader, &mut listing, brands).await?;
    if !brands.is_empty() && listing.brands.is_empty() {
        return Ok(ProductList {
            items: Vec::new(),
            next: None,
            previous: None,
        });
    }
    list::list(reader, &listing, locale).await
}

/// How many products there are under what a list is narrowed by.
pub async fn filter_counts(
    reader: &mut CatalogReader,
    listing: &ListQuery,
    brands: &[String],
) -> Result<FilterCounts, Error> {
    let rows = store::counts_by_brand(reader, listing).await?;
    let wanted = |it: &store::BrandRow| brands.is_empty() || brands.contains(&it.slug);
    Ok(FilterCounts {
        total: rows
            .iter()
            .filter(|it| wanted(it))
            .map(|it| it.product_count)
            .sum(),
        brands: rows
            .into_iter()
            .map(|it| (it.slug, it.product_count))
            .collect(),
    })
}

/// Narrows a listing to the brands with these slugs, as far as there are any.
async fn narrow_to(
    reader: &mut CatalogReader,
    listing: &mut ListQuery,
    brands: &[String],
) -> Result<(), Error> {
    if brands.len() > BRANDS_MAX {
        return Err(Error::Invalid(
            "brand",
            "brand must name at most eight brands",
        ));
    }
    listing.brands = store::find_brands(reader, brands).await?;
    Ok(())
}

/// What sells best and can be had.
pub async fn hot_products(
    app: &App,
    limit_wanted: Option<u32>,
    locale: Locale,
) -> Result<ProductList, Error> {
    const HOT_DEFAULT: u32 = 12;
    let limit = limit(limit_wanted, HOT_DEFAULT)?;
    let mut listing = ListQuery::of(WHOLE_SHOP, Sort::BestSelling, limit);
    listing.availability = vec![
        shared::catalog::Availability::InStock,
        shared::catalog::Availability::Low,
        shared::catalog::Availability::Backorder,
    ];
    let mut reader = app.db.catalog().await?;
    let list = list::list(&mut reader, &listing, locale).await?;
    // It is a choice, not a list to leaf through.
    Ok(ProductList {
        next: None,
        previous: None,
        ..list
    })
}

/// What came last.
pub async fn new_products(
    app: &App,
    limit: u32,
    locale: Locale,
) -> Result<Vec<ProductCard>, Error> {
    let listing = ListQuery::of(WHOLE_SHOP, Sort::Newest, limit);
    let mut reader = app.db.catalog().await?;
    Ok(list::list(&mut reader, &listing, locale).await?.items)
}

/// Others of a product's category, best selling first.
pub async fn related(
    app: &App,
    product: &Product,
    limit: u32,
    locale: Locale,
) -> Result<Vec<ProductCard>, Error> {
    let Some(category) = product.categories.last() else {
        return Ok(Vec::new());
    };
    let mut reader = app.db.catalog().await?;
    list::related(&mut reader, category.id, product.id, limit, locale).await
}

/// Categories of which it is kept what their lists can be narrowed by, some kilobytes each.
const FACETS_MAX: usize = 1_000;

/// What lists can be narrowed by.
#[derive(Debug)]
pub struct FacetsCache(Known<CategoryId, Facets>);

impl Default for FacetsCache {
    fn default() -> Self {
        Self(Known::new(FACETS_MAX))
    }
}

/// What the list of a category can be narrowed by; 0 is the whole shop.
pub async fn facets(app: &App, tree: &Tree, category: CategoryId) -> Result<Arc<Facets>, Error> {
    let policy = list_policy(tree, category);
    let read = async {
        // From the primary: they are kept as valid at the last change that is known.
        let mut reader = CatalogReader::from(app.db.read().await?);
        store::facets(&mut reader, category, app.config.currency).await
    };
    let FacetsCache(known) = &app.facets;
    known
        .get(&app.changes, (category, policy.tags()), read)
        .await
}

/// Where each part of the sitemap begins.
pub async fn sitemap_parts(app: &App, size: u32) -> Result<Vec<ProductId>, Error> {
    let mut reader = app.db.catalog().await?;
    store::sitemap_parts(&mut reader, i64::from(size)).await
}

/// When the newest product of each category came, of those that have one.
pub async fn category_dates(app: &App) -> Result<HashMap<CategoryId, Timestamp>, Error> {
    let mut reader = app.db.catalog().await?;
    store::category_dates(&mut reader).await
}

/// The slugs and times of the active products from this id on.
pub async fn list_slugs(
    app: &App,
    from: ProductId,
    limit: u32,
) -> Result<Vec<(String, Timestamp)>, Error> {
    let mut reader = app.db.catalog().await?;
    store::list_slugs(&mut reader, from, i64::from(limit)).await
}

/// How an answer about a product may be kept.
pub fn product_policy(product: &Product) -> CachePolicy {
    let categories = product
        .categories
        .iter()
        .map(|it| Tag::Category(it.id.get()));
    CachePolicy::catalogue(categories.chain([Tag::Product(product.id.get())]).collect())
}

/// How an answer about a category's list may be kept.
pub fn list_policy(tree: &Tree, category: CategoryId) -> CachePolicy {
    if category == WHOLE_SHOP {
        return CachePolicy::catalogue([Tag::Home, Tag::Categories].into_iter().collect());
    }
    CachePolicy::catalogue(tree.tags(category))
}

/// How an answer about the whole shop may be kept.
pub fn shop_policy() -> CachePolicy {
    CachePolicy::catalogue(Tags::from_iter([Tag::Home, Tag::Categories]))
}

/// How an answer about what was searched in the whole shop may be kept. Of what it shows it names each
/// product; what else is found is the same until something that can be searched changes. What is narrowed by
/// how many there are depends on every product.
pub fn search_policy(found: &ProductList, by_availability: bool) -> CachePolicy {
    let products = found.items.iter().map(|card| Tag::Product(card.id.get()));
    let tags = [Tag::Search, Tag::Categories].into_iter().chain(products);
    if by_availability || found.items.is_empty() || found.items.len() + 2 > TAGS_MAX {
        return shop_policy();
    }
    CachePolicy::catalogue(tags.collect())
}

/// How what is proposed while somebody types may be kept: it shows nothing of how many there are.
pub fn suggestions_policy() -> CachePolicy {
    CachePolicy::catalogue(Tags::from_iter([Tag::Search, Tag::Categories]))
}

fn limit(wanted: Option<u32>, default: u32) -> Result<u32, Error> {
    match wanted.unwrap_or(default) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Error::Invalid(
            "limit",
            "limit must be a whole number from 1 to 100",
        )),
    }
}

fn price(wanted: Option<i64>, field: &'static str, default: i64) -> Result<i64, Error> {
    match wanted.unwrap_or(default) {
        minor @ 0.. => Ok(minor),
        _ => Err(Error::Invalid(field, "the price must not be negative")),
    }
}
