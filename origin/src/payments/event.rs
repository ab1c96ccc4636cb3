//! Events that providers send.

use http::HeaderMap;

use crate::orders::Orders;

use super::{
    Error,
    pay::apply_status,
    provider::{self, ChargeReference, Provider},
    store,
};

/// Handles an event from Stripe. Events are repeated, delayed and out of order: each is applied
/// once, and if it is not final, the current status is read from Stripe.
pub async fn handle_stripe_event(
    orders: &Orders,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Error> {
    let refused = |why: &str| Error::BadEvent(why.to_owned());
    let secret = orders.config.stripe_webhook_secret.as_deref();
    let secret = secret.ok_or_else(|| refused("This shop does not accept events from Stripe."))?;
    let signature = headers.get("stripe-signature");
    let signature = signature
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    let event = provider::verify_event(secret, signature, body, orders.clock.now());
    let event = event.map_err(Error::BadEvent)?;
    let Some(about) = event.about else {
        return Ok(());
    };
    let mut reader = orders.db.read().await?;
    let payment = store::find(&mut reader, about.reference, "").await?;
    drop(reader);
    let Some(payment) = payment.filter(|it| it.provider == "stripe") else {
        let (event, payment) = (&event.id, about.reference);
        tracing::warn!(event, payment, "event for an unknown payment");
        return Ok(());
    };
    let answer = match event.answer {
        Some(answer) => answer,
        None => {
            let provider = provider::find(orders, "stripe").ok_or(Error::NoProvider)?;
            // The stored id takes precedence: it may be a session, whose outcome covers all of its
            // intents.
            let external = payment.external.or(about.external);
            let reference = about.reference;
            provider
                .look_up(&ChargeReference {
                    reference,
                    external,
                })
                .await?
        }
    };
    apply_status(
        orders,
        about.reference,
        &answer,
        Some(("stripe", &event.id)),
    )
    .await?;
    Ok(())
}
