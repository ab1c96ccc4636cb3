//! Goods that come back. The money goes back by a refund, when and as far as the shop decides.

use std::collections::HashMap;

use shared::{
    id::VariantId,
    order::{Order, OrderState, ReturnOrder},
};

use crate::{
    accounts::Actor,
    app::App,
    audit::{self, Change},
    db::{self, Tx},
    outbox,
};

use super::{
    Error, Key, idempotency,
    steps::{Back, find_locked, give_back},
    store::{self, Stored},
};

/// States in which the goods are with the buyer.
const WITH_BUYER: [OrderState; 4] = [
    OrderState::Shipped,
    OrderState::Delivered,
    OrderState::Refunding,
    OrderState::Refunded,
];

/// Notes which goods came back, and puts them on their shelves again if they can be sold.
pub async fn take_back(
    app: &App,
    actor: &Actor,
    number: &str,
    request: &ReturnOrder,
    key: &Key,
) -> Result<Order, Error> {
    let take_back = async || {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let stored = find_locked(&mut tx, number).await?;
        if idempotency::begin(&mut tx, now, key, "").await?.is_none() {
            write(app, &mut tx, &stored, request).await?;
            idempotency::end(&mut tx, key, 200, "").await?;
            let change = Change::new("order.return", format!("order:{number}")).to(request);
            audit::note(&mut tx, app.context(), actor, &[change]).await?;
        }
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(take_back, Error::is_conflict).await?;
    super::read(app, number).await
}

async fn write(
    app: &App,
    tx: &mut Tx,
    stored: &Stored,
    request: &ReturnOrder,
) -> Result<(), Error> {
    if !WITH_BUYER.contains(&stored.order.state) {
        return Err(Error::IllegalStep);
    }
    let back = checked(stored, request)?;
    let now = app.clock.now();
    store::add_returned(tx, stored.id, &back, request.restock).await?;
    store::raise(tx, stored.id, now).await?;
    if request.restock {
        give_back(app, tx, stored, Back::These(back)).await?;
    }
    let message = outbox::Message::order_returned(stored.id, &stored.order.number);
    Ok(outbox::put(tx, &app.ids, now, &[message]).await?)
}

/// What comes back, by variant: no more of anything than went out and is not back yet.
fn checked(stored: &Stored, request: &ReturnOrder) -> Result<HashMap<VariantId, i64>, Error> {
    let mut back = HashMap::with_capacity(request.lines.len());
    if request.lines.is_empty() {
        return Err(Error::invalid(
            "lines",
            "lines must name at least one returned item.",
        ));
    }
    for (index, line) in request.lines.iter().enumerate() {
        let wrong =
            |field: &str, why: &str| Err(Error::invalid(format!("lines[{index}].{field}"), why));
        let place = stored.order.lines.iter().position(|it| it.sku == line.sku);
        let Some(place) = place else {
            return wrong("sku", "The order has no line with this sku.");
        };
        let ordered = &stored.order.lines[place];
        let out = ordered.quantity - ordered.returned;
        if !(1..=out).contains(&line.quantity) {
            return wrong(
                "quantity",
                &format!("quantity must be a whole number from 1 to {out}."),
            );
        }
        if back.insert(stored.variants[place], line.quantity).is_some() {
            return wrong("sku", "The sku appears twice.");
        }
    }
    Ok(back)
}
