//! Reading orders, and the transitions of their state.

use std::collections::HashMap;

use shared::{
    id::VariantId,
    locale::Locale,
    money::Money,
    order::{Order, OrderEvent, OrderState},
};

use crate::{
    catalog, coupons,
    db::{self, Tx},
    inventory::{self, StockMovement, StockMovements},
    outbox,
    platform::Platform,
};

use super::{Error, Orders, decider::take_stock, store, store::StoredOrder, token::with_token};

/// Finds an order for the holder of its token.
pub async fn find(platform: &Platform, number: &str, token: &str) -> Result<Order, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, number).await?;
    Ok(check_token(stored, token)?.order)
}

/// Finds an order for the buyer, who knows its number and e-mail address.
pub async fn find_by_email(platform: &Platform, number: &str, email: &str) -> Result<Order, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, number).await?;
    let own = stored.filter(|it| !email.is_empty() && it.order.email == email);
    Ok(with_token(platform, own.ok_or(Error::NoSuchOrder)?))
}

/// Finds the order that was placed from this cart.
pub async fn find_by_cart(platform: &Platform, cart: &str) -> Result<Order, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find_by_cart_token(&mut reader, cart).await?;
    Ok(with_token(platform, stored.ok_or(Error::NoSuchOrder)?))
}

/// Finds an order for staff, without its token.
pub async fn find_for_staff(platform: &Platform, number: &str) -> Result<Order, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, number).await?;
    Ok(stored.ok_or(Error::NoSuchOrder)?.order)
}

/// Finds orders and the locales of their messages.
pub async fn find_for_messages(
    platform: &Platform,
    numbers: &[&str],
) -> Result<HashMap<String, (Order, Locale)>, Error> {
    let mut reader = platform.db.read().await?;
    let found = store::list_by_number(&mut reader, numbers).await?;
    let found = found.into_iter();
    Ok(found
        .map(|(number, it)| {
            let locale = it.locale;
            (number, (with_token(platform, it), locale))
        })
        .collect())
}

/// Returns the order if the token matches.
pub fn check_token(stored: Option<StoredOrder>, token: &str) -> Result<StoredOrder, Error> {
    let mut stored = stored
        .filter(|it| it.token.is(token))
        .ok_or(Error::NoSuchOrder)?;
    token.clone_into(&mut stored.order.token);
    Ok(stored)
}

/// Cancels an unpaid order; its stock and coupons are released once.
pub async fn cancel(platform: &Platform, number: &str, token: &str) -> Result<Order, Error> {
    let cancel = async || {
        let mut tx = platform.db.write().await?;
        let stored = check_token(store::find(tx.conn(), number).await?, token)?;
        let order = close_unpaid(platform, &mut tx, stored, OrderState::Cancelled).await?;
        tx.commit().await?;
        Ok(order)
    };
    db::retry_on_conflict(cancel, Error::is_conflict).await
}

/// Cancels or expires an unpaid order and releases its stock and coupons.
pub(super) async fn close_unpaid(
    platform: &Platform,
    tx: &mut Tx,
    stored: StoredOrder,
    state: OrderState,
) -> Result<Order, Error> {
    if !stored.order.state.may_become(state) {
        return Err(Error::IllegalStep);
    }
    restock_items(platform, tx, &stored, Restock::All).await?;
    coupons::release_uses(tx, stored.id).await?;
    transition(platform, tx, stored, state).await
}

/// Changes the state, if the table of transitions allows it and no other transaction was first.
async fn transition(
    platform: &Platform,
    tx: &mut Tx,
    stored: StoredOrder,
    next: OrderState,
) -> Result<Order, Error> {
    let now = platform.clock.now();
    let StoredOrder { id, mut order, .. } = stored;
    if !order.state.may_become(next)
        || !store::transition(tx, (id, order.version), next, now).await?
    {
        return Err(Error::IllegalStep);
    }
    if order.state == OrderState::Pending {
        inventory::delete_claims(tx, &[id.get()]).await?;
    }
    store::add_event(tx, platform.ids.next(now), (id, next), now).await?;
    let message = outbox::OutboxMessage::order_changed(id, &order.number, next);
    outbox::add(tx, &platform.ids, now, &[message]).await?;
    order.state = next;
    order.version += 1;
    order.pay_until = None;
    order.history.push(OrderEvent {
        state: next,
        at: now,
    });
    Ok(order)
}

/// Finds an order and locks its row until the transaction ends.
pub async fn find_locked(tx: &mut Tx, number: &str) -> Result<StoredOrder, Error> {
    store::find_locked(tx, number)
        .await?
        .ok_or(Error::NoSuchOrder)
}

/// Records a payment and returns whether it pays the order. It does not if the order was closed or
/// paid meanwhile; the caller then refunds it.
pub async fn record_payment(
    orders: &Orders,
    tx: &mut Tx,
    stored: StoredOrder,
    amount: i64,
) -> Result<bool, Error> {
    let now = orders.clock.now();
    let pays_order = stored.order.state.may_become(OrderState::Paid)
        && amount == stored.order.totals.total.minor;
    let refunded_minor = if pays_order { 0 } else { amount };
    store::add_money(tx, stored.id, (amount, refunded_minor), now).await?;
    if pays_order && !stored.reserved {
        reserve(orders, tx, &stored).await?;
    }
    if pays_order {
        transition(orders, tx, stored, OrderState::Paid).await?;
    }
    Ok(pays_order)
}

/// Takes the stock of an order that reserved none when it was placed; missing units become
/// backorders.
async fn reserve(orders: &Orders, tx: &mut Tx, stored: &StoredOrder) -> Result<(), Error> {
    let lock = tx.dialect().for_update();
    let offers =
        catalog::find_offers(tx.conn(), &orders.presentations, &stored.variants, &[]).await?;
    let levels = inventory::list_levels(tx.conn(), &stored.variants, lock).await?;
    let mut lines = stored.order.lines.clone();
    let quantities = stored.variants.iter().zip(&lines);
    let quantities: Vec<(VariantId, i64, bool)> = quantities
        .map(|(variant, line)| {
            let tracked = offers.get(variant).is_some_and(|offer| offer.tracked);
            (*variant, line.quantity, tracked)
        })
        .collect();
    let (movements, backorders) =
        take_stock(stored.id, &quantities, &mut levels.clone(), &mut lines);
    let moves = StockMovements {
        movements,
        backorders,
        ..StockMovements::default()
    };
    let moved = inventory::move_stock(tx, orders.context(), &levels, &moves).await?;
    catalog::update_availability(tx, &moved.availability_changed, orders.context()).await?;
    Ok(store::mark_reserved(tx, stored.id).await?)
}

/// Records a refund of `amount`, or of everything that is left, and returns it in minor units. A
/// refund of the whole rest takes the order to `refunding`.
pub async fn begin_refund(
    platform: &Platform,
    tx: &mut Tx,
    stored: StoredOrder,
    amount: Option<Money>,
    restock: bool,
) -> Result<i64, Error> {
    let order = &stored.order;
    let remaining = order.paid.minor - order.refunded.minor;
    let invalid = |field, why: &str| Err(Error::invalid(field, why));
    let minor = match amount {
        None => remaining,
        Some(amount) if amount.currency != order.paid.currency => {
            return invalid("amount", "amount must be in the currency of the payment.");
        }
        Some(amount) => amount.minor,
    };
    if remaining <= 0 || !order.state.may_become(OrderState::Refunding) {
        return Err(Error::IllegalStep);
    }
    if minor <= 0 || minor > remaining {
        return invalid(
            "amount",
            "amount must be above 0 and at most what has not been refunded yet.",
        );
    }
    let whole = minor == remaining;
    if restock && !whole {
        return invalid(
            "restock",
            "restock needs a refund of the whole remaining amount.",
        );
    }
    store::add_money(tx, stored.id, (0, minor), platform.clock.now()).await?;
    if whole {
        let mut returned = HashMap::new();
        if restock {
            let lines = stored.variants.iter().zip(&stored.order.lines);
            let lines = lines.map(|(variant, line)| (*variant, line.quantity - line.returned));
            returned.extend(lines.filter(|(_, out)| *out > 0));
            store::add_returned(tx, stored.id, &returned, true).await?;
        }
        // Its backorders are deleted with it.
        restock_items(platform, tx, &stored, Restock::AtMost(returned)).await?;
        transition(platform, tx, stored, OrderState::Refunding).await?;
    }
    Ok(minor)
}

/// Completes the refund of an order once all of its money was sent back.
pub async fn finish_refund(platform: &Platform, tx: &mut Tx, number: &str) -> Result<(), Error> {
    let stored = find_locked(tx, number).await?;
    if stored.order.state == OrderState::Refunding {
        transition(platform, tx, stored, OrderState::Refunded).await?;
    }
    Ok(())
}

/// Transitions that staff request; the others follow from payments or deadlines.
const BY_SHOP: [OrderState; 3] = [
    OrderState::Shipped,
    OrderState::Delivered,
    OrderState::Completed,
];

/// Applies a transition that staff request.
pub async fn advance_by_staff(
    platform: &Platform,
    tx: &mut Tx,
    stored: StoredOrder,
    next: OrderState,
) -> Result<Order, Error> {
    if next == OrderState::Cancelled {
        return close_unpaid(platform, tx, stored, next).await;
    }
    if !BY_SHOP.contains(&next) {
        return Err(Error::IllegalStep);
    }
    let waits = stored.order.lines.iter().any(|line| line.backordered > 0);
    if next == OrderState::Shipped && waits {
        return Err(Error::AwaitingStock);
    }
    transition(platform, tx, stored, next).await
}

/// The units to return to stock.
pub(super) enum Restock {
    /// Everything that the order took.
    All,
    /// At most these quantities, by variant.
    AtMost(HashMap<VariantId, i64>),
}

/// Returns units to the locations that they came from, and deletes the order's backorders.
pub(super) async fn restock_items(
    platform: &Platform,
    tx: &mut Tx,
    stored: &StoredOrder,
    restock: Restock,
) -> Result<(), Error> {
    // The stock rows are locked before the ledger is read, because a backorder may be filled
    // concurrently.
    let lock = tx.dialect().for_update();
    let levels = inventory::list_levels(tx.conn(), &stored.variants, lock).await?;
    let taken = inventory::list_taken(tx, stored.id).await?;
    let mut remaining = match restock {
        Restock::All => None,
        Restock::AtMost(most) => Some(most),
    };
    let movements = taken.into_iter().filter_map(|(variant, location, taken)| {
        let delta = match &mut remaining {
            None => taken,
            Some(remaining) => {
                let remaining = remaining.get_mut(&variant)?;
                let delta = taken.min(*remaining);
                *remaining -= delta;
                delta
            }
        };
        (delta > 0).then_some(StockMovement {
            variant,
            location,
            delta,
            reason: "return",
            order: Some(stored.id),
        })
    });
    let moves = StockMovements {
        movements: movements.collect(),
        closed_orders: vec![stored.id],
        ..StockMovements::default()
    };
    let moved = inventory::move_stock(tx, platform.context(), &levels, &moves).await?;
    catalog::update_availability(tx, &moved.availability_changed, platform.context()).await?;
    Ok(())
}
