//! A replica of the database, which lags behind the primary. Only the catalogue is read from it, and only
//! inside of [`with_replica_reads`], which says which change the answer is valid at. While the replica lags too far
//! or does not answer, the primary is read instead.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::AnyConnection;

use super::{Db, Error, Pool, Reader};

/// How long the replica may take to give a connection and the number of its last change.
const READ_TIMEOUT: Duration = Duration::from_millis(250);
/// How long it may take to say how far it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that reads the catalogue, perhaps from the replica. Carts, orders, payments, sessions and
/// accounts are read with a [`Reader`], and what reads them does not take this one:
///
/// ```compile_fail
/// async fn misuse(db: &origin::db::Db) -> Result<i64, origin::db::Error> {
///     let mut reader = db.catalog().await?;
///     sqlx::query_scalar("select count(*) from orders").fetch_one(&mut *reader).await
/// }
/// ```
#[derive(Debug)]
pub struct CatalogReader(Reader);

impl CatalogReader {
    /// The connection, for a statement about the catalogue.
    pub(crate) fn conn(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

/// What may lag can always be read from the primary.
impl From<Reader> for CatalogReader {
    fn from(reader: Reader) -> Self {
        Self(reader)
    }
}

tokio::task_local! {
    /// The oldest change number that a connection of the replica had.
    static OLDEST_VERSION: Arc<AtomicU64>;
}

/// No replica was read.
const NOT_READ: u64 = u64::MAX;

/// Does work whose catalogue reads may come from the replica. Where they did, it also returns the number of
/// the last change that all of them are sure to contain. Everywhere else the primary is read.
pub async fn with_replica_reads<T>(work: impl Future<Output = T>) -> (T, Option<u64>) {
    let oldest = Arc::new(AtomicU64::new(NOT_READ));
    let output = OLDEST_VERSION.scope(Arc::clone(&oldest), work).await;
    let number = oldest.load(Ordering::Relaxed);
    (output, (number != NOT_READ).then_some(number))
}

/// A replica and what is known of it.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) pool: Pool,
    lag_max: Duration,
    /// Whether it answered when it was last asked, and was near enough. Not before the first probe.
    is_usable: AtomicBool,
    lag_ms: AtomicI64,
    reads: AtomicU64,
    fallbacks: AtomicU64,
}

/// How a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaStats {
    /// Whether the catalogue is read from it.
    pub is_usable: bool,
    /// How far it was behind when that was last measured; a heartbeat is written every second.
    pub lag: Duration,
    /// Connections that it has given.
    pub reads: u64,
    /// How often the primary was read in its place.
    pub fallbacks: u64,
}

/// What the primary says when the replica is asked the same.
struct ReplicationState {
    beat_at: i64,
    shop_id: i64,
}

impl Replica {
    pub(super) fn new(pool: Pool, lag_max: Duration) -> Self {
        Self {
            pool,
            lag_max,
            is_usable: AtomicBool::new(false),
            lag_ms: AtomicI64::new(0),
            reads: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
        }
    }

    pub(super) fn stats(&self) -> ReplicaStats {
        let lag_ms = self.lag_ms.load(Ordering::Relaxed);
        ReplicaStats {
            is_usable: self.is_usable.load(Ordering::Relaxed),
            lag: Duration::from_millis(lag_ms.unsigned_abs()),
            reads: self.reads.load(Ordering::Relaxed),
            fallbacks: self.fallbacks.load(Ordering::Relaxed),
        }
    }

    /// A connection, where the work that is done may lag and the replica can be read.
    async fn reader(&self) -> Option<CatalogReader> {
        let oldest = OLDEST_VERSION.try_with(Arc::clone).ok()?;
        if !self.is_usable.load(Ordering::Relaxed) {
            self.fallbacks.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        // On this connection and before anything else is read on it: behind one address there may be
        // several replicas, each at another change.
        let stamped = async {
            let mut reader = self.pool.get().await?;
            let number = version(&mut reader, "changes").await?;
            Ok::<_, Error>((reader, number))
        };
        match tokio::time::timeout(READ_TIMEOUT, stamped).await {
            Ok(Ok((reader, number))) => {
                oldest.fetch_min(number.unsigned_abs(), Ordering::Relaxed);
                self.reads.fetch_add(1, Ordering::Relaxed);
                return Some(reader.into());
            }
            Ok(Err(error)) => self.mark_unusable(&error.to_string()),
            Err(_) => self.mark_unusable("it did not respond in time"),
        }
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
        None
    }

    async fn probe(&self, primary: &ReplicationState) {
        let probed = async {
            let mut reader = self.pool.get().await?;
            Ok::<_, Error>(ReplicationState {
                beat_at: beat_at(&mut reader).await?,
                shop_id: version(&mut reader, "shop").await?,
            })
        };
        match tokio::time::timeout(PROBE_TIMEOUT, probed).await {
            Ok(Ok(seen)) if seen.shop_id != primary.shop_id => {
                self.mark_unusable("it is not a copy of this database");
            }
            Ok(Ok(seen)) => {
                let lag_ms = primary.beat_at.saturating_sub(seen.beat_at).max(0);
                self.lag_ms.store(lag_ms, Ordering::Relaxed);
                if Duration::from_millis(lag_ms.unsigned_abs()) > self.lag_max {
                    self.mark_unusable(&format!("it is {lag_ms} ms behind"));
                } else if !self.is_usable.swap(true, Ordering::Relaxed) {
                    tracing::info!(lag_ms, "the catalogue is read from the replica");
                }
            }
            Ok(Err(error)) => self.mark_unusable(&error.to_string()),
            Err(_) => self.mark_unusable("it did not respond in time"),
        }
    }

    fn mark_unusable(&self, reason: &str) {
        if self.is_usable.swap(false, Ordering::Relaxed) {
            tracing::warn!(reason, "the replica is not used; reading from the primary");
        } else {
            tracing::debug!(reason, "cannot read from the replica");
        }
    }
}

impl Db {
    /// A connection for reading the catalogue: to the replica inside of [`with_replica_reads`] if it can be read, else
    /// to the primary.
    pub async fn catalog(&self) -> Result<CatalogReader, Error> {
        if let Some(replica) = &self.replica
            && let Some(reader) = replica.reader().await
        {
            return Ok(reader);
        }
        Ok(self.read().await?.into())
    }

    /// Writes a heartbeat and measures how far the replica is behind, if there is one; a job does so every
    /// second. While the primary does not answer, nothing can be said of the replica, and it stays as it is.
    pub async fn check_replica(&self) -> Result<(), Error> {
        let Some(replica) = &self.replica else {
            return Ok(());
        };
        let mut tx = self.begin().await?;
        let beat = sqlx::query(self.dialect.set_heartbeat());
        beat.execute(tx.conn()).await?;
        let beat = ReplicationState {
            beat_at: beat_at(tx.conn()).await?,
            shop_id: version(tx.conn(), "shop").await?,
        };
        tx.commit().await?;
        replica.probe(&beat).await;
        Ok(())
    }

    /// How the replica is, if there is one.
    pub fn replica_stats(&self) -> Option<ReplicaStats> {
        self.replica.as_deref().map(Replica::stats)
    }
}

async fn beat_at(conn: &mut AnyConnection) -> Result<i64, Error> {
    let statement = "
        select beat_at
          from heartbeats
         where name = 'primary'";
    sqlx::query_scalar(statement).fetch_one(conn).await
}

async fn version(conn: &mut AnyConnection, name: &'static str) -> Result<i64, Error> {
    let statement = "
        select version
          from versions
         where name = ?";
    sqlx::query_scalar(statement)
        .bind(name)
        .fetch_one(conn)
        .await
}
