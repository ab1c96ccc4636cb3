//! Connections that are open and kept for the next one who needs one. The last that was given back is the
//! first to be given out: what it has read is still near.

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
/// How long to wait until a database is asked again that does not answer at the start.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Open connections to one database.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Deadpool<Connector>,
    limit: Arc<AdaptiveLimit>,
    acquire_timeout: Duration,
}

/// How connections are opened.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) dialect: Dialect,
    pub(super) options: AnyConnectOptions,
    /// What each is told first.
    pub(super) init_statements: Vec<String>,
}

/// A connection, until it is dropped.
#[derive(Debug)]
pub struct Connection {
    // In this order, or somebody is let in before it is back.
    inner: Object<Connector>,
    _permit: OwnedSemaphorePermit,
}

/// How a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Connections that are open.
    pub open: usize,
    /// Those of them that nobody uses.
    pub idle: usize,
    /// The most that may be open.
    pub max: usize,
    /// What was seen before them.
    pub limit: AdaptiveLimitStats,
}

impl Pool {
    /// Opens a first connection, and tries that again for a while.
    pub(super) async fn open(
        connector: Connector,
        bounds: (usize, usize),
        acquire_timeout: Duration,
    ) -> Result<Self, Error> {
        let pool = Self::new(connector, bounds, acquire_timeout)?;
        let began = Instant::now();
        loop {
            match pool.get().await {
                // It may not have been started yet.
                Err(Error::Io(_)) if began.elapsed() < acquire_timeout => {
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
                first => return first.map(|_| pool),
            }
        }
    }

    /// Opens nothing yet.
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

    /// A connection.
    pub(super) async fn get(&self) -> Result<Connection, Error> {
        let permit = self.limit.acquire(self.acquire_timeout).await?;
        let inner = tokio::time::timeout(self.acquire_timeout, self.inner.get()).await;
        let inner = match inner {
            Ok(Ok(inner)) => inner,
            Ok(Err(PoolError::Backend(error))) => return Err(error),
            Ok(Err(PoolError::Closed)) => return Err(Error::PoolClosed),
            Ok(Err(_)) | Err(_) => return Err(Error::PoolTimedOut),
        };
        Ok(Connection {
            inner,
            _permit: permit,
        })
    }

    /// Somebody has waited for so long before asking for a connection.
    pub(super) fn record_wait(&self, waited: Duration) {
        self.limit.record_wait(waited);
    }

    /// Follows what was waited, and closes what has not been used for long.
    pub(super) fn maintain(&self) {
        self.limit.adjust();
        let _ = self
            .inner
            .retain(|_, metrics| metrics.last_used() < IDLE_MAX);
    }

    /// How it is.
    pub fn stats(&self) -> PoolStats {
        let status = self.inner.status();
        PoolStats {
            open: status.size,
            idle: status.available,
            max: status.max_size,
            limit: self.limit.stats(),
        }
    }

    /// Waits until every connection is given back, and closes them.
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
        // A file does not hang up.
        if self.dialect == Dialect::Mysql {
            connection.ping().await?;
        }
        Ok(())
    }
}

impl Connection {
    /// Closes it instead of giving it back.
    pub(super) fn discard(self) {
        drop(Object::take(self.inner));
    }

    /// Gives it back only when it has done this. What fails at it is not used again.
    pub(super) fn finish(mut self, statement: &'static str) {
        // Where nothing runs any more, dropping it is as good: the database notices that.
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

impl Deref for Connection {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}
