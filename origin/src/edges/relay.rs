//! The relay: tells each edge what has changed since it was told last, whichever process changed it. An edge
//! that does not answer falls behind alone, and is told everything that it missed at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::{
    cache::Tag,
    edge::{PurgeMode, PurgeRequest, PurgeTag},
    time::Timestamp,
};

use crate::{
    app::App,
    cache::{self, EVERYTHING, RENEWED},
    db,
};

use super::{
    Receiver, merged,
    store::{self, Cursor},
};

/// How long a process may take to tell an edge, before another one does.
const LEASE_MS: i64 = 30_000;
/// How often an edge that nothing is told is noted to know everything.
const CONFIRMED_EACH_MS: i64 = 10 * 60 * 1_000;
/// How long it waits after a failure, at least and at most.
const WAIT_MIN_MS: i64 = 1_000;
const WAIT_MAX_MS: i64 = 60_000;

/// What this process knows of what an edge was told.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Up to this change, at this time.
    told: Option<(u64, Timestamp)>,
    /// It has failed so often, and is asked again then.
    failures: u32,
    again_ms: i64,
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there may be something to tell it.
    fn is_due(&self, latest: u64, now: Timestamp) -> bool {
        let known = *self.lock();
        let confirmed = |at: Timestamp| now.as_millis() - at.as_millis() < CONFIRMED_EACH_MS;
        let is_told = |(version, at)| version >= latest && confirmed(at);
        known.again_ms <= now.as_millis() && !known.told.is_some_and(is_told)
    }

    fn told(&self, version: u64, now: Timestamp) {
        *self.lock() = Known {
            told: Some((version, now)),
            ..Known::default()
        };
    }

    fn failed(&self, now: Timestamp) {
        let mut known = self.lock();
        known.failures = known.failures.saturating_add(1);
        known.again_ms = now.as_millis() + wait_ms(known.failures);
    }
}

/// Twice as long after each failure.
fn wait_ms(failures: u32) -> i64 {
    let doubled = 1_i64 << failures.saturating_sub(1).min(16);
    WAIT_MIN_MS.saturating_mul(doubled).min(WAIT_MAX_MS)
}

/// Tells every edge what has changed, and says how many purges that took.
pub async fn tell_edges(app: &App) -> Result<usize, db::Error> {
    let each = (0..app.edges.len()).map(|index| tell_edge(app, index));
    let told = futures_util::future::join_all(each).await;
    told.into_iter().try_fold(0, |sum, told| Ok(sum + told?))
}

/// Tells one of the edges what has changed, and says how many purges that took.
pub async fn tell_edge(app: &App, index: usize) -> Result<usize, db::Error> {
    let Some(edge) = app.edges.0.get(index) else {
        return Ok(0);
    };
    app.changes.keep_up(&app.db, None).await;
    let now = app.clock.now();
    if !edge.told.is_due(app.changes.latest(), now) {
        return Ok(0);
    }
    let take = async || take(app, edge, now).await;
    let Some((latest, orders)) = db::retry_on_conflict(take, db::is_conflict).await? else {
        return Ok(0);
    };
    let mut failure = None;
    for order in &orders {
        if let Err(error) = edge.purge.purge(&app.client, now, order).await {
            failure = Some(error);
            break;
        }
    }
    let note = async || {
        let mut tx = app.db.write().await?;
        match &failure {
            None => store::told(&mut tx, &edge.name, latest, now).await?,
            Some(_) => store::release(&mut tx, &edge.name).await?,
        }
        tx.commit().await
    };
    let noted = db::retry_on_conflict(note, db::is_conflict).await;
    if let Some(error) = failure {
        edge.told.failed(now);
        tracing::warn!(edge = edge.name, error, "an edge could not be purged");
        noted?;
        return Ok(0);
    }
    noted?;
    edge.told.told(latest, now);
    Ok(orders.len())
}

/// Takes the turn of telling an edge, and what there is to tell: the last change, and the purges up to it.
async fn take(
    app: &App,
    edge: &Receiver,
    now: Timestamp,
) -> Result<Option<(u64, Vec<PurgeRequest>)>, db::Error> {
    let mut tx = app.db.write().await?;
    let until_ms = now.as_millis() + LEASE_MS;
    let Some(cursor) = store::lease(&mut tx, &edge.name, now, until_ms).await? else {
        return Ok(None);
    };
    let (latest, changed) = cache::changed_since(tx.conn(), cursor.version).await?;
    tx.commit().await?;
    Ok(Some((latest, orders(cursor, latest, &changed, now))))
}

/// The purges after which an edge has nothing that is older than the last change.
fn orders(
    cursor: Cursor,
    latest: u64,
    changed: &[(String, u64)],
    now: Timestamp,
) -> Vec<PurgeRequest> {
    if latest == cursor.version {
        return Vec::new();
    }
    // A database that was restored counts from an earlier number: whatever is later is of another past.
    if latest < cursor.version {
        return vec![everything(PurgeMode::Hard, None)];
    }
    let is_remembered = |at: Timestamp| now.as_millis() - at.as_millis() < cache::REMEMBERED_MS;
    // What changed so long ago is not known any more, and a new edge may have been somebody else's.
    if !cursor.told_at.is_some_and(is_remembered) || changed.is_empty() {
        return vec![everything(PurgeMode::Hard, Some(latest))];
    }
    // Accounts are nobody's affair at the edge.
    let is_kept = |name: &str| !matches!(name.parse(), Ok(Tag::Account(_)));
    let changed = changed.iter().filter(|it| is_kept(&it.0));
    let orders = changed.map(|(name, version)| match name.as_str() {
        EVERYTHING => everything(PurgeMode::Hard, Some(*version)),
        RENEWED => everything(PurgeMode::Soft, Some(*version)),
        _ => PurgeRequest {
            tags: vec![PurgeTag {
                name: name.clone(),
                version: Some(*version),
            }],
            ..PurgeRequest::default()
        },
    });
    merged(&orders.collect::<Vec<_>>())
}

fn everything(mode: PurgeMode, version: Option<u64>) -> PurgeRequest {
    PurgeRequest {
        mode,
        everything: true,
        version,
        tags: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + ms)
    }

    fn told(version: u64, ms: i64) -> Cursor {
        Cursor {
            version,
            told_at: Some(at(ms)),
        }
    }

    fn changed(names: &[(&str, u64)]) -> Vec<(String, u64)> {
        names
            .iter()
            .map(|(name, version)| ((*name).to_owned(), *version))
            .collect()
    }

    #[test]
    fn an_edge_is_told_what_it_does_not_know() {
        let names = changed(&[("p1", 4), ("home", 5)]);
        let orders_now = orders(told(3, 0), 5, &names, at(1));
        assert_eq!(orders_now.len(), 1);
        assert_eq!(
            (orders_now[0].tags.len(), orders_now[0].everything),
            (2, false)
        );
        assert_eq!(orders(told(5, 0), 5, &[], at(1)), []);
        assert_eq!(orders(told(5, 0), 6, &changed(&[("u7", 6)]), at(1)), []);
        let renewed = orders(
            told(3, 0),
            5,
            &changed(&[("renewed", 5), ("home", 5)]),
            at(1),
        );
        let modes: Vec<_> = renewed.iter().map(|it| (it.mode, it.everything)).collect();
        assert_eq!(modes, [(PurgeMode::Hard, false), (PurgeMode::Soft, true)]);
        let all = orders(told(3, 0), 6, &changed(&[("*", 5), ("p1", 6)]), at(1));
        assert_eq!(all, [everything(PurgeMode::Hard, Some(6))]);
    }

    /// Whoever was away for longer than changes are remembered forgets everything.
    #[test]
    fn what_is_not_remembered_is_everything() {
        let names = changed(&[("p1", 4)]);
        let all = [everything(PurgeMode::Hard, Some(4))];
        assert_eq!(
            orders(Cursor::default(), 4, &names, at(0)),
            all,
            "a new edge"
        );
        assert_eq!(orders(told(3, 0), 4, &names, at(cache::REMEMBERED_MS)), all);
        assert_ne!(
            orders(told(3, 0), 4, &names, at(cache::REMEMBERED_MS - 1)),
            all
        );
        assert_eq!(
            orders(told(3, 0), 4, &[], at(1)),
            all,
            "its change was taken away"
        );
        assert_eq!(
            orders(Cursor::default(), 0, &[], at(0)),
            [],
            "an empty shop"
        );
        let restored = [everything(PurgeMode::Hard, None)];
        assert_eq!(
            orders(told(9, 0), 4, &names, at(1)),
            restored,
            "a restored one"
        );
    }

    #[test]
    fn an_edge_that_fails_is_asked_less_and_less() {
        let edge = Told::default();
        assert!(edge.is_due(0, at(0)), "it may be new");
        edge.failed(at(0));
        assert!(!edge.is_due(1, at(999)) && edge.is_due(1, at(1_000)));
        edge.failed(at(1_000));
        assert!(!edge.is_due(1, at(2_999)) && edge.is_due(1, at(3_000)));
        assert_eq!(wait_ms(u32::MAX), WAIT_MAX_MS);
        edge.told(1, at(3_000));
        assert!(!edge.is_due(1, at(3_000)) && edge.is_due(2, at(3_000)));
        assert!(edge.is_due(1, at(3_000 + CONFIRMED_EACH_MS)));
    }
}
