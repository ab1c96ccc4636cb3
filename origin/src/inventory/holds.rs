//! Holds: what is kept for carts in checkout. All SQL of `stock_holds`.

use std::collections::HashMap;

use shared::id::{CartId, LocationId, VariantId};
use sqlx::{AnyConnection, Row as _};

use crate::db::{self, Rows, Tx};

use super::InventoryLevel;

/// What a cart holds of a variant at one location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    /// Of what.
    pub variant: VariantId,
    /// Where.
    pub location: LocationId,
    /// How many.
    pub quantity: i64,
}

/// What carts hold.
pub type Holds = HashMap<CartId, Vec<Hold>>;

/// What these carts hold.
pub async fn list_holds(conn: &mut AnyConnection, carts: &[CartId]) -> Result<Holds, db::Error> {
    let mut found = Holds::with_capacity(carts.len());
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
            found.entry(cart).or_default().push(Hold {
                variant: VariantId::new(row.try_get(1)?),
                location: LocationId::new(row.try_get(2)?),
                quantity: row.try_get(3)?,
            });
        }
    }
    Ok(found)
}

/// Gives back on the levels what was held.
pub fn release(levels: &mut HashMap<VariantId, Vec<InventoryLevel>>, held: &[Hold]) {
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

/// Promises on the levels what is wanted, as far as it is there, the first location first.
pub fn reserve(
    levels: &mut HashMap<VariantId, Vec<InventoryLevel>>,
    wanted: impl Iterator<Item = (VariantId, i64)>,
) -> Vec<Hold> {
    let mut held = Vec::new();
    for (variant, mut left) in wanted {
        for level in levels.entry(variant).or_default() {
            let quantity = left.min(level.available());
            if quantity > 0 {
                level.held += quantity;
                left -= quantity;
                held.push(Hold {
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

/// What these carts hold is this from now on. The caller writes `stock.held` with it.
pub(super) async fn replace_holds(
    tx: &mut Tx,
    carts: &[CartId],
    holds: &[(CartId, Hold)],
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
