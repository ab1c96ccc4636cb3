//! Updates the availability that the catalogue shows after stock has changed.

use std::collections::BTreeMap;

use shared::{
    catalog::Availability,
    id::{ProductId, VariantId},
};
use sqlx::Row as _;

use crate::{
    db::{self, Rows, Tx},
    platform::WriteContext,
};

use super::{
    Error, invalidation,
    store::{StockSupply, availability_number},
};

/// Updates the availability of the products of these variants, and invalidates responses that show
/// it. Listings are written only where the availability has changed, which few sales cause.
pub async fn update_availability(
    tx: &mut Tx,
    variants: &[VariantId],
    context: WriteContext<'_>,
) -> Result<(), Error> {
    let mut products = Vec::new();
    let mut variants = variants.to_vec();
    variants.sort_unstable();
    variants.dedup();
    for chunk in variants.chunks(Rows::MAX) {
        for (product, (before, now)) in stored_and_actual(tx, chunk, context.low_stock).await? {
            if before != availability_number(now) {
                save_availability(tx, product, now).await?;
            }
            products.push(product);
        }
    }
    // A product page shows each variant, so it is invalidated even if the product's availability is
    // the same.
    Ok(invalidation::invalidate_stock(tx, context, &products).await?)
}

/// The stored availability of each product of these variants, and its current availability.
async fn stored_and_actual(
    tx: &mut Tx,
    variants: &[VariantId],
    low_stock: u32,
) -> Result<BTreeMap<ProductId, (i64, Availability)>, db::Error> {
    let head = "
        select p.id, p.availability, v.tracked, v.backorder,
               (select cast(coalesce(sum(s.on_hand - s.held), 0) as signed)
                  from stock s
                 where s.variant_id = v.id) as available
          from products p
          join variants v on v.product_id = p.id and v.active = 1
         where p.id in (select product_id from variants where id in ";
    let mut query = Rows::among(head, variants.iter().map(|variant| variant.get()));
    query.push(")");
    let rows = query.build().fetch_all(tx.conn()).await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let tracked: i64 = row.try_get("tracked")?;
        let available: i64 = row.try_get("available")?;
        let supply = StockSupply {
            count: (tracked != 0).then_some(available),
            backorder: row.try_get::<i64, _>("backorder")? != 0,
        };
        let now = supply.availability(low_stock);
        let product = ProductId::new(row.try_get("id")?);
        let entry = found
            .entry(product)
            .or_insert((row.try_get("availability")?, now));
        // A product's availability is the best of its variants.
        entry.1 = entry.1.min(now);
    }
    Ok(found)
}

async fn save_availability(
    tx: &mut Tx,
    product: ProductId,
    now: Availability,
) -> Result<(), db::Error> {
    for statement in [
        "update products
            set availability = ?, version = version + 1
          where id = ?",
        "update product_listings
            set availability = ?
          where product_id = ?",
    ] {
        sqlx::query(statement)
            .bind(availability_number(now))
            .bind(product.get())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}
