//! Numbered changes of the catalogue: for each tag, the version (change number) that changed it
//! last. A transaction takes its version as its last step before the commit. The next transaction
//! waits for that commit before it gets a version, so versions are in commit order. A response that
//! is generated while the latest known version is N contains at least everything up to N.
//!
//! Versions come from the primary. A response that was read from a replica carries the version that
//! the replica had, see [`db::with_replica_reads`].

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shared::{cache::Tag, time::Timestamp};
use sqlx::Row as _;
use tokio::sync::{Mutex, OnceCell};

use crate::db::{self, CommitCounter, Db, Rows, Tx, Upsert};

/// The name of the change counter in `versions`.
const CHANGES: &str = "changes";
/// In place of a tag: everything has changed, and nothing older may be served.
pub const EVERYTHING: &str = "*";
/// In place of a tag: everything is stale, but may be served until it is revalidated.
pub const RENEWED: &str = "renewed";
/// The most tags in memory. Beyond that, everything counts as changed.
const TAGS_MAX: usize = 50_000;
/// How long a request waits until the changes have been read.
const SYNC_MAX: Duration = Duration::from_millis(250);
/// How long changes stay in the database: longer than any response is cached.
pub const RETENTION_MS: i64 = 4 * 60 * 60 * 1_000;

/// The changes that this process knows.
#[derive(Debug)]
pub struct Changes {
    latest: AtomicU64,
    /// Counts the commits of this process.
    commits: Arc<CommitCounter>,
    /// How many of those commits have been read back.
    synced_commits: AtomicU64,
    versions: RwLock<ChangeVersions>,
    refreshing: Mutex<()>,
    /// The id of the shop, once it has been read from the database.
    shop_id: OnceCell<i64>,
}

#[derive(Debug, Default)]
struct ChangeVersions {
    everything: u64,
    tags: HashMap<Tag, u64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            latest: AtomicU64::new(0),
            commits: Arc::default(),
            synced_commits: AtomicU64::new(0),
            versions: RwLock::default(),
            refreshing: Mutex::default(),
            shop_id: OnceCell::new(),
        }
    }
}

impl Changes {
    /// The id of this shop. Keys outside of the database (in Redis) contain it.
    pub async fn shop_id(&self, db: &Db) -> Result<i64, db::Error> {
        let read = async || version_of(&mut *db.read().await?, "shop").await;
        self.shop_id.get_or_try_init(read).await.copied()
    }

    /// Records a change of these tags (of everything if there are none) in the transaction that
    /// makes it. After the commit, this process serves no older response that has one of the tags.
    pub async fn record(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        tags: &[Tag],
    ) -> Result<u64, db::Error> {
        let version = self.next_version(tx).await?;
        let mut names: Vec<String> = tags.iter().map(Tag::to_string).collect();
        if names.is_empty() {
            // A change of everything includes all earlier changes.
            let statement = "delete from changes";
            sqlx::query(statement).execute(tx.conn()).await?;
            names.push(EVERYTHING.to_owned());
        }
        upsert_versions(tx, now, version, &names).await?;
        Ok(version.unsigned_abs())
    }

    /// Records a change after which everything is stale, as [`Changes::record`] does. Responses
    /// with one of these tags are not served stale.
    pub async fn record_renewal(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        tags: &[Tag],
    ) -> Result<(), db::Error> {
        let version = self.next_version(tx).await?;
        let mut names: Vec<String> = tags.iter().map(Tag::to_string).collect();
        names.push(RENEWED.to_owned());
        upsert_versions(tx, now, version, &names).await
    }

    /// Takes the next version for this transaction.
    async fn next_version(&self, tx: &mut Tx) -> Result<i64, db::Error> {
        let statement = "
            update versions
               set version = version + 1
             where name = 'changes'";
        sqlx::query(statement).execute(tx.conn()).await?;
        tx.count_commit(&self.commits);
        version_of(tx.conn(), CHANGES).await
    }

    /// Waits for the next change that this process commits, unless one was committed since the last
    /// call.
    pub async fn committed(&self) {
        self.commits.next().await;
    }

    /// The latest version that this process knows.
    pub fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Whether none of these tags has changed since this version, as far as this process knows.
    pub fn unchanged_since(&self, tags: &[Tag], version: u64) -> bool {
        let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        let later = |tag: &Tag| versions.tags.get(tag).is_some_and(|it| *it > version);
        versions.everything <= version && !tags.iter().any(later)
    }

    /// Waits until this process knows its own commits, and every change up to `at_least` if that is
    /// given. The wait is short, because a database that does not respond must not stop readers.
    pub async fn sync_to(&self, db: &Db, at_least: Option<u64>) {
        let commits = self.commits.count();
        if self.is_synced_to(commits, at_least) {
            return;
        }
        let known = async {
            let _refreshing = self.refreshing.lock().await;
            // Of several concurrent callers, one reads.
            if self.is_synced_to(commits, at_least) {
                return Ok(());
            }
            self.read(db).await
        };
        if !within_limit(known).await {
            // Nothing newer can be read now. A job retries all the time; requests do not.
            self.synced_commits.fetch_max(commits, Ordering::AcqRel);
        }
    }

    /// Reads the changes that a response generated since `version` may already contain, if another
    /// task has read changes meanwhile or is about to. Afterwards the known version is not older
    /// than the response, so a client that has seen it never gets an older one from this process.
    pub async fn catch_up(&self, db: &Db, version: u64) {
        let is_up_to_date = self.refreshing.try_lock().is_ok() && self.latest() == version;
        if is_up_to_date {
            return;
        }
        within_limit(self.refresh(db)).await;
    }

    fn is_synced_to(&self, commits: u64, at_least: Option<u64>) -> bool {
        self.synced_commits.load(Ordering::Acquire) >= commits
            && at_least.is_none_or(|it| it <= self.latest())
    }

    /// Reads new changes. A job calls this all the time, for the changes of other processes.
    pub async fn refresh(&self, db: &Db) -> Result<(), db::Error> {
        let _refreshing = self.refreshing.lock().await;
        self.read(db).await
    }

    async fn read(&self, db: &Db) -> Result<(), db::Error> {
        // Commits from here on belong to the next read.
        let commits = self.commits.count();
        self.read_after(db, self.latest()).await?;
        self.synced_commits.fetch_max(commits, Ordering::AcqRel);
        Ok(())
    }

    async fn read_after(&self, db: &Db, latest: u64) -> Result<(), db::Error> {
        let mut reader = db.read().await?;
        let (current, changed) = changed_since(&mut reader, latest).await?;
        if current != latest {
            self.apply(current, &changed);
        }
        Ok(())
    }

    /// Applies the changes that were read; `current` was read before them.
    fn apply(&self, current: u64, changed: &[(String, u64)]) {
        let latest = changed.iter().map(|it| it.1).chain([current]).max();
        let latest = latest.unwrap_or(current);
        let mut versions = self
            .versions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (tag, version) in changed {
            match tag.parse::<Tag>() {
                Ok(tag) => {
                    versions.tags.insert(tag, *version);
                }
                // Everything, or a tag that this version of the program does not know.
                Err(_) => versions.everything = versions.everything.max(*version),
            }
        }
        // A version without a row was deleted before this process read it.
        if changed.is_empty() || versions.tags.len() > TAGS_MAX {
            versions.everything = versions.everything.max(latest);
        }
        let everything = versions.everything;
        versions.tags.retain(|_, version| *version > everything);
        // Stored under the lock, so that a reader of this version also sees its tags.
        self.latest.store(latest, Ordering::Release);
    }
}

/// Limits the time of a read. False if it failed; true also if it timed out.
async fn within_limit(known: impl Future<Output = Result<(), db::Error>>) -> bool {
    match tokio::time::timeout(SYNC_MAX, known).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "cannot read the changes");
            false
        }
        Err(_) => {
            tracing::warn!("changes were not read in time");
            true
        }
    }
}

/// Saves this version as the last one of these tags.
async fn upsert_versions(
    tx: &mut Tx,
    now: Timestamp,
    version: i64,
    names: &[String],
) -> Result<(), db::Error> {
    let upsert = Upsert {
        key: "tag",
        columns: &["version", "changed_at"],
    };
    Rows::upsert("insert into changes (tag, version, changed_at) ", upsert)
        .write(tx, names, |mut row, name| {
            row.push_bind(name.clone())
                .push_bind(version)
                .push_bind(now.as_millis());
        })
        .await
}

/// The latest version, and for each tag that changed after `version` the version that changed it
/// last.
pub async fn changed_since(
    conn: &mut sqlx::AnyConnection,
    version: u64,
) -> Result<(u64, Vec<(String, u64)>), db::Error> {
    let current = version_of(conn, CHANGES).await?.unsigned_abs();
    if current == version {
        return Ok((current, Vec::new()));
    }
    let statement = "
        select tag, version
          from changes
         where version > ?";
    let after = i64::try_from(version).unwrap_or(i64::MAX);
    let rows = sqlx::query(statement).bind(after).fetch_all(conn);
    let mut changed = Vec::new();
    for row in rows.await? {
        let version: i64 = row.try_get("version")?;
        changed.push((row.try_get("tag")?, version.unsigned_abs()));
    }
    Ok((current, changed))
}

/// The current value of a counter in `versions`.
async fn version_of(conn: &mut sqlx::AnyConnection, name: &str) -> Result<i64, db::Error> {
    let statement = "
        select version
          from versions
         where name = ?";
    sqlx::query_scalar(statement)
        .bind(name)
        .fetch_one(conn)
        .await
}

/// Deletes changes that are older than any cached response can be.
pub async fn delete_old_changes(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let mut tx = db.write().await?;
    let statement = "
        delete from changes
         where changed_at < ?";
    sqlx::query(statement)
        .bind(now.as_millis().saturating_sub(RETENTION_MS))
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(tag: &str, version: u64) -> (String, u64) {
        (tag.to_owned(), version)
    }

    #[test]
    fn a_response_from_before_a_change_of_its_tags_is_invalid() {
        let changes = Changes::default();
        changes.apply(3, &[row("p1", 2), row("home", 3)]);
        let product = [Tag::Product(1)];
        assert_eq!(changes.latest(), 3);
        assert!(!changes.unchanged_since(&product, 1));
        assert!(changes.unchanged_since(&product, 2));
        assert!(changes.unchanged_since(&[Tag::Product(2)], 0));
        assert!(!changes.unchanged_since(&[Tag::Product(2), Tag::Home], 2));
        changes.apply(5, &[row("*", 4), row("p1", 5)]);
        assert!(!changes.unchanged_since(&[Tag::Product(2)], 3));
        assert!(changes.unchanged_since(&[Tag::Product(2)], 4));
        assert!(!changes.unchanged_since(&product, 4));
    }

    #[test]
    fn deleted_or_too_many_changes_count_as_a_change_of_everything() {
        let changes = Changes::default();
        changes.apply(9, &[]);
        assert!(!changes.unchanged_since(&[], 8));
        assert!(changes.unchanged_since(&[], 9));
        let many: Vec<_> = (0..=TAGS_MAX as u64)
            .map(|it| row(&format!("p{it}"), 10))
            .collect();
        changes.apply(10, &many);
        assert!(!changes.unchanged_since(&[Tag::Home], 9));
        assert!(changes.versions.read().unwrap().tags.is_empty());
    }

    proptest! {
        /// However changes are grouped into reads, the result is the same as with one read a
        /// change.
        #[test]
        fn no_change_is_lost_between_two_reads(
            changed in proptest::collection::vec(
                (0..5_i64, prop::bool::weighted(0.1), any::<bool>()),
                1..40,
            ),
            version in 0..40_u64,
            asked in 0..5_i64,
        ) {
            let changes = Changes::default();
            let mut gathered: Vec<(String, u64)> = Vec::new();
            let mut last = 0;
            for (number, (tag, everything, refreshes)) in (1..).zip(&changed) {
                let name = if *everything { "*".to_owned() } else { format!("p{tag}") };
                if *everything {
                    gathered.clear();
                }
                gathered.retain(|(known, _)| *known != name);
                gathered.push((name, number));
                if *everything || *tag == asked {
                    last = number;
                }
                if *refreshes {
                    changes.apply(number, &gathered);
                    gathered.clear();
                }
            }
            if !gathered.is_empty() {
                changes.apply(changed.len() as u64, &gathered);
            }
            let is_unchanged = changes.unchanged_since(&[Tag::Product(asked)], version);
            prop_assert_eq!(is_unchanged, version >= last);
        }
    }
}
