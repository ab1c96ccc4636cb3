//! The migrations: the same names for both engines, inside the binary.

use sqlx::migrate::{MigrateError, Migrator};

use super::{Db, Dialect, Error};

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static MYSQL: Migrator = sqlx::migrate!("../migrations/mysql");

fn migrator(dialect: Dialect) -> &'static Migrator {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}

/// Brings the database up to this version of the program. Doing it again changes nothing.
pub async fn migrate(db: &Db) -> Result<(), MigrateError> {
    let mut connection = db.writer.get().await?;
    migrator(db.dialect).run(&mut *connection).await
}

/// How far the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrations {
    /// How many migrations the program has.
    pub known: usize,
    /// How many of them the database has.
    pub applied: usize,
}

impl Migrations {
    /// Whether the program can run on this database.
    pub fn complete(self) -> bool {
        self.known == self.applied
    }
}

/// How far the database is.
pub async fn migrations(db: &Db) -> Result<Migrations, Error> {
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
        // The table is made by the first migration.
        Err(Error::Database(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let known: Vec<i64> = known.collect();
    let applied = known
        .iter()
        .filter(|version| applied.contains(version))
        .count();
    Ok(Migrations {
        known: known.len(),
        applied,
    })
}
