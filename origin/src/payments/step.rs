//! What those who run the shop do with an order.

use shared::{
    order::{Order, OrderState},
    payment::PaymentState,
};

use crate::{
    accounts::Actor,
    app::App,
    audit::{self, Change},
    db, orders,
};

use super::{
    Error,
    store::{self, Stored},
    tries::CardNetworks,
};

/// Takes an order a step on. `paid` notes a payment that came by itself.
pub(super) async fn step(
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
            let payment = Stored {
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
            store::insert(&mut tx, &payment, now).await?;
            orders::take_money(app, &mut tx, order, payment.amount.minor).await?;
        } else {
            orders::step_by_shop(app, &mut tx, order, next).await?;
        }
        audit::note(&mut tx, app.context(), actor, &[change]).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(step, Error::is_conflict).await?;
    Ok(orders::read(app, number).await?)
}
