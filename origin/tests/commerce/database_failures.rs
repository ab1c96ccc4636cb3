//! Database failures in the middle of requests.

use serde_json::{Value, json};
use sqlx::Executor as _;

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

/// Carts, each with its order request and an idempotency key.
async fn carts(shop: &Shop, count: usize) -> Vec<(String, Value, String)> {
    let mut carts = Vec::new();
    for number in 0..count {
        let cart = ready_cart(shop, "tea-1", 1).await;
        let order = order_of(shop, &cart).await;
        carts.push((format!("{cart}/order"), order, format!("key-{number}")));
    }
    carts
}

async fn order_all(shop: &Shop, carts: &[(String, Value, String)]) -> Vec<Reply> {
    let requests = carts
        .iter()
        .map(|(to, order, key)| send_with_key(shop, to, order, key));
    at_once(requests).await
}

/// Every response is an order or a 503.
fn assert_order_or_unavailable(answers: &[Reply]) {
    for answer in answers {
        let text = answer.text();
        match answer.status.as_u16() {
            200 | 201 => {}
            503 => {
                assert!(text.contains("/problems/unavailable"), "{text}");
                assert_eq!(answer.header("retry-after"), "2", "{text}");
            }
            other => panic!("{other}: {text}"),
        }
    }
}

/// The ids of other connections to this database.
const OTHERS: &str = "
    select cast(id as signed)
      from information_schema.processlist
     where db = database()
       and id <> connection_id()";

/// Retries until every cart has exactly one order.
async fn order_each_once(shop: &Shop, carts: &[(String, Value, String)]) {
    let mut last = Vec::new();
    for _ in 0..20 {
        last = order_all(shop, carts).await;
        assert_order_or_unavailable(&last);
        if last.iter().all(|it| it.status != 503) {
            break;
        }
    }
    assert!(
        last.iter().all(|it| it.status.is_success()),
        "{:?}",
        last[0].text()
    );
    let orders = i64::try_from(carts.len()).unwrap();
    assert_eq!(count(shop, "select count(*) from orders").await, orders);
    assert_eq!(on_hand(shop).await, 500 - orders);
}

/// Connections are killed again and again while fifty clients order. No response is wrong, and a
/// retry with the same key finds the one order of its cart.
#[tokio::test]
async fn killed_connections_lose_nothing_on_mariadb() {
    let shop = &Shop::on_mariadb().await;
    shop.save(vec![only("tea", "5.00", 500)]).await;
    let carts = carts(shop, 50).await;
    let mut killer = shop.app.db.read().await.unwrap();
    let kill = async {
        let mut killed = 0;
        for _ in 0..40 {
            let ids: Vec<i64> = sqlx::query_scalar(OTHERS)
                .fetch_all(&mut *killer)
                .await
                .unwrap();
            for id in ids {
                // Some connections are closed before they are killed.
                let statement = sqlx::AssertSqlSafe(format!("kill connection {id}"));
                killed += i32::from((*killer).execute(statement).await.is_ok());
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        killed
    };
    let (answers, killed) = tokio::join!(order_all(shop, &carts), kill);
    assert_order_or_unavailable(&answers);
    assert!(killed > 0);
    drop(killer);
    order_each_once(shop, &carts).await;
    shop.audit().await;
    shop.drop_database().await;
}

/// Another program locks the file for longer than the busy timeout while fifty clients order. They
/// get a 503 and succeed on a retry after the lock is gone.
#[tokio::test]
async fn a_locked_database_loses_nothing_on_sqlite() {
    let shop = &Shop::on_sqlite().await;
    shop.save(vec![only("tea", "5.00", 500)]).await;
    let carts = carts(shop, 50).await;
    let hasty = shop.with(|config| config.database_busy_ms = 20).await;
    let mut locked = shop.app.db.write().await.unwrap();
    sqlx::query("update locations set name = name")
        .execute(locked.conn())
        .await
        .unwrap();
    let answers = order_all(&hasty, &carts).await;
    assert_order_or_unavailable(&answers);
    assert!(
        answers.iter().all(|it| it.status == 503),
        "{:?}",
        answers[0]
    );
    locked.rollback().await.unwrap();
    order_each_once(&hasty, &carts).await;
    hasty.app.db.close().await;
    shop.audit().await;
}

db_test! {
    /// A transaction that the database rolls back by itself, as SQLite does on a disk error,
    /// affects no other.
    async fn a_rollback_by_the_database_ends_the_transaction(shop) {
        for _ in 0..3 {
            let mut tx = shop.app.db.write().await.unwrap();
            sqlx::query("delete from locations").execute(tx.conn()).await.unwrap();
            tx.conn().execute("rollback").await.unwrap();
            drop(tx.commit().await);
            let made = send(shop, "POST", "/api/v1/carts", &json!({})).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        assert_eq!(count(shop, "select count(*) from locations").await, 1);
    }
}

/// With a full disk, writes are refused with a clear error, reads work, and nothing is
/// half-written; once there is room again, writes succeed. A dedicated database server has its own
/// disk, which a test cannot fill.
#[tokio::test]
async fn a_full_disk_loses_nothing_on_sqlite() {
    let shop = &Shop::on_sqlite().await;
    shop.save(vec![only("tea", "5.00", 5_000)]).await;
    let carts = carts(shop, 40).await;
    let limit = async |pages: i64| {
        let mut tx = shop.app.db.write().await.unwrap();
        let statement = sqlx::AssertSqlSafe(format!("pragma max_page_count = {pages}"));
        tx.conn().execute(statement).await.unwrap();
        tx.commit().await.unwrap();
    };
    let pages = count(shop, "select page_count from pragma_page_count()").await;
    limit(pages + 4).await;
    let mut refused = 0;
    for round in carts.chunks(4) {
        let answers = order_all(shop, round).await;
        assert_order_or_unavailable(&answers);
        refused += answers.iter().filter(|it| it.status == 503).count();
    }
    assert!(refused > 0, "the disk was never full");
    let (before, sold) = (
        count(shop, "select count(*) from orders").await,
        on_hand(shop).await,
    );
    assert_eq!(sold, 5_000 - before);
    assert_eq!(shop.get("/api/v1/products/tea").await.status, 200);
    shop.audit().await;
    limit(1_000_000).await;
    let answers = order_all(shop, &carts).await;
    assert!(
        answers.iter().all(|it| it.status.is_success()),
        "{}",
        answers[0].text()
    );
    assert_eq!(count(shop, "select count(*) from orders").await, 40);
    let more = send(shop, "POST", "/api/v1/carts", &json!({})).await;
    assert_eq!(more.status, 201);
}
