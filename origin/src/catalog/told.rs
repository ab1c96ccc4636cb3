//! What the edges are to be told, written in the transaction that changes it. Every write of the
//! catalogue comes through here.

use std::collections::BTreeSet;

use shared::{
    cache::Tag,
    edge::{PurgeMode, PurgeOrder, PurgeTag},
    id::ProductId,
};

use crate::{
    db::{self, Rows, Tx},
    inventory::Context,
    outbox::{self, Message},
};

/// More tags than this are nearly the whole shop.
const TAGS_MAX: usize = 500;

/// The categories in which products are found, each with all above it; the whole shop is none.
pub(super) async fn categories_of(
    tx: &mut Tx,
    context: Context<'_>,
    products: &[ProductId],
) -> Result<BTreeSet<i64>, db::Error> {
    let mut found = BTreeSet::new();
    if !context.has_edges {
        return Ok(found);
    }
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

/// Products have changed, or what is left of them: they, the categories that they were and are found
/// in, and the front of the shop are purged, and nothing else.
pub(super) async fn products_changed(
    tx: &mut Tx,
    context: Context<'_>,
    products: &[ProductId],
    were_in: BTreeSet<i64>,
) -> Result<(), db::Error> {
    if !context.has_edges || products.is_empty() {
        return Ok(());
    }
    let mut categories = were_in;
    categories.extend(categories_of(tx, context, products).await?);
    let tags = products.iter().map(|product| Tag::Product(product.get()));
    let tags = tags.chain(categories.into_iter().map(Tag::Category));
    let tags: Vec<PurgeTag> = tags.chain([Tag::Home]).map(tag).collect();
    let order = match tags.len() {
        0..=TAGS_MAX => PurgeOrder {
            tags,
            ..PurgeOrder::default()
        },
        _ => everything(PurgeMode::Hard),
    };
    tell(tx, context, order).await
}

/// The category tree has changed. The menu is on every page, so everything is renewed; what shows the
/// tree itself is gone at once.
pub async fn categories_changed(tx: &mut Tx, context: Context<'_>) -> Result<(), db::Error> {
    if !context.has_edges {
        return Ok(());
    }
    let trees = PurgeOrder {
        tags: [Tag::Categories, Tag::Home].map(tag).into(),
        ..PurgeOrder::default()
    };
    tell(tx, context, trees).await?;
    tell(tx, context, everything(PurgeMode::Soft)).await
}

fn everything(mode: PurgeMode) -> PurgeOrder {
    PurgeOrder {
        mode,
        everything: true,
        tags: Vec::new(),
    }
}

fn tag(tag: Tag) -> PurgeTag {
    PurgeTag {
        name: tag.to_string(),
        version: None,
    }
}

async fn tell(tx: &mut Tx, context: Context<'_>, order: PurgeOrder) -> Result<(), db::Error> {
    let message = Message::purge(&order);
    outbox::put(tx, context.ids, context.now, &[message]).await
}
