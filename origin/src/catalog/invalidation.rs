//! Invalidation of cached responses by tag, in the transaction that changes the catalogue. Every
//! write goes through here; the recorded change numbers reach the caches of all origins and edges.

use std::collections::BTreeSet;

use shared::{cache::Tag, id::ProductId};

use crate::{
    db::{self, Rows, Tx},
    platform::WriteContext,
};

/// With more tags than this, everything is invalidated.
const TAGS_MAX: usize = 500;

/// The categories with a listing of these products, ancestors included, without the whole shop.
pub(super) async fn categories_of(
    tx: &mut Tx,
    products: &[ProductId],
) -> Result<BTreeSet<i64>, db::Error> {
    let mut found = BTreeSet::new();
    for chunk in products.chunks(Rows::MAX) {
        let head = "
            select distinct category_id
              from product_listings
             where category_id <> 0
               and product_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|product| product.get()));
        let ids: Vec<i64> = query.build_query_scalar().fetch_all(tx.conn()).await?;
        found.extend(ids);
    }
    Ok(found)
}

/// Invalidates responses after products have changed: those that show the products, lists of their
/// previous and current categories, the home page, searches, and cached 404s.
pub(super) async fn invalidate_products(
    tx: &mut Tx,
    context: WriteContext<'_>,
    products: &[ProductId],
    previous_categories: BTreeSet<i64>,
) -> Result<(), db::Error> {
    let shop_tags = [Tag::Home, Tag::Search, Tag::Missing];
    invalidate(tx, context, products, previous_categories, &shop_tags).await
}

/// Invalidates responses after the availability of products has changed. Searches are invalidated
/// only where they show the products, because the same products match.
pub(super) async fn invalidate_stock(
    tx: &mut Tx,
    context: WriteContext<'_>,
    products: &[ProductId],
) -> Result<(), db::Error> {
    invalidate(tx, context, products, BTreeSet::new(), &[Tag::Home]).await
}

async fn invalidate(
    tx: &mut Tx,
    context: WriteContext<'_>,
    products: &[ProductId],
    previous_categories: BTreeSet<i64>,
    shop_tags: &[Tag],
) -> Result<(), db::Error> {
    if products.is_empty() {
        return Ok(());
    }
    let mut categories = previous_categories;
    categories.extend(categories_of(tx, products).await?);
    let tags = products.iter().map(|product| Tag::Product(product.get()));
    let tags = tags.chain(categories.into_iter().map(Tag::Category));
    let tags: Vec<Tag> = tags.chain(shop_tags.iter().copied()).collect();
    invalidate_tags(tx, context, &tags).await
}

/// Invalidates every cached response that has one of these tags.
pub(super) async fn invalidate_tags(
    tx: &mut Tx,
    context: WriteContext<'_>,
    tags: &[Tag],
) -> Result<(), db::Error> {
    if tags.is_empty() {
        return Ok(());
    }
    // An empty list of tags invalidates everything.
    let tags: &[Tag] = if tags.len() > TAGS_MAX { &[] } else { tags };
    context
        .changes
        .record(tx, context.now, tags)
        .await
        .map(drop)
}

/// Invalidates responses after the category tree has changed. The menu is on every page, so all
/// responses are to be revalidated; edges drop those that show the tree itself at once.
pub(super) async fn invalidate_categories(
    tx: &mut Tx,
    context: WriteContext<'_>,
) -> Result<(), db::Error> {
    let gone = [Tag::Categories, Tag::Home, Tag::Missing];
    context.changes.record_renewal(tx, context.now, &gone).await
}
