//! Reads of the catalogue from a lagging replica, which must never cause a wrong response.

use std::time::Duration;

use http::StatusCode;
use origin::jobs::Jobs;
use serde_json::json;
use shared::edge::VERSION_HEADER;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

use crate::{
    db_test,
    response_cache::{price_of, set_price},
    shopper::*,
    support::Shop,
};

/// A lagging replica: a copy of the shop's database as of the last `feed`.
struct Copy {
    connection: AnyConnection,
    tables: Vec<String>,
    is_mysql: bool,
    /// The URL of the copy.
    url: String,
    /// The table prefixes of the primary and of the copy.
    from: String,
    to: String,
}

impl Copy {
    async fn of(shop: &Shop) -> Self {
        let primary = shop.url();
        let mut connection = AnyConnection::connect(&primary).await.unwrap();
        let is_mysql = primary.starts_with("mysql");
        let (url, from, to, tables) = if is_mysql {
            let (server, name) = primary.rsplit_once('/').unwrap();
            let copy = format!("{name}_copy");
            run(&mut connection, format!("create database {copy}")).await;
            let tables = "select cast(table_name as char(64)) from information_schema.tables
                           where table_schema = database()";
            (
                format!("{server}/{copy}"),
                format!("{name}."),
                format!("{copy}."),
                tables,
            )
        } else {
            let file = shop.folder().join("copy.db");
            run(&mut connection, format!("vacuum into '{}'", file.display())).await;
            run(
                &mut connection,
                format!("attach database '{}' as copy", file.display()),
            )
            .await;
            let tables = "select name from sqlite_master
                           where type = 'table' and name not like 'sqlite_%'";
            (
                format!("sqlite://{}", file.display()),
                "main.".to_owned(),
                "copy.".to_owned(),
                tables,
            )
        };
        let tables = sqlx::query_scalar(tables)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let mut copy = Self {
            connection,
            tables,
            is_mysql,
            url,
            from,
            to,
        };
        if is_mysql {
            for table in copy.tables.clone() {
                copy.run(format!(
                    "create table {}{table} like {}{table}",
                    copy.to, copy.from
                ))
                .await;
            }
        }
        copy.feed().await;
        copy
    }

    /// Brings the copy up to date in one transaction, as replication does.
    async fn feed(&mut self) {
        let off = if self.is_mysql {
            "set foreign_key_checks = 0"
        } else {
            "pragma foreign_keys = off"
        };
        self.run(off.to_owned()).await;
        self.run("begin".to_owned()).await;
        for table in self.tables.clone() {
            self.run(format!("delete from {}{table}", self.to)).await;
            let rows = format!("select * from {}{table}", self.from);
            self.run(format!("insert into {}{table} {rows}", self.to))
                .await;
        }
        self.run("commit".to_owned()).await;
    }

    async fn run(&mut self, statement: String) {
        run(&mut self.connection, statement).await;
    }

    /// An origin that reads from the replica, whatever its lag.
    async fn origin(&self, shop: &Shop) -> Shop {
        let behind = shop
            .with(|config| {
                config.database_replica_url = Some(self.url.clone());
                config.database_replica_lag_max_ms = u64::from(u32::MAX) * 1_000;
            })
            .await;
        behind.app.db.check_replica().await.unwrap();
        assert!(behind.app.db.replica_stats().unwrap().is_usable);
        behind
    }

    async fn end(mut self, behind: Shop) {
        behind.app.db.close().await;
        if self.is_mysql {
            self.run(format!("drop database {}", self.to.trim_end_matches('.')))
                .await;
        }
        self.connection.close().await.unwrap();
    }
}

async fn run(connection: &mut AnyConnection, statement: String) {
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

fn reads(shop: &Shop) -> u64 {
    shop.app.db.replica_stats().unwrap().reads
}

db_test! {
    /// A purchase while the replica has none of it: no response is wrong.
    async fn a_purchase_does_not_depend_on_the_replica(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let copy = Copy::of(shop).await;
        let behind = copy.origin(shop).await;
        assert_eq!(behind.get("/p/tea").await.status, 200);
        assert!(reads(&behind) > 0, "the replica is read");
        let path = ready_cart(&behind, "tea-1", 2).await;
        assert_eq!(behind.json(&path).await["lines"][0]["quantity"], 2);
        let mut order = order_of(&behind, &path).await;
        order["payment_method"] = json!("test");
        let placed = send_with_key(&behind, &format!("{path}/order"), &order, "a").await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        let again = send_with_key(&behind, &format!("{path}/order"), &order, "a").await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        let placed = placed.json();
        let (number, token) = (placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        let (order, token) = (format!("/api/v1/orders/{number}"), format!("?token={token}"));
        assert_eq!(behind.json(&format!("{order}{token}")).await["state"], "pending");
        let card = json!({ "card": "confirm" });
        let asked = send_with_key(&behind, &format!("{order}/payments{token}"), &card, "b").await;
        let payment = format!("{order}/payments/{}", asked.json()["id"].as_str().unwrap());
        let shown = behind.json(&format!("{payment}{token}")).await;
        assert_eq!(shown["state"], "confirming");
        let confirm = format!("{payment}/confirm{token}");
        let confirmed = send(&behind, "POST", &confirm, &json!({})).await.json();
        assert_eq!((&confirmed["state"], &confirmed["order"]), (&json!("captured"), &json!("paid")));
        assert_eq!(behind.json(&format!("{order}{token}")).await["state"], "paid");
        assert_eq!(on_hand(&behind).await, 7);
        copy.end(behind).await;
    }
}

db_test! {
    /// Responses from the replica carry its version; data that is known to have changed is read
    /// from the primary.
    async fn replica_responses_carry_their_version(shop) {
        set_price(shop, "tea", "1.00").await;
        shop.save(vec![only("mug", "2.00", 9)]).await;
        let mut copy = Copy::of(shop).await;
        let behind = copy.origin(shop).await;
        let copied = behind.get("/api/v1/products/mug").await.header(VERSION_HEADER).to_owned();
        set_price(shop, "tea", "3.00").await;
        // This origin has not synchronized, and says which version its response is of.
        let old = behind.get("/api/v1/products/tea").await;
        assert_eq!((price_of(&old), old.header(VERSION_HEADER)), (100, copied.as_str()));
        behind.app.changes.refresh(&behind.app.db).await.unwrap();
        let new = behind.get("/api/v1/products/tea").await;
        assert_eq!(price_of(&new), 300);
        assert_eq!(new.header(VERSION_HEADER), behind.app.changes.latest().to_string());
        // Unrelated changes do not prevent reads from the replica.
        let before = reads(&behind);
        let other = behind.get("/zh/p/mug").await;
        assert_eq!((other.status, other.header(VERSION_HEADER)), (StatusCode::OK, copied.as_str()));
        assert!(reads(&behind) > before);
        // Data that has not arrived yet must not be reported as missing.
        shop.save(vec![only("pot", "4.00", 9)]).await;
        behind.app.changes.refresh(&behind.app.db).await.unwrap();
        assert_eq!(behind.get("/p/pot").await.status, 200);
        copy.feed().await;
        let before = reads(&behind);
        let fed = behind.get("/zh/p/pot").await;
        assert_eq!(fed.header(VERSION_HEADER), behind.app.changes.latest().to_string());
        assert!(reads(&behind) > before);
        copy.end(behind).await;
    }
}

db_test! {
    /// A replica that lags too far, fails, or belongs to another shop is not used.
    async fn an_unreliable_replica_is_not_used(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut copy = Copy::of(shop).await;
        let behind = copy.origin(shop).await;
        let near = shop.with(|config| {
            config.database_replica_url = Some(copy.url.clone());
        }).await;
        let usable = async |shop: &Shop| {
            shop.app.db.check_replica().await.unwrap();
            shop.app.db.replica_stats().unwrap()
        };
        copy.feed().await;
        assert!(usable(&near).await.is_usable);
        let (age, to) = (10_001, copy.to.clone());
        copy.run(format!("update {to}heartbeats set beat_at = beat_at - {age}")).await;
        let figures = usable(&near).await;
        assert!(!figures.is_usable && figures.lag >= Duration::from_millis(age), "{figures:?}");
        assert_eq!(near.get("/p/tea").await.status, 200);
        assert_eq!((reads(&near), near.app.db.replica_stats().unwrap().fallbacks > 0), (0, true));
        // It loses the data that is read after the version, and then all of it.
        for (table, path) in [("products", "/p/tea"), ("versions", "/zh/p/tea")] {
            assert!(usable(&behind).await.is_usable, "{table}");
            copy.run(format!("drop table {to}{table}")).await;
            assert_eq!(behind.get(path).await.status, 200, "{table}");
        }
        assert!(!behind.app.db.replica_stats().unwrap().is_usable);
        near.app.db.close().await;
        copy.end(behind).await;
    }
}

db_test! {
    /// The shop starts while its replica is down.
    async fn the_shop_starts_without_its_replica(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let nowhere = shop.url().replace("mallard_", "nowhere_").replace("test.db", "nowhere.db");
        let alone = shop.with(|config| {
            config.database_replica_url = Some(nowhere);
        }).await;
        alone.app.db.check_replica().await.unwrap();
        assert!(!alone.app.db.replica_stats().unwrap().is_usable);
        assert_eq!(alone.get("/p/tea").await.status, 200);
        assert_eq!(reads(&alone), 0);
        alone.app.db.close().await;
    }
}

db_test! {
    /// A running server probes its replica, and then reads from it.
    async fn a_running_server_probes_its_replica(shop) {
        let copy = Copy::of(shop).await;
        let behind = shop.with(|config| {
            config.database_replica_url = Some(copy.url.clone());
            config.database_replica_lag_max_ms = u64::from(u32::MAX) * 1_000;
        }).await;
        assert!(!behind.app.db.replica_stats().unwrap().is_usable);
        let jobs = Jobs::start(&behind.app);
        until(async || behind.app.db.replica_stats().unwrap().is_usable).await;
        jobs.stop().await;
        copy.end(behind).await;
    }
}
