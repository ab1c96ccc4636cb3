//! Paying an order.

use shared::{
    order::{Order, OrderState},
    page::order_path,
    payment::{NextStep, PayOrder, Payment, PaymentState},
    time::Timestamp,
};

use crate::{
    app::App,
    crash,
    db::{self, Tx},
    limits::Network,
    orders::{self, Key, idempotency},
};

use super::{
    Error,
    provider::{self, Answer, Charge, HostedPage, Outcome, Provider, Unknown},
    refund,
    store::{self, Stored},
    tries::{self, CardNetworks},
};

/// After so many times the wait for an answer, a payment that the provider has not heard of never
/// reached it.
const LOST_AFTER_ASKS: i64 = 60;
/// So long a payment that waits for its buyer is asked about: a day.
const BUYERS_PATIENCE_MS: i64 = 24 * 60 * 60 * 1_000;
const BATCH: i64 = 100;

/// The answer to a request to pay: the payment, and whether the request was answered before.
#[derive(Clone, Debug)]
pub struct Paid {
    /// The payment.
    pub payment: Payment,
    /// Whether the request was answered before.
    pub replayed: bool,
}

/// Pays an order in the way that was chosen for it.
pub async fn pay(
    app: &App,
    (number, token): (&str, &str),
    request: PayOrder,
    key: &Key,
    network: &Network,
) -> Result<Paid, Error> {
    if request.hosted.is_some() && request.payment_method.is_some() {
        let why = "Send either hosted or payment_method, not both.".to_owned();
        return Err(Error::Invalid("hosted", why));
    }
    let begin = async || begin(app, (number, token), key, network).await;
    let payment = match db::retry_on_conflict(begin, Error::is_conflict).await? {
        Begun::New(payment) => payment,
        // The process that began it may have died. The provider charges one reference once.
        Begun::Again(payment) if payment.state == PaymentState::Started => payment,
        Begun::Other(payment) if payment.state == PaymentState::Started => {
            return Err(orders::Error::KeyInFlight.into());
        }
        Begun::Again(payment) | Begun::Other(payment) => {
            return Ok(Paid {
                payment: asked(app, number, payment).await?,
                replayed: true,
            });
        }
    };
    crash::at("pay.begun");
    let provider = provider::of(app, &payment.provider).ok_or(Error::NoProvider)?;
    let charge = charge_of(app, (number, token), &payment, request).await?;
    let mut next = None;
    let payment = match provider.charge(charge).await {
        Ok(answer) => {
            crash::at("pay.charged");
            next.clone_from(&answer.next);
            settled(app, payment.id, &answer, None).await?
        }
        // It stays on its way; the job that asks about such payments hears of it.
        Err(Unknown(why)) => {
            tracing::warn!(
                payment = payment.id,
                why,
                "the payment provider did not respond"
            );
            payment
        }
    };
    crash::at("pay.settled");
    let payment = shown(app, number, payment, next).await?;
    if payment.state != PaymentState::Started {
        // What the buyer does next is a secret of the provider's, and is asked for again.
        let kept = Payment {
            next: None,
            ..payment.clone()
        };
        let body = serde_json::to_string(&kept).unwrap_or_default();
        let end = async || {
            let mut tx = app.db.write().await?;
            idempotency::end(&mut tx, key, 201, &body).await?;
            tx.commit().await
        };
        db::retry_on_conflict(end, db::is_conflict).await?;
    }
    Ok(Paid {
        payment,
        replayed: false,
    })
}

/// What the provider is asked for. The buyer comes back to the order's page in their language.
async fn charge_of(
    app: &App,
    (number, token): (&str, &str),
    payment: &Stored,
    request: PayOrder,
) -> Result<Charge, Error> {
    let back = request.hosted.unwrap_or_default();
    let page = match request.hosted {
        Some(locale) => {
            let order: Order = orders::find(app, number, token).await?;
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
        return_url: format!("{}{path}", app.config.base_url),
        card: request.card,
        token: request.payment_method,
        page,
    })
}

enum Begun {
    /// There was none.
    New(Stored),
    /// This request has begun it before.
    Again(Stored),
    /// Another request has begun it.
    Other(Stored),
}

/// Writes that a payment is on its way, unless there is one already.
async fn begin(
    app: &App,
    (number, token): (&str, &str),
    key: &Key,
    network: &Network,
) -> Result<Begun, Error> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let order = orders::find_locked(&mut tx, number).await?;
    let order = orders::whose(Some(order), token)?;
    let payment = Stored {
        id: app.ids.next(now),
        order: order.id,
        provider: order.order.payment_method.clone(),
        state: PaymentState::Started,
        amount: order.order.totals.total,
        reason: None,
        external: None,
        networks: CardNetworks::of(network),
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
        return Ok(Begun::Again(known.ok_or(Error::NoSuchPayment)?));
    }
    if provider::of(app, &payment.provider).is_none() {
        let why = "This order is paid by bank transfer or on delivery.".to_owned();
        return Err(Error::Invalid("payment_method", why));
    }
    // One that is on its way, or here, is the payment of this order.
    let others = store::of_order(tx.conn(), order.id).await?;
    let live = |it: &&Stored| it.state != PaymentState::Failed;
    if let Some(other) = others.iter().find(live).cloned() {
        tx.rollback().await?;
        return Ok(Begun::Other(other));
    }
    if !order.order.state.may_become(OrderState::Paid) {
        return Err(Error::IllegalStep);
    }
    tries::admit(app, &mut tx, &payment, &others).await?;
    store::insert(&mut tx, &payment, now).await?;
    tx.commit().await?;
    Ok(Begun::New(payment))
}

/// Notes what a provider has said of a payment. It may be said many times and by many; it counts once.
pub async fn settle(app: &App, payment: i64, answer: &Answer) -> Result<PaymentState, Error> {
    Ok(settled(app, payment, answer, None).await?.state)
}

/// As [`settle`], for an event of a provider, by its name.
pub(super) async fn settled(
    app: &App,
    payment: i64,
    answer: &Answer,
    event: Option<(&str, &str)>,
) -> Result<Stored, Error> {
    let settle = async || settle_once(app, payment, answer, event).await;
    db::retry_on_conflict(settle, Error::is_conflict).await
}

async fn settle_once(
    app: &App,
    id: i64,
    answer: &Answer,
    event: Option<(&str, &str)>,
) -> Result<Stored, Error> {
    let now = app.clock.now();
    let mut reader = app.db.read().await?;
    let known = store::find(&mut reader, id, "").await?;
    let order = known.ok_or(Error::NoSuchPayment)?.order;
    let number = orders::number(&mut reader, order).await?;
    drop(reader);
    let mut tx = app.db.write().await?;
    // The order first, then the payment: the same way as everybody.
    let order = orders::find_locked(&mut tx, &number.unwrap_or_default()).await?;
    let lock = tx.dialect().for_update();
    let payment = store::find(tx.conn(), id, lock).await?;
    let mut payment = payment.ok_or(Error::NoSuchPayment)?;
    if let Some((provider, event)) = event
        && !store::note_event(&mut tx, provider, event, now).await?
    {
        return Ok(payment);
    }
    if payment.state == PaymentState::Captured {
        tx.commit().await?;
        return Ok(payment);
    }
    let captured = answer.outcome == Outcome::Captured;
    if let Some(came) = answer.amount.filter(|it| captured && *it != payment.amount) {
        // Nobody at the shop has asked for that. It is for people to look at, and pays nothing.
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
        Outcome::Captured => (PaymentState::Captured, None),
        Outcome::Declined(why) => (PaymentState::Failed, Some(why.clone())),
        Outcome::Confirming => (PaymentState::Confirming, None),
        Outcome::NeverHeard => (PaymentState::Failed, Some(super::NEVER_REACHED.to_owned())),
    };
    let before = payment.state;
    payment.external = answer.external.clone().or(payment.external);
    (payment.state, payment.reason) = (state, reason);
    note(app, &mut tx, (before, &mut payment), answer, &order).await?;
    if state == PaymentState::Captured {
        let minor = payment.amount.minor;
        if !orders::take_money(app, &mut tx, order, minor).await? {
            store::insert_refund(&mut tx, app.ids.next(now), &payment, minor, now).await?;
        }
    }
    crash::at("pay.noted");
    tx.commit().await?;
    if matches!(state, PaymentState::Captured | PaymentState::Failed) {
        let captured = state == PaymentState::Captured;
        app.metrics.business.payment(&payment.provider, captured);
    }
    Ok(payment)
}

/// Writes what has become of a payment, and counts it for the limits of cards.
async fn note(
    app: &App,
    tx: &mut Tx,
    (before, payment): (PaymentState, &mut Stored),
    answer: &Answer,
    order: &orders::Stored,
) -> Result<(), Error> {
    let now = app.clock.now();
    let networks = payment.networks.clone();
    if matches!(payment.state, PaymentState::Captured | PaymentState::Failed) {
        payment.networks = CardNetworks::default();
    }
    store::update(tx, payment, now).await?;
    let payments = match answer.outcome {
        Outcome::Declined(_) => store::of_order(tx.conn(), order.id).await?,
        _ => Vec::new(),
    };
    let counted = Stored {
        networks,
        ..payment.clone()
    };
    let around = (order.order.number.as_str(), payments.as_slice());
    tries::settled(app, tx, (before, &counted), &answer.outcome, around).await?;
    Ok(())
}

/// Goes on with a payment that asks for it.
pub async fn confirm(
    app: &App,
    (number, token): (&str, &str),
    payment: &str,
) -> Result<Payment, Error> {
    let stored = of(app, (number, token), payment).await?;
    let (settled, next) = match stored.state {
        PaymentState::Captured => (stored, None),
        PaymentState::Confirming => {
            let provider = provider::of(app, &stored.provider).ok_or(Error::NoProvider)?;
            match provider.confirm(&stored.known()).await {
                Ok(answer) => {
                    let settled = settled(app, stored.id, &answer, None).await?;
                    (settled, answer.next)
                }
                Err(Unknown(_)) => (stored, None),
            }
        }
        PaymentState::Started | PaymentState::Failed => return Err(Error::IllegalStep),
    };
    shown(app, number, settled, next).await
}

/// A payment, as it stands.
pub async fn find(
    app: &App,
    (number, token): (&str, &str),
    payment: &str,
) -> Result<Payment, Error> {
    let stored = of(app, (number, token), payment).await?;
    asked(app, number, stored).await
}

/// The last payment of an order, as it stands.
pub async fn last(app: &App, order: &Order) -> Result<Option<Payment>, Error> {
    let mut reader = app.db.read().await?;
    let last = store::last_of(&mut reader, &order.number).await?;
    drop(reader);
    match last {
        Some(payment) => Ok(Some(asked(app, &order.number, payment).await?)),
        None => Ok(None),
    }
}

/// A payment as it stands, with what its buyer has to do; the provider is asked for that.
async fn asked(app: &App, number: &str, payment: Stored) -> Result<Payment, Error> {
    if payment.state != PaymentState::Confirming {
        return shown(app, number, payment, None).await;
    }
    let provider = provider::of(app, &payment.provider).ok_or(Error::NoProvider)?;
    match provider.look_up(&payment.known()).await {
        Ok(answer) if answer.outcome == Outcome::Confirming => {
            shown(app, number, payment, answer.next).await
        }
        Ok(answer) => {
            let payment = settled(app, payment.id, &answer, None).await?;
            shown(app, number, payment, None).await
        }
        Err(Unknown(why)) => {
            tracing::warn!(
                payment = payment.id,
                why,
                "the payment provider did not respond"
            );
            shown(app, number, payment, None).await
        }
    }
}

async fn of(app: &App, (number, token): (&str, &str), payment: &str) -> Result<Stored, Error> {
    let order: Order = orders::find(app, number, token).await?;
    let id: i64 = payment.parse().map_err(|_| Error::NoSuchPayment)?;
    let mut reader = app.db.read().await?;
    let stored = store::find(&mut reader, id, "").await?;
    let stored = stored.ok_or(Error::NoSuchPayment)?;
    let number = orders::number(&mut reader, stored.order).await?;
    (number == Some(order.number))
        .then_some(stored)
        .ok_or(Error::NoSuchPayment)
}

async fn shown(
    app: &App,
    number: &str,
    payment: Stored,
    next: Option<NextStep>,
) -> Result<Payment, Error> {
    let order = orders::read(app, number).await?;
    Ok(Payment {
        id: payment.id.to_string(),
        state: payment.state,
        amount: payment.amount,
        reason: payment.reason,
        next,
        order: order.state,
    })
}

/// Asks about payments of which nothing was heard: the answer was lost, or the process that waited for
/// it. Then sends back what is due.
pub async fn recover(app: &App) -> Result<(), Error> {
    let now = app.clock.now().as_millis();
    let before = Timestamp::from_millis(now - app.config.payment_ask_ms);
    let mut reader = app.db.read().await?;
    let waits_since = Timestamp::from_millis(now - BUYERS_PATIENCE_MS);
    let underway = store::underway(&mut reader, (before, waits_since), BATCH).await?;
    drop(reader);
    for payment in underway {
        let Some(provider) = provider::of(app, &payment.provider) else {
            continue;
        };
        match provider.look_up(&payment.known()).await {
            // It may be on its way still.
            Ok(it) if it.outcome == Outcome::NeverHeard && !lost(app, &payment, now) => {}
            Ok(answer) => {
                settle(app, payment.id, &answer).await?;
            }
            Err(Unknown(why)) => {
                tracing::warn!(
                    payment = payment.id,
                    why,
                    "the payment provider did not respond"
                );
            }
        }
    }
    refund::send_back(app).await
}

/// Whether a payment was begun so long ago that it never reached the provider. Its id tells when.
fn lost(app: &App, payment: &Stored, now: i64) -> bool {
    let patience = app.config.payment_ask_ms.saturating_mul(LOST_AFTER_ASKS);
    shared::id::created_at(payment.id).as_millis() + patience < now
}
