//! The relay of purges: sends each edge the changes since its last purge, whichever process made
//! them. An edge that does not respond does not delay others, and gets all missed purges at once
//! later.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::{
    cache::Tag,
    edge::{PurgeMode, PurgeRequest, PurgeTag},
    time::Timestamp,
};

use crate::{
    cache::{self, EVERYTHING, RENEWED},
    db,
    platform::Platform,
};

use super::{
    EdgeTarget, Edges, merge_requests,
    store::{self, EdgeCursor},
};

/// How long a process may take for the purges of an edge, before another process may take over.
const LEASE_MS: i64 = 30_000;
/// How often the cursor of an edge is confirmed when nothing changes.
const CONFIRM_INTERVAL_MS: i64 = 10 * 60 * 1_000;
/// The shortest and the longest delay after a failure.
const WAIT_MIN_MS: i64 = 1_000;
const WAIT_MAX_MS: i64 = 60_000;

/// The state of the purges of an edge, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct DeliveryState(Mutex<DeliveryProgress>);

#[derive(Clone, Copy, Debug, Default)]
struct DeliveryProgress {
    /// The version of the last successful purge, and its time.
    acknowledged: Option<(u64, Timestamp)>,
    /// The number of consecutive failures, and the time of the next attempt.
    failures: u32,
    retry_at_ms: i64,
}

impl DeliveryState {
    fn lock(&self) -> MutexGuard<'_, DeliveryProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there may be something to purge, and no delay after a failure is running.
    fn is_due(&self, latest: u64, now: Timestamp) -> bool {
        let progress = *self.lock();
        let confirmed = |at: Timestamp| now.as_millis() - at.as_millis() < CONFIRM_INTERVAL_MS;
        let is_current = |(version, at)| version >= latest && confirmed(at);
        progress.retry_at_ms <= now.as_millis() && !progress.acknowledged.is_some_and(is_current)
    }

    fn record_success(&self, version: u64, now: Timestamp) {
        *self.lock() = DeliveryProgress {
            acknowledged: Some((version, now)),
            ..DeliveryProgress::default()
        };
    }

    fn record_failure(&self, now: Timestamp) {
        let mut progress = self.lock();
        progress.failures = progress.failures.saturating_add(1);
        progress.retry_at_ms = now.as_millis() + wait_ms(progress.failures);
    }
}

/// The delay after so many failures; it doubles each time.
fn wait_ms(failures: u32) -> i64 {
    let doubled = 1_i64 << failures.saturating_sub(1).min(16);
    WAIT_MIN_MS.saturating_mul(doubled).min(WAIT_MAX_MS)
}

/// Purges every edge, and returns the number of purge requests.
pub async fn purge_edges(platform: &Platform, edges: &Edges) -> Result<usize, db::Error> {
    let each = (0..edges.len()).map(|index| purge_edge(platform, edges, index));
    let counts = futures_util::future::join_all(each).await;
    counts
        .into_iter()
        .try_fold(0, |sum, count| Ok(sum + count?))
}

/// Purges one edge, and returns the number of purge requests.
pub async fn purge_edge(
    platform: &Platform,
    edges: &Edges,
    index: usize,
) -> Result<usize, db::Error> {
    let Some(edge) = edges.0.get(index) else {
        return Ok(0);
    };
    platform.changes.sync_to(&platform.db, None).await;
    let now = platform.clock.now();
    if !edge.delivery.is_due(platform.changes.latest(), now) {
        return Ok(0);
    }
    let lease = async || lease_purges(platform, edge, now).await;
    let Some((latest, requests)) = db::retry_on_conflict(lease, db::is_conflict).await? else {
        return Ok(0);
    };
    let mut failure = None;
    for request in &requests {
        if let Err(error) = edge.purge.purge(&platform.http_client, now, request).await {
            failure = Some(error);
            break;
        }
    }
    let save = async || {
        let mut tx = platform.db.write().await?;
        match &failure {
            None => store::save_cursor(&mut tx, &edge.name, latest, now).await?,
            Some(_) => store::release_cursor(&mut tx, &edge.name).await?,
        }
        tx.commit().await
    };
    let saved = db::retry_on_conflict(save, db::is_conflict).await;
    if let Some(error) = failure {
        edge.delivery.record_failure(now);
        tracing::warn!(edge = edge.name, error, "an edge could not be purged");
        saved?;
        return Ok(0);
    }
    saved?;
    edge.delivery.record_success(latest, now);
    Ok(requests.len())
}

/// Leases the cursor of an edge. Returns the latest version and the purge requests up to it; none
/// if another process has the lease.
async fn lease_purges(
    platform: &Platform,
    edge: &EdgeTarget,
    now: Timestamp,
) -> Result<Option<(u64, Vec<PurgeRequest>)>, db::Error> {
    let mut tx = platform.db.write().await?;
    let until_ms = now.as_millis() + LEASE_MS;
    let Some(cursor) = store::lease_cursor(&mut tx, &edge.name, now, until_ms).await? else {
        return Ok(None);
    };
    let (latest, changed) = cache::changed_since(tx.conn(), cursor.version).await?;
    tx.commit().await?;
    Ok(Some((
        latest,
        purge_requests(cursor, latest, &changed, now),
    )))
}

/// The purge requests after which an edge serves nothing older than the latest version.
fn purge_requests(
    cursor: EdgeCursor,
    latest: u64,
    changed: &[(String, u64)],
    now: Timestamp,
) -> Vec<PurgeRequest> {
    if latest == cursor.version {
        return Vec::new();
    }
    // The database was restored from a backup. Cached responses may be from versions that no longer
    // exist.
    if latest < cursor.version {
        return vec![everything(PurgeMode::Hard, None)];
    }
    let is_retained = |at: Timestamp| now.as_millis() - at.as_millis() < cache::RETENTION_MS;
    // Older changes have been deleted, and a new edge may contain responses of another shop.
    if !cursor.acknowledged_at.is_some_and(is_retained) || changed.is_empty() {
        return vec![everything(PurgeMode::Hard, Some(latest))];
    }
    // The edge never stores private responses, so account tags do not matter there.
    let is_kept = |name: &str| !matches!(name.parse(), Ok(Tag::Account(_)));
    let changed = changed.iter().filter(|it| is_kept(&it.0));
    let requests = changed.map(|(name, version)| match name.as_str() {
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
    merge_requests(&requests.collect::<Vec<_>>())
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

    fn cursor(version: u64, ms: i64) -> EdgeCursor {
        EdgeCursor {
            version,
            acknowledged_at: Some(at(ms)),
        }
    }

    fn changed(names: &[(&str, u64)]) -> Vec<(String, u64)> {
        names
            .iter()
            .map(|(name, version)| ((*name).to_owned(), *version))
            .collect()
    }

    #[test]
    fn an_edge_gets_the_changes_since_its_last_purge() {
        let names = changed(&[("p1", 4), ("home", 5)]);
        let purges = purge_requests(cursor(3, 0), 5, &names, at(1));
        assert_eq!(purges.len(), 1);
        assert_eq!((purges[0].tags.len(), purges[0].everything), (2, false));
        assert_eq!(purge_requests(cursor(5, 0), 5, &[], at(1)), []);
        assert_eq!(
            purge_requests(cursor(5, 0), 6, &changed(&[("u7", 6)]), at(1)),
            []
        );
        let renewed = purge_requests(
            cursor(3, 0),
            5,
            &changed(&[("renewed", 5), ("home", 5)]),
            at(1),
        );
        let modes: Vec<_> = renewed.iter().map(|it| (it.mode, it.everything)).collect();
        assert_eq!(modes, [(PurgeMode::Hard, false), (PurgeMode::Soft, true)]);
        let all = purge_requests(cursor(3, 0), 6, &changed(&[("*", 5), ("p1", 6)]), at(1));
        assert_eq!(all, [everything(PurgeMode::Hard, Some(6))]);
    }

    /// An edge that missed changes which are already deleted is purged completely.
    #[test]
    fn missing_changes_purge_everything() {
        let names = changed(&[("p1", 4)]);
        let all = [everything(PurgeMode::Hard, Some(4))];
        assert_eq!(
            purge_requests(EdgeCursor::default(), 4, &names, at(0)),
            all,
            "a new edge"
        );
        assert_eq!(
            purge_requests(cursor(3, 0), 4, &names, at(cache::RETENTION_MS)),
            all
        );
        assert_ne!(
            purge_requests(cursor(3, 0), 4, &names, at(cache::RETENTION_MS - 1)),
            all
        );
        assert_eq!(
            purge_requests(cursor(3, 0), 4, &[], at(1)),
            all,
            "its change was deleted"
        );
        assert_eq!(
            purge_requests(EdgeCursor::default(), 0, &[], at(0)),
            [],
            "an empty shop"
        );
        let restored = [everything(PurgeMode::Hard, None)];
        assert_eq!(
            purge_requests(cursor(9, 0), 4, &names, at(1)),
            restored,
            "a restored database"
        );
    }

    #[test]
    fn the_delay_grows_with_each_failure() {
        let edge = DeliveryState::default();
        assert!(edge.is_due(0, at(0)), "a new edge is due");
        edge.record_failure(at(0));
        assert!(!edge.is_due(1, at(999)) && edge.is_due(1, at(1_000)));
        edge.record_failure(at(1_000));
        assert!(!edge.is_due(1, at(2_999)) && edge.is_due(1, at(3_000)));
        assert_eq!(wait_ms(u32::MAX), WAIT_MAX_MS);
        edge.record_success(1, at(3_000));
        assert!(!edge.is_due(1, at(3_000)) && edge.is_due(2, at(3_000)));
        assert!(edge.is_due(1, at(3_000 + CONFIRM_INTERVAL_MS)));
    }
}
