//! A buyer's own order that is not paid keeps nobody from buying less than that buyer: where it is what
//! stands in the way of the next one, it is given up for it.

use shared::{
    id::{OrderId, VariantId},
    order::OrderState,
};

use crate::{
    app::App,
    cart, crash,
    db::{self, Tx},
    payments,
};

use super::{
    Error,
    batch::{Decision, PlaceOrderOutcome, PlaceOrderResult, Placement, decide_and_write},
    store::{self, StoredOrder},
    transitions::close_unpaid,
};

/// Places an order that was refused by giving up unpaid ones of the same buyer, the oldest first, as
/// many as it takes. When that is not enough, they stay, and the refusal with them.
pub(super) async fn replace_unpaid(
    app: &App,
    placement: &Placement,
    refused: Decision,
) -> PlaceOrderResult {
    let in_the_way = match &refused.answer {
        Err(Error::Obstacles(obstacles)) => obstacles.iter().all(|it| it.may_be_own_order),
        Err(Error::TooMuchUnpaid(_)) => true,
        _ => false,
    };
    if !in_the_way || refused.unpaid.is_empty() {
        return refused.answer;
    }
    let attempt = || attempt(app, placement, &refused);
    match db::retried(attempt, Error::is_conflict).await {
        Ok(Some(placed)) => Ok(placed),
        Ok(None) => refused.answer,
        Err(error) => Err(error),
    }
}

async fn attempt(
    app: &App,
    placement: &Placement,
    refused: &Decision,
) -> Result<Option<PlaceOrderOutcome>, Error> {
    let short = matches!(refused.answer, Err(Error::Obstacles(_)));
    let mut tx = app.db.write().await?;
    // The cart first, as at the desk.
    let lock = tx.dialect().for_update();
    let carts = cart::list_by_token(tx.conn(), &[&placement.cart], lock).await?;
    let Some(cart) = carts.get(&placement.cart) else {
        return Ok(None);
    };
    let wanted: Vec<VariantId> = cart.lines.iter().map(|line| line.variant).collect();
    for order in &refused.unpaid {
        let Some(stored) = is_replaceable(app, &mut tx, *order).await? else {
            continue;
        };
        let (variants, coupons) = (&stored.variants, &stored.order.coupons);
        let is_in_the_way = match short {
            true => {
                variants.iter().any(|it| wanted.contains(it))
                    || coupons.iter().any(|it| cart.coupons.contains(it))
            }
            // Of too many, one by transfer is as good as the new one.
            false => !is_transfer(&stored),
        };
        if !is_in_the_way {
            continue;
        }
        close_unpaid(app, &mut tx, stored, OrderState::Cancelled).await?;
        let outcomes = decide_and_write(app, &mut tx, std::slice::from_ref(placement)).await?;
        match outcomes.into_iter().map(|it| it.answer).next() {
            Some(Ok(placed @ PlaceOrderOutcome::New(_))) => {
                tx.commit().await?;
                crash::at("order.committed");
                return Ok(Some(placed));
            }
            // Somebody was faster with this cart; nothing has to be given up for it.
            Some(Ok(before)) => return Ok(Some(before)),
            Some(Err(_)) | None => {}
        }
    }
    Ok(None)
}

/// The order, if nothing is lost with it: it waits for a card of which nobody has heard anything good, or
/// for a transfer that nobody can have made yet.
async fn is_replaceable(
    app: &App,
    tx: &mut Tx,
    order: OrderId,
) -> Result<Option<StoredOrder>, Error> {
    let Some(number) = store::find_number(tx.conn(), order).await? else {
        return Ok(None);
    };
    let stored = store::find_locked(tx, &number).await?;
    let Some(stored) = stored.filter(|it| it.order.state == OrderState::Pending) else {
        return Ok(None);
    };
    let soon = stored
        .order
        .created_at
        .plus_millis(app.config.pay_within_ms);
    let now = app.clock.now();
    let may_be_made = is_transfer(&stored) && now > soon;
    if may_be_made || payments::is_in_progress(tx.conn(), order, now).await? {
        return Ok(None);
    }
    Ok(Some(stored))
}

fn is_transfer(stored: &StoredOrder) -> bool {
    stored.order.payment_method == "manual"
}
