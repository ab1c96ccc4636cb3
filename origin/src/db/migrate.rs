//! Schema migrations, embedded in the binary, with the same names for both engines.
//!
//! MySQL commits each change of a table implicitly, so that an interrupted migration leaves some of
//! its statements applied. Their number is recorded with them, and the next process that migrates
//! resumes there. SQLite applies a migration in one transaction. Only one process migrates at a
//! time.

use std::time::{Duration, Instant};

use sqlx::{
    AnyConnection, AssertSqlSafe, Executor as _, Row as _,
    migrate::{Migration, Migrator},
};

use super::{Db, Dialect, Error, ErrorCode, Reader, error_code, statements};

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static MYSQL: Migrator = sqlx::migrate!("../migrations/mysql");

/// How long to wait for another process that migrates.
const LOCK_TIMEOUT: Duration = Duration::from_secs(600);
/// How long to wait before trying again to lock the database.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

fn migrator(dialect: Dialect) -> &'static Migrator {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}

/// Why a migration failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement failed; the statements before it were applied and are not repeated.
    #[error("statement {statement} of migration {version} failed: {source}")]
    Failed {
        /// The migration.
        version: i64,
        /// The number of the statement in it, from 1.
        statement: usize,
        /// The error of the database.
        source: Error,
    },
    /// The applied migration of this version has other content.
    #[error("migration {0} differs from the one applied to this database")]
    Changed(i64),
    /// Another process held the lock for too long.
    #[error("another process is migrating this database; try again when it is done")]
    Busy,
    /// A test stopped the migration.
    #[error("stopped")]
    Stopped,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

/// A point in a migration at which a test can stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationPoint {
    /// The migration.
    pub version: i64,
    /// The index of the statement in it, from 0.
    pub statement: usize,
    /// Whether the statement has been executed, but its progress was not recorded yet.
    pub is_done: bool,
}

/// Applies all pending migrations and resumes an interrupted one. It is idempotent and safe to run
/// concurrently.
pub async fn migrate(db: &Db) -> Result<(), MigrateError> {
    migrate_until(db, |_| false).await
}

/// Like [`migrate`], but a test can stop it at any point, as if the process had died there.
pub async fn migrate_until(
    db: &Db,
    stops: impl Fn(MigrationPoint) -> bool + Send + Sync,
) -> Result<(), MigrateError> {
    let mut connection = db.writer.get().await?;
    let migrated = match db.dialect {
        Dialect::Sqlite => migrate_sqlite(&mut connection, &stops).await,
        Dialect::Mysql => migrate_mysql(&mut connection, &stops).await,
    };
    if migrated.is_err() {
        // Closing the connection releases its lock and rolls back its transaction.
        connection.discard();
    }
    migrated
}

type StopAt<'a> = &'a (dyn Fn(MigrationPoint) -> bool + Send + Sync);

async fn migrate_sqlite(connection: &mut Reader, stops: StopAt<'_>) -> Result<(), MigrateError> {
    for migration in SQLITE.iter() {
        begin_immediate(connection).await?;
        connection.execute(APPLIED_TABLE).await?;
        if find_applied(connection, migration).await?.is_some() {
            connection.execute("rollback").await?;
            continue;
        }
        for (index, statement) in statements::split(migration.sql.as_str()).enumerate() {
            stop_at(stops, migration, index, false)?;
            execute(connection, migration, (index, statement)).await?;
            stop_at(stops, migration, index, true)?;
        }
        add_applied(connection, migration).await?;
        connection.execute("commit").await?;
        tracing::info!(version = migration.version, "applied a migration");
    }
    Ok(())
}

/// Takes the write lock, waiting for another process that migrates.
async fn begin_immediate(connection: &mut AnyConnection) -> Result<(), MigrateError> {
    let began = Instant::now();
    loop {
        match connection.execute("begin immediate").await {
            Ok(_) => return Ok(()),
            // `SQLITE_BUSY`.
            Err(error) if matches!(error_code(&error), Some(ErrorCode::Sqlite(5))) => {
                if began.elapsed() > LOCK_TIMEOUT {
                    return Err(MigrateError::Busy);
                }
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn migrate_mysql(connection: &mut Reader, stops: StopAt<'_>) -> Result<(), MigrateError> {
    // The lock ends with the connection; a statement of a dead process still runs to its end first.
    let lock = "select get_lock(concat('mallard_migrate_', left(database(), 40)), ?)";
    let seconds = i64::try_from(LOCK_TIMEOUT.as_secs()).unwrap_or(i64::MAX);
    let locked: Option<i64> = sqlx::query_scalar(lock)
        .bind(seconds)
        .fetch_one(&mut **connection)
        .await?;
    if locked != Some(1) {
        return Err(MigrateError::Busy);
    }
    connection.execute(APPLIED_TABLE).await?;
    connection.execute(PROGRESS_TABLE).await?;
    for migration in MYSQL.iter() {
        let applied = find_applied(connection, migration).await?;
        if applied == Some(true) {
            continue;
        }
        let progress = find_progress(connection, migration.version, applied.is_some()).await?;
        if progress != MigrationProgress::default() {
            tracing::warn!(
                version = migration.version,
                done = progress.done,
                "resuming an interrupted migration"
            );
        }
        resume(connection, migration, progress, stops).await?;
        tracing::info!(version = migration.version, "applied a migration");
    }
    let unlock = "do release_lock(concat('mallard_migrate_', left(database(), 40)))";
    connection.execute(unlock).await?;
    Ok(())
}

/// The progress of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MigrationProgress {
    /// The number of statements that were applied.
    done: usize,
    /// The number of statements that were begun; those in between may have been applied or not.
    begun: usize,
}

async fn resume(
    connection: &mut AnyConnection,
    migration: &Migration,
    progress: MigrationProgress,
    stops: StopAt<'_>,
) -> Result<(), MigrateError> {
    let version = migration.version;
    let all = statements::split(migration.sql.as_str()).enumerate();
    for (index, statement) in all.skip(progress.done) {
        let is_in_doubt = index < progress.begun;
        if statements::commits_by_itself(statement) {
            let begun = progress.begun.max(index + 1);
            save_progress(
                connection,
                version,
                MigrationProgress { done: index, begun },
            )
            .await?;
            stop_at(stops, migration, index, false)?;
            let executed = execute(connection, migration, (index, statement)).await;
            executed.or_else(|error| tolerate_done_before(error, is_in_doubt))?;
            stop_at(stops, migration, index, true)?;
        } else {
            connection.execute("start transaction").await?;
            stop_at(stops, migration, index, false)?;
            let executed = execute(connection, migration, (index, statement)).await;
            executed.or_else(|error| tolerate_done_before(error, is_in_doubt))?;
            stop_at(stops, migration, index, true)?;
            let (done, begun) = (index + 1, progress.begun.max(index + 1));
            save_progress(connection, version, MigrationProgress { done, begun }).await?;
            connection.execute("commit").await?;
        }
    }
    connection.execute("start transaction").await?;
    // A row that an older program may have written for the same migration.
    let statement = "
        delete from _sqlx_migrations
         where version = ?";
    sqlx::query(statement)
        .bind(version)
        .execute(&mut *connection)
        .await?;
    add_applied(connection, migration).await?;
    let statement = "
        delete from migration_progress
         where version = ?";
    sqlx::query(statement)
        .bind(version)
        .execute(&mut *connection)
        .await?;
    connection.execute("commit").await?;
    Ok(())
}

/// Ignores the error of a statement that may have been applied before, if it is the error of a
/// repeated statement.
fn tolerate_done_before(error: MigrateError, is_in_doubt: bool) -> Result<(), MigrateError> {
    /// `ER_TABLE_EXISTS_ERROR`, `ER_BAD_FIELD_ERROR`, `ER_DUP_FIELDNAME`, `ER_DUP_KEYNAME`,
    /// `ER_DUP_ENTRY`, `ER_CANT_DROP_FIELD_OR_KEY`, `ER_BAD_TABLE_ERROR`, `ER_NO_SUCH_TABLE`.
    const DONE_BEFORE: [u16; 8] = [1050, 1054, 1060, 1061, 1062, 1091, 1051, 1146];
    match &error {
        MigrateError::Failed { source, .. } if is_in_doubt => match error_code(source) {
            Some(ErrorCode::Mysql(number)) if DONE_BEFORE.contains(&number) => Ok(()),
            _ => Err(error),
        },
        _ => Err(error),
    }
}

fn stop_at(
    stops: StopAt<'_>,
    migration: &Migration,
    statement: usize,
    is_done: bool,
) -> Result<(), MigrateError> {
    let version = migration.version;
    let stops = stops(MigrationPoint {
        version,
        statement,
        is_done,
    });
    if stops {
        Err(MigrateError::Stopped)
    } else {
        Ok(())
    }
}

async fn execute(
    connection: &mut AnyConnection,
    migration: &Migration,
    (index, statement): (usize, &str),
) -> Result<(), MigrateError> {
    let executed = connection
        .execute(AssertSqlSafe(statement.to_owned()))
        .await;
    executed.map(drop).map_err(|source| MigrateError::Failed {
        version: migration.version,
        statement: index + 1,
        source,
    })
}

/// The same table as sqlx's own, for older programs.
const APPLIED_TABLE: &str = "
    create table if not exists _sqlx_migrations (
        version bigint primary key,
        description text not null,
        installed_on timestamp not null default current_timestamp,
        success boolean not null,
        checksum blob not null,
        execution_time bigint not null
    )";

/// The progress of migrations that are not completely applied.
const PROGRESS_TABLE: &str = "
    create table if not exists migration_progress (
        version bigint primary key,
        done bigint not null,
        begun bigint not null
    )";

/// Whether a migration was applied: true if completely, false if in part by a program that recorded
/// no progress, none if not at all.
async fn find_applied(
    connection: &mut AnyConnection,
    migration: &Migration,
) -> Result<Option<bool>, MigrateError> {
    let statement = "
        select checksum, case when success then 1 else 0 end as is_whole
          from _sqlx_migrations
         where version = ?";
    let row = sqlx::query(statement)
        .bind(migration.version)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let checksum: Vec<u8> = row.try_get("checksum")?;
    if checksum != *migration.checksum {
        return Err(MigrateError::Changed(migration.version));
    }
    let is_whole: i64 = row.try_get("is_whole")?;
    Ok(Some(is_whole == 1))
}

async fn add_applied(
    connection: &mut AnyConnection,
    migration: &Migration,
) -> Result<(), MigrateError> {
    let statement = "
        insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (?, ?, true, ?, 0)";
    sqlx::query(statement)
        .bind(migration.version)
        .bind(migration.description.as_ref())
        .bind(migration.checksum.as_ref())
        .execute(connection)
        .await?;
    Ok(())
}

async fn find_progress(
    connection: &mut AnyConnection,
    version: i64,
    is_unaccounted: bool,
) -> Result<MigrationProgress, Error> {
    let statement = "
        select done, begun
          from migration_progress
         where version = ?";
    let row = sqlx::query(statement)
        .bind(version)
        .fetch_optional(connection)
        .await?;
    let number = |it: i64| usize::try_from(it).unwrap_or(0);
    match row {
        Some(row) => Ok(MigrationProgress {
            done: number(row.try_get("done")?),
            begun: number(row.try_get("begun")?),
        }),
        None if is_unaccounted => Ok(MigrationProgress {
            done: 0,
            begun: usize::try_from(i64::MAX).unwrap_or(usize::MAX),
        }),
        None => Ok(MigrationProgress::default()),
    }
}

async fn save_progress(
    connection: &mut AnyConnection,
    version: i64,
    progress: MigrationProgress,
) -> Result<(), Error> {
    let statement = "
        replace into migration_progress (version, done, begun)
        values (?, ?, ?)";
    let number = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
    sqlx::query(statement)
        .bind(version)
        .bind(number(progress.done))
        .bind(number(progress.begun))
        .execute(connection)
        .await?;
    Ok(())
}

/// How many of the program's migrations are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The number of the program's migrations.
    pub known: usize,
    /// How many of them are applied. The database may have others, of a newer program.
    pub applied: usize,
}

impl MigrationStatus {
    /// Whether all of the program's migrations are applied.
    pub fn is_complete(self) -> bool {
        self.known == self.applied
    }
}

/// How many of the program's migrations are applied.
pub async fn migration_status(db: &Db) -> Result<MigrationStatus, Error> {
    let known = migrator(db.dialect)
        .iter()
        .map(|migration| migration.version);
    let statement = "
        select version
          from _sqlx_migrations
         where success";
    let mut reader = db.read().await?;
    let applied: Vec<i64> = match sqlx::query_scalar(statement).fetch_all(&mut *reader).await {
        Ok(versions) => versions,
        // The first migration creates the table.
        Err(Error::Database(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let known: Vec<i64> = known.collect();
    let applied = known
        .iter()
        .filter(|version| applied.contains(version))
        .count();
    Ok(MigrationStatus {
        known: known.len(),
        applied,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A migration contains no statement that could not be resumed after a crash.
    #[test]
    fn every_statement_can_be_resumed() {
        const KINDS: [&str; 10] = [
            "create table ",
            "create index ",
            "create unique index ",
            "alter table ",
            "drop index ",
            "drop table ",
            "insert into ",
            "update ",
            "delete from ",
            "replace into ",
        ];
        for migrator in [&SQLITE, &MYSQL] {
            for migration in migrator.iter() {
                for statement in statements::split(migration.sql.as_str()) {
                    let known = KINDS.iter().any(|kind| statement.starts_with(kind));
                    assert!(known, "{}: {statement}", migration.version);
                }
            }
        }
    }
}
