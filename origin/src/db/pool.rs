//! Connection pools. A pool is a stack: the connection returned last is used first, because its
//! cache is warm.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool::managed::{
    Manager, Metrics, Object, Pool as Deadpool, PoolError, QueueMode, RecycleError, RecycleResult,
};
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _, Executor, any::AnyConnectOptions};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Dialect, Error,
    adaptive_limit::{AdaptiveLimit, AdaptiveLimitStats},
};

const LIFETIME_MAX: Duration = Duration::from_secs(60 * 60);
const IDLE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long to wait before connecting again to a database that is unavailable at the start.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// A pool of connections to one database.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Deadpool<Connector>,
    limit: Arc<AdaptiveLimit>,
    acquire_timeout: Duration,
}

/// Opens connections for a pool.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) dialect: Dialect,
    pub(super) options: AnyConnectOptions,
    /// The first statements of every connection.
    pub(super) init_statements: Vec<String>,
}

/// A connection from a pool; dropping it returns it.
#[derive(Debug)]
pub struct PooledConnection {
    // In this order: the connection must be returned before the permit is.
    inner: Object<Connector>,
    _permit: OwnedSemaphorePermit,
}

/// The state of a pool, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Open connections.
    pub open: usize,
    /// Unused open connections.
    pub idle: usize,
    /// The maximum number of open connections.
    pub max: usize,
    /// The adaptive limit of connections in use.
    pub limit: AdaptiveLimitStats,
}

impl Pool {
    /// Opens the pool and a first connection. Retries until `acquire_timeout` while the database is
    /// unavailable.
    pub(super) async fn open(
        connector: Connector,
        bounds: (usize, usize),
        acquire_timeout: Duration,
    ) -> Result<Self, Error> {
        let pool = Self::new(connector, bounds, acquire_timeout)?;
        let began = Instant::now();
        loop {
            match pool.get().await {
                // The database may still be starting.
                Err(Error::Io(_)) if began.elapsed() < acquire_timeout => {
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
                first => return first.map(|_| pool),
            }
        }
    }

    /// Creates the pool without opening a connection.
    pub(super) fn new(
        connector: Connector,
        (min, max): (usize, usize),
        acquire_timeout: Duration,
    ) -> Result<Self, Error> {
        let max = max.max(1);
        let inner = Deadpool::builder(connector)
            .max_size(max)
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| Error::Configuration(error.into()))?;
        Ok(Self {
            inner,
            limit: Arc::new(AdaptiveLimit::new(min.clamp(1, max), max)),
            acquire_timeout,
        })
    }

    /// Waits for a permit and takes a connection.
    pub(super) async fn get(&self) -> Result<PooledConnection, Error> {
        let permit = self.limit.acquire(self.acquire_timeout).await?;
        let inner = tokio::time::timeout(self.acquire_timeout, self.inner.get()).await;
        let inner = match inner {
            Ok(Ok(inner)) => inner,
            Ok(Err(PoolError::Backend(error))) => return Err(error),
            Ok(Err(PoolError::Closed)) => return Err(Error::PoolClosed),
            Ok(Err(_)) | Err(_) => return Err(Error::PoolTimedOut),
        };
        Ok(PooledConnection {
            inner,
            _permit: permit,
        })
    }

    /// Counts the time that a request waited before it asked for a connection.
    pub(super) fn record_wait(&self, waited: Duration) {
        self.limit.record_wait(waited);
    }

    /// Adjusts the limit and closes connections that have been idle for long.
    pub(super) fn maintain(&self) {
        self.limit.adjust();
        let _ = self
            .inner
            .retain(|_, metrics| metrics.last_used() < IDLE_MAX);
    }

    /// The current state.
    pub fn stats(&self) -> PoolStats {
        let status = self.inner.status();
        PoolStats {
            open: status.size,
            idle: status.available,
            max: status.max_size,
            limit: self.limit.stats(),
        }
    }

    /// Waits until all connections are returned, and closes them.
    pub(super) async fn close(&self) {
        self.limit.close().await;
        for connection in self.inner.retain(|_, _| false).removed {
            if let Err(error) = connection.close().await {
                tracing::warn!(error = %error, "cannot close a database connection");
            }
        }
        self.inner.close();
    }
}

impl Manager for Connector {
    type Type = AnyConnection;
    type Error = Error;

    async fn create(&self) -> Result<AnyConnection, Error> {
        let mut connection = self.options.connect().await?;
        for statement in &self.init_statements {
            let statement = sqlx::AssertSqlSafe(statement.clone());
            connection.execute(statement).await?;
        }
        Ok(connection)
    }

    async fn recycle(
        &self,
        connection: &mut AnyConnection,
        metrics: &Metrics,
    ) -> RecycleResult<Error> {
        if metrics.age() > LIFETIME_MAX {
            return Err(RecycleError::message("it is old"));
        }
        // A file needs no liveness check.
        if self.dialect == Dialect::Mysql {
            connection.ping().await?;
        }
        Ok(())
    }
}

impl PooledConnection {
    /// Closes the connection instead of returning it.
    pub(super) fn discard(self) {
        drop(Object::take(self.inner));
    }

    /// Executes a statement in the background before the connection is returned. Closes the
    /// connection if the statement fails.
    pub(super) fn finish(mut self, statement: &'static str) {
        // Without a runtime, closing the connection has the same effect.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if self.inner.execute(statement).await.is_err() {
                drop(Object::take(self.inner));
            }
        });
    }
}

impl Deref for PooledConnection {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}
