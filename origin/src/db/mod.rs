//! The database: one code path for SQLite and for MySQL or MariaDB, through sqlx's `Any` driver.
//!
//! SQLite has one writer and several readers, MySQL one pool. [`Db::write`] begins a write
//! transaction. There are two kinds of reads: [`Db::read`] reads from the primary and sees every
//! commit; [`Db::catalog`] may read from a replica, if there is one, and is only for the public
//! catalogue.

mod adaptive_limit;
mod bulk;
mod dialect;
mod lease;
mod migrate;
mod pool;
mod probe;
mod replica;
mod statements;

use std::{
    num::NonZero,
    path::PathBuf,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use shared::problem::{Problem, ProblemKind};
use sqlx::{
    AnyConnection, Executor, any::AnyConnectOptions, error::DatabaseError,
    mysql::MySqlDatabaseError, sqlite::SqliteConnectOptions,
};
use tokio::sync::Notify;

use crate::private_files;

pub use adaptive_limit::AdaptiveLimitStats;
pub use bulk::Rows;
pub use dialect::{Dialect, Upsert};
pub use lease::{FIRST_AUTOMATIC, LeaseError, LeaseRequest};
pub use migrate::{
    MigrateError, MigrationPoint, MigrationStatus, migrate, migrate_until, migration_status,
};
pub use pool::{Pool, PoolStats, PooledConnection as Reader};
pub use probe::check_writes;
pub use replica::{CatalogReader, ReplicaStats, with_replica_reads};

use lease::{Lease, LeaseMark};
use pool::Connector;
use replica::Replica;

/// Logs a database error and converts it to a problem that reveals nothing internal.
pub fn problem(error: &Error) -> Problem {
    tracing::error!(error = %error, "database request failed");
    let unavailable = |detail| Problem::new(ProblemKind::Unavailable).detail(detail);
    if is_unavailable(error) {
        unavailable("The database is temporarily unavailable.")
    } else if is_disk_full(error) {
        unavailable("Nothing can be written at the moment: the disk is full.")
    } else {
        Problem::new(ProblemKind::Internal)
    }
}

/// Whether the connection broke, or none could be opened.
fn is_unavailable(error: &Error) -> bool {
    match error {
        Error::PoolTimedOut | Error::PoolClosed | Error::Io(_) | Error::WorkerCrashed => true,
        _ => match error_code(error) {
            // `ER_SERVER_SHUTDOWN`, `ER_QUERY_INTERRUPTED`, `ER_CONNECTION_KILLED`: the server is
            // shutting down.
            Some(ErrorCode::Mysql(number)) => [1053, 1317, 1927].contains(&number),
            // `SQLITE_BUSY`: another program holds the lock. `SQLITE_IOERR`, `SQLITE_CANTOPEN`: the
            // disk failed.
            Some(ErrorCode::Sqlite(number)) => [5, 10, 14].contains(&number),
            None => false,
        },
    }
}

/// Whether the disk is full.
fn is_disk_full(error: &Error) -> bool {
    match error_code(error) {
        // `ER_DISK_FULL`, `ER_RECORD_FILE_FULL`.
        Some(ErrorCode::Mysql(number)) => [1021, 1114].contains(&number),
        // `SQLITE_FULL`.
        Some(ErrorCode::Sqlite(number)) => number == 13,
        None => false,
    }
}

/// Whether the error is only contention with other transactions.
fn is_busy(error: &Error) -> bool {
    match error_code(error) {
        // `ER_LOCK_WAIT_TIMEOUT`, `ER_LOCK_DEADLOCK`.
        Some(ErrorCode::Mysql(number)) => [1205, 1213].contains(&number),
        // `SQLITE_BUSY`, `SQLITE_LOCKED`.
        Some(ErrorCode::Sqlite(number)) => [5, 6].contains(&number),
        None => matches!(error, Error::PoolTimedOut) || is_conflict(error),
    }
}

/// The error code of a database.
enum ErrorCode {
    /// MySQL's own error number, because many errors share an SQLSTATE.
    Mysql(u16),
    /// SQLite's primary result code, without its extension.
    Sqlite(u32),
}

fn error_code(error: &Error) -> Option<ErrorCode> {
    let error = error.as_database_error()?;
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return Some(ErrorCode::Mysql(error.number()));
    }
    let code: u32 = error.code()?.parse().ok()?;
    Some(ErrorCode::Sqlite(code & 0xff))
}

/// An error of the database or of its driver.
pub type Error = sqlx::Error;

/// Whether the transaction conflicted with another one and should be retried. MySQL aborts one of
/// two deadlocked transactions with SQLSTATE 40001.
pub fn is_conflict(error: &Error) -> bool {
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| code == "40001")
}

/// Whether a unique key exists already. If the key was derived from data that was read, this is a
/// conflict with another transaction.
pub fn is_duplicate(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(DatabaseError::is_unique_violation)
}

/// The number of attempts for a transaction that conflicts with others.
const ATTEMPTS: u32 = 8;

/// Executes a transaction, and retries it when it conflicts with another one.
pub async fn retry_on_conflict<T, E, W: Future<Output = Result<T, E>>>(
    work: impl Fn() -> W,
    is_conflict: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        match work().await {
            Err(error) if attempt < ATTEMPTS && is_conflict(&error) => {
                // Random back-off, so that the same transactions do not conflict again.
                let chance = u64::from(crate::secret::byte());
                tokio::time::sleep(Duration::from_micros((chance * 40) << attempt)).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// The settings of the database and its connection pools.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://FILE` or `mysql://USER:PASSWORD@HOST/DATABASE`.
    pub url: String,
    /// The database from which the catalogue is read; the primary when absent.
    pub replica_url: Option<String>,
    /// The maximum replication lag of a replica that is read.
    pub replica_lag_max: Duration,
    /// The maximum number of connections of a pool.
    pub connections_max: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// SQLite's busy timeout: how long it waits for another writer.
    pub busy_timeout: Duration,
}

/// SQLite gains nothing from more readers; they would only use memory.
const SQLITE_READERS_MAX: u32 = 16;
/// The capacity of a MySQL connection's cache of prepared statements. It must hold all of them: the
/// server does not respond when one is closed, so that the next statement would wait for TCP's
/// delayed acknowledgement.
const MYSQL_STATEMENTS_MAX: u32 = 1_024;
/// The bounds of the adaptive limits. A reader of an SQLite file keeps a processor busy, so the
/// maximum is a multiple of the processors; a database server has processors of its own.
const SQLITE_READERS_MIN: u32 = 4;
const SQLITE_READERS_PER_PROCESSOR: u32 = 2;
const MYSQL_CONNECTIONS_MIN: u32 = 16;

/// The connection pools of the database.
#[derive(Clone, Debug)]
pub struct Db {
    writer: Pool,
    reader: Pool,
    replica: Option<Arc<Replica>>,
    lease: Arc<Lease>,
    dialect: Dialect,
}

impl Db {
    /// Connects. Creates the SQLite file if it does not exist.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(&settings.url)?;
        let (writers, readers) = match dialect {
            Dialect::Sqlite => (
                (1, 1),
                (
                    SQLITE_READERS_MIN,
                    settings.connections_max.min(sqlite_readers_max()),
                ),
            ),
            Dialect::Mysql => {
                let bounds = (MYSQL_CONNECTIONS_MIN, settings.connections_max);
                (bounds, bounds)
            }
        };
        let writer = open_pool(settings, dialect, &settings.url, writers).await?;
        let reader = match dialect {
            Dialect::Sqlite => open_pool(settings, dialect, &settings.url, readers).await?,
            Dialect::Mysql => writer.clone(),
        };
        let replica = settings.replica_url.as_deref();
        let replica = replica.map(|url| open_replica(settings, dialect, url, readers));
        Ok(Self {
            writer,
            reader,
            replica: replica.transpose()?.map(Arc::new),
            lease: Arc::default(),
            dialect,
        })
    }

    /// The SQL dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A connection to the primary, for reads that must see every commit.
    pub async fn read(&self) -> Result<Reader, Error> {
        self.reader.get().await
    }

    /// Begins a write transaction. It is rolled back unless [`Tx::commit`] is called. Fails if this
    /// process has lost its node id.
    pub async fn write(&self) -> Result<Tx, Error> {
        let mut tx = self.begin().await?;
        let for_update = self.dialect.for_update();
        let mark = self.lease.check(tx.conn(), for_update, None).await?;
        tx.lease = Some((Arc::clone(&self.lease), mark));
        Ok(tx)
    }

    /// Begins a transaction without checking the lease.
    async fn begin(&self) -> Result<Tx, Error> {
        let begin = match self.dialect {
            // Taking the write lock at once keeps SQLite from failing in the middle of the
            // transaction.
            Dialect::Sqlite => "begin immediate",
            Dialect::Mysql => "start transaction",
        };
        let mut tx = Tx {
            connection: Some(self.writer.get().await?),
            dialect: self.dialect,
            lease: None,
            commit_counter: None,
            commit_hooks: CommitHooks::default(),
        };
        tx.conn().execute(begin).await?;
        Ok(tx)
    }

    /// The current limit of concurrent reads.
    pub fn read_limit(&self) -> usize {
        self.reader.stats().limit.limit
    }

    /// Counts the time that a request waited before it asked for a connection.
    pub fn record_wait(&self, waited: Duration) {
        self.reader.record_wait(waited);
    }

    /// Adjusts the limits of the pools to recent waits. A job calls this periodically.
    pub fn adjust_limits(&self) {
        for (_, pool) in self.pools() {
            pool.maintain();
        }
    }

    /// All pools with their names in metrics.
    pub fn pools(&self) -> impl Iterator<Item = (&'static str, &Pool)> {
        let replica = self.replica.as_ref().map(|it| ("replica", &it.pool));
        [("write", &self.writer), ("read", &self.reader)]
            .into_iter()
            .chain(replica)
    }

    /// Waits until all connections are returned, and closes them.
    pub async fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.pool.close().await;
        }
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A write transaction.
#[derive(Debug)]
pub struct Tx {
    /// None once the transaction has ended.
    connection: Option<Reader>,
    dialect: Dialect,
    /// The lease of the node id, and its state when the transaction began.
    lease: Option<(Arc<Lease>, LeaseMark)>,
    commit_counter: Option<Arc<CommitCounter>>,
    /// The hooks to run after the commit.
    commit_hooks: CommitHooks,
}

/// The hooks to run after the commit.
#[derive(Default)]
struct CommitHooks(Vec<BoxFuture<'static, ()>>);

impl std::fmt::Debug for CommitHooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CommitHooks({})", self.0.len())
    }
}

/// Counts commits and wakes the task that waits for them.
#[derive(Debug)]
pub struct CommitCounter {
    count: AtomicU64,
    more: Notify,
}

impl Default for CommitCounter {
    /// Starts at one, for the commits of earlier processes.
    fn default() -> Self {
        Self {
            count: AtomicU64::new(1),
            more: Notify::new(),
        }
    }
}

impl CommitCounter {
    /// The number of commits.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Waits for the next commit, or returns at once if there was one since the last call.
    pub async fn next(&self) {
        self.more.notified().await;
    }

    fn add(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.more.notify_one();
    }
}

impl Tx {
    /// The connection, for executing a statement.
    #[expect(
        clippy::expect_used,
        reason = "it is there until the transaction has ended"
    )]
    pub fn conn(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("the transaction goes on")
    }

    /// The SQL dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Commits. On an error nothing was written, unless the connection broke during the commit.
    pub async fn commit(self) -> Result<(), Error> {
        if self.commit_hooks.0.is_empty() {
            return self.finish().await;
        }
        // In a task of its own, so that the hooks run even if the caller is cancelled.
        match tokio::spawn(self.finish()).await {
            Ok(done) => done,
            Err(_) => Err(Error::WorkerCrashed),
        }
    }

    async fn finish(mut self) -> Result<(), Error> {
        if let Some((lease, began)) = self.lease.take() {
            let for_update = self.dialect.for_update();
            let began = Some(began);
            lease.check(self.conn(), for_update, began).await?;
        }
        let done = self.conn().execute("commit").await;
        // Also after an error, because the database may have committed nevertheless.
        if let Some(counter) = &self.commit_counter {
            counter.add();
        }
        // Returns the connection to the pool before any hook runs.
        if done.is_ok() {
            self.connection = None;
        }
        for work in std::mem::take(&mut self.commit_hooks.0) {
            work.await;
        }
        done.map(drop)
    }

    /// Adds a hook that runs after the commit, and also if the commit may have succeeded, before
    /// [`Tx::commit`] returns. It must be short.
    pub fn after_commit(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.commit_hooks.0.push(Box::pin(work));
    }

    /// Increments the counter after the commit, before [`Tx::commit`] returns.
    pub fn count_commit(&mut self, counter: &Arc<CommitCounter>) {
        self.commit_counter = Some(Arc::clone(counter));
    }

    /// Rolls back.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.conn().execute("rollback").await?;
        self.connection = None;
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.finish("rollback");
        }
    }
}

fn sqlite_readers_max() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    let most = processors.saturating_mul(SQLITE_READERS_PER_PROCESSOR);
    most.clamp(SQLITE_READERS_MIN, SQLITE_READERS_MAX)
}

async fn open_pool(
    settings: &Settings,
    dialect: Dialect,
    url: &str,
    bounds: (u32, u32),
) -> Result<Pool, Error> {
    let init_statements = match dialect {
        Dialect::Sqlite => SQLITE_INIT,
        Dialect::Mysql => MYSQL_INIT,
    };
    let connector = connector(settings, dialect, (url, "mode=rwc"), init_statements)?;
    Pool::open(connector, as_usize(bounds), settings.acquire_timeout).await
}

/// Opens a pool for a replica, which may be unavailable at the start and is never written to.
fn open_replica(
    settings: &Settings,
    dialect: Dialect,
    url: &str,
    bounds: (u32, u32),
) -> Result<Replica, Error> {
    if Dialect::of(url)? != dialect {
        return Err(Error::Configuration(
            "the replica must be of the same kind as the database".into(),
        ));
    }
    let init_statements = match dialect {
        Dialect::Sqlite => SQLITE_INIT_REPLICA.to_vec(),
        Dialect::Mysql => [MYSQL_INIT, MYSQL_INIT_REPLICA].concat(),
    };
    let connector = connector(settings, dialect, (url, "mode=rw"), &init_statements)?;
    let pool = Pool::new(connector, as_usize(bounds), settings.acquire_timeout)?;
    Ok(Replica::new(pool, settings.replica_lag_max))
}

fn as_usize((min, max): (u32, u32)) -> (usize, usize) {
    (min as usize, max as usize)
}

fn connector(
    settings: &Settings,
    dialect: Dialect,
    (url, mode): (&str, &str),
    init_statements: &[&str],
) -> Result<Connector, Error> {
    let mark = if url.contains('?') { '&' } else { '?' };
    let url = match dialect {
        Dialect::Sqlite if mark == '&' => url.to_owned(),
        Dialect::Sqlite => format!("{url}?{mode}"),
        Dialect::Mysql => format!("{url}{mark}statement-cache-capacity={MYSQL_STATEMENTS_MAX}"),
    };
    let mut init_statements: Vec<String> =
        init_statements.iter().map(|it| (*it).to_owned()).collect();
    if dialect == Dialect::Sqlite {
        let busy_ms = settings.busy_timeout.as_millis();
        init_statements.push(format!("pragma busy_timeout = {busy_ms}"));
    }
    if let Some(file) = sqlite_file(&url).filter(|_| url.contains("mode=rwc")) {
        // SQLite creates its other files with the permissions of the database file.
        private_files::create_file(&file).map_err(Error::Io)?;
    }
    Ok(Connector {
        dialect,
        options: AnyConnectOptions::from_str(&url)?,
        init_statements,
    })
}

/// The path of an SQLite database's file.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || url.contains(":memory:") || url.contains("mode=memory") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    Some(options.get_filename().to_owned())
}

/// The first statements of every SQLite connection. `synchronous` is full, so that acknowledged
/// commits survive a power failure.
const SQLITE_INIT: &[&str] = &[
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma foreign_keys = on",
    // Overwrites deleted content, so that erased personal data does not remain in free pages.
    "pragma secure_delete = on",
    "pragma temp_store = memory",
    // In KiB. Small, because there are many connections and the system caches the file as well.
    "pragma cache_size = -2048",
    "pragma journal_size_limit = 67108864",
    // 32 MiB, so that pages that many orders change are copied into the file only once.
    "pragma wal_autocheckpoint = 8192",
];

/// The first statements of every MySQL connection. Read committed, without gap locks, is
/// sufficient, because transactions lock the rows that they depend on explicitly.
const MYSQL_INIT: &[&str] = &[
    "set session transaction isolation level read committed",
    "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
    // `group_concat` builds long lists.
    "set session group_concat_max_len = 16777216",
];

/// The first statements of every connection to an SQLite replica.
const SQLITE_INIT_REPLICA: &[&str] = &[
    "pragma query_only = on",
    "pragma temp_store = memory",
    "pragma cache_size = -2048",
];

/// Additional statements for connections to a MySQL replica.
const MYSQL_INIT_REPLICA: &[&str] = &["set session transaction read only"];

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The result of a transaction after this many failures, and the number of attempts.
    async fn attempts_after(failures: u32, is_conflict: bool) -> (Result<u32, &'static str>, u32) {
        let attempts = Cell::new(0);
        let work = || {
            attempts.set(attempts.get() + 1);
            let done = attempts.get() > failures;
            async move { if done { Ok(7) } else { Err("conflict") } }
        };
        (
            retry_on_conflict(work, |_| is_conflict).await,
            attempts.get(),
        )
    }

    #[tokio::test]
    async fn a_conflicting_transaction_is_retried_a_limited_number_of_times() {
        for failures in 0..3 {
            assert_eq!(attempts_after(failures, true).await, (Ok(7), failures + 1));
        }
        let failed = Err("conflict");
        assert_eq!(attempts_after(ATTEMPTS, true).await, (failed, ATTEMPTS));
        assert_eq!(attempts_after(1, false).await, (failed, 1));
    }
}
