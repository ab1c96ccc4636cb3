//! All SQL of the stock.

use std::collections::HashMap;

use shared::{
    id::{IdGenerator, VariantId},
    time::Timestamp,
};
use sqlx::Row;

use crate::db::{self, Rows, Tx, Upsert};

use super::MAIN;

/// Sets how much there is at the main location, as an import or a stock-take says it. The ledger
/// gets the difference; what has not changed gets nothing.
pub async fn count(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    counted: &[(VariantId, i64)],
) -> Result<(), db::Error> {
    for chunk in counted.chunks(Rows::MAX) {
        let before = on_hand(tx, chunk).await?;
        let deltas: Vec<_> = chunk
            .iter()
            .map(|&(variant, quantity)| {
                (
                    variant,
                    quantity,
                    quantity - before.get(&variant).copied().unwrap_or(0),
                )
            })
            .filter(|&(variant, _, delta)| delta != 0 || !before.contains_key(&variant))
            .collect();
        if deltas.is_empty() {
            continue;
        }
        save(tx, &deltas).await?;
        add_to_ledger(tx, ids, now, &deltas).await?;
    }
    Ok(())
}

async fn on_hand(
    tx: &mut Tx,
    variants: &[(VariantId, i64)],
) -> Result<HashMap<VariantId, i64>, db::Error> {
    let head = "
        select variant_id, on_hand
          from stock
         where variant_id in ";
    let mut query = Rows::among(head, variants.iter().map(|(variant, _)| variant.get()));
    query.push(" and location_id = ").push_bind(MAIN.get());
    query
        .push(" order by variant_id")
        .push(tx.dialect().for_update());
    let rows = query.build().persistent(false).fetch_all(tx.conn()).await?;
    rows.iter()
        .map(|row| Ok((VariantId::new(row.try_get(0)?), row.try_get(1)?)))
        .collect()
}

async fn save(tx: &mut Tx, rows: &[(VariantId, i64, i64)]) -> Result<(), db::Error> {
    let head = "insert into stock (variant_id, location_id, on_hand, held) ";
    let upsert = Upsert {
        key: "variant_id, location_id",
        columns: &["on_hand"],
    };
    Rows::upsert(head, upsert)
        .write(tx, rows, |mut row, &(variant, quantity, _)| {
            row.push_bind(variant.get())
                .push_bind(MAIN.get())
                .push_bind(quantity)
                .push_bind(0_i64);
        })
        .await
}

async fn add_to_ledger(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    rows: &[(VariantId, i64, i64)],
) -> Result<(), db::Error> {
    let head = "
        insert into stock_ledger (id, variant_id, location_id, delta, reason, created_at) ";
    Rows::insert(head)
        .write(tx, rows, |mut row, &(variant, _, delta)| {
            row.push_bind(ids.next(now))
                .push_bind(variant.get())
                .push_bind(MAIN.get())
                .push_bind(delta)
                .push_bind("count")
                .push_bind(now.as_millis());
        })
        .await
}
