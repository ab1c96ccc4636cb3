//! The relay: takes what is due out of the outbox and delivers it.

use std::time::Instant;

use shared::order::OrderState;
use ui::mail::About;

use crate::{app::App, crash, db, mail::Letter, orders};

use super::store::{self, Due};

/// Messages that are taken at once.
const BATCH: i64 = 200;
/// After so many tries a message is parked.
const ATTEMPTS_MAX: i64 = 12;
const WAIT_MIN_MS: i64 = 1_000;
const WAIT_MAX_MS: i64 = 60 * 60 * 1_000;

/// Delivers what is due, and says how many messages that were.
///
/// Those who wait for an answer come first: it rests after each batch for as long as that took, and
/// leaves the rest for the next time when somebody orders just then.
pub async fn deliver_due(app: &App) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let begun = Instant::now();
        let now = app.clock.now();
        let mut reader = app.db.read().await?;
        if !store::is_due(&mut reader, now).await? {
            return Ok(delivered);
        }
        drop(reader);
        let take = async || {
            let mut tx = app.db.write().await?;
            let due = store::take(&mut tx, now, app.config.outbox_lease_ms, BATCH).await?;
            tx.commit().await?;
            Ok(due)
        };
        let due = db::retried(take, db::is_conflict).await?;
        crash::at("outbox.taken");
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        let outcomes = deliver(app, &due).await;
        for (message, outcome) in due.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => done.push(message.id),
                Err(error) => failed.push((message, error)),
            }
        }
        crash::at("outbox.sent");
        let now = app.clock.now();
        let note = async || {
            let mut tx = app.db.write().await?;
            store::delivered(&mut tx, now, &done).await?;
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
        delivered += done.len();
        if done.is_empty() || app.desks.orders.is_busy() {
            return Ok(delivered);
        }
        tokio::time::sleep(begun.elapsed()).await;
    }
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

/// Delivers messages, and says of each in their order what became of it.
async fn deliver(app: &App, messages: &[Due]) -> Vec<Result<(), String>> {
    let payloads: Vec<Result<Payload, String>> = messages
        .iter()
        .map(|it| serde_json::from_str(&it.payload).map_err(|error| error.to_string()))
        .collect();
    let told = payloads.iter().flatten();
    let numbers: Vec<&str> = told.filter_map(|it| it.number.as_deref()).collect();
    let orders = match orders::for_messages(app, &numbers).await {
        Ok(orders) => orders,
        Err(error) => return vec![Err(error.to_string()); messages.len()],
    };
    let mut outcomes = Vec::with_capacity(messages.len());
    let (mut mails, mut places) = (Vec::new(), Vec::new());
    for (place, (message, payload)) in messages.iter().zip(payloads).enumerate() {
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => {
                outcomes.push(Err(error));
                continue;
            }
        };
        outcomes.push(Ok(()));
        let order = payload.number.and_then(|number| orders.get(&number));
        if let Some(((order, locale), about)) = order.zip(payload.state.and_then(about)) {
            let (shop, base_url) = (&app.config.shop_name, &app.config.base_url);
            mails.push(Letter {
                id: message.id,
                to: order.email.clone(),
                mail: ui::mail::mail(about, *locale, shop, base_url, order),
            });
            places.push(place);
        }
    }
    for (place, outcome) in places.into_iter().zip(app.mailer.send(mails).await) {
        outcomes[place] = outcome;
    }
    outcomes
}

/// What the buyer is told when an order comes to this state, if anything.
fn about(state: OrderState) -> Option<About> {
    match state {
        OrderState::Pending => Some(About::Placed),
        OrderState::Paid => Some(About::Paid),
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
