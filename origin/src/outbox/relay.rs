//! The relay: takes what is due out of the outbox and delivers it.

use shared::{locale::Locale, order::OrderState};
use ui::mail::About;

use crate::{app::App, crash, db, orders};

use super::store::{self, Due};

/// Messages that are taken at once.
const BATCH: i64 = 100;
/// After so many tries a message is parked.
const ATTEMPTS_MAX: i64 = 12;
const WAIT_MIN_MS: i64 = 1_000;
const WAIT_MAX_MS: i64 = 60 * 60 * 1_000;

/// Delivers what is due, and says how many messages that were.
pub async fn deliver_due(app: &App) -> Result<usize, db::Error> {
    let mut delivered = 0;
    loop {
        let now = app.clock.now();
        let take = async || {
            let mut tx = app.db.write().await?;
            let due = store::take(&mut tx, now, app.config.outbox_lease_ms, BATCH).await?;
            tx.commit().await?;
            Ok(due)
        };
        let due = db::retried(take, db::is_conflict).await?;
        if due.is_empty() {
            return Ok(delivered);
        }
        crash::at("outbox.taken");
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for message in due {
            match deliver(app, &message).await {
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
        if done.is_empty() {
            return Ok(delivered);
        }
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
    number: String,
    state: OrderState,
}

/// Delivers one message.
async fn deliver(app: &App, message: &Due) -> Result<(), String> {
    let payload: Payload = serde_json::from_str(&message.payload).map_err(|it| it.to_string())?;
    let about = match payload.state {
        OrderState::Pending => About::Placed,
        OrderState::Paid => About::Paid,
        OrderState::Cancelled | OrderState::Expired => About::GivenUp,
        _ => return Ok(()),
    };
    let found = orders::for_mail(app, &payload.number).await;
    let (order, locale): (_, Locale) = found.map_err(|error| error.to_string())?;
    let (shop, base_url) = (&app.config.shop_name, &app.config.base_url);
    let mail = ui::mail::mail(about, locale, shop, base_url, &order);
    app.mailer.send(message.id, &order.email, &mail).await
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
