//! Transitions of orders that staff request.

use shared::{
    order::{Order, OrderState},
    payment::PaymentState,
};

use crate::{
    audit::{self, Actor, Change},
    db,
    orders::{self, Orders},
};

use super::{
    Error,
    card_limits::CardNetworks,
    store::{self, StoredPayment},
};

/// Applies a transition. `paid` records a manual payment.
pub(super) async fn advance_order(
    orders: &Orders,
    actor: &Actor,
    number: &str,
    next: OrderState,
) -> Result<Order, Error> {
    let step = async || {
        let mut tx = orders.db.write().await?;
        let order = orders::find_locked(&mut tx, number).await?;
        let change = Change::new("order.step", format!("order:{number}"));
        let change = change.from(&order.order.state).to(&next);
        if next == OrderState::Paid {
            let now = orders.clock.now();
            if order.order.payment_method != "manual" || !order.order.state.may_become(next) {
                return Err(Error::IllegalStep);
            }
            let payment = StoredPayment {
                id: orders.ids.next(now),
                order: order.id,
                provider: "manual".to_owned(),
                state: PaymentState::Captured,
                amount: order.order.totals.total,
                reason: None,
                external: None,
                networks: CardNetworks::default(),
                updated_at: now,
            };
            store::add(&mut tx, &payment, now).await?;
            orders::record_payment(orders, &mut tx, order, payment.amount.minor).await?;
        } else {
            orders::advance_by_staff(orders, &mut tx, order, next).await?;
        }
        audit::record(&mut tx, orders.context(), actor, &[change]).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(step, Error::is_conflict).await?;
    Ok(orders::find_for_staff(orders, number).await?)
}
