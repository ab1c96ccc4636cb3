//! Limits of declined cards, against card testing. Owns all SQL of `card_tries`.
//!
//! The declines of an order are counted from its payments. A network, and the site around it, have
//! a row each, which every payment from there locks, the network's row first. Payments in progress
//! count as declined until they succeed; otherwise many parallel ones would get past the limit.

use std::time::Duration;

use shared::{payment::PaymentState, time::Timestamp};
use sqlx::{AnyConnection, Row as _};

use crate::{
    audit::{self, Actor, Change},
    config::{Buying, Config},
    db::{self, Db, Tx, Upsert},
    limits::Network,
    platform::Platform,
};

use super::{Error, provider::ChargeOutcome, store::StoredPayment};

/// Declines of a network are counted for an hour.
const WINDOW_MS: i64 = 60 * 60 * 1_000;
/// The maximum length of a pause; after a day without one, the length starts over.
const PAUSE_MAX_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long to wait while the network's remaining attempts are in progress.
const WAIT: Duration = Duration::from_secs(5);

/// The hashed network and site that a payment began from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CardNetworks {
    pub(super) network: Option<String>,
    pub(super) site: Option<String>,
}

impl CardNetworks {
    pub(super) fn from_network(network: &Network) -> Self {
        let hashed =
            |name: &str| blake3::hash(format!("cards:{name}").as_bytes()).to_hex()[..32].to_owned();
        Self {
            network: network.client().map(hashed),
            site: network.site().map(hashed),
        }
    }

    /// The scopes that count declines: name, hash, and limit per hour.
    fn limited(&self, config: &Config) -> impl Iterator<Item = (&'static str, &str, i64)> {
        let limit = i64::from(config.buying.limit_declines_network);
        let site = limit.saturating_mul(i64::from(config.limit_site));
        let scopes = [
            ("network", &self.network, limit),
            ("site", &self.site, site),
        ];
        let scopes = scopes.into_iter().filter(|(_, _, limit)| *limit > 0);
        scopes.filter_map(|(scope, hash, limit)| Some((scope, hash.as_deref()?, limit)))
    }
}

/// The length of a pause: it doubles with each one before it.
fn pause_ms(first_ms: i64, before: i64) -> i64 {
    let doubled = u32::try_from(before.min(32)).unwrap_or(32);
    first_ms.saturating_mul(1 << doubled).min(PAUSE_MAX_MS)
}

/// Until when the order accepts no card after these payments; `None` if it does now.
pub(super) fn order_paused_until(buying: &Buying, payments: &[StoredPayment]) -> Option<Timestamp> {
    let limit = i64::from(buying.limit_declines_order);
    let declined = payments.iter().filter(|it| is_declined(it));
    let last = declined.clone().map(|it| it.updated_at).max()?;
    let count = i64::try_from(declined.count()).unwrap_or(i64::MAX);
    (limit > 0 && count >= limit)
        .then(|| last.plus_millis(pause_ms(buying.decline_pause_ms, count - limit)))
}

/// Whether the provider declined it; a payment that never reached the provider says nothing about
/// the card.
pub(super) fn is_declined(payment: &StoredPayment) -> bool {
    payment.state == PaymentState::Failed && payment.reason.as_deref() != Some(super::NEVER_REACHED)
}

/// The counters of a network or site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CardAttempts {
    declined: i64,
    under_way: i64,
    since: i64,
    pauses: i64,
    paused_until: i64,
}

impl CardAttempts {
    /// Counts a payment that begins, or returns how long to wait.
    fn begin(&mut self, limit: i64, now: i64) -> Result<(), Duration> {
        let millis = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        if now < self.paused_until {
            return Err(millis(self.paused_until - now));
        }
        if now - self.since >= WINDOW_MS {
            (self.declined, self.under_way, self.since) = (0, 0, now);
        }
        if self.declined + self.under_way >= limit {
            return Err(WAIT);
        }
        self.under_way += 1;
        Ok(())
    }

    /// Counts the outcome of a payment. Returns the end of the pause, if one begins.
    fn end(
        &mut self,
        (limit, first_ms): (i64, i64),
        (was_begun, declined): (bool, bool),
        now: i64,
    ) -> Option<i64> {
        if was_begun {
            self.under_way = (self.under_way - 1).max(0);
        }
        if !declined {
            return None;
        }
        self.declined += 1;
        if self.declined < limit || now < self.paused_until {
            return None;
        }
        if now - self.paused_until >= PAUSE_MAX_MS {
            self.pauses = 0;
        }
        self.paused_until = now + pause_ms(first_ms, self.pauses);
        self.pauses += 1;
        (self.declined, self.since) = (0, self.paused_until);
        Some(self.paused_until)
    }
}

/// Begins a card payment, or returns `Paused` with the time to wait.
pub(super) async fn begin_attempt(
    platform: &Platform,
    tx: &mut Tx,
    payment: &StoredPayment,
    others: &[StoredPayment],
) -> Result<(), Error> {
    let (now, buying) = (platform.clock.now(), &platform.config.buying);
    let paused = |retry_in| {
        platform.metrics.business.card_refused();
        Err(Error::Paused(retry_in))
    };
    if let Some(until) = order_paused_until(buying, others)
        && now < until
    {
        let wait = until.as_millis() - now.as_millis();
        return paused(Duration::from_millis(u64::try_from(wait).unwrap_or(0)));
    }
    for (_, subject, limit) in payment.networks.limited(&platform.config) {
        let known = find(tx, subject).await?;
        let is_new = known.is_none();
        let mut attempts = known.unwrap_or_default();
        if let Err(wait) = attempts.begin(limit, now.as_millis()) {
            return paused(wait);
        }
        save(tx, subject, &attempts, is_new).await?;
    }
    Ok(())
}

/// Updates the counters with a reported outcome; `before` is the previous state. The caller holds
/// the order's lock and updates the payment in the same transaction.
pub(super) async fn record_outcome(
    platform: &Platform,
    tx: &mut Tx,
    (before, payment): (PaymentState, &StoredPayment),
    outcome: &ChargeOutcome,
    (number, payments): (&str, &[StoredPayment]),
) -> Result<(), db::Error> {
    let (now, buying) = (platform.clock.now(), &platform.config.buying);
    let declined = matches!(outcome, ChargeOutcome::Declined(_)) && before != PaymentState::Failed;
    if declined && let Some(until) = order_paused_until(buying, payments) {
        platform.metrics.business.card_pause("order");
        audit_pause(platform, tx, format!("order:{number}"), until).await?;
    }
    let was_begun = before == PaymentState::Started && payment.state != PaymentState::Started;
    for (scope, hash, limit) in payment.networks.limited(&platform.config) {
        let Some(mut attempts) = find(tx, hash).await? else {
            continue;
        };
        let limits = (limit, buying.decline_pause_ms);
        let paused = attempts.end(limits, (was_begun, declined), now.as_millis());
        save(tx, hash, &attempts, false).await?;
        if let Some(until) = paused {
            platform.metrics.business.card_pause(scope);
            let subject = format!("{scope}:{}", &hash[..8]);
            audit_pause(platform, tx, subject, Timestamp::from_millis(until)).await?;
        }
    }
    Ok(())
}

/// Records a pause in the audit log.
async fn audit_pause(
    platform: &Platform,
    tx: &mut Tx,
    subject: String,
    until: Timestamp,
) -> Result<(), db::Error> {
    tracing::warn!(subject, %until, "too many declined cards: card payments are paused");
    let change = Change::new("payment.pause", subject).to(&until);
    let actor = Actor("payments".to_owned());
    audit::record(tx, platform.context(), &actor, &[change]).await
}

async fn find(tx: &mut Tx, network: &str) -> Result<Option<CardAttempts>, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select declined, under_way, since, pauses, paused_until
           from card_tries
          where network = ",
    );
    query.push_bind(network.to_owned());
    query.push(tx.dialect().for_update());
    let conn: &mut AnyConnection = tx.conn();
    let row = query.build().fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(CardAttempts {
        declined: row.try_get("declined")?,
        under_way: row.try_get("under_way")?,
        since: row.try_get("since")?,
        pauses: row.try_get("pauses")?,
        paused_until: row.try_get("paused_until")?,
    }))
}

/// Updates a locked row, or inserts a new one, where concurrent inserts conflict on the key.
async fn save(
    tx: &mut Tx,
    network: &str,
    it: &CardAttempts,
    is_new: bool,
) -> Result<(), db::Error> {
    let head = "
        insert into card_tries (network, declined, under_way, since, pauses, paused_until) ";
    let rows = match is_new {
        true => db::Rows::insert(head),
        false => db::Rows::upsert(
            head,
            Upsert {
                key: "network",
                columns: &["declined", "under_way", "since", "pauses", "paused_until"],
            },
        ),
    };
    rows.write(tx, std::slice::from_ref(it), |mut row, it| {
        row.push_bind(network.to_owned())
            .push_bind(it.declined)
            .push_bind(it.under_way)
            .push_bind(it.since)
            .push_bind(it.pauses)
            .push_bind(it.paused_until);
    })
    .await
}

/// Deletes rows whose counters have expired.
pub async fn delete_idle_card_limits(db: &Db, now: Timestamp) -> Result<u64, db::Error> {
    let statement = "
        delete from card_tries
         where since < ?
           and paused_until < ?";
    let mut tx = db.write().await?;
    let done = sqlx::query(statement)
        .bind(now.as_millis() - PAUSE_MAX_MS)
        .bind(now.as_millis() - PAUSE_MAX_MS)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = WINDOW_MS;
    const LIMITS: (i64, i64) = (10, HOUR);

    /// Declines this many cards one after the other; returns the end of the pause, if one begins.
    fn decline(attempts: &mut CardAttempts, count: i64, now: i64) -> Option<i64> {
        let mut paused = None;
        for _ in 0..count {
            attempts.begin(LIMITS.0, now).unwrap();
            paused = attempts.end(LIMITS, (true, true), now);
        }
        paused
    }

    #[test]
    fn the_tenth_decline_begins_a_growing_pause() {
        let mut attempts = CardAttempts::default();
        let mut now = 1_000 * HOUR;
        assert_eq!(decline(&mut attempts, 9, now), None);
        for hours in [1, 2, 4, 8, 16, 24, 24] {
            let left = 10 - attempts.declined;
            let until = decline(&mut attempts, left, now).unwrap();
            assert_eq!(until, now + hours * HOUR);
            assert!(attempts.begin(10, until - 1).is_err());
            now = until;
        }
        assert_eq!(
            decline(&mut attempts, 10, now + PAUSE_MAX_MS),
            Some(now + PAUSE_MAX_MS + HOUR)
        );
    }

    #[test]
    fn declines_older_than_an_hour_do_not_count() {
        let mut attempts = CardAttempts::default();
        let now = 1_000 * HOUR;
        assert_eq!(decline(&mut attempts, 9, now), None);
        assert_eq!(decline(&mut attempts, 9, now + HOUR), None);
        assert!(decline(&mut attempts, 1, now + 2 * HOUR - 1).is_some());
    }

    #[test]
    fn payments_in_progress_count_until_they_succeed() {
        let mut attempts = CardAttempts::default();
        for _ in 0..10 {
            attempts.begin(10, HOUR).unwrap();
        }
        assert_eq!(attempts.begin(10, HOUR), Err(WAIT));
        assert_eq!(attempts.end(LIMITS, (true, false), HOUR), None);
        assert_eq!(attempts.begin(10, HOUR), Ok(()));
    }

    #[test]
    fn a_pause_doubles_up_to_a_day() {
        for (before, hours) in [(0, 1), (1, 2), (4, 16), (5, 24), (40, 24)] {
            assert_eq!(pause_ms(HOUR, before), hours * HOUR, "{before}");
        }
    }
}
