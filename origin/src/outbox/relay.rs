//! The relay: takes what is due out of the outbox and delivers it.

use std::{collections::HashMap, time::Instant};

use futures_util::{StreamExt as _, stream};
use shared::{
    edge::PurgeOrder,
    locale::Locale,
    order::{Order, OrderState},
};
use ui::mail::About;

use crate::{
    accounts::{self, LinkMessage},
    app::App,
    crash, db,
    edges::merged,
    mail::Letter,
    orders, webhooks,
};

use super::{
    Message, recipients,
    store::{self, Due, Lane},
};

/// Messages that are taken at once.
const BATCH: i64 = 200;
/// Messages to webhooks that are taken at once, and how many of them are on their way together. Were
/// none of them answered, all would be given up before the lease ends.
const WEBHOOK_BATCH: i64 = 32;
const WEBHOOKS_AT_ONCE: usize = 8;
/// After so many tries a message is parked.
const ATTEMPTS_MAX: i64 = 12;
const WAIT_MIN_MS: i64 = 1_000;
const WAIT_MAX_MS: i64 = 60 * 60 * 1_000;

/// Tells buyers what is due, hands it on to the webhooks that want it, and says how many messages
/// that were.
///
/// Those who wait for an answer come first: it rests after each batch for as long as that took, and
/// leaves the rest for the next time when somebody orders just then.
pub async fn deliver_due(app: &App) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let begun = Instant::now();
        let due = take(app, Lane::Events, BATCH).await?;
        if due.is_empty() {
            return Ok(delivered);
        }
        crash::at("outbox.taken");
        let outcomes = deliver(app, &due).await;
        crash::at("outbox.sent");
        let done = note(app, due, outcomes).await?;
        delivered += done;
        if done == 0 || app.desks.orders.is_busy() {
            return Ok(delivered);
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
}

/// Tells the webhooks what is due, and says how many messages that were.
pub async fn tell_webhooks(app: &App) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let due = take(app, Lane::Webhooks, WEBHOOK_BATCH).await?;
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

/// Tells the edges what is no longer right, and says how many messages that were. What is due together
/// is told together.
pub async fn tell_edges(app: &App) -> Result<usize, db::Error> {
    let mut delivered = 0;
    while !app.edges.is_empty() {
        let due = take(app, Lane::Purges, BATCH).await?;
        if due.is_empty() {
            break;
        }
        let parsed: Vec<Result<PurgeOrder, String>> = due
            .iter()
            .map(|it| serde_json::from_str(&it.payload).map_err(|error| error.to_string()))
            .collect();
        let orders: Vec<PurgeOrder> = parsed.iter().flatten().cloned().collect();
        let orders = merged(&orders);
        let now = app.clock.now();
        let told = app.edges.purge(&app.client, now, &orders).await;
        let outcomes = parsed.into_iter().map(|order| {
            let told = told.clone();
            order.and_then(|_| told.map(|()| Vec::new()))
        });
        let done = note(app, due, outcomes.collect()).await?;
        delivered += done;
        if done == 0 {
            break;
        }
    }
    Ok(delivered)
}

/// Takes what is due.
async fn take(app: &App, lane: Lane, limit: i64) -> Result<Vec<Due>, db::Error> {
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
    db::retried(take, db::is_conflict).await
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
    db::retried(note, db::is_conflict).await?;
    for (message, error) in &failed {
        let (id, topic, attempts) = (message.id, &message.topic, message.attempts);
        tracing::warn!(id, topic, attempts, error, "a message was not delivered");
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

/// What is to be told besides, read once for all messages of a batch.
struct Around {
    orders: HashMap<String, (Order, Locale)>,
    webhooks: Vec<webhooks::Stored>,
}

/// Delivers messages, and says of each in their order what became of it.
async fn deliver(app: &App, messages: &[Due]) -> Vec<Outcome> {
    let payloads: Vec<Result<Payload, String>> = messages
        .iter()
        .map(|it| serde_json::from_str(&it.payload).map_err(|error| error.to_string()))
        .collect();
    let told = payloads.iter().flatten();
    let numbers: Vec<&str> = told.filter_map(|it| it.number.as_deref()).collect();
    let around = match around(app, &numbers).await {
        Ok(around) => around,
        Err(error) => return vec![Err(error); messages.len()],
    };
    let about_orders = messages
        .iter()
        .zip(&payloads)
        .filter_map(|(message, payload)| {
            let payload = payload.as_ref().ok()?;
            let (order, _) = around.orders.get(payload.number.as_ref()?)?;
            Some((message, about(payload.state?)?, order))
        });
    let withheld = recipients::withheld(app, about_orders).await;
    let mut outcomes = Vec::with_capacity(messages.len());
    let (mut mails, mut places) = (Vec::new(), Vec::new());
    for (place, (message, payload)) in messages.iter().zip(payloads).enumerate() {
        if message.topic.starts_with(ABOUT_ACCOUNTS) {
            outcomes.push(match account_letter(app, message).await {
                Ok(letter) => {
                    places.extend(letter.is_some().then_some(place));
                    mails.extend(letter);
                    Ok(Vec::new())
                }
                Err(error) => Err(error),
            });
            continue;
        }
        let outcome = payload.and_then(|payload| {
            let order = payload.number.as_ref().and_then(|it| around.orders.get(it));
            // Nobody is told of an order whose buyer was erased.
            let told = order.filter(|(order, _)| !order.email.is_empty());
            if let Some(((order, locale), about)) = told.zip(payload.state.and_then(about))
                && !withheld.contains(&message.id)
            {
                let (shop, base_url) = (&app.config.shop_name, &app.config.base_url);
                mails.push(Letter {
                    id: message.id,
                    to: order.email.clone(),
                    mail: ui::mail::mail(about, *locale, shop, base_url, order),
                });
                places.push(place);
            }
            let event = event(message, payload.state, order.map(|(order, _)| order))?;
            Ok(webhooks::fan_out(&around.webhooks, &event).collect())
        });
        outcomes.push(outcome);
    }
    for (place, outcome) in places.into_iter().zip(app.mailer.send(mails).await) {
        if let Err(error) = outcome {
            outcomes[place] = Err(error);
        }
    }
    outcomes
}

/// What is told to the owner of an address and to nobody else.
const ABOUT_ACCOUNTS: &str = "account.";

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

async fn around(app: &App, numbers: &[&str]) -> Result<Around, String> {
    let orders = orders::for_messages(app, numbers).await;
    let orders = orders.map_err(|error| error.to_string())?;
    let webhooks = async || {
        let mut reader = app.db.read().await?;
        webhooks::all(&mut reader).await
    };
    Ok(Around {
        orders,
        webhooks: webhooks().await.map_err(|error| error.to_string())?,
    })
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
fn about(state: OrderState) -> Option<About> {
    match state {
        OrderState::Pending => Some(About::Placed),
        OrderState::Paid => Some(About::Paid),
        OrderState::Shipped => Some(About::Shipped),
        OrderState::Refunded => Some(About::Refunded),
        OrderState::Cancelled | OrderState::Expired => Some(About::GivenUp),
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
