//! That something of the catalogue has changed: counted in the transaction that changes it. Every write of
//! the catalogue comes through here; who keeps answers, origins and edges, is told by what was counted.

use std::collections::BTreeSet;

use shared::{cache::Tag, id::ProductId};

use crate::{
    db::{self, Rows, Tx},
    inventory::WriteContext,
};

/// More tags than this are nearly the whole shop.
const TAGS_MAX: usize = 500;

/// The categories in which products are found, each with all above it; the whole shop is none.
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

/// Products have changed: what shows them, the categories that they were and are found in, the front of the
/// shop, what was searched, and that there was nothing at their address is no longer right, and nothing else.
pub(super) async fn products_changed(
    tx: &mut Tx,
    context: WriteContext<'_>,
    products: &[ProductId],
    were_in: BTreeSet<i64>,
) -> Result<(), db::Error> {
    let everywhere = [Tag::Home, Tag::Search, Tag::Missing];
    shown_differently(tx, context, products, were_in, &everywhere).await
}

/// What is left of products has changed. They are found as before: of what was searched, only what shows
/// them is no longer right.
pub(super) async fn stock_changed(
    tx: &mut Tx,
    context: WriteContext<'_>,
    products: &[ProductId],
) -> Result<(), db::Error> {
    shown_differently(tx, context, products, BTreeSet::new(), &[Tag::Home]).await
}

async fn shown_differently(
    tx: &mut Tx,
    context: WriteContext<'_>,
    products: &[ProductId],
    were_in: BTreeSet<i64>,
    everywhere: &[Tag],
) -> Result<(), db::Error> {
    if products.is_empty() {
        return Ok(());
    }
    let mut categories = were_in;
    categories.extend(categories_of(tx, products).await?);
    let tags = products.iter().map(|product| Tag::Product(product.get()));
    let tags = tags.chain(categories.into_iter().map(Tag::Category));
    let tags: Vec<Tag> = tags.chain(everywhere.iter().copied()).collect();
    changed(tx, context, &tags).await
}

/// What shows these parts is no longer right.
pub(super) async fn changed(
    tx: &mut Tx,
    context: WriteContext<'_>,
    tags: &[Tag],
) -> Result<(), db::Error> {
    if tags.is_empty() {
        return Ok(());
    }
    // No tag at all is everything.
    let tags: &[Tag] = if tags.len() > TAGS_MAX { &[] } else { tags };
    context
        .changes
        .record(tx, context.now, tags)
        .await
        .map(drop)
}

/// The category tree has changed. The menu is on every page, so everything is renewed; at the edges, what
/// shows the tree itself is gone at once.
pub(super) async fn categories_changed(
    tx: &mut Tx,
    context: WriteContext<'_>,
) -> Result<(), db::Error> {
    let gone = [Tag::Categories, Tag::Home, Tag::Missing];
    context.changes.record_renewal(tx, context.now, &gone).await
}
