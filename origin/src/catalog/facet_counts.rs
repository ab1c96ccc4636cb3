//! Facets: the number of products, brands and price range of each category, counted from the
//! listings. A product that is saved alone is counted at once, an import once at its end.

use std::collections::BTreeMap;

use shared::{cache::Tag, id::CategoryId};
use sqlx::Row as _;

use crate::{
    db::{self, Tx},
    platform::WriteContext,
};

use super::{invalidation, store::WHOLE_SHOP};

/// Records a save in its transaction, so that facets are counted later even if this process dies.
pub(super) async fn record_save(tx: &mut Tx) -> Result<(), db::Error> {
    let statement = "
        update versions
           set version = version + 1
         where name = 'saved'";
    sqlx::query(statement).execute(tx.conn()).await?;
    Ok(())
}

/// Whether the facets include everything that was saved.
pub(super) async fn is_counted(tx: &mut Tx) -> Result<bool, db::Error> {
    let versions = "
        select count(distinct version)
          from versions
         where name in ('saved', 'counted')";
    let distinct: i64 = sqlx::query_scalar(versions).fetch_one(tx.conn()).await?;
    Ok(distinct == 1)
}

/// Recounts the facets of these lists and raises the version of the tree. All other lists must be
/// counted already.
pub(super) async fn recount_lists(tx: &mut Tx, lists: &[CategoryId]) -> Result<(), db::Error> {
    let mut lists: Vec<CategoryId> = lists.to_vec();
    lists.sort_unstable();
    lists.dedup();
    for list in lists {
        for statement in [
            "delete from category_facets
              where category_id = ?",
            "delete from category_brands
              where category_id = ?",
            // A category without a picture of its own shows that of its best-selling product.
            "insert into category_facets (category_id, product_count, price_from_minor,
                                          price_to_minor, image)
             select l.category_id, count(*), min(l.price_minor), max(l.price_minor),
                    (select p.image
                       from product_listings best
                       join products p on p.id = best.product_id
                      where best.category_id = l.category_id
                        and p.image is not null
                      order by best.sold desc, best.product_id
                      limit 1)
               from product_listings l
              where l.category_id = ?
              group by l.category_id",
            "insert into category_brands (category_id, brand_id, product_count)
             select category_id, brand_id, count(*)
               from product_listings
              where brand_id <> 0
                and category_id = ?
              group by category_id, brand_id",
        ] {
            sqlx::query(statement)
                .bind(list.get())
                .execute(tx.conn())
                .await?;
        }
    }
    let statement = "
        update versions
           set version = version + 1
         where name = 'categories'";
    sqlx::query(statement).execute(tx.conn()).await?;
    let saved = "
        select version
          from versions
         where name = 'saved'";
    let saved: i64 = sqlx::query_scalar(saved).fetch_one(tx.conn()).await?;
    let statement = "
        update versions
           set version = ?
         where name = 'counted'";
    sqlx::query(statement)
        .bind(saved)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Recounts the facets of all categories, raises the version of the tree, and invalidates the lists
/// whose facets have changed.
pub async fn recount(tx: &mut Tx, context: WriteContext<'_>) -> Result<(), db::Error> {
    if is_counted(tx).await? {
        return Ok(());
    }
    let before = counts(tx).await?;
    let categories = "
        select id
          from categories";
    let all: Vec<i64> = sqlx::query_scalar(categories).fetch_all(tx.conn()).await?;
    let all = all.into_iter().map(CategoryId::new).chain([WHOLE_SHOP]);
    recount_lists(tx, &all.collect::<Vec<_>>()).await?;
    let now = counts(tx).await?;
    let either = before.keys().chain(now.keys());
    let mut changed: Vec<Tag> = either
        .filter(|id| before.get(id) != now.get(id))
        .map(|id| match CategoryId::new(*id) {
            WHOLE_SHOP => Tag::Home,
            id => Tag::Category(id.get()),
        })
        .collect();
    changed.sort_unstable();
    changed.dedup();
    invalidation::invalidate_tags(tx, context, &changed).await
}

/// A digest of each category's facets, to compare before and after.
async fn counts(tx: &mut Tx) -> Result<BTreeMap<i64, Vec<String>>, db::Error> {
    let mut counts: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for statement in [
        "select category_id, product_count, price_from_minor, price_to_minor,
                coalesce(image, '') as look
           from category_facets",
        // A brand replaced by another almost always changes the remainder.
        "select category_id, cast(sum(product_count) as signed) as product_count,
                cast(count(*) as signed) as price_from_minor,
                cast(sum(product_count * (brand_id % 1000003)) as signed) as price_to_minor,
                '' as look
           from category_brands
          group by category_id",
    ] {
        for row in sqlx::query(statement).fetch_all(tx.conn()).await? {
            let number = |name: &str| row.try_get::<i64, _>(name);
            let numbers = ["product_count", "price_from_minor", "price_to_minor"].map(number);
            let [count, from, to] = numbers;
            let look: String = row.try_get("look")?;
            let text = format!("{} {} {} {look}", count?, from?, to?);
            counts.entry(number("category_id")?).or_default().push(text);
        }
    }
    Ok(counts)
}
