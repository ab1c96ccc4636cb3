//! The catalogue: categories, brands, products and variants. Owns `brands`, `categories` with their
//! texts and paths, `products` with their texts, `variants`, the listings and the facets counted
//! from them, the search index, and `versions`.
//!
//! Invariants: an active product has a listing in its category, in every ancestor and in the whole
//! shop; a product is shown in every language, with texts of the default language where its own are
//! missing; a variant keeps its id while its SKU is the same; a change of the category tree raises
//! its version in the same transaction.

mod availability;
mod categories;
mod draft;
mod edit;
mod edit_categories;
mod edit_web;
mod error;
mod export;
mod facet_counts;
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
mod state;
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

pub use availability::update_availability;
pub use categories::{SavedCategory, save_category};
pub use edit::VersionPrecondition;
pub use error::Error;
pub use export::{list_categories_for_export, list_products_for_export};
pub use facet_counts::recount;
pub use list::ListQuery;
pub use offer::{Offer, PresentationCache, find_offers, find_skus};
pub use save::{BATCH_MAX, PreparedProduct, Saved, save_products};
pub use search::{
    Search, SearchResult, matching_categories, rebuild_search_index, search_products, suggest,
};
pub use state::{Catalog, CatalogState};
pub use store::{StoredImage, WHOLE_SHOP};
pub use tree::{Category, DEPTH_MAX, Tree, TreeCache, text};
pub use web::routes;

use crate::{cache::VersionedCache, db::CatalogReader, platform::Platform};

/// The category tree.
pub async fn tree(catalog: &Catalog) -> Result<Arc<Tree>, Error> {
    catalog.changes.sync_to(&catalog.db, None).await;
    catalog.tree.get(&catalog.db, &catalog.changes).await
}

/// An active product by its id or slug.
pub async fn find_product(catalog: &Catalog, key: &str, locale: Locale) -> Result<Product, Error> {
    let mut reader = catalog.db.catalog().await?;
    let low_stock = catalog.config.low_stock;
    let by_id = match key.parse::<ProductId>() {
        Ok(id) => product::find_product(&mut reader, id, locale, low_stock).await?,
        Err(_) => None,
    };
    let row = match by_id {
        Some(row) => Some(row),
        // A slug may consist of digits.
        None => product::find_product_by_slug(&mut reader, key, locale, low_stock).await?,
    };
    let row = row.ok_or(Error::NoSuchProduct)?;
    drop(reader);
    let tree = tree(catalog).await?;
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

/// A page of products for an API request, with its category.
pub async fn list_products(
    catalog: &Catalog,
    query: &ListProducts,
) -> Result<(ProductList, CategoryId), Error> {
    let tree = tree(catalog).await?;
    let category = match &query.category {
        Some(slug) => tree.find(slug).ok_or(Error::NoSuchCategory)?.id,
        None => WHOLE_SHOP,
    };
    let mut listing = ListQuery::of(category, query.sort, limit(query.limit, LIMIT_DEFAULT)?);
    listing.price_min = price(query.price_min, "price_min", 0)?;
    listing.price_max = price(query.price_max, "price_max", i64::MAX)?;
    listing.availability = query.availability.clone();
    listing.cursor = query.cursor;
    let mut reader = catalog.db.catalog().await?;
    let list = list_narrowed(&mut reader, listing, &query.brand, query.locale).await?;
    Ok((list, category))
}

/// A list filtered by brand slugs. If none of the slugs exists, the list is empty.
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

/// The number of products under the filters of a list, in all and by brand.
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

/// Adds the existing brands with these slugs to the filters of a list.
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

/// The best-selling products that are available.
pub async fn list_hot_products(
    platform: &Platform,
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
    let mut reader = platform.db.catalog().await?;
    let list = list::list(&mut reader, &listing, locale).await?;
    // It is a selection without further pages.
    Ok(ProductList {
        next: None,
        previous: None,
        ..list
    })
}

/// The newest products.
pub async fn list_new_products(
    platform: &Platform,
    limit: u32,
    locale: Locale,
) -> Result<Vec<ProductCard>, Error> {
    let listing = ListQuery::of(WHOLE_SHOP, Sort::Newest, limit);
    let mut reader = platform.db.catalog().await?;
    Ok(list::list(&mut reader, &listing, locale).await?.items)
}

/// Other products of a product's category, the best-selling first.
pub async fn list_related(
    platform: &Platform,
    product: &Product,
    limit: u32,
    locale: Locale,
) -> Result<Vec<ProductCard>, Error> {
    let Some(category) = product.categories.last() else {
        return Ok(Vec::new());
    };
    let mut reader = platform.db.catalog().await?;
    list::list_related(&mut reader, category.id, product.id, limit, locale).await
}

/// The most categories whose facets are cached, some kilobytes each.
const FACETS_MAX: usize = 1_000;

/// Caches the facets of categories.
#[derive(Debug)]
pub struct FacetsCache(VersionedCache<CategoryId, Facets>);

impl Default for FacetsCache {
    fn default() -> Self {
        Self(VersionedCache::new(FACETS_MAX))
    }
}

/// The facets of a category; [`WHOLE_SHOP`] has its own.
pub async fn facets(
    catalog: &Catalog,
    tree: &Tree,
    category: CategoryId,
) -> Result<Arc<Facets>, Error> {
    let policy = list_policy(tree, category);
    let read = async {
        // From the primary: the entry is cached as valid at the latest known change.
        let mut reader = CatalogReader::from(catalog.db.read().await?);
        store::facets(&mut reader, category, catalog.config.currency).await
    };
    let FacetsCache(known) = &catalog.facets;
    known
        .get(&catalog.changes, (category, policy.tags()), read)
        .await
}

/// The first product id of each part of the sitemap.
pub async fn sitemap_parts(platform: &Platform, size: u32) -> Result<Vec<ProductId>, Error> {
    let mut reader = platform.db.catalog().await?;
    store::sitemap_parts(&mut reader, i64::from(size)).await
}

/// The creation time of the newest product of each category that has one.
pub async fn category_dates(platform: &Platform) -> Result<HashMap<CategoryId, Timestamp>, Error> {
    let mut reader = platform.db.catalog().await?;
    store::category_dates(&mut reader).await
}

/// Slugs and modification times of active products, from this id on.
pub async fn list_slugs(
    platform: &Platform,
    from: ProductId,
    limit: u32,
) -> Result<Vec<(String, Timestamp)>, Error> {
    let mut reader = platform.db.catalog().await?;
    store::list_slugs(&mut reader, from, i64::from(limit)).await
}

/// The cache policy of a response that shows a product.
pub fn product_policy(product: &Product) -> CachePolicy {
    let categories = product
        .categories
        .iter()
        .map(|it| Tag::Category(it.id.get()));
    CachePolicy::catalogue(categories.chain([Tag::Product(product.id.get())]).collect())
}

/// The cache policy of a list of a category.
pub fn list_policy(tree: &Tree, category: CategoryId) -> CachePolicy {
    if category == WHOLE_SHOP {
        return CachePolicy::catalogue([Tag::Home, Tag::Categories].into_iter().collect());
    }
    CachePolicy::catalogue(tree.tags(category))
}

/// The cache policy of a response that depends on the whole catalogue.
pub fn shop_policy() -> CachePolicy {
    CachePolicy::catalogue(Tags::from_iter([Tag::Home, Tag::Categories]))
}

/// The cache policy of a search in the whole shop. The tags name each product on the page; the rest
/// of the result stays the same until searchable data changes. A filter by availability makes the
/// result depend on every product, and so does an empty or too long page.
pub fn search_policy(found: &ProductList, by_availability: bool) -> CachePolicy {
    let products = found.items.iter().map(|card| Tag::Product(card.id.get()));
    let tags = [Tag::Search, Tag::Categories].into_iter().chain(products);
    if by_availability || found.items.is_empty() || found.items.len() + 2 > TAGS_MAX {
        return shop_policy();
    }
    CachePolicy::catalogue(tags.collect())
}

/// The cache policy of search suggestions, which do not show availability.
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
