//! The database: one code path for SQLite and for MySQL or MariaDB, through sqlx's `Any` driver.
//!
//! SQLite has one writer and several readers; MySQL has a pool for the primary and, where there is
//! one, another for a replica. Reading goes through [`Db::read`], writing through [`Db::write`].

mod bulk;
mod dialect;
mod migrate;

use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shared::problem::{Problem, ProblemKind};
use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Executor, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions},
    error::DatabaseError,
    mysql::MySqlDatabaseError,
    pool::PoolConnection,
};

pub use bulk::Rows;
pub use dialect::{Dialect, Upsert};
pub use migrate::{Migrations, migrate, migrations};

/// Says in the log what failed, and to the client what it may know.
pub fn problem(error: &Error) -> Problem {
    tracing::error!(error = %error, "the database failed");
    let unavailable = |detail| Problem::new(ProblemKind::Unavailable).detail(detail);
    if is_gone(error) {
        unavailable("The database does not answer just now.")
    } else if is_full(error) {
        unavailable("Nothing can be written just now: the disk is full.")
    } else {
        Problem::new(ProblemKind::Internal)
    }
}

/// Whether the connection broke, or there was none to be had.
fn is_gone(error: &Error) -> bool {
    match error {
        Error::PoolTimedOut | Error::PoolClosed | Error::Io(_) | Error::WorkerCrashed => true,
        _ => match number(error) {
            // `ER_SERVER_SHUTDOWN`, `ER_QUERY_INTERRUPTED`, `ER_CONNECTION_KILLED`: what a server
            // says last.
            Some(Number::Mysql(number)) => [1053, 1317, 1927].contains(&number),
            // `SQLITE_IOERR`, `SQLITE_CANTOPEN`: the disk does not do what it should.
            Some(Number::Sqlite(number)) => [10, 14].contains(&number),
            None => false,
        },
    }
}

/// Whether there is no room.
fn is_full(error: &Error) -> bool {
    match number(error) {
        // `ER_DISK_FULL`, `ER_RECORD_FILE_FULL`.
        Some(Number::Mysql(number)) => [1021, 1114].contains(&number),
        // `SQLITE_FULL`.
        Some(Number::Sqlite(number)) => number == 13,
        None => false,
    }
}

/// What the database calls an error.
enum Number {
    /// MySQL's own number, not the SQLSTATE that many share.
    Mysql(u16),
    /// SQLite's primary code, without what refines it.
    Sqlite(u32),
}

fn number(error: &Error) -> Option<Number> {
    let error = error.as_database_error()?;
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return Some(Number::Mysql(error.number()));
    }
    let code: u32 = error.code()?.parse().ok()?;
    Some(Number::Sqlite(code & 0xff))
}

/// What the database refuses to do, or cannot.
pub type Error = sqlx::Error;

/// Whether another transaction was in the way, so that doing it again is right: MySQL ends one of two
/// that wait for each other (SQLSTATE 40001).
pub fn is_conflict(error: &Error) -> bool {
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| code == "40001")
}

/// How often a transaction that meets another one is tried.
const ATTEMPTS: u32 = 8;

/// Does a whole transaction, and does it again when another one was in the way.
pub async fn retried<T, E, W: Future<Output = Result<T, E>>>(
    work: impl Fn() -> W,
    is_conflict: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        match work().await {
            Err(error) if attempt < ATTEMPTS && is_conflict(&error) => {
                // A different wait for each, or the two meet again.
                let chance = u64::from(crate::secret::byte());
                tokio::time::sleep(Duration::from_micros((chance * 40) << attempt)).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// How to reach the database, and how many connections to keep.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://FILE` or `mysql://USER:PASSWORD@HOST/DATABASE`.
    pub url: String,
    /// Where reads go; the same database when absent.
    pub replica_url: Option<String>,
    /// The most connections that one pool opens.
    pub connections_max: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another writer.
    pub busy_timeout: Duration,
}

/// SQLite's readers share one file's cache; more of them than this only take memory.
const SQLITE_READERS_MAX: u32 = 16;
/// Prepared statements that a MySQL connection keeps. Enough for all: closing one is answered by
/// nothing, so that the next statement waits for the network's delayed acknowledgement.
const MYSQL_STATEMENTS_MAX: u32 = 1_024;
const CONNECTION_LIFE: Duration = Duration::from_secs(60 * 60);
const CONNECTION_IDLE: Duration = Duration::from_secs(10 * 60);

/// The database.
#[derive(Clone, Debug)]
pub struct Db {
    writer: AnyPool,
    reader: AnyPool,
    dialect: Dialect,
}

/// A connection that only reads.
pub type Reader = PoolConnection<Any>;

impl Db {
    /// Connects, and creates an SQLite file that is not there yet.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(&settings.url)?;
        let writers = match dialect {
            Dialect::Sqlite => 1,
            Dialect::Mysql => settings.connections_max,
        };
        let writer = pool(settings, dialect, &settings.url, writers).await?;
        let reader = match (dialect, &settings.replica_url) {
            (_, Some(url)) => pool(settings, dialect, url, settings.connections_max).await?,
            (Dialect::Sqlite, None) => {
                let readers = settings.connections_max.min(SQLITE_READERS_MAX);
                pool(settings, dialect, &settings.url, readers).await?
            }
            (Dialect::Mysql, None) => writer.clone(),
        };
        Ok(Self {
            writer,
            reader,
            dialect,
        })
    }

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Reader, Error> {
        self.reader.acquire().await
    }

    /// A transaction for writing. It is undone unless [`Tx::commit`] is called.
    pub async fn write(&self) -> Result<Tx, Error> {
        let begin = match self.dialect {
            // Taking the writer's lock at once is what keeps SQLite from failing half-way.
            Dialect::Sqlite => "begin immediate",
            Dialect::Mysql => "start transaction",
        };
        let inner = self.writer.begin_with(begin).await?;
        Ok(Tx {
            inner,
            dialect: self.dialect,
            counted: None,
        })
    }

    /// The most connections that read at the same time.
    pub fn readers_max(&self) -> u32 {
        self.reader.options().get_max_connections()
    }

    /// The pools with their names, for the metrics.
    pub fn pools(&self) -> [(&'static str, &AnyPool); 2] {
        [("write", &self.writer), ("read", &self.reader)]
    }

    /// Waits until every connection is given back, and closes them.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A transaction for writing.
#[derive(Debug)]
pub struct Tx {
    inner: Transaction<'static, Any>,
    dialect: Dialect,
    counted: Option<Arc<AtomicU64>>,
}

impl Tx {
    /// The connection, for a statement.
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Makes everything durable that was written, or fails and has written nothing.
    pub async fn commit(self) -> Result<(), Error> {
        let done = self.inner.commit().await;
        // Also when it failed: nobody knows then what the database has done.
        if let Some(count) = self.counted {
            count.fetch_add(1, Ordering::Release);
        }
        done
    }

    /// Adds one once this is committed, before whoever committed it goes on.
    pub fn count_commit(&mut self, count: &Arc<AtomicU64>) {
        self.counted = Some(Arc::clone(count));
    }

    /// Undoes everything that was written.
    pub async fn rollback(self) -> Result<(), Error> {
        self.inner.rollback().await
    }
}

async fn pool(
    settings: &Settings,
    dialect: Dialect,
    url: &str,
    connections_max: u32,
) -> Result<AnyPool, Error> {
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = match dialect {
        Dialect::Sqlite if mark == '&' => url.to_owned(),
        Dialect::Sqlite => format!("{url}?mode=rwc"),
        Dialect::Mysql => format!("{url}{mark}statement-cache-capacity={MYSQL_STATEMENTS_MAX}"),
    };
    let prepare = match dialect {
        Dialect::Sqlite => SQLITE_PREPARE,
        Dialect::Mysql => MYSQL_PREPARE,
    };
    let busy_ms = i64::try_from(settings.busy_timeout.as_millis()).unwrap_or(i64::MAX);
    AnyPoolOptions::new()
        .max_connections(connections_max.max(1))
        .acquire_timeout(settings.acquire_timeout)
        .max_lifetime(CONNECTION_LIFE)
        .idle_timeout(CONNECTION_IDLE)
        // A file does not hang up.
        .test_before_acquire(dialect == Dialect::Mysql)
        // SQLite ends a transaction by itself when the disk fails it. The connection believes that it is
        // still in it, and would never begin another one.
        .before_acquire(|connection, _| {
            let is_whole = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_whole) })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for statement in prepare {
                    connection.execute(*statement).await?;
                }
                if dialect == Dialect::Sqlite {
                    wait_for_writers(connection, busy_ms).await?;
                }
                Ok(())
            })
        })
        .connect_with(AnyConnectOptions::from_str(&url)?)
        .await
}

/// What every SQLite connection is told first. `synchronous` is full: what was acknowledged survives
/// a power cut.
const SQLITE_PREPARE: &[&str] = &[
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma foreign_keys = on",
    "pragma temp_store = memory",
    "pragma cache_size = -16384",
    "pragma mmap_size = 268435456",
    "pragma journal_size_limit = 67108864",
    // 32 MiB: pages that many orders change are copied into the file once for all of them.
    "pragma wal_autocheckpoint = 8192",
];

/// What every MySQL connection is told first. Reading what is committed, without gap locks, is
/// enough, because rows that decide something are locked by name.
const MYSQL_PREPARE: &[&str] = &[
    "set session transaction isolation level read committed",
    "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
];

/// A pragma takes no bound value; its table-valued form in a `select` does not set it. The number is
/// ours, not a client's.
async fn wait_for_writers(connection: &mut AnyConnection, busy_ms: i64) -> Result<(), Error> {
    let statement = sqlx::AssertSqlSafe(format!("pragma busy_timeout = {busy_ms}"));
    connection.execute(statement).await?;
    connection.ping().await
}
