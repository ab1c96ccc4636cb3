//! Payments of orders.

use shared::{
    order::{Order, OrderState},
    page::order_path,
    payment::{NextStep, PayOrder, Payment, PaymentState},
    time::Timestamp,
};

use crate::{
    crash,
    db::{self, Tx},
    limits::Network,
    orders::{self, IdempotencyKey, Orders, idempotency},
    platform::Platform,
};

use super::{
    Error,
    card_limits::{self, CardNetworks},
    provider::{self, Charge, ChargeOutcome, ChargeStatus, HostedPage, Provider, ProviderError},
    refund,
    store::{self, StoredPayment},
};

/// After this many polling intervals, a payment that the provider does not know has never reached
/// it.
const LOST_AFTER_POLLS: i64 = 60;
/// How long payments that wait for the buyer are polled: a day.
const CONFIRMING_POLL_MS: i64 = 24 * 60 * 60 * 1_000;
const BATCH: i64 = 100;

/// The outcome of a request to pay.
#[derive(Clone, Debug)]
pub struct PayOutcome {
    /// The payment.
    pub payment: Payment,
    /// Whether it is replayed from an earlier request.
    pub replayed: bool,
}

/// Pays an order with the payment method that was chosen for it.
pub async fn pay(
    orders: &Orders,
    (number, token): (&str, &str),
    request: PayOrder,
    key: &IdempotencyKey,
    network: &Network,
) -> Result<PayOutcome, Error> {
    if request.hosted.is_some() && request.payment_method.is_some() {
        let why = "Send either hosted or payment_method, not both.".to_owned();
        return Err(Error::Invalid("hosted", why));
    }
    let begin = async || begin(orders, (number, token), key, network).await;
    let payment = match db::retry_on_conflict(begin, Error::is_conflict).await? {
        BegunPayment::New(payment) => payment,
        // The process that began it may have died. The provider charges a reference only once.
        BegunPayment::SameRequest(payment) if payment.state == PaymentState::Started => payment,
        BegunPayment::OtherRequest(payment) if payment.state == PaymentState::Started => {
            return Err(orders::Error::KeyInFlight.into());
        }
        BegunPayment::SameRequest(payment) | BegunPayment::OtherRequest(payment) => {
            return Ok(PayOutcome {
                payment: refreshed(orders, number, payment).await?,
                replayed: true,
            });
        }
    };
    crash::at("pay.begun");
    let provider = provider::find(orders, &payment.provider).ok_or(Error::NoProvider)?;
    let charge = charge_for(orders, (number, token), &payment, request).await?;
    let mut next = None;
    let payment = match provider.charge(charge).await {
        Ok(answer) => {
            crash::at("pay.charged");
            next.clone_from(&answer.next);
            apply_status(orders, payment.id, &answer, None).await?
        }
        // The payment stays `started`, and `recover` polls its status.
        Err(ProviderError(why)) => {
            tracing::warn!(
                payment = payment.id,
                why,
                "the payment provider did not respond"
            );
            payment
        }
    };
    crash::at("pay.settled");
    let payment = to_payment(orders, number, payment, next).await?;
    if payment.state != PaymentState::Started {
        // The next step contains a secret of the provider. It is not stored but requested again.
        let kept = Payment {
            next: None,
            ..payment.clone()
        };
        let body = serde_json::to_string(&kept).unwrap_or_default();
        let end = async || {
            let mut tx = orders.db.write().await?;
            idempotency::end(&mut tx, key, 201, &body).await?;
            tx.commit().await
        };
        db::retry_on_conflict(end, db::is_conflict).await?;
    }
    Ok(PayOutcome {
        payment,
        replayed: false,
    })
}

/// Builds the charge. The provider sends the buyer back to the order's page in their language.
async fn charge_for(
    platform: &Platform,
    (number, token): (&str, &str),
    payment: &StoredPayment,
    request: PayOrder,
) -> Result<Charge, Error> {
    let back = request.hosted.unwrap_or_default();
    let page = match request.hosted {
        Some(locale) => {
            let order: Order = orders::find(platform, number, token).await?;
            Some(HostedPage {
                locale,
                email: order.email,
                until: order.pay_until,
            })
        }
        None => None,
    };
    let path = back.path(&order_path(number, token));
    Ok(Charge {
        reference: payment.id,
        amount: payment.amount,
        number: number.to_owned(),
        return_url: format!("{}{path}", platform.config.base_url),
        card: request.card,
        token: request.payment_method,
        page,
    })
}

enum BegunPayment {
    /// A new payment.
    New(StoredPayment),
    /// A payment that this request has begun before.
    SameRequest(StoredPayment),
    /// A payment that another request has begun.
    OtherRequest(StoredPayment),
}

/// Inserts a started payment, unless the order has a live one.
async fn begin(
    platform: &Platform,
    (number, token): (&str, &str),
    key: &IdempotencyKey,
    network: &Network,
) -> Result<BegunPayment, Error> {
    let now = platform.clock.now();
    let mut tx = platform.db.write().await?;
    let order = orders::find_locked(&mut tx, number).await?;
    let order = orders::check_token(Some(order), token)?;
    let payment = StoredPayment {
        id: platform.ids.next(now),
        order: order.id,
        provider: order.order.payment_method.clone(),
        state: PaymentState::Started,
        amount: order.order.totals.total,
        reason: None,
        external: None,
        networks: CardNetworks::from_network(network),
        updated_at: now,
    };
    let about = payment.id.to_string();
    if let Some(answer) = idempotency::begin(&mut tx, now, key, &about).await? {
        let id = match answer.status {
            idempotency::IN_FLIGHT => answer.body.parse().ok(),
            _ => serde_json::from_str::<Payment>(&answer.body)
                .ok()
                .and_then(|payment| payment.id.parse().ok()),
        };
        let known = store::find(tx.conn(), id.unwrap_or(0), "").await?;
        return Ok(BegunPayment::SameRequest(
            known.ok_or(Error::NoSuchPayment)?,
        ));
    }
    if provider::find(platform, &payment.provider).is_none() {
        let why = "This order is paid by bank transfer or on delivery.".to_owned();
        return Err(Error::Invalid("payment_method", why));
    }
    // An order has at most one payment that is pending or captured.
    let others = store::list_by_order(tx.conn(), order.id).await?;
    let live = |it: &&StoredPayment| it.state != PaymentState::Failed;
    if let Some(other) = others.iter().find(live).cloned() {
        tx.rollback().await?;
        return Ok(BegunPayment::OtherRequest(other));
    }
    if !order.order.state.may_become(OrderState::Paid) {
        return Err(Error::IllegalStep);
    }
    card_limits::begin_attempt(platform, &mut tx, &payment, &others).await?;
    store::add(&mut tx, &payment, now).await?;
    tx.commit().await?;
    Ok(BegunPayment::New(payment))
}

/// Records the status that a provider has reported. Reports may be repeated and concurrent; each
/// takes effect once.
pub async fn settle(
    orders: &Orders,
    payment: i64,
    answer: &ChargeStatus,
) -> Result<PaymentState, Error> {
    Ok(apply_status(orders, payment, answer, None).await?.state)
}

/// Like [`settle`], optionally for an event: its provider and id.
pub(super) async fn apply_status(
    orders: &Orders,
    payment: i64,
    answer: &ChargeStatus,
    event: Option<(&str, &str)>,
) -> Result<StoredPayment, Error> {
    let settle = async || settle_once(orders, payment, answer, event).await;
    db::retry_on_conflict(settle, Error::is_conflict).await
}

async fn settle_once(
    orders: &Orders,
    id: i64,
    answer: &ChargeStatus,
    event: Option<(&str, &str)>,
) -> Result<StoredPayment, Error> {
    let now = orders.clock.now();
    let mut reader = orders.db.read().await?;
    let known = store::find(&mut reader, id, "").await?;
    let order = known.ok_or(Error::NoSuchPayment)?.order;
    let number = orders::find_number(&mut reader, order).await?;
    drop(reader);
    let mut tx = orders.db.write().await?;
    // Locks are taken in the same order everywhere: the order first, then the payment.
    let order = orders::find_locked(&mut tx, &number.unwrap_or_default()).await?;
    let lock = tx.dialect().for_update();
    let payment = store::find(tx.conn(), id, lock).await?;
    let mut payment = payment.ok_or(Error::NoSuchPayment)?;
    if let Some((provider, event)) = event
        && !store::record_event(&mut tx, provider, event, now).await?
    {
        return Ok(payment);
    }
    if payment.state == PaymentState::Captured {
        tx.commit().await?;
        return Ok(payment);
    }
    let captured = answer.outcome == ChargeOutcome::Captured;
    if let Some(came) = answer.amount.filter(|it| captured && *it != payment.amount) {
        // Nobody at the shop has requested this amount. It does not pay the order; staff have to
        // look into it.
        let minor = came.minor;
        tracing::error!(
            payment = id,
            minor,
            "the amount paid differs from the amount requested"
        );
        store::update(&mut tx, &payment, now).await?;
        tx.commit().await?;
        return Ok(payment);
    }
    let (state, reason) = match &answer.outcome {
        ChargeOutcome::Captured => (PaymentState::Captured, None),
        ChargeOutcome::Declined(why) => (PaymentState::Failed, Some(why.clone())),
        ChargeOutcome::Confirming => (PaymentState::Confirming, None),
        ChargeOutcome::NotFound => (PaymentState::Failed, Some(super::NEVER_REACHED.to_owned())),
    };
    let before = payment.state;
    // A report of a decline that is already recorded must not lengthen the pause of cards.
    if card_limits::is_declined(&payment) && state == PaymentState::Failed {
        tx.commit().await?;
        return Ok(payment);
    }
    payment.external = answer.external.clone().or(payment.external);
    (payment.state, payment.reason) = (state, reason);
    record_status(orders, &mut tx, (before, &mut payment), answer, &order).await?;
    if state == PaymentState::Captured {
        let minor = payment.amount.minor;
        if !orders::record_payment(orders, &mut tx, order, minor).await? {
            store::add_refund(&mut tx, orders.ids.next(now), &payment, minor, now).await?;
        }
    }
    crash::at("pay.recorded");
    tx.commit().await?;
    if matches!(state, PaymentState::Captured | PaymentState::Failed) {
        let captured = state == PaymentState::Captured;
        orders.metrics.business.payment(&payment.provider, captured);
    }
    Ok(payment)
}

/// Updates the payment, and the limits of declined cards.
async fn record_status(
    platform: &Platform,
    tx: &mut Tx,
    (before, payment): (PaymentState, &mut StoredPayment),
    answer: &ChargeStatus,
    order: &orders::StoredOrder,
) -> Result<(), Error> {
    let now = platform.clock.now();
    let networks = payment.networks.clone();
    if matches!(payment.state, PaymentState::Captured | PaymentState::Failed) {
        payment.networks = CardNetworks::default();
    }
    store::update(tx, payment, now).await?;
    let payments = match answer.outcome {
        ChargeOutcome::Declined(_) => store::list_by_order(tx.conn(), order.id).await?,
        _ => Vec::new(),
    };
    let counted = StoredPayment {
        networks,
        ..payment.clone()
    };
    let context = (order.order.number.as_str(), payments.as_slice());
    card_limits::record_outcome(platform, tx, (before, &counted), &answer.outcome, context).await?;
    Ok(())
}

/// Continues a payment that needs confirmation.
pub async fn confirm(
    orders: &Orders,
    (number, token): (&str, &str),
    payment: &str,
) -> Result<Payment, Error> {
    let stored = find_owned(orders, (number, token), payment).await?;
    let (settled, next) = match stored.state {
        PaymentState::Captured => (stored, None),
        PaymentState::Confirming => {
            let provider = provider::find(orders, &stored.provider).ok_or(Error::NoProvider)?;
            match provider.confirm(&stored.charge_reference()).await {
                Ok(answer) => {
                    let settled = apply_status(orders, stored.id, &answer, None).await?;
                    (settled, answer.next)
                }
                Err(ProviderError(_)) => (stored, None),
            }
        }
        PaymentState::Started | PaymentState::Failed => return Err(Error::IllegalStep),
    };
    to_payment(orders, number, settled, next).await
}

/// Finds a payment and refreshes its status.
pub async fn find(
    orders: &Orders,
    (number, token): (&str, &str),
    payment: &str,
) -> Result<Payment, Error> {
    let stored = find_owned(orders, (number, token), payment).await?;
    refreshed(orders, number, stored).await
}

/// Finds the last payment of an order and refreshes its status.
pub async fn find_last(orders: &Orders, order: &Order) -> Result<Option<Payment>, Error> {
    let mut reader = orders.db.read().await?;
    let last = store::find_last(&mut reader, &order.number).await?;
    drop(reader);
    match last {
        Some(payment) => Ok(Some(refreshed(orders, &order.number, payment).await?)),
        None => Ok(None),
    }
}

/// The public payment with its next step, which is read from the provider.
async fn refreshed(
    orders: &Orders,
    number: &str,
    payment: StoredPayment,
) -> Result<Payment, Error> {
    if payment.state != PaymentState::Confirming {
        return to_payment(orders, number, payment, None).await;
    }
    let provider = provider::find(orders, &payment.provider).ok_or(Error::NoProvider)?;
    match provider.look_up(&payment.charge_reference()).await {
        Ok(answer) if answer.outcome == ChargeOutcome::Confirming => {
            to_payment(orders, number, payment, answer.next).await
        }
        Ok(answer) => {
            let payment = apply_status(orders, payment.id, &answer, None).await?;
            to_payment(orders, number, payment, None).await
        }
        Err(ProviderError(why)) => {
            tracing::warn!(
                payment = payment.id,
                why,
                "the payment provider did not respond"
            );
            to_payment(orders, number, payment, None).await
        }
    }
}

async fn find_owned(
    platform: &Platform,
    (number, token): (&str, &str),
    payment: &str,
) -> Result<StoredPayment, Error> {
    let order: Order = orders::find(platform, number, token).await?;
    let id: i64 = payment.parse().map_err(|_| Error::NoSuchPayment)?;
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, id, "").await?;
    let stored = stored.ok_or(Error::NoSuchPayment)?;
    let number = orders::find_number(&mut reader, stored.order).await?;
    (number == Some(order.number))
        .then_some(stored)
        .ok_or(Error::NoSuchPayment)
}

async fn to_payment(
    platform: &Platform,
    number: &str,
    payment: StoredPayment,
    next: Option<NextStep>,
) -> Result<Payment, Error> {
    let order = orders::find_for_staff(platform, number).await?;
    Ok(Payment {
        id: payment.id.to_string(),
        state: payment.state,
        amount: payment.amount,
        reason: payment.reason,
        next,
        order: order.state,
    })
}

/// Polls payments whose status is unknown because a response was lost or a process died, then sends
/// due refunds.
pub async fn recover(orders: &Orders) -> Result<(), Error> {
    let now = orders.clock.now().as_millis();
    let before = Timestamp::from_millis(now - orders.config.payment_ask_ms);
    let mut reader = orders.db.read().await?;
    let waits_since = Timestamp::from_millis(now - CONFIRMING_POLL_MS);
    let unsettled = store::list_unsettled(&mut reader, (before, waits_since), BATCH).await?;
    drop(reader);
    for payment in unsettled {
        let Some(provider) = provider::find(orders, &payment.provider) else {
            continue;
        };
        match provider.look_up(&payment.charge_reference()).await {
            // The request may still be on its way.
            Ok(it) if it.outcome == ChargeOutcome::NotFound && !is_lost(orders, &payment, now) => {}
            Ok(answer) => {
                settle(orders, payment.id, &answer).await?;
            }
            Err(ProviderError(why)) => {
                tracing::warn!(
                    payment = payment.id,
                    why,
                    "the payment provider did not respond"
                );
            }
        }
    }
    refund::send_due_refunds(orders).await
}

/// Whether the payment is so old that it never reached the provider. Its id contains its time.
fn is_lost(platform: &Platform, payment: &StoredPayment, now: i64) -> bool {
    let lost_after_ms = platform
        .config
        .payment_ask_ms
        .saturating_mul(LOST_AFTER_POLLS);
    shared::id::created_at(payment.id).as_millis() + lost_after_ms < now
}
