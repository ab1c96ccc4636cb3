//! Holds: units that are reserved for a limited time for carts in checkout. Owns all SQL of
//! `stock_holds`.

use std::collections::HashMap;

use shared::id::{CartId, LocationId, VariantId};
use sqlx::{AnyConnection, Row as _};

use crate::db::{self, Rows, Tx};

use super::InventoryLevel;

/// Units of a variant at one location that are reserved for a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StockHold {
    /// The variant.
    pub variant: VariantId,
    /// The location.
    pub location: LocationId,
    /// Units.
    pub quantity: i64,
}

/// Holds by cart.
pub type StockHolds = HashMap<CartId, Vec<StockHold>>;

/// Lists the holds of these carts.
pub async fn list_holds(
    conn: &mut AnyConnection,
    carts: &[CartId],
) -> Result<StockHolds, db::Error> {
    let mut found = StockHolds::with_capacity(carts.len());
    for chunk in carts.chunks(Rows::MAX) {
        let head = "
            select cart_id, variant_id, location_id, quantity
              from stock_holds
             where cart_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|cart| cart.get()));
        query.push(" order by cart_id, variant_id, location_id");
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            let cart = CartId::new(row.try_get(0)?);
            found.entry(cart).or_default().push(StockHold {
                variant: VariantId::new(row.try_get(1)?),
                location: LocationId::new(row.try_get(2)?),
                quantity: row.try_get(3)?,
            });
        }
    }
    Ok(found)
}

/// Returns held units to the available ones.
pub fn release(levels: &mut HashMap<VariantId, Vec<InventoryLevel>>, held: &[StockHold]) {
    for hold in held {
        let of_variant = levels.entry(hold.variant).or_default();
        if let Some(level) = of_variant
            .iter_mut()
            .find(|it| it.location == hold.location)
        {
            level.held -= hold.quantity;
        }
    }
}

/// Reserves the wanted units as far as they are available, the first location first.
pub fn reserve(
    levels: &mut HashMap<VariantId, Vec<InventoryLevel>>,
    wanted: impl Iterator<Item = (VariantId, i64)>,
) -> Vec<StockHold> {
    let mut held = Vec::new();
    for (variant, mut missing) in wanted {
        for level in levels.entry(variant).or_default() {
            let quantity = missing.min(level.available());
            if quantity > 0 {
                level.held += quantity;
                missing -= quantity;
                held.push(StockHold {
                    variant,
                    location: level.location,
                    quantity,
                });
            }
        }
    }
    held.sort_unstable();
    held
}

/// Replaces the holds of these carts. The caller updates `stock.held` in the same transaction.
pub(super) async fn replace_holds(
    tx: &mut Tx,
    carts: &[CartId],
    holds: &[(CartId, StockHold)],
) -> Result<(), db::Error> {
    for chunk in carts.chunks(Rows::MAX) {
        let head = "
            delete from stock_holds
             where cart_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|cart| cart.get()));
        query.build().execute(tx.conn()).await?;
    }
    let head = "insert into stock_holds (cart_id, variant_id, location_id, quantity) ";
    Rows::insert(head)
        .write(tx, holds, |mut row, (cart, hold)| {
            row.push_bind(cart.get())
                .push_bind(hold.variant.get())
                .push_bind(hold.location.get())
                .push_bind(hold.quantity);
        })
        .await
}
