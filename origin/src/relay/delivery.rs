//! Delivers due messages. An event becomes one message per receiver; each of these is
//! delivered, retried and parked independently.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream, stream::FuturesUnordered};
use shared::{
    locale::Locale,
    order::{Order, OrderState},
};
use ui::mail::OrderMail;

use crate::{
    accounts::{self, LinkMessage},
    app::App,
    crash, db,
    mail::OutgoingMail,
    orders,
    outbox::{self, DueMessage, OutboxLane, OutboxMessage},
    platform::Platform,
    webhooks,
};

use super::mail_limits;

/// Messages per batch.
const BATCH: i64 = 200;
/// Messages to one webhook per batch, and how many of them are sent concurrently. Even if every
/// request times out, the batch ends before its lease.
const WEBHOOK_BATCH: i64 = 32;
const WEBHOOKS_AT_ONCE: usize = 8;
/// How often other due webhooks are looked for while a slow receiver is being waited for.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// A message is parked after this many attempts.
const ATTEMPTS_MAX: i64 = 12;
const WAIT_MIN_MS: i64 = 1_000;
const WAIT_MAX_MS: i64 = 60 * 60 * 1_000;

/// Fans out due events, then sends due mail; returns the number of mails sent.
pub async fn deliver_due(app: &App) -> Result<usize, db::Error> {
    fan_out_due(app).await?;
    send_mail_due(app).await
}

/// Turns due events into one message per receiver and returns the number of events. No receiver is
/// called, so that a failing one delays nobody.
///
/// Requests take precedence over the relay: it pauses after each batch for as long as the batch
/// took, and stops while orders are being placed.
pub async fn fan_out_due(app: &App) -> Result<usize, db::Error> {
    let mut handed_on = 0;
    loop {
        let begun = Instant::now();
        let due = take(app, OutboxLane::Events, BATCH).await?;
        if due.is_empty() {
            return Ok(handed_on);
        }
        let outcomes = fan_out(app, &due).await;
        let done = record_results(app, due, outcomes).await?;
        handed_on += done;
        if done == 0 || app.orders.batcher.is_busy() {
            return Ok(handed_on);
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

/// Sends due mail and returns the number of mails; it yields to requests like [`fan_out_due`].
pub async fn send_mail_due(app: &App) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let begun = Instant::now();
        let due = take(app, OutboxLane::Mail, BATCH).await?;
        if due.is_empty() {
            return Ok(delivered);
        }
        crash::at("outbox.leased");
        let outcomes = send_mail(app, &due).await;
        crash::at("outbox.sent");
        let done = record_results(app, due, outcomes).await?;
        delivered += done;
        if done == 0 || app.orders.batcher.is_busy() {
            return Ok(delivered);
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

/// Delivers due messages to all webhooks concurrently and returns the number delivered.
pub async fn deliver_webhooks(app: &App) -> Result<usize, db::Error> {
    let (mut delivered, mut failure) = (0, None);
    let mut running = FuturesUnordered::new();
    let (mut busy, mut finished) = (HashSet::new(), HashSet::new());
    loop {
        let receivers = match failure {
            None => list_due_receivers(app).await?,
            Some(_) => Vec::new(),
        };
        for receiver in receivers {
            if !finished.contains(&receiver) && busy.insert(receiver.clone()) {
                running.push(async move {
                    let result = deliver_to_webhook(app, &receiver).await;
                    (receiver, result)
                });
            }
        }
        let ended = match tokio::time::timeout(POLL_INTERVAL, running.next()).await {
            Ok(Some(ended)) => ended,
            Ok(None) => return failure.map_or(Ok(delivered), Err),
            // A receiver is slow; others may have become due.
            Err(_) => {
                finished.clear();
                continue;
            }
        };
        let (receiver, result) = ended;
        busy.remove(&receiver);
        match result {
            Ok(count) => delivered += count,
            Err(error) => failure = Some(error),
        }
        finished.insert(receiver);
    }
}

async fn list_due_receivers(platform: &Platform) -> Result<Vec<String>, db::Error> {
    let mut reader = platform.db.read().await?;
    outbox::list_due_receivers(&mut reader, platform.clock.now()).await
}

/// Delivers the due messages of one webhook.
async fn deliver_to_webhook(app: &App, receiver: &str) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let due = take(app, OutboxLane::Webhook(receiver), WEBHOOK_BATCH).await?;
        if due.is_empty() {
            return Ok(delivered);
        }
        let mut reader = app.db.read().await?;
        let hooks = webhooks::list(&mut reader).await?;
        drop(reader);
        let hooks = &hooks;
        let payloads: Vec<String> = due.iter().map(|it| it.payload.clone()).collect();
        let sent = stream::iter(payloads).map(|payload| async move {
            let sent = webhooks::send(app, hooks, &payload).await;
            sent.map(|()| Vec::new())
        });
        let outcomes = sent.buffered(WEBHOOKS_AT_ONCE).collect().await;
        let done = record_results(app, due, outcomes).await?;
        delivered += done;
        if done == 0 {
            return Ok(delivered);
        }
    }
}

/// Leases due messages.
async fn take(
    platform: &Platform,
    lane: OutboxLane<'_>,
    limit: i64,
) -> Result<Vec<DueMessage>, db::Error> {
    let now = platform.clock.now();
    let mut reader = platform.db.read().await?;
    if !outbox::is_due(&mut reader, lane, now).await? {
        return Ok(Vec::new());
    }
    drop(reader);
    let take = async || {
        let mut tx = platform.db.write().await?;
        let lease = (now, platform.config.outbox_lease_ms);
        let due = outbox::take(&mut tx, lane, lease, limit).await?;
        tx.commit().await?;
        Ok(due)
    };
    db::retry_on_conflict(take, db::is_conflict).await
}

/// The result of a delivery: follow-up messages, or the error.
type DeliveryResult = Result<Vec<OutboxMessage>, String>;

/// Records the results of deliveries and returns how many succeeded.
async fn record_results(
    platform: &Platform,
    due: Vec<DueMessage>,
    outcomes: Vec<DeliveryResult>,
) -> Result<usize, db::Error> {
    let (mut done, mut failed, mut next) = (Vec::new(), Vec::new(), Vec::new());
    for (message, outcome) in due.into_iter().zip(outcomes) {
        match outcome {
            Ok(mut follows) => {
                done.push(message.id);
                next.append(&mut follows);
            }
            Err(error) => failed.push((message, error)),
        }
    }
    let now = platform.clock.now();
    let record = async || {
        let mut tx = platform.db.write().await?;
        outbox::mark_delivered(&mut tx, now, &done).await?;
        outbox::add(&mut tx, &platform.ids, now, &next).await?;
        for (message, error) in &failed {
            let parked = message.attempts >= ATTEMPTS_MAX;
            let again = (!parked).then(|| now.as_millis() + wait_ms(message.attempts));
            outbox::mark_failed(&mut tx, message.id, again, error).await?;
        }
        tx.commit().await
    };
    db::retry_on_conflict(record, db::is_conflict).await?;
    for (message, error) in &failed {
        let (id, topic, attempts) = (message.id, &message.topic, message.attempts);
        tracing::warn!(id, topic, attempts, error, "message could not be delivered");
    }
    Ok(done.len())
}

/// Exponential back-off with jitter, so that messages that failed together are not retried
/// together.
fn wait_ms(attempts: i64) -> i64 {
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX).min(20);
    let wait = WAIT_MIN_MS.saturating_mul(1 << attempts).min(WAIT_MAX_MS);
    wait + wait * i64::from(crate::secret::byte()) / 1_024
}

#[derive(serde::Deserialize)]
struct MessagePayload {
    number: Option<String>,
    state: Option<OrderState>,
}

impl MessagePayload {
    fn parse(message: &DueMessage) -> Result<Self, String> {
        serde_json::from_str(&message.payload).map_err(|error| error.to_string())
    }
}

/// The orders that messages are about, by number, read in one query.
type Orders = HashMap<String, (Order, Locale)>;

async fn find_orders(
    platform: &Platform,
    payloads: &[Result<MessagePayload, String>],
) -> Result<Orders, String> {
    let named = payloads.iter().flatten();
    let numbers: Vec<&str> = named.filter_map(|it| it.number.as_deref()).collect();
    let orders = orders::find_for_messages(platform, &numbers).await;
    orders.map_err(|error| error.to_string())
}

/// Builds the follow-up messages of events; the results are in the same order.
async fn fan_out(platform: &Platform, events: &[DueMessage]) -> Vec<DeliveryResult> {
    let payloads: Vec<_> = events.iter().map(MessagePayload::parse).collect();
    let webhooks = async || {
        let mut reader = platform.db.read().await?;
        webhooks::list(&mut reader).await
    };
    let webhooks = webhooks()
        .await
        .map_err(|error: db::Error| error.to_string());
    let context = match find_orders(platform, &payloads).await {
        Ok(orders) => webhooks.map(|webhooks| (orders, webhooks)),
        Err(error) => Err(error),
    };
    let (orders, webhooks) = match context {
        Ok(context) => context,
        Err(error) => return vec![Err(error); events.len()],
    };
    let each = events.iter().zip(payloads).map(|(message, payload)| {
        let payload = payload?;
        let order = payload.number.as_ref().and_then(|it| orders.get(it));
        let event = webhook_event(message, payload.state, order.map(|(order, _)| order))?;
        let mut follows: Vec<OutboxMessage> = webhooks::fan_out(&webhooks, &event).collect();
        if order.is_some() && payload.state.and_then(mail_about).is_some() {
            follows.push(OutboxMessage::mail(&message.subject, &message.payload));
        }
        Ok(follows)
    });
    each.collect()
}

/// Sends mail; the results are in the same order.
async fn send_mail(app: &App, messages: &[DueMessage]) -> Vec<DeliveryResult> {
    let payloads: Vec<_> = messages.iter().map(MessagePayload::parse).collect();
    let orders = match find_orders(app, &payloads).await {
        Ok(orders) => orders,
        Err(error) => return vec![Err(error); messages.len()],
    };
    let about_orders = messages
        .iter()
        .zip(&payloads)
        .filter_map(|(message, payload)| {
            let payload = payload.as_ref().ok()?;
            let (order, _) = orders.get(payload.number.as_ref()?)?;
            Some((message, mail_about(payload.state?)?, order))
        });
    let withheld = mail_limits::withheld(app, about_orders).await;
    let mut outcomes = Vec::with_capacity(messages.len());
    let (mut mails, mut indexes) = (Vec::new(), Vec::new());
    for (index, (message, payload)) in messages.iter().zip(payloads).enumerate() {
        let mail = if message.topic == OutboxMessage::MAIL {
            payload.map(|payload| {
                let is_sent = !withheld.contains(&message.id);
                is_sent
                    .then(|| order_mail(app, message, &payload, &orders))
                    .flatten()
            })
        } else {
            account_mail(app, message).await
        };
        outcomes.push(mail.map(|mail| {
            indexes.extend(mail.is_some().then_some(index));
            mails.extend(mail);
            Vec::new()
        }));
    }
    for (index, outcome) in indexes.into_iter().zip(app.mailer.send(mails).await) {
        if let Err(error) = outcome {
            outcomes[index] = Err(error);
        }
    }
    outcomes
}

/// The mail to an order's buyer, unless the order is gone or its buyer was erased.
fn order_mail(
    platform: &Platform,
    message: &DueMessage,
    payload: &MessagePayload,
    orders: &Orders,
) -> Option<OutgoingMail> {
    let (order, locale) = orders.get(payload.number.as_ref()?)?;
    if order.email.is_empty() {
        return None;
    }
    let (shop, base_url) = (&platform.config.shop_name, &platform.config.base_url);
    Some(OutgoingMail {
        id: message.id,
        to: order.email.clone(),
        content: ui::mail::order_mail(mail_about(payload.state?)?, *locale, shop, base_url, order),
    })
}

/// The mail to the owner of an address, with a link for nobody else.
async fn account_mail(
    platform: &Platform,
    message: &DueMessage,
) -> Result<Option<OutgoingMail>, String> {
    let link: LinkMessage =
        serde_json::from_str(&message.payload).map_err(|error| error.to_string())?;
    let mail = accounts::account_mail(platform, &message.topic, &link).await;
    let mail = mail.map_err(|error| error.to_string())?;
    Ok(mail.map(|content| OutgoingMail {
        id: message.id,
        to: link.email,
        content,
    }))
}

/// The payload of webhooks. It contains the order without its token.
fn webhook_event(
    message: &DueMessage,
    state: Option<OrderState>,
    order: Option<&Order>,
) -> Result<webhooks::WebhookEvent, String> {
    let data = match order {
        Some(order) => serde_json::to_value(order).map(|mut order| {
            if let Some(fields) = order.as_object_mut() {
                fields.remove("token");
            }
            order
        }),
        None => serde_json::from_str(&message.payload),
    };
    let topic = match state {
        Some(OrderState::Pending) | None => message.topic.clone(),
        Some(state) => format!("order.{}", state.as_str()),
    };
    Ok(webhooks::WebhookEvent {
        id: message.id,
        topic,
        subject: message.subject.clone(),
        at: message.created_at,
        data: data.map_err(|error| error.to_string())?,
    })
}

/// The mail that is sent when an order reaches this state, if any.
fn mail_about(state: OrderState) -> Option<OrderMail> {
    match state {
        OrderState::Pending => Some(OrderMail::Placed),
        OrderState::Paid => Some(OrderMail::Paid),
        OrderState::Shipped => Some(OrderMail::Shipped),
        OrderState::Refunded => Some(OrderMail::Refunded),
        OrderState::Cancelled | OrderState::Expired => Some(OrderMail::GivenUp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_an_hour() {
        for attempts in 1..40 {
            let least = (WAIT_MIN_MS << attempts.min(20)).min(WAIT_MAX_MS);
            let wait = wait_ms(attempts);
            assert!(
                (least..=least * 5 / 4).contains(&wait),
                "{attempts}: {wait}"
            );
        }
    }
}
