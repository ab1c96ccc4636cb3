//! Backorders: units that an order was promised before they are in stock. Owns all SQL of
//! `backorders`.
//!
//! Invariant: units that a backorder waits for are never sold to another order.

use std::collections::{BTreeMap, HashMap};

use shared::id::{LocationId, OrderId, VariantId};
use sqlx::{AnyConnection, Row as _};

use crate::db::{self, Rows, Tx};

use super::{InventoryLevel, StockMovement};

/// How many units of a variant an order is still waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backorder {
    /// The variant.
    pub variant: VariantId,
    /// The order.
    pub order: OrderId,
    /// How many units are missing.
    pub quantity: i64,
}

/// Lists the open backorders of these orders, by order and variant.
pub async fn list_backorders(
    conn: &mut AnyConnection,
    orders: &[OrderId],
) -> Result<HashMap<(OrderId, VariantId), i64>, db::Error> {
    let mut found = HashMap::new();
    for chunk in orders.chunks(Rows::MAX) {
        let head = "
            select variant_id, order_id, quantity
              from backorders
             where order_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|order| order.get()));
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            let it = backorder(row)?;
            found.insert((it.order, it.variant), it.quantity);
        }
    }
    Ok(found)
}

fn backorder(row: &sqlx::any::AnyRow) -> Result<Backorder, db::Error> {
    Ok(Backorder {
        variant: VariantId::new(row.try_get("variant_id")?),
        order: OrderId::new(row.try_get("order_id")?),
        quantity: row.try_get("quantity")?,
    })
}

/// Inserts new backorders.
pub(super) async fn add_backorders(tx: &mut Tx, backorders: &[Backorder]) -> Result<(), db::Error> {
    let head = "insert into backorders (variant_id, order_id, quantity) ";
    Rows::insert(head)
        .write(tx, backorders, |mut row, it| {
            row.push_bind(it.variant.get())
                .push_bind(it.order.get())
                .push_bind(it.quantity);
        })
        .await
}

/// Deletes the backorders of orders that were closed.
pub(super) async fn delete_backorders(tx: &mut Tx, orders: &[OrderId]) -> Result<(), db::Error> {
    for chunk in orders.chunks(Rows::MAX) {
        let head = "
            delete from backorders
             where order_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|order| order.get()));
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Allocates the available units of these variants to backorders, the oldest order first, and
/// subtracts them from `levels`. The caller holds the locks on the stock rows.
pub(super) async fn fill_backorders(
    tx: &mut Tx,
    variants: &[VariantId],
    levels: &mut BTreeMap<(VariantId, LocationId), InventoryLevel>,
) -> Result<Vec<StockMovement>, db::Error> {
    let mut movements = Vec::new();
    let mut changed = Vec::new();
    for chunk in variants.chunks(Rows::MAX) {
        let head = "
            select variant_id, order_id, quantity
              from backorders
             where variant_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|variant| variant.get()));
        query.push(" order by variant_id, order_id");
        let rows = query.build().fetch_all(tx.conn()).await?;
        for row in &rows {
            let mut it = backorder(row)?;
            let locations =
                (it.variant, LocationId::new(i64::MIN))..=(it.variant, LocationId::new(i64::MAX));
            let before = it.quantity;
            for ((_, location), level) in levels.range_mut(locations) {
                let taken = it.quantity.min(level.available());
                if taken > 0 {
                    level.on_hand -= taken;
                    level.version += 1;
                    it.quantity -= taken;
                    movements.push(StockMovement {
                        variant: it.variant,
                        location: *location,
                        delta: -taken,
                        reason: "sale",
                        order: Some(it.order),
                    });
                }
            }
            if it.quantity < before {
                changed.push(it);
            }
        }
    }
    for it in changed {
        let (statement, is_filled) = if it.quantity > 0 {
            (
                "update backorders set quantity = ? where variant_id = ? and order_id = ?",
                false,
            )
        } else {
            (
                "delete from backorders where variant_id = ? and order_id = ?",
                true,
            )
        };
        let mut query = sqlx::query(statement);
        if !is_filled {
            query = query.bind(it.quantity);
        }
        query
            .bind(it.variant.get())
            .bind(it.order.get())
            .execute(tx.conn())
            .await?;
    }
    Ok(movements)
}
