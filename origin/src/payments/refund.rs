//! Refunds.

use shared::{
    money::Money,
    order::Order,
    payment::{PaymentState, RefundOrder},
};

use crate::{
    audit::{self, Actor, Change},
    db,
    orders::{self, IdempotencyKey, idempotency},
    platform::Platform,
};

use super::{
    Error,
    provider::{self, Provider, ProviderError},
    store,
};

const BATCH: i64 = 100;

/// Refunds a part of an order, or everything that is left.
pub async fn refund(
    platform: &Platform,
    actor: &Actor,
    number: &str,
    request: &RefundOrder,
    key: &IdempotencyKey,
) -> Result<Order, Error> {
    let begin = async || begin(platform, actor, number, request, key).await;
    db::retry_on_conflict(begin, Error::is_conflict).await?;
    send_due_refunds(platform).await?;
    Ok(orders::find_for_staff(platform, number).await?)
}

async fn begin(
    platform: &Platform,
    actor: &Actor,
    number: &str,
    request: &RefundOrder,
    key: &IdempotencyKey,
) -> Result<(), Error> {
    let now = platform.clock.now();
    let mut tx = platform.db.write().await?;
    let order = orders::find_locked(&mut tx, number).await?;
    if idempotency::begin(&mut tx, now, key, "").await?.is_some() {
        return Ok(());
    }
    let id = order.id;
    let mut remaining =
        orders::begin_refund(platform, &mut tx, order, request.amount, request.restock).await?;
    // Takes the amount from the captured payments, the oldest first.
    for payment in store::list_by_order(tx.conn(), id).await? {
        if payment.state != PaymentState::Captured {
            continue;
        }
        let refunded = store::sum_refunded(tx.conn(), payment.id).await?;
        let part = remaining.min(payment.amount.minor - refunded);
        if part > 0 {
            store::add_refund(&mut tx, platform.ids.next(now), &payment, part, now).await?;
            remaining -= part;
        }
    }
    if remaining > 0 {
        return Err(Error::IllegalStep);
    }
    idempotency::end(&mut tx, key, 200, "").await?;
    let change = Change::new("order.refund", format!("order:{number}")).to(request);
    audit::record(&mut tx, platform.context(), actor, &[change]).await?;
    Ok(tx.commit().await?)
}

/// Sends due refunds to their providers. Several processes may run it at once; a provider refunds a
/// reference once.
pub async fn send_due_refunds(platform: &Platform) -> Result<(), Error> {
    let mut reader = platform.db.read().await?;
    let due = store::list_due_refunds(&mut reader, BATCH).await?;
    drop(reader);
    for (refund, payment, number, minor) in due {
        let mut reader = platform.db.read().await?;
        let payment = store::find(&mut reader, payment, "").await?;
        drop(reader);
        let Some(payment) = payment else { continue };
        // Manual payments are refunded by hand.
        if payment.provider != "manual" {
            let amount = Money::new(minor, payment.amount.currency);
            let sent = match provider::find(platform, &payment.provider) {
                Some(provider) => {
                    provider
                        .refund(&payment.charge_reference(), refund, amount)
                        .await
                }
                None => Err(ProviderError(
                    "the shop's account with the provider is not configured".to_owned(),
                )),
            };
            if let Err(ProviderError(why)) = sent {
                tracing::warn!(refund, why, "the payment provider did not respond");
                continue;
            }
        }
        let done = async || {
            let mut tx = platform.db.write().await?;
            if store::finish_refund(&mut tx, refund, platform.clock.now()).await?
                && !store::has_due_refunds(tx.conn(), &number).await?
            {
                orders::finish_refund(platform, &mut tx, &number).await?;
            }
            Ok::<_, Error>(tx.commit().await?)
        };
        db::retry_on_conflict(done, Error::is_conflict).await?;
    }
    Ok(())
}
