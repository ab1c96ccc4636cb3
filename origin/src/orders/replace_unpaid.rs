//! A buyer's own unpaid order must not block their next one: if a placement is refused because of
//! unpaid orders of the same buyer, those are cancelled and replaced by it.

use shared::{
    id::{OrderId, VariantId},
    order::OrderState,
};

use crate::{
    cart, crash,
    db::{self, Tx},
    payments,
    platform::Platform,
};

use super::{
    Error, Orders,
    batch::{
        PlaceOrderOutcome, PlaceOrderResult, Placement, PlacementDecision, place_in_transaction,
    },
    store::{self, StoredOrder},
    transitions::close_unpaid,
};

/// Places a refused order by cancelling unpaid orders of the same buyer, the oldest first, as many
/// as necessary. If that does not suffice, nothing is cancelled and the refusal stands.
pub(super) async fn replace_unpaid(
    orders: &Orders,
    placement: &Placement,
    refused: PlacementDecision,
) -> PlaceOrderResult {
    let in_the_way = match &refused.answer {
        Err(Error::Obstacles(obstacles)) => obstacles.iter().all(|it| it.may_be_own_order),
        Err(Error::TooMuchUnpaid(_)) => true,
        _ => false,
    };
    if !in_the_way || refused.unpaid.is_empty() {
        return refused.answer;
    }
    let attempt = || attempt(orders, placement, &refused);
    match db::retry_on_conflict(attempt, Error::is_conflict).await {
        Ok(Some(placed)) => Ok(placed),
        Ok(None) => refused.answer,
        Err(error) => Err(error),
    }
}

async fn attempt(
    orders: &Orders,
    placement: &Placement,
    refused: &PlacementDecision,
) -> Result<Option<PlaceOrderOutcome>, Error> {
    let short = matches!(refused.answer, Err(Error::Obstacles(_)));
    let mut tx = orders.db.write().await?;
    // Locks are taken in the same order as in a batch: the cart first.
    let lock = tx.dialect().for_update();
    let carts = cart::list_by_token(tx.conn(), &[&placement.cart], lock).await?;
    let Some(cart) = carts.get(&placement.cart) else {
        return Ok(None);
    };
    let variants_in_cart: Vec<VariantId> = cart.lines.iter().map(|line| line.variant).collect();
    for order in &refused.unpaid {
        let Some(stored) = is_replaceable(orders, &mut tx, *order).await? else {
            continue;
        };
        let (variants, coupons) = (&stored.variants, &stored.order.coupons);
        let is_in_the_way = match short {
            true => {
                variants.iter().any(|it| variants_in_cart.contains(it))
                    || coupons.iter().any(|it| cart.coupons.contains(it))
            }
            // If the limit of unpaid orders is exceeded, a bank-transfer order is worth as much as
            // the new one.
            false => !is_transfer(&stored),
        };
        if !is_in_the_way {
            continue;
        }
        close_unpaid(orders, &mut tx, stored, OrderState::Cancelled).await?;
        let outcomes =
            place_in_transaction(orders, &mut tx, std::slice::from_ref(placement)).await?;
        match outcomes.into_iter().map(|it| it.answer).next() {
            Some(Ok(placed @ PlaceOrderOutcome::New(_))) => {
                tx.commit().await?;
                crash::at("order.committed");
                return Ok(Some(placed));
            }
            // Another request has ordered this cart meanwhile, so nothing needs to be cancelled.
            Some(Ok(before)) => return Ok(Some(before)),
            Some(Err(_)) | None => {}
        }
    }
    Ok(None)
}

/// Returns the order if it can be cancelled without losing a payment: no card payment is in
/// progress, or it is too early for a bank transfer to have been made.
async fn is_replaceable(
    platform: &Platform,
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
        .plus_millis(platform.config.pay_within_ms);
    let now = platform.clock.now();
    let may_be_made = is_transfer(&stored) && now > soon;
    if may_be_made || payments::is_in_progress(tx.conn(), order, now).await? {
        return Ok(None);
    }
    Ok(Some(stored))
}

fn is_transfer(stored: &StoredOrder) -> bool {
    stored.order.payment_method == "manual"
}
