//! Interrupted and concurrent migrations, and programs of different versions on one database.

use std::sync::Mutex;

use origin::{
    app::App,
    db::{self, Dialect, MigrateError, MigrationPoint},
};
use sqlx::{AssertSqlSafe, Executor as _};

use crate::{
    db_test,
    shopper::*,
    support::{Shop, assets},
};

/// Describes all tables of the database.
async fn schema(app: &App) -> Vec<String> {
    let statement = match app.db.dialect() {
        Dialect::Sqlite => {
            "select sql from sqlite_master
              where sql is not null and name <> 'migration_progress' order by name"
        }
        Dialect::Mysql => {
            "select cast(concat_ws(' ', c.table_name, c.column_name, c.column_type, c.is_nullable,
                                   c.column_default, c.column_key, c.ordinal_position,
                                   (select group_concat(concat(s.index_name, s.seq_in_index, s.non_unique)
                                                        order by s.index_name, s.seq_in_index)
                                      from information_schema.statistics s
                                     where s.table_schema = c.table_schema
                                       and s.table_name = c.table_name
                                       and s.column_name = c.column_name)) as char(4000))
               from information_schema.columns c
              where c.table_schema = database()
              order by c.table_name, c.ordinal_position"
        }
    };
    let mut reader = app.db.read().await.unwrap();
    let mut found: Vec<String> = sqlx::query_scalar(statement)
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    let versions = "select name from versions order by name";
    found.extend(
        sqlx::query_scalar::<_, String>(versions)
            .fetch_all(&mut *reader)
            .await
            .unwrap(),
    );
    found
}

db_test! {
    /// The process dies before and after each statement of each migration, and another one
    /// continues.
    async fn an_interrupted_migration_is_continued(shop) {
        let whole = schema(&shop.app).await;
        let empty = shop.empty_database().await;
        let died: Mutex<Vec<MigrationPoint>> = Mutex::default();
        // On SQLite each attempt starts with the first statement again.
        let dies = |moment: MigrationPoint| {
            let mut died = died.lock().unwrap();
            let is_new = !died.contains(&moment);
            if is_new {
                died.push(moment);
            }
            is_new
        };
        loop {
            match db::migrate_until(&empty.db, dies).await {
                Err(MigrateError::Stopped) => {}
                done => break done.unwrap(),
            }
        }
        assert!(died.lock().unwrap().len() > 200);
        assert_eq!(schema(&empty).await, whole);
        assert!(db::migration_status(&empty.db).await.unwrap().is_complete());
        db::migrate(&empty.db).await.unwrap();
        assert_eq!(schema(&empty).await, whole);
        shop.drop_empty_database(empty).await;
    }
}

db_test! {
    /// Several processes migrate the same database.
    async fn concurrent_migrations_apply_once(shop) {
        let whole = schema(&shop.app).await;
        let empty = shop.empty_database().await;
        let other = App::connect(empty.config.clone(), assets(), shop.app.clock.clone()).await.unwrap();
        let (one, two) = tokio::join!(db::migrate(&empty.db), db::migrate(&other.db));
        one.unwrap();
        two.unwrap();
        assert_eq!(schema(&empty).await, whole);
        other.db.close().await;
        shop.drop_empty_database(empty).await;
    }
}

/// On MySQL an older program may have left a migration "partially applied" after any statement,
/// without a record of its progress. SQLite applies a migration atomically.
#[tokio::test]
async fn an_interrupted_older_migration_is_repaired() {
    let shop = Shop::on_mariadb().await;
    let whole = schema(&shop.app).await;
    let empty = shop.empty_database().await;
    let died: Mutex<Vec<MigrationPoint>> = Mutex::default();
    let dies = |moment: MigrationPoint| {
        let mut died = died.lock().unwrap();
        let is_new = moment.is_done && moment.version <= 15 && !died.contains(&moment);
        if is_new {
            died.push(moment);
        }
        is_new
    };
    loop {
        match db::migrate_until(&empty.db, dies).await {
            Err(MigrateError::Stopped) => {
                let last = died.lock().unwrap().last().copied().unwrap();
                forget_progress(&empty, last.version).await;
            }
            done => break done.unwrap(),
        }
    }
    assert!(died.lock().unwrap().len() > 100);
    assert_eq!(schema(&empty).await, whole);
    shop.drop_empty_database(empty).await;
    shop.drop_database().await;
}

/// Leaves the row that sqlx's own migrator writes before the statements.
async fn forget_progress(app: &App, version: i64) {
    static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/mysql");
    let migration = MIGRATIONS.iter().find(|it| it.version == version).unwrap();
    let mut tx = app.db.write().await.unwrap();
    tx.conn()
        .execute("delete from migration_progress")
        .await
        .unwrap();
    let statement = "
        replace into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (?, 'broken off', false, ?, -1)";
    sqlx::query(statement)
        .bind(version)
        .bind(migration.checksum.as_ref())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

db_test! {
    /// A newer program has added a column to every table and a migration that this one does not
    /// know; this one keeps working and leaves them alone.
    async fn an_older_program_runs_on_a_newer_schema(shop) {
        let tables = match shop.app.db.dialect() {
            Dialect::Sqlite => "select name from sqlite_master where type = 'table'",
            Dialect::Mysql => {
                "select cast(table_name as char(64)) from information_schema.tables
                  where table_schema = database()"
            }
        };
        let mut reader = shop.app.db.read().await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *reader).await.unwrap();
        drop(reader);
        let mut tx = shop.app.db.write().await.unwrap();
        for table in tables.iter().filter(|it| !it.starts_with("sqlite_")) {
            let add = format!("alter table {table} add column newer bigint");
            tx.conn().execute(AssertSqlSafe(add)).await.unwrap();
        }
        let newer = "
            insert into _sqlx_migrations (version, description, success, checksum, execution_time)
            values (9999, 'newer', true, 'x', 0)";
        tx.conn().execute(newer).await.unwrap();
        tx.commit().await.unwrap();
        let older = shop.on(shop.without_lease().await);
        assert!(db::migration_status(&older.app.db).await.unwrap().is_complete());
        db::migrate(&older.app.db).await.unwrap();
        older.app.lease().await.unwrap();
        older.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(&older, "tea-1", 1).await;
        assert_eq!(place(&older, &path).await.status, 201);
        assert_eq!(older.get("/p/tea").await.status, 200);
        assert_eq!(older.get_ops("/readyz").await.status, 200);
        older.app.close().await;
    }
}
