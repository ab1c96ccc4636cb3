//! Which part of the catalogue was changed last by which change. A change gets its number in the
//! transaction that makes it, as the last thing but one: whoever gets the next number waits for the
//! commit, so that numbers are in the order of commits. An answer that is made while the last known
//! change is N holds everything up to N at least.
//!
//! The numbers come from the primary. An answer that was read from a replica is stamped with the number that
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
use tokio::sync::Mutex;

use crate::{
    app::App,
    db::{self, CommitCounter, Db, Rows, Tx, Upsert},
};

/// The name of the counter in `versions`.
const CHANGES: &str = "changes";
/// In the place of a tag: everything.
pub const EVERYTHING: &str = "*";
/// In the place of a tag: everything, which may be served until it is renewed.
pub const RENEWED: &str = "renewed";
/// Tags that are remembered. When there are more, everything counts as changed.
const TAGS_MAX: usize = 50_000;
/// How long an answer waits for what has changed to be known.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// For how long the database remembers: longer than anything is kept.
pub const REMEMBERED_MS: i64 = 4 * 60 * 60 * 1_000;

/// What has changed, as far as this process knows.
#[derive(Debug)]
pub struct Changes {
    latest: AtomicU64,
    /// How often something was committed here.
    commits: Arc<CommitCounter>,
    /// How many of them are known.
    seen: AtomicU64,
    known: RwLock<Known>,
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    everything: u64,
    tags: HashMap<Tag, u64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            latest: AtomicU64::new(0),
            commits: Arc::default(),
            seen: AtomicU64::new(0),
            known: RwLock::default(),
            turn: Mutex::default(),
        }
    }
}

impl Changes {
    /// Counts a change of these parts, or of everything when there are none, in the transaction that
    /// makes it. Once it is committed, no answer that was made before is served by this process.
    pub async fn note(&self, tx: &mut Tx, now: Timestamp, tags: &[Tag]) -> Result<u64, db::Error> {
        let version = self.raise(tx).await?;
        let mut names: Vec<String> = tags.iter().map(Tag::to_string).collect();
        if names.is_empty() {
            // Whatever changed before is a part of everything.
            let statement = "delete from changes";
            sqlx::query(statement).execute(tx.conn()).await?;
            names.push(EVERYTHING.to_owned());
        }
        write(tx, now, version, &names).await?;
        Ok(version.unsigned_abs())
    }

    /// Counts a change after which everything is to be renewed, as [`Changes::note`] does; what has one of
    /// these tags is not served until then.
    pub async fn note_renewal(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        tags: &[Tag],
    ) -> Result<(), db::Error> {
        let version = self.raise(tx).await?;
        let mut names: Vec<String> = tags.iter().map(Tag::to_string).collect();
        names.push(RENEWED.to_owned());
        write(tx, now, version, &names).await
    }

    /// The number of a change that is being made.
    async fn raise(&self, tx: &mut Tx) -> Result<i64, db::Error> {
        let raise = "
            update versions
               set version = version + 1
             where name = 'changes'";
        sqlx::query(raise).execute(tx.conn()).await?;
        tx.count_commit(&self.commits);
        counter(tx.conn(), CHANGES).await
    }

    /// Waits for the next change that is committed here, if there was none since this was asked last.
    pub async fn committed(&self) {
        self.commits.next().await;
    }

    /// The last change that is known.
    pub fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Whether none of these parts has changed after this change, as far as is known.
    pub fn allow(&self, tags: &[Tag], as_of: u64) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let later = |tag: &Tag| known.tags.get(tag).is_some_and(|it| *it > as_of);
        known.everything <= as_of && !tags.iter().any(later)
    }

    /// Waits until everything is known that was committed here, and everything up to this change, if it is
    /// named; not longer than a moment, because a database that does not answer stops nobody who reads.
    pub async fn keep_up(&self, db: &Db, at_least: Option<u64>) {
        let commits = self.commits.count();
        if self.knows(commits, at_least) {
            return;
        }
        let known = async {
            let _turn = self.turn.lock().await;
            // Of those who want it at the same time, one reads.
            if self.knows(commits, at_least) {
                return Ok(());
            }
            self.read(db).await
        };
        if !in_time(known).await {
            // There is nothing newer to be had. Who asks again and again is a job, not a shopper.
            self.seen.fetch_max(commits, Ordering::AcqRel);
        }
    }

    /// Learns what an answer may hold that was made since this was the last known change, if any other was
    /// learnt meanwhile or is about to be. What is known then does not lie in between: nobody who has seen
    /// that answer gets one that others have made of less.
    pub async fn cover(&self, db: &Db, as_of: u64) {
        let nothing_was_learnt = self.turn.try_lock().is_ok() && self.latest() == as_of;
        if nothing_was_learnt {
            return;
        }
        in_time(self.look(db)).await;
    }

    fn knows(&self, commits: u64, at_least: Option<u64>) -> bool {
        self.seen.load(Ordering::Acquire) >= commits
            && at_least.is_none_or(|it| it <= self.latest())
    }

    /// Reads what has changed; a job does so all the time, for what other processes change.
    pub async fn look(&self, db: &Db) -> Result<(), db::Error> {
        let _turn = self.turn.lock().await;
        self.read(db).await
    }

    async fn read(&self, db: &Db) -> Result<(), db::Error> {
        // Whatever is committed from here on is for the next time.
        let commits = self.commits.count();
        self.read_after(db, self.latest()).await?;
        self.seen.fetch_max(commits, Ordering::AcqRel);
        Ok(())
    }

    async fn read_after(&self, db: &Db, latest: u64) -> Result<(), db::Error> {
        let mut reader = db.read().await?;
        let (counted, changed) = changed_since(&mut reader, latest).await?;
        if counted != latest {
            self.learn(counted, &changed);
        }
        Ok(())
    }

    /// Notes what was read; `counted` was read before.
    fn learn(&self, counted: u64, changed: &[(String, u64)]) {
        let latest = changed.iter().map(|it| it.1).chain([counted]).max();
        let latest = latest.unwrap_or(counted);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (tag, version) in changed {
            match tag.parse::<Tag>() {
                Ok(tag) => {
                    known.tags.insert(tag, *version);
                }
                // Everything, or something that this version of the program does not know.
                Err(_) => known.everything = known.everything.max(*version),
            }
        }
        // A number without a row: that was taken away before this process looked.
        if changed.is_empty() || known.tags.len() > TAGS_MAX {
            known.everything = known.everything.max(latest);
        }
        let everything = known.everything;
        known.tags.retain(|_, version| *version > everything);
        // Under the lock: who reads the number and then asks about a tag knows both.
        self.latest.store(latest, Ordering::Release);
    }
}

/// Waits for what has changed to be read, not longer than a moment. False when it cannot be read.
async fn in_time(known: impl Future<Output = Result<(), db::Error>>) -> bool {
    match tokio::time::timeout(WAIT_MAX, known).await {
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

/// Writes which change was the last one of these.
async fn write(
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

/// The number of the last change, and what was changed last by which change after this one.
pub async fn changed_since(
    conn: &mut sqlx::AnyConnection,
    version: u64,
) -> Result<(u64, Vec<(String, u64)>), db::Error> {
    let counted = counter(conn, CHANGES).await?.unsigned_abs();
    if counted == version {
        return Ok((counted, Vec::new()));
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
    Ok((counted, changed))
}

/// A number of `versions`.
async fn counter(conn: &mut sqlx::AnyConnection, name: &str) -> Result<i64, db::Error> {
    let statement = "
        select version
          from versions
         where name = ?";
    sqlx::query_scalar(statement)
        .bind(name)
        .fetch_one(conn)
        .await
}

/// The number that tells this shop from every other: what is kept outside of the database is kept under it.
pub async fn shop(app: &App) -> Result<i64, db::Error> {
    let read = async || counter(&mut *app.db.read().await?, "shop").await;
    app.shop.get_or_try_init(read).await.copied()
}

/// Takes away what no answer that is still kept can be older than.
pub async fn forget(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let mut tx = db.write().await?;
    let statement = "
        delete from changes
         where changed_at < ?";
    sqlx::query(statement)
        .bind(now.as_millis().saturating_sub(REMEMBERED_MS))
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
    fn what_was_made_before_a_change_is_not_allowed() {
        let changes = Changes::default();
        changes.learn(3, &[row("p1", 2), row("home", 3)]);
        let product = [Tag::Product(1)];
        assert_eq!(changes.latest(), 3);
        assert!(!changes.allow(&product, 1));
        assert!(changes.allow(&product, 2));
        assert!(changes.allow(&[Tag::Product(2)], 0));
        assert!(!changes.allow(&[Tag::Product(2), Tag::Home], 2));
        changes.learn(5, &[row("*", 4), row("p1", 5)]);
        assert!(!changes.allow(&[Tag::Product(2)], 3));
        assert!(changes.allow(&[Tag::Product(2)], 4));
        assert!(!changes.allow(&product, 4));
    }

    #[test]
    fn what_cannot_be_told_any_more_counts_as_everything() {
        let changes = Changes::default();
        changes.learn(9, &[]);
        assert!(!changes.allow(&[], 8));
        assert!(changes.allow(&[], 9));
        let many: Vec<_> = (0..=TAGS_MAX as u64)
            .map(|it| row(&format!("p{it}"), 10))
            .collect();
        changes.learn(10, &many);
        assert!(!changes.allow(&[Tag::Home], 9));
        assert!(changes.known.read().unwrap().tags.is_empty());
    }

    proptest! {
        /// However changes are gathered into looks, the same is known as if each had been looked at.
        #[test]
        fn nothing_gets_lost_between_two_looks(
            changed in proptest::collection::vec((0..5_i64, prop::bool::weighted(0.1), any::<bool>()), 1..40),
            as_of in 0..40_u64,
            asked in 0..5_i64,
        ) {
            let changes = Changes::default();
            let mut gathered: Vec<(String, u64)> = Vec::new();
            let mut last = 0;
            for (number, (tag, everything, looks)) in (1..).zip(&changed) {
                let name = if *everything { "*".to_owned() } else { format!("p{tag}") };
                if *everything {
                    gathered.clear();
                }
                gathered.retain(|(known, _)| *known != name);
                gathered.push((name, number));
                if *everything || *tag == asked {
                    last = number;
                }
                if *looks {
                    changes.learn(number, &gathered);
                    gathered.clear();
                }
            }
            if !gathered.is_empty() {
                changes.learn(changed.len() as u64, &gathered);
            }
            prop_assert_eq!(changes.allow(&[Tag::Product(asked)], as_of), as_of >= last);
        }
    }
}
