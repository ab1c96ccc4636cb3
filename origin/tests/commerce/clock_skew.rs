//! Machines with wrong clocks: nothing expires early.

use origin::{accounts, app::App, cart, clock::Clock, orders};
use serde_json::json;

use crate::{
    db_test,
    shopper::*,
    support::{Shop, assets},
};

const FORTY_MINUTES_MS: i64 = 40 * 60 * 1_000;

/// An origin that uses the database's time, on a machine whose clock is ahead.
async fn with_fast_clock(shop: &Shop, ahead_ms: i64) -> App {
    let clock = if ahead_ms == 0 {
        Clock::System
    } else {
        Clock::Fast(ahead_ms)
    };
    let app = App::connect(shop.app.config.clone(), assets(), clock)
        .await
        .unwrap();
    app.lease().await.unwrap();
    app
}

db_test! {
    /// Orders, holds, sessions and idempotency keys survive an hour of jobs on a machine that is 40
    /// minutes ahead.
    async fn a_fast_clock_expires_nothing(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let right = shop.on(with_fast_clock(shop, 0).await);
        let fast = with_fast_clock(shop, FORTY_MINUTES_MS).await;
        let apart = fast.clock.now().as_millis() - right.app.clock.now().as_millis();
        assert!(apart.abs() < 60_000, "{apart}");
        let skew = fast.clock.skew().unwrap();
        assert!(skew.is_excessive && (skew.machine_ms - FORTY_MINUTES_MS).abs() < 60_000, "{skew:?}");
        assert!(!fast.clock.is_trusted() && right.app.clock.is_trusted());

        let path = ready_cart(&right, "tea-1", 1).await;
        let mut order = order_of(&right, &path).await;
        order["payment_method"] = json!("test");
        let placed = send_with_key(&right, &format!("{path}/order"), &order, "a").await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        let held = ready_cart(&right, "tea-1", 1).await;
        let hold = send(&right, "POST", &format!("{held}/hold"), &json!({})).await;
        assert!(hold.status.is_success(), "{}", hold.text());

        for _ in 0..2 {
            cart::release_expired_holds(&fast).await.unwrap();
            orders::expire(&fast).await.unwrap();
            orders::delete_expired_keys(&fast.db, fast.clock.now()).await.unwrap();
            accounts::delete_expired(&fast.db, fast.clock.now()).await.unwrap();
            origin::cache::delete_old_changes(&fast.db, fast.clock.now()).await.unwrap();
            fast.clock.sync(&fast.db).await.unwrap();
        }
        assert_eq!(count(shop, "select count(*) from orders where state = 'pending'").await, 1);
        assert_eq!(count(shop, "select count(*) from stock_holds").await, 1);
        let again = send_with_key(&right, &format!("{path}/order"), &order, "a").await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        fast.close().await;
        right.app.close().await;
    }
}
