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
    desk::{Answered, Outcome, Placed, Placement, place_in},
    steps::give_up,
    store::{self, Stored},
};

/// Places an order that was refused by giving up unpaid ones of the same buyer, the oldest first, as
/// many as it takes. When that is not enough, they stay, and the refusal with them.
pub(super) async fn take_over(app: &App, placement: &Placement, refused: Outcome) -> Answered {
    let in_the_way = match &refused.answer {
        Err(Error::Obstacles(obstacles)) => obstacles.iter().all(|it| it.may_be_own),
        Err(Error::TooMuchUnpaid(_)) => true,
        _ => false,
    };
    if !in_the_way || refused.unpaid.is_empty() {
        return refused.answer;
    }
    let attempt = || attempt(app, placement, &refused);
    match db::retry_on_conflict(attempt, Error::is_conflict).await {
        Ok(Some(placed)) => Ok(placed),
        Ok(None) => refused.answer,
        Err(error) => Err(error),
    }
}

async fn attempt(
    app: &App,
    placement: &Placement,
    refused: &Outcome,
) -> Result<Option<Placed>, Error> {
    let short = matches!(refused.answer, Err(Error::Obstacles(_)));
    let mut tx = app.db.write().await?;
    // The cart first, as at the desk.
    let lock = tx.dialect().for_update();
    let carts = cart::load(tx.conn(), &[&placement.cart], lock).await?;
    let Some(cart) = carts.get(&placement.cart) else {
        return Ok(None);
    };
    let wanted: Vec<VariantId> = cart.lines.iter().map(|line| line.variant).collect();
    for order in &refused.unpaid {
        let Some(stored) = may_be_given_up(app, &mut tx, *order).await? else {
            continue;
        };
        let (variants, coupons) = (&stored.variants, &stored.order.coupons);
        let stands_there = match short {
            true => {
                variants.iter().any(|it| wanted.contains(it))
                    || coupons.iter().any(|it| cart.coupons.contains(it))
            }
            // Of too many, one by transfer is as good as the new one.
            false => !is_transfer(&stored),
        };
        if !stands_there {
            continue;
        }
        give_up(app, &mut tx, stored, OrderState::Cancelled).await?;
        let outcomes = place_in(app, &mut tx, std::slice::from_ref(placement)).await?;
        match outcomes.into_iter().map(|it| it.answer).next() {
            Some(Ok(placed @ Placed::New(_))) => {
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
async fn may_be_given_up(app: &App, tx: &mut Tx, order: OrderId) -> Result<Option<Stored>, Error> {
    let Some(number) = store::number(tx.conn(), order).await? else {
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
    if may_be_made || payments::is_under_way(tx.conn(), order, now).await? {
        return Ok(None);
    }
    Ok(Some(stored))
}

fn is_transfer(stored: &Stored) -> bool {
    stored.order.payment_method == "manual"
}
