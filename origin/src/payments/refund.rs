//! Paying back.

use shared::{
    money::Money,
    order::Order,
    payment::{PaymentState, RefundOrder},
};

use crate::{
    accounts::Actor,
    app::App,
    audit::{self, Change},
    db,
    orders::{self, Key, idempotency},
};

use super::{
    Error,
    provider::{self, Provider, Unknown},
    store,
};

const BATCH: i64 = 100;

/// Pays back a part of an order, or all that is left.
pub async fn refund(
    app: &App,
    actor: &Actor,
    number: &str,
    request: &RefundOrder,
    key: &Key,
) -> Result<Order, Error> {
    let begin = async || begin(app, actor, number, request, key).await;
    db::retry_on_conflict(begin, Error::is_conflict).await?;
    send_back(app).await?;
    Ok(orders::read(app, number).await?)
}

async fn begin(
    app: &App,
    actor: &Actor,
    number: &str,
    request: &RefundOrder,
    key: &Key,
) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let order = orders::find_locked(&mut tx, number).await?;
    if idempotency::begin(&mut tx, now, key, "").await?.is_some() {
        return Ok(());
    }
    let id = order.id;
    let mut left = orders::refund_due(app, &mut tx, order, request.amount, request.restock).await?;
    // From the payments that have some left, the first one first.
    for payment in store::of_order(tx.conn(), id).await? {
        if payment.state != PaymentState::Captured {
            continue;
        }
        let back = store::refunded(tx.conn(), payment.id).await?;
        let part = left.min(payment.amount.minor - back);
        if part > 0 {
            store::insert_refund(&mut tx, app.ids.next(now), &payment, part, now).await?;
            left -= part;
        }
    }
    if left > 0 {
        return Err(Error::IllegalStep);
    }
    idempotency::end(&mut tx, key, 200, "").await?;
    let change = Change::new("order.refund", format!("order:{number}")).to(request);
    audit::note(&mut tx, app.context(), actor, &[change]).await?;
    Ok(tx.commit().await?)
}

/// Sends back what is due. Several may do it at once; a provider pays one reference back once.
pub async fn send_back(app: &App) -> Result<(), Error> {
    let mut reader = app.db.read().await?;
    let due = store::refunds_due(&mut reader, BATCH).await?;
    drop(reader);
    for (refund, payment, number, minor) in due {
        let mut reader = app.db.read().await?;
        let payment = store::find(&mut reader, payment, "").await?;
        drop(reader);
        let Some(payment) = payment else { continue };
        // What came by hand goes back by hand.
        if payment.provider != "manual" {
            let amount = Money::new(minor, payment.amount.currency);
            let sent = match provider::of(app, &payment.provider) {
                Some(provider) => provider.refund(&payment.known(), refund, amount).await,
                None => Err(Unknown(
                    "the shop's account with the provider is not configured".to_owned(),
                )),
            };
            if let Err(Unknown(why)) = sent {
                tracing::warn!(refund, why, "the payment provider did not respond");
                continue;
            }
        }
        let done = async || {
            let mut tx = app.db.write().await?;
            if store::refund_done(&mut tx, refund, app.clock.now()).await?
                && !store::waits(tx.conn(), &number).await?
            {
                orders::refund_done(app, &mut tx, &number).await?;
            }
            Ok::<_, Error>(tx.commit().await?)
        };
        db::retry_on_conflict(done, Error::is_conflict).await?;
    }
    Ok(())
}
