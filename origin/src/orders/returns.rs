//! Returned goods. Their money is refunded separately, when and as far as staff decide.

use std::collections::HashMap;

use shared::{
    id::VariantId,
    order::{Order, OrderState, ReturnOrder},
};

use crate::{
    audit::{self, Actor, Change},
    db::{self, Tx},
    outbox,
    platform::Platform,
};

use super::{
    Error, IdempotencyKey, idempotency,
    store::{self, StoredOrder},
    transitions::{Restock, find_locked, restock_items},
};

/// States in which the buyer has the goods.
const WITH_BUYER: [OrderState; 4] = [
    OrderState::Shipped,
    OrderState::Delivered,
    OrderState::Refunding,
    OrderState::Refunded,
];

/// Records returned items, and restocks them if they can be sold again.
pub async fn return_items(
    platform: &Platform,
    actor: &Actor,
    number: &str,
    request: &ReturnOrder,
    key: &IdempotencyKey,
) -> Result<Order, Error> {
    let return_items = async || {
        let now = platform.clock.now();
        let mut tx = platform.db.write().await?;
        let stored = find_locked(&mut tx, number).await?;
        if idempotency::begin(&mut tx, now, key, "").await?.is_none() {
            write(platform, &mut tx, &stored, request).await?;
            idempotency::end(&mut tx, key, 200, "").await?;
            let change = Change::new("order.return", format!("order:{number}")).to(request);
            audit::record(&mut tx, platform.context(), actor, &[change]).await?;
        }
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(return_items, Error::is_conflict).await?;
    super::find_for_staff(platform, number).await
}

async fn write(
    platform: &Platform,
    tx: &mut Tx,
    stored: &StoredOrder,
    request: &ReturnOrder,
) -> Result<(), Error> {
    if !WITH_BUYER.contains(&stored.order.state) {
        return Err(Error::IllegalStep);
    }
    let returned = checked(stored, request)?;
    let now = platform.clock.now();
    store::add_returned(tx, stored.id, &returned, request.restock).await?;
    store::bump_version(tx, stored.id, now).await?;
    if request.restock {
        restock_items(platform, tx, stored, Restock::AtMost(returned)).await?;
    }
    let message = outbox::OutboxMessage::order_returned(stored.id, &stored.order.number);
    Ok(outbox::add(tx, &platform.ids, now, &[message]).await?)
}

/// Validates the returned quantities by variant: at most what was shipped and has not come back
/// yet.
fn checked(stored: &StoredOrder, request: &ReturnOrder) -> Result<HashMap<VariantId, i64>, Error> {
    let mut returned = HashMap::with_capacity(request.lines.len());
    if request.lines.is_empty() {
        return Err(Error::invalid(
            "lines",
            "lines must name at least one returned item.",
        ));
    }
    for (index, line) in request.lines.iter().enumerate() {
        let invalid =
            |field: &str, why: &str| Err(Error::invalid(format!("lines[{index}].{field}"), why));
        let line_index = stored.order.lines.iter().position(|it| it.sku == line.sku);
        let Some(line_index) = line_index else {
            return invalid("sku", "The order has no line with this sku.");
        };
        let ordered = &stored.order.lines[line_index];
        let out = ordered.quantity - ordered.returned;
        if !(1..=out).contains(&line.quantity) {
            return invalid(
                "quantity",
                &format!("quantity must be a whole number from 1 to {out}."),
            );
        }
        if returned
            .insert(stored.variants[line_index], line.quantity)
            .is_some()
        {
            return invalid("sku", "The sku appears twice.");
        }
    }
    Ok(returned)
}
