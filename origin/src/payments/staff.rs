//! Transitions of orders that staff request.

use shared::{
    order::{Order, OrderState},
    payment::PaymentState,
};

use crate::{
    app::App,
    audit::{self, Actor, Change},
    db, orders,
};

use super::{
    Error,
    card_limits::CardNetworks,
    store::{self, StoredPayment},
};

/// Applies a transition. `paid` records a manual payment.
pub(super) async fn advance_order(
    app: &App,
    actor: &Actor,
    number: &str,
    next: OrderState,
) -> Result<Order, Error> {
    let step = async || {
        let mut tx = app.db.write().await?;
        let order = orders::find_locked(&mut tx, number).await?;
        let change = Change::new("order.step", format!("order:{number}"));
        let change = change.from(&order.order.state).to(&next);
        if next == OrderState::Paid {
            let now = app.clock.now();
            if order.order.payment_method != "manual" || !order.order.state.may_become(next) {
                return Err(Error::IllegalStep);
            }
            let payment = StoredPayment {
                id: app.ids.next(now),
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
            orders::record_payment(app, &mut tx, order, payment.amount.minor).await?;
        } else {
            orders::advance_by_staff(app, &mut tx, order, next).await?;
        }
        audit::record(&mut tx, app.context(), actor, &[change]).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(step, Error::is_conflict).await?;
    Ok(orders::find_for_staff(app, number).await?)
}
