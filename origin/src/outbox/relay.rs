//! The relay: takes what is due out of the outbox. What happened becomes a message for each who is to know;
//! each of those is delivered, fails and is parked alone.

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
    mail::Letter,
    orders, webhooks,
};

use super::{
    Message, recipients,
    store::{self, Due, Lane},
};

/// Messages that are taken at once.
const BATCH: i64 = 200;
/// Messages to one webhook that are taken at once, and how many of them are on their way together. Were
/// none of them answered, all would be given up before the lease ends.
const WEBHOOK_BATCH: i64 = 32;
const WEBHOOKS_AT_ONCE: usize = 8;
/// How often one looks for messages to others while a receiver takes its time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// After so many tries a message is parked.
const ATTEMPTS_MAX: i64 = 12;
const WAIT_MIN_MS: i64 = 1_000;
const WAIT_MAX_MS: i64 = 60 * 60 * 1_000;

/// Hands on what has happened, then tells buyers what is due, and says how many letters went out.
pub async fn deliver_due(app: &App) -> Result<usize, db::Error> {
    fan_out_due(app).await?;
    send_mail_due(app).await
}

/// Makes messages of what has happened, one for each who is to know, and says of how many events. Nobody
/// outside is asked, so nobody who fails holds up the others.
///
/// Those who wait for an answer come first: it rests after each batch for as long as that took, and
/// leaves the rest for the next time when somebody orders just then.
pub async fn fan_out_due(app: &App) -> Result<usize, db::Error> {
    let mut handed_on = 0;
    loop {
        let begun = Instant::now();
        let due = take(app, Lane::Events, BATCH).await?;
        if due.is_empty() {
            return Ok(handed_on);
        }
        let outcomes = fan_out(app, &due).await;
        let done = note(app, due, outcomes).await?;
        handed_on += done;
        if done == 0 || app.desks.orders.is_busy() {
            return Ok(handed_on);
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

/// Sends the mail that is due, and says how many letters that were; it rests as [`fan_out_due`] does.
pub async fn send_mail_due(app: &App) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let begun = Instant::now();
        let due = take(app, Lane::Mail, BATCH).await?;
        if due.is_empty() {
            return Ok(delivered);
        }
        crash::at("outbox.taken");
        let outcomes = send_mail(app, &due).await;
        crash::at("outbox.sent");
        let done = note(app, due, outcomes).await?;
        delivered += done;
        if done == 0 || app.desks.orders.is_busy() {
            return Ok(delivered);
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

/// Tells the webhooks what is due, each by itself, and says how many messages that were.
pub async fn tell_webhooks(app: &App) -> Result<usize, db::Error> {
    let (mut delivered, mut failure) = (0, None);
    let mut running = FuturesUnordered::new();
    let (mut busy, mut done_with) = (HashSet::new(), HashSet::new());
    loop {
        let receivers = match failure {
            None => receivers_due(app).await?,
            Some(_) => Vec::new(),
        };
        for receiver in receivers {
            if !done_with.contains(&receiver) && busy.insert(receiver.clone()) {
                running.push(async move {
                    let told = tell_webhook(app, &receiver).await;
                    (receiver, told)
                });
            }
        }
        let ended = match tokio::time::timeout(LOOK_AGAIN, running.next()).await {
            Ok(Some(ended)) => ended,
            Ok(None) => return failure.map_or(Ok(delivered), Err),
            // A receiver takes its time; others may have become due.
            Err(_) => {
                done_with.clear();
                continue;
            }
        };
        let (receiver, told) = ended;
        busy.remove(&receiver);
        match told {
            Ok(count) => delivered += count,
            Err(error) => failure = Some(error),
        }
        done_with.insert(receiver);
    }
}

async fn receivers_due(app: &App) -> Result<Vec<String>, db::Error> {
    let mut reader = app.db.read().await?;
    store::receivers_due(&mut reader, app.clock.now()).await
}

/// Tells one webhook what is due.
async fn tell_webhook(app: &App, receiver: &str) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let due = take(app, Lane::Webhook(receiver), WEBHOOK_BATCH).await?;
        if due.is_empty() {
            return Ok(delivered);
        }
        let mut reader = app.db.read().await?;
        let hooks = webhooks::all(&mut reader).await?;
        drop(reader);
        let hooks = &hooks;
        let payloads: Vec<String> = due.iter().map(|it| it.payload.clone()).collect();
        let sent = stream::iter(payloads).map(|payload| async move {
            let sent = webhooks::send(app, hooks, &payload).await;
            sent.map(|()| Vec::new())
        });
        let outcomes = sent.buffered(WEBHOOKS_AT_ONCE).collect().await;
        let done = note(app, due, outcomes).await?;
        delivered += done;
        if done == 0 {
            return Ok(delivered);
        }
    }
}

/// Takes what is due.
async fn take(app: &App, lane: Lane<'_>, limit: i64) -> Result<Vec<Due>, db::Error> {
    let now = app.clock.now();
    let mut reader = app.db.read().await?;
    if !store::is_due(&mut reader, lane, now).await? {
        return Ok(Vec::new());
    }
    drop(reader);
    let take = async || {
        let mut tx = app.db.write().await?;
        let lease = (now, app.config.outbox_lease_ms);
        let due = store::take(&mut tx, lane, lease, limit).await?;
        tx.commit().await?;
        Ok(due)
    };
    db::retry_on_conflict(take, db::is_conflict).await
}

/// What became of a message: what follows from it, or why it was not delivered.
type Outcome = Result<Vec<Message>, String>;

/// Notes what became of messages, and says how many were delivered.
async fn note(app: &App, due: Vec<Due>, outcomes: Vec<Outcome>) -> Result<usize, db::Error> {
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
    let now = app.clock.now();
    let note = async || {
        let mut tx = app.db.write().await?;
        store::delivered(&mut tx, now, &done).await?;
        store::put(&mut tx, &app.ids, now, &next).await?;
        for (message, error) in &failed {
            let parked = message.attempts >= ATTEMPTS_MAX;
            let again = (!parked).then(|| now.as_millis() + wait_ms(message.attempts));
            store::failed(&mut tx, message.id, again, error).await?;
        }
        tx.commit().await
    };
    db::retry_on_conflict(note, db::is_conflict).await?;
    for (message, error) in &failed {
        let (id, topic, attempts) = (message.id, &message.topic, message.attempts);
        tracing::warn!(id, topic, attempts, error, "message could not be delivered");
    }
    Ok(done.len())
}

/// Twice as long after each try, with a chance part, so that what failed together does not come back
/// together.
fn wait_ms(attempts: i64) -> i64 {
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX).min(20);
    let wait = WAIT_MIN_MS.saturating_mul(1 << attempts).min(WAIT_MAX_MS);
    wait + wait * i64::from(crate::secret::byte()) / 1_024
}

#[derive(serde::Deserialize)]
struct Payload {
    number: Option<String>,
    state: Option<OrderState>,
}

impl Payload {
    fn of(message: &Due) -> Result<Self, String> {
        serde_json::from_str(&message.payload).map_err(|error| error.to_string())
    }
}

/// The orders that messages are about, read once for all of them.
type Orders = HashMap<String, (Order, Locale)>;

async fn orders_of(app: &App, payloads: &[Result<Payload, String>]) -> Result<Orders, String> {
    let named = payloads.iter().flatten();
    let numbers: Vec<&str> = named.filter_map(|it| it.number.as_deref()).collect();
    let orders = orders::for_messages(app, &numbers).await;
    orders.map_err(|error| error.to_string())
}

/// Makes the messages about events, and says of each in their order which those are.
async fn fan_out(app: &App, events: &[Due]) -> Vec<Outcome> {
    let payloads: Vec<_> = events.iter().map(Payload::of).collect();
    let webhooks = async || {
        let mut reader = app.db.read().await?;
        webhooks::all(&mut reader).await
    };
    let webhooks = webhooks()
        .await
        .map_err(|error: db::Error| error.to_string());
    let around = match orders_of(app, &payloads).await {
        Ok(orders) => webhooks.map(|webhooks| (orders, webhooks)),
        Err(error) => Err(error),
    };
    let (orders, webhooks) = match around {
        Ok(around) => around,
        Err(error) => return vec![Err(error); events.len()],
    };
    let each = events.iter().zip(payloads).map(|(message, payload)| {
        let payload = payload?;
        let order = payload.number.as_ref().and_then(|it| orders.get(it));
        let event = event(message, payload.state, order.map(|(order, _)| order))?;
        let mut follows: Vec<Message> = webhooks::fan_out(&webhooks, &event).collect();
        if order.is_some() && payload.state.and_then(about).is_some() {
            follows.push(Message::mail(&message.subject, &message.payload));
        }
        Ok(follows)
    });
    each.collect()
}

/// Sends letters, and says of each message in their order what became of it.
async fn send_mail(app: &App, messages: &[Due]) -> Vec<Outcome> {
    let payloads: Vec<_> = messages.iter().map(Payload::of).collect();
    let orders = match orders_of(app, &payloads).await {
        Ok(orders) => orders,
        Err(error) => return vec![Err(error); messages.len()],
    };
    let about_orders = messages
        .iter()
        .zip(&payloads)
        .filter_map(|(message, payload)| {
            let payload = payload.as_ref().ok()?;
            let (order, _) = orders.get(payload.number.as_ref()?)?;
            Some((message, about(payload.state?)?, order))
        });
    let withheld = recipients::withheld(app, about_orders).await;
    let mut outcomes = Vec::with_capacity(messages.len());
    let (mut letters, mut places) = (Vec::new(), Vec::new());
    for (place, (message, payload)) in messages.iter().zip(payloads).enumerate() {
        let letter = if message.topic == Message::MAIL {
            payload.map(|payload| {
                let told = !withheld.contains(&message.id);
                told.then(|| order_letter(app, message, &payload, &orders))
                    .flatten()
            })
        } else {
            account_letter(app, message).await
        };
        outcomes.push(letter.map(|letter| {
            places.extend(letter.is_some().then_some(place));
            letters.extend(letter);
            Vec::new()
        }));
    }
    for (place, outcome) in places.into_iter().zip(app.mailer.send(letters).await) {
        if let Err(error) = outcome {
            outcomes[place] = Err(error);
        }
    }
    outcomes
}

/// What the buyer is told, if the order is still there and its buyer was not erased.
fn order_letter(app: &App, message: &Due, payload: &Payload, orders: &Orders) -> Option<Letter> {
    let (order, locale) = orders.get(payload.number.as_ref()?)?;
    if order.email.is_empty() {
        return None;
    }
    let (shop, base_url) = (&app.config.shop_name, &app.config.base_url);
    Some(Letter {
        id: message.id,
        to: order.email.clone(),
        mail: ui::mail::order_mail(about(payload.state?)?, *locale, shop, base_url, order),
    })
}

/// What is told to the owner of an address and to nobody else.
async fn account_letter(app: &App, message: &Due) -> Result<Option<Letter>, String> {
    let link: LinkMessage =
        serde_json::from_str(&message.payload).map_err(|error| error.to_string())?;
    let mail = accounts::letter_for(app, &message.topic, &link).await;
    let mail = mail.map_err(|error| error.to_string())?;
    Ok(mail.map(|mail| Letter {
        id: message.id,
        to: link.email,
        mail,
    }))
}

/// A message as webhooks are told it. What they get of an order is the order, without the buyer's
/// secret.
fn event(
    message: &Due,
    state: Option<OrderState>,
    order: Option<&Order>,
) -> Result<webhooks::Event, String> {
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
        Some(state) => format!("order.{}", state.word()),
    };
    Ok(webhooks::Event {
        id: message.id,
        topic,
        subject: message.subject.clone(),
        at: message.created_at,
        data: data.map_err(|error| error.to_string())?,
    })
}

/// What the buyer is told when an order comes to this state, if anything.
fn about(state: OrderState) -> Option<OrderMail> {
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
    fn the_wait_doubles_and_ends_at_an_hour() {
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
