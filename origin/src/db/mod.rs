//! The database: one code path for SQLite and for MySQL or MariaDB, through sqlx's `Any` driver.
//!
//! SQLite has one writer and several readers, MySQL one pool. Writing goes through [`Db::write`]. There are
//! two kinds of reads: [`Db::read`] asks the primary and sees every commit; [`Db::catalog`] may ask a
//! replica, where there is one, and is for what is shown of the catalogue.

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

use crate::private;

pub use adaptive_limit::AdaptiveLimitStats;
pub use bulk::Rows;
pub use dialect::{Dialect, Upsert};
pub use lease::{FIRST_AUTOMATIC, LeaseError, LeaseRequest};
pub use migrate::{
    MigrateError, MigrationPoint, MigrationStatus, migrate, migrate_until, migration_status,
};
pub use pool::{Connection as Reader, Pool, PoolStats};
pub use probe::check_writes;
pub use replica::{CatalogReader, ReplicaStats, with_replica_reads};

use lease::{Lease, LeaseMark};
use pool::Connector;
use replica::Replica;

/// Says in the log what failed, and to the client what it may know.
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

/// Whether the connection broke, or there was none to be had.
fn is_unavailable(error: &Error) -> bool {
    match error {
        Error::PoolTimedOut | Error::PoolClosed | Error::Io(_) | Error::WorkerCrashed => true,
        _ => match error_code(error) {
            // `ER_SERVER_SHUTDOWN`, `ER_QUERY_INTERRUPTED`, `ER_CONNECTION_KILLED`: what a server
            // says last.
            Some(ErrorCode::Mysql(number)) => [1053, 1317, 1927].contains(&number),
            // `SQLITE_BUSY`: another program keeps the lock. `SQLITE_IOERR`, `SQLITE_CANTOPEN`: the disk
            // does not do what it should.
            Some(ErrorCode::Sqlite(number)) => [5, 10, 14].contains(&number),
            None => false,
        },
    }
}

/// Whether there is no room.
fn is_disk_full(error: &Error) -> bool {
    match error_code(error) {
        // `ER_DISK_FULL`, `ER_RECORD_FILE_FULL`.
        Some(ErrorCode::Mysql(number)) => [1021, 1114].contains(&number),
        // `SQLITE_FULL`.
        Some(ErrorCode::Sqlite(number)) => number == 13,
        None => false,
    }
}

/// Whether others are in the way, and nothing is wrong.
fn is_busy(error: &Error) -> bool {
    match error_code(error) {
        // `ER_LOCK_WAIT_TIMEOUT`, `ER_LOCK_DEADLOCK`.
        Some(ErrorCode::Mysql(number)) => [1205, 1213].contains(&number),
        // `SQLITE_BUSY`, `SQLITE_LOCKED`.
        Some(ErrorCode::Sqlite(number)) => [5, 6].contains(&number),
        None => matches!(error, Error::PoolTimedOut) || is_conflict(error),
    }
}

/// What the database calls an error.
enum ErrorCode {
    /// MySQL's own number, not the SQLSTATE that many share.
    Mysql(u16),
    /// SQLite's primary code, without what refines it.
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

/// Whether a key is there already. Where the key was chosen from what was read, another transaction was
/// in the way.
pub fn is_duplicate(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(DatabaseError::is_unique_violation)
}

/// How often a transaction that meets another one is tried.
const ATTEMPTS: u32 = 8;

/// Does a whole transaction, and does it again when another one was in the way.
pub async fn retry_on_conflict<T, E, W: Future<Output = Result<T, E>>>(
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
    /// Where the catalogue is read; the same database when absent.
    pub replica_url: Option<String>,
    /// How far the replica may lag behind to be read.
    pub replica_lag_max: Duration,
    /// The most connections that one pool opens.
    pub connections_max: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another writer.
    pub busy_timeout: Duration,
}

/// More of SQLite's readers than this only take memory.
const SQLITE_READERS_MAX: u32 = 16;
/// Prepared statements that a MySQL connection keeps. Enough for all: closing one is answered by
/// nothing, so that the next statement waits for the network's delayed acknowledgement.
const MYSQL_STATEMENTS_MAX: u32 = 1_024;
/// How many connections of a pool are used before anybody waits for one. Reading a file keeps a processor
/// busy, so there are never more than some for each of them, however long somebody waits; a server answers
/// others meanwhile.
const SQLITE_READERS_MIN: u32 = 4;
const SQLITE_READERS_PER_PROCESSOR: u32 = 2;
const MYSQL_CONNECTIONS_MIN: u32 = 16;

/// The database.
#[derive(Clone, Debug)]
pub struct Db {
    writer: Pool,
    reader: Pool,
    replica: Option<Arc<Replica>>,
    lease: Arc<Lease>,
    dialect: Dialect,
}

impl Db {
    /// Connects, and creates an SQLite file that is not there yet.
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

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A connection for reading from the primary: it sees everything that is committed.
    pub async fn read(&self) -> Result<Reader, Error> {
        self.reader.get().await
    }

    /// A transaction for writing. It is undone unless [`Tx::commit`] is called. There is none for a process
    /// that has lost its node id.
    pub async fn write(&self) -> Result<Tx, Error> {
        let mut tx = self.begin().await?;
        let for_update = self.dialect.for_update();
        let mark = self.lease.check(tx.conn(), for_update, None).await?;
        tx.lease = Some((Arc::clone(&self.lease), mark));
        Ok(tx)
    }

    /// A transaction without a look at the lease.
    async fn begin(&self) -> Result<Tx, Error> {
        let begin = match self.dialect {
            // Taking the writer's lock at once is what keeps SQLite from failing half-way.
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

    /// How many connections read at the same time, as things are.
    pub fn read_limit(&self) -> usize {
        self.reader.stats().limit.limit
    }

    /// Somebody has waited for so long before reading.
    pub fn record_wait(&self, waited: Duration) {
        self.reader.record_wait(waited);
    }

    /// Lets the pools follow what is waited for connections; a job does so all the time.
    pub fn adjust_limits(&self) {
        for (_, pool) in self.pools() {
            pool.maintain();
        }
    }

    /// The pools with their names.
    pub fn pools(&self) -> impl Iterator<Item = (&'static str, &Pool)> {
        let replica = self.replica.as_ref().map(|it| ("replica", &it.pool));
        [("write", &self.writer), ("read", &self.reader)]
            .into_iter()
            .chain(replica)
    }

    /// Waits until every connection is given back, and closes them.
    pub async fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.pool.close().await;
        }
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A transaction for writing.
#[derive(Debug)]
pub struct Tx {
    /// Until it has ended.
    connection: Option<Reader>,
    dialect: Dialect,
    /// The lease under which it writes, and how that was at its begin.
    lease: Option<(Arc<Lease>, LeaseMark)>,
    commit_counter: Option<Arc<CommitCounter>>,
    /// What is done once it is committed.
    commit_hooks: CommitHooks,
}

/// What waits for a commit.
#[derive(Default)]
struct CommitHooks(Vec<BoxFuture<'static, ()>>);

impl std::fmt::Debug for CommitHooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CommitHooks({})", self.0.len())
    }
}

/// How often something was committed, for one who waits for it.
#[derive(Debug)]
pub struct CommitCounter {
    count: AtomicU64,
    more: Notify,
}

impl Default for CommitCounter {
    /// One at the start: what was there before.
    fn default() -> Self {
        Self {
            count: AtomicU64::new(1),
            more: Notify::new(),
        }
    }
}

impl CommitCounter {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Waits for one more, if there was none since this was asked last.
    pub async fn next(&self) {
        self.more.notified().await;
    }

    fn add(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.more.notify_one();
    }
}

impl Tx {
    /// The connection, for a statement.
    #[expect(
        clippy::expect_used,
        reason = "it is there until the transaction has ended"
    )]
    pub fn conn(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("the transaction goes on")
    }

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Makes everything durable that was written, or fails and has written nothing.
    pub async fn commit(self) -> Result<(), Error> {
        if self.commit_hooks.0.is_empty() {
            return self.finish().await;
        }
        // In a task of its own: whoever asked for it may go away, and what follows is done all the same.
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
        // Also when it failed: nobody knows then what the database has done.
        if let Some(counter) = &self.commit_counter {
            counter.add();
        }
        // The connection is for the next one before anything else is waited for.
        if done.is_ok() {
            self.connection = None;
        }
        for work in std::mem::take(&mut self.commit_hooks.0) {
            work.await;
        }
        done.map(drop)
    }

    /// Does this once it is committed, or may have been, before whoever committed it goes on. It must end
    /// soon.
    pub fn after_commit(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.commit_hooks.0.push(Box::pin(work));
    }

    /// Adds one once this is committed, before whoever committed it goes on.
    pub fn count_commit(&mut self, counter: &Arc<CommitCounter>) {
        self.commit_counter = Some(Arc::clone(counter));
    }

    /// Undoes everything that was written.
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

/// A replica need not be there yet, and nothing is ever written to it.
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
        // SQLite gives the files beside it the mode of the database.
        private::create_file(&file).map_err(Error::Io)?;
    }
    Ok(Connector {
        dialect,
        options: AnyConnectOptions::from_str(&url)?,
        init_statements,
    })
}

/// The file of an SQLite database.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || url.contains(":memory:") || url.contains("mode=memory") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    Some(options.get_filename().to_owned())
}

/// What every SQLite connection is told first. `synchronous` is full: what was acknowledged survives
/// a power cut.
const SQLITE_INIT: &[&str] = &[
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma foreign_keys = on",
    // What is deleted is overwritten: who has erased somebody has no copy of them in free pages.
    "pragma secure_delete = on",
    "pragma temp_store = memory",
    // In KiB; what is read often is in the system's cache, too, and there are many connections.
    "pragma cache_size = -2048",
    "pragma journal_size_limit = 67108864",
    // 32 MiB: pages that many orders change are copied into the file once for all of them.
    "pragma wal_autocheckpoint = 8192",
];

/// What every MySQL connection is told first. Reading what is committed, without gap locks, is
/// enough, because rows that decide something are locked by name.
const MYSQL_INIT: &[&str] = &[
    "set session transaction isolation level read committed",
    "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
    // Lists come as one text.
    "set session group_concat_max_len = 16777216",
];

/// What every connection to a replica is told first.
const SQLITE_INIT_REPLICA: &[&str] = &[
    "pragma query_only = on",
    "pragma temp_store = memory",
    "pragma cache_size = -2048",
];

/// The same for MySQL, after what all are told.
const MYSQL_INIT_REPLICA: &[&str] = &["set session transaction read only"];

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What a transaction meets that fails so many times first; says how often it was tried.
    async fn attempts_after(failures: u32, is_conflict: bool) -> (Result<u32, &'static str>, u32) {
        let tries = Cell::new(0);
        let work = || {
            tries.set(tries.get() + 1);
            let done = tries.get() > failures;
            async move {
                if done {
                    Ok(7)
                } else {
                    Err("another was in the way")
                }
            }
        };
        (retry_on_conflict(work, |_| is_conflict).await, tries.get())
    }

    #[tokio::test]
    async fn who_meets_another_tries_again_and_not_for_ever() {
        for failures in 0..3 {
            assert_eq!(attempts_after(failures, true).await, (Ok(7), failures + 1));
        }
        let failed = Err("another was in the way");
        assert_eq!(attempts_after(ATTEMPTS, true).await, (failed, ATTEMPTS));
        assert_eq!(attempts_after(1, false).await, (failed, 1));
    }
}
