//! The steps that an order takes after it was placed.

use std::collections::HashMap;

use shared::{
    id::VariantId,
    locale::Locale,
    money::Money,
    order::{Order, OrderEvent, OrderState},
};

use crate::{
    app::App,
    catalog, coupons,
    db::{self, Tx},
    inventory::{self, Movement, Moves},
    outbox,
};

use super::{Error, place::take, store, store::Stored, token::with_token};

/// The order with this number, for whoever has its token.
pub async fn find(app: &App, number: &str, token: &str) -> Result<Order, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::find(&mut reader, number).await?;
    Ok(whose(stored, token)?.order)
}

/// The order with this number, for whoever knows the address that its messages go to.
pub async fn of_buyer(app: &App, number: &str, email: &str) -> Result<Order, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::find(&mut reader, number).await?;
    let own = stored.filter(|it| !email.is_empty() && it.order.email == email);
    Ok(with_token(app, own.ok_or(Error::NoSuchOrder)?))
}

/// The order that this cart has become.
pub async fn of_cart(app: &App, cart: &str) -> Result<Order, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::find_by_token_of_cart(&mut reader, cart).await?;
    Ok(with_token(app, stored.ok_or(Error::NoSuchOrder)?))
}

/// The order with this number, without its token, for those who run the shop.
pub async fn read(app: &App, number: &str) -> Result<Order, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::find(&mut reader, number).await?;
    Ok(stored.ok_or(Error::NoSuchOrder)?.order)
}

/// The orders with these numbers, and the language of their messages.
pub async fn for_messages(
    app: &App,
    numbers: &[&str],
) -> Result<HashMap<String, (Order, Locale)>, Error> {
    let mut reader = app.db.read().await?;
    let found = store::find_all(&mut reader, numbers).await?;
    let found = found.into_iter();
    Ok(found
        .map(|(number, it)| {
            let locale = it.locale;
            (number, (with_token(app, it), locale))
        })
        .collect())
}

/// The order, if the token is its own.
pub fn whose(stored: Option<Stored>, token: &str) -> Result<Stored, Error> {
    let mut stored = stored
        .filter(|it| it.token.is(token))
        .ok_or(Error::NoSuchOrder)?;
    token.clone_into(&mut stored.order.token);
    Ok(stored)
}

/// Gives up an order that is not paid. What it took is free again, once.
pub async fn cancel(app: &App, number: &str, token: &str) -> Result<Order, Error> {
    let cancel = async || {
        let mut tx = app.db.write().await?;
        let stored = whose(store::find(tx.conn(), number).await?, token)?;
        let order = give_up(app, &mut tx, stored, OrderState::Cancelled).await?;
        tx.commit().await?;
        Ok(order)
    };
    db::retry_on_conflict(cancel, Error::is_conflict).await
}

/// Takes an order to a state in which it is given up, and gives back what it took.
pub(super) async fn give_up(
    app: &App,
    tx: &mut Tx,
    stored: Stored,
    state: OrderState,
) -> Result<Order, Error> {
    if !stored.order.state.may_become(state) {
        return Err(Error::IllegalStep);
    }
    give_back(app, tx, &stored, Back::All).await?;
    coupons::give_back(tx, stored.id).await?;
    step(app, tx, stored, state).await
}

/// Takes an order to its next state, if the table allows it and nobody was faster.
async fn step(app: &App, tx: &mut Tx, stored: Stored, next: OrderState) -> Result<Order, Error> {
    let now = app.clock.now();
    let Stored { id, mut order, .. } = stored;
    if !order.state.may_become(next) || !store::step(tx, (id, order.version), next, now).await? {
        return Err(Error::IllegalStep);
    }
    if order.state == OrderState::Pending {
        inventory::end_claims(tx, &[id.get()]).await?;
    }
    store::add_event(tx, app.ids.next(now), (id, next), now).await?;
    let message = outbox::Message::order_changed(id, &order.number, next);
    outbox::put(tx, &app.ids, now, &[message]).await?;
    order.state = next;
    order.version += 1;
    order.pay_until = None;
    order.history.push(OrderEvent {
        state: next,
        at: now,
    });
    Ok(order)
}

/// The order with this number, locked until the transaction ends.
pub async fn find_locked(tx: &mut Tx, number: &str) -> Result<Stored, Error> {
    store::find_locked(tx, number)
        .await?
        .ok_or(Error::NoSuchOrder)
}

/// Notes that the money for an order is here, and says whether the order is paid by it. It is not
/// when the order was given up meanwhile, or paid before; then the money has to go back.
pub async fn take_money(
    app: &App,
    tx: &mut Tx,
    stored: Stored,
    amount: i64,
) -> Result<bool, Error> {
    let now = app.clock.now();
    let wanted = stored.order.state.may_become(OrderState::Paid)
        && amount == stored.order.totals.total.minor;
    let back = if wanted { 0 } else { amount };
    store::add_money(tx, stored.id, (amount, back), now).await?;
    if wanted && !stored.reserved {
        reserve(app, tx, &stored).await?;
    }
    if wanted {
        step(app, tx, stored, OrderState::Paid).await?;
    }
    Ok(wanted)
}

/// Takes the stock of an order that took none when it was placed. It waits for what is gone by now.
async fn reserve(app: &App, tx: &mut Tx, stored: &Stored) -> Result<(), Error> {
    let lock = tx.dialect().for_update();
    let offers = catalog::offers(tx.conn(), &app.showcase, &stored.variants, &[]).await?;
    let levels = inventory::levels(tx.conn(), &stored.variants, lock).await?;
    let mut lines = stored.order.lines.clone();
    let wanted = stored.variants.iter().zip(&lines);
    let wanted: Vec<(VariantId, i64, bool)> = wanted
        .map(|(variant, line)| {
            let counted = offers.get(variant).is_some_and(|offer| offer.tracked);
            (*variant, line.quantity, counted)
        })
        .collect();
    let (movements, waiting) = take(stored.id, &wanted, &mut levels.clone(), &mut lines);
    let moves = Moves {
        movements,
        waiting,
        ..Moves::default()
    };
    let moved = inventory::move_stock(tx, app.context(), &levels, &moves).await?;
    catalog::stock_changed(tx, &moved.told, app.context()).await?;
    Ok(store::reserved(tx, stored.id).await?)
}

/// Notes that so much of an order is paid back, everything that is left when nothing is said; when
/// nothing is left, the order is on its way back as a whole. Says how much it is.
pub async fn refund_due(
    app: &App,
    tx: &mut Tx,
    stored: Stored,
    amount: Option<Money>,
    restock: bool,
) -> Result<i64, Error> {
    let order = &stored.order;
    let left = order.paid.minor - order.refunded.minor;
    let wrong = |field, why: &str| Err(Error::invalid(field, why));
    let minor = match amount {
        None => left,
        Some(amount) if amount.currency != order.paid.currency => {
            return wrong("amount", "amount must be in the currency of the payment.");
        }
        Some(amount) => amount.minor,
    };
    if left <= 0 || !order.state.may_become(OrderState::Refunding) {
        return Err(Error::IllegalStep);
    }
    if minor <= 0 || minor > left {
        return wrong(
            "amount",
            "amount must be above 0 and at most what has not been refunded yet.",
        );
    }
    let whole = minor == left;
    if restock && !whole {
        return wrong(
            "restock",
            "restock needs a refund of the whole remaining amount.",
        );
    }
    store::add_money(tx, stored.id, (0, minor), app.clock.now()).await?;
    if whole {
        let mut back = HashMap::new();
        if restock {
            let lines = stored.variants.iter().zip(&stored.order.lines);
            let lines = lines.map(|(variant, line)| (*variant, line.quantity - line.returned));
            back.extend(lines.filter(|(_, out)| *out > 0));
            store::add_returned(tx, stored.id, &back, true).await?;
        }
        // What has not come yet is not waited for any more.
        give_back(app, tx, &stored, Back::These(back)).await?;
        step(app, tx, stored, OrderState::Refunding).await?;
    }
    Ok(minor)
}

/// Notes that the money of an order that is on its way back has arrived.
pub async fn refund_done(app: &App, tx: &mut Tx, number: &str) -> Result<(), Error> {
    let stored = find_locked(tx, number).await?;
    if stored.order.state == OrderState::Refunding {
        step(app, tx, stored, OrderState::Refunded).await?;
    }
    Ok(())
}

/// Steps that the shop takes by itself; the others follow from money or time.
const BY_SHOP: [OrderState; 3] = [
    OrderState::Shipped,
    OrderState::Delivered,
    OrderState::Completed,
];

/// Takes an order a step on.
pub async fn step_by_shop(
    app: &App,
    tx: &mut Tx,
    stored: Stored,
    next: OrderState,
) -> Result<Order, Error> {
    if next == OrderState::Cancelled {
        return give_up(app, tx, stored, next).await;
    }
    if !BY_SHOP.contains(&next) {
        return Err(Error::IllegalStep);
    }
    let waits = stored.order.lines.iter().any(|line| line.backordered > 0);
    if next == OrderState::Shipped && waits {
        return Err(Error::NotThereYet);
    }
    step(app, tx, stored, next).await
}

/// What of an order goes back on its shelves.
pub(super) enum Back {
    /// All that it took.
    All,
    /// So many of each, at most.
    These(HashMap<VariantId, i64>),
}

/// Puts back what an order took, where it came from. It waits for nothing any more.
pub(super) async fn give_back(
    app: &App,
    tx: &mut Tx,
    stored: &Stored,
    back: Back,
) -> Result<(), Error> {
    // Its stock is locked before what it took is read: what it waits for may arrive just now.
    let lock = tx.dialect().for_update();
    let levels = inventory::levels(tx.conn(), &stored.variants, lock).await?;
    let taken = inventory::movements_of(tx, stored.id).await?;
    let mut left = match back {
        Back::All => None,
        Back::These(most) => Some(most),
    };
    let movements = taken.into_iter().filter_map(|(variant, location, taken)| {
        let delta = match &mut left {
            None => taken,
            Some(left) => {
                let left = left.get_mut(&variant)?;
                let delta = taken.min(*left);
                *left -= delta;
                delta
            }
        };
        (delta > 0).then_some(Movement {
            variant,
            location,
            delta,
            reason: "return",
            order: Some(stored.id),
        })
    });
    let moves = Moves {
        movements: movements.collect(),
        given_up: vec![stored.id],
        ..Moves::default()
    };
    let moved = inventory::move_stock(tx, app.context(), &levels, &moves).await?;
    catalog::stock_changed(tx, &moved.told, app.context()).await?;
    Ok(())
}
