//! Reads from a replica, which lags behind the primary. Only catalogue reads use it, and only
//! inside of [`with_replica_reads`], which returns the version at which the result is valid. While
//! the replica lags too far or is unavailable, reads go to the primary.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::AnyConnection;

use super::{Db, Error, Pool, Reader};

/// The time limit for a connection to the replica and its version.
const READ_TIMEOUT: Duration = Duration::from_millis(250);
/// The time limit of a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection for reading the catalogue, possibly from the replica. Carts, orders, payments,
/// sessions and accounts are read with a [`Reader`], and their functions do not accept this type:
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
    /// The connection, for executing a query on the catalogue.
    pub(crate) fn conn(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

/// A read that may lag can always use the primary.
impl From<Reader> for CatalogReader {
    fn from(reader: Reader) -> Self {
        Self(reader)
    }
}

tokio::task_local! {
    /// The oldest version of all connections to the replica that were used.
    static OLDEST_VERSION: Arc<AtomicU64>;
}

/// No connection to the replica was used.
const NOT_READ: u64 = u64::MAX;

/// Runs `work`, whose catalogue reads may use the replica. If they did, this also returns the
/// version that all of them include at least. Outside of this function all reads use the primary.
pub async fn with_replica_reads<T>(work: impl Future<Output = T>) -> (T, Option<u64>) {
    let oldest = Arc::new(AtomicU64::new(NOT_READ));
    let output = OLDEST_VERSION.scope(Arc::clone(&oldest), work).await;
    let number = oldest.load(Ordering::Relaxed);
    (output, (number != NOT_READ).then_some(number))
}

/// A replica and its state.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) pool: Pool,
    lag_max: Duration,
    /// Whether the last probe or read succeeded with an acceptable lag. False before the first
    /// probe.
    is_usable: AtomicBool,
    lag_ms: AtomicI64,
    reads: AtomicU64,
    fallbacks: AtomicU64,
}

/// The state of the replica, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaStats {
    /// Whether catalogue reads use it.
    pub is_usable: bool,
    /// The lag at the last probe. The heartbeat is written every second.
    pub lag: Duration,
    /// The number of connections to it that were used.
    pub reads: u64,
    /// How often the primary was read instead.
    pub fallbacks: u64,
}

/// The heartbeat and the database's identity, on the primary or on the replica.
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

    /// A connection to the replica, if the current work may lag and the replica is usable.
    async fn reader(&self) -> Option<CatalogReader> {
        let oldest = OLDEST_VERSION.try_with(Arc::clone).ok()?;
        if !self.is_usable.load(Ordering::Relaxed) {
            self.fallbacks.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        // The version must be read first and on the same connection, because there may be several
        // replicas behind one address, each with another version.
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
    /// A connection for reading the catalogue: to the replica inside of [`with_replica_reads`] if
    /// it is usable, otherwise to the primary.
    pub async fn catalog(&self) -> Result<CatalogReader, Error> {
        if let Some(replica) = &self.replica
            && let Some(reader) = replica.reader().await
        {
            return Ok(reader);
        }
        Ok(self.read().await?.into())
    }

    /// Writes a heartbeat and measures the lag of the replica, if there is one. A job calls this
    /// every second. While the primary is unavailable, the lag is unknown and the replica's state
    /// stays.
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

    /// The state of the replica, if there is one.
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
