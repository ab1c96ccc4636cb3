//! Deadlines of orders, holds and payments, a millisecond before and at each of them.

use origin::{cart, orders, payments};
use serde_json::json;
use shared::time::Timestamp;

use crate::{db_test, shopper::*};

const MINUTE: i64 = 60 * 1_000;
const DAY: i64 = 24 * 60 * MINUTE;

db_test! {
    /// An unpaid order expires at its deadline: half an hour after it was placed if it is paid by
    /// card, and a day if a buyer without an account pays it by bank transfer.
    async fn an_order_expires_at_its_deadline(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        for (method, within_ms) in [("test", 30 * MINUTE), ("manual", DAY)] {
            let placed_at = shop.app.clock.now();
            let order = order_paid_by(shop, method).await;
            let until: Timestamp = order["pay_until"].as_str().unwrap().parse().unwrap();
            assert_eq!(until, placed_at.plus_millis(within_ms), "{method}");
            for (wait_ms, expired, state) in [(within_ms - 1, 0, "pending"), (1, 1, "expired")] {
                shop.app.clock.advance(wait_ms);
                assert_eq!(orders::expire(&shop.app).await.unwrap(), expired, "{method}");
                assert_eq!(shop.json(&order_path(&order, "")).await["state"], state, "{method}");
            }
            assert_eq!(on_hand(shop).await, 9);
        }
    }
}

db_test! {
    /// The answer to a cancellation is the order as it is then read, with its new version.
    async fn a_cancelled_order_is_returned_as_it_is_read(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let order = order_paid_by(shop, "manual").await;
        shop.app.clock.advance(1_000);
        let cancelled = send(shop, "POST", &order_path(&order, "/cancel"), &json!({})).await.json();
        assert_eq!((&cancelled["state"], &cancelled["version"]), (&json!("cancelled"), &json!(2)));
        assert_eq!(cancelled["history"].as_array().unwrap().len(), 2);
        assert!(cancelled.get("pay_until").is_none(), "{cancelled}");
        assert_eq!(shop.json(&order_path(&order, "")).await, cancelled);
    }
}

db_test! {
    /// A hold lasts fifteen minutes from each change of its cart, and an hour from its beginning at
    /// most.
    async fn a_hold_is_extended_up_to_an_hour(shop) {
        shop.save(vec![only("lamp", "10.00", 3)]).await;
        let path = ready_cart(shop, "lamp-1", 2).await;
        let held = async || count(shop, "select cast(sum(held) as signed) from stock").await;
        for (minutes, until) in [
            (0, "2026-10-01T12:15:02.000Z"),
            (14, "2026-10-01T12:29:02.000Z"),
            (14, "2026-10-01T12:43:02.000Z"),
            (14, "2026-10-01T12:57:02.000Z"),
            (14, "2026-10-01T13:00:02.000Z"),
            (3, "2026-10-01T13:00:02.000Z"),
        ] {
            shop.app.clock.advance(minutes * MINUTE);
            assert_eq!(cart::release_expired_holds(&shop.app).await.unwrap(), 0, "{until}");
            let renewed = send(shop, "POST", &format!("{path}/hold"), &json!({})).await.json();
            assert_eq!(renewed["held_until"], until);
            assert_eq!((&shop.json(&path).await["held_until"], held().await), (&json!(until), 2));
        }
        for (wait_ms, released, left) in [(MINUTE - 1, 0, 2), (1, 1, 0)] {
            shop.app.clock.advance(wait_ms);
            assert_eq!(cart::release_expired_holds(&shop.app).await.unwrap(), released);
            assert_eq!(held().await, left);
        }
        let again = send(shop, "POST", &format!("{path}/hold"), &json!({})).await.json();
        assert_eq!(again["held_until"], "2026-10-01T13:15:02.000Z");
        assert_eq!(held().await, 2);
    }
}

db_test! {
    /// A payment that waits for the buyer's confirmation is polled for a day.
    async fn a_confirming_payment_is_polled_for_a_day(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let shop = &shop.with(|config| config.pay_within_ms = 7 * DAY).await;
        for (wait_ms, state) in [(DAY - 1, "paid"), (DAY, "pending")] {
            let order = order_paid_by(shop, "test").await;
            let pay = order_path(&order, "/payments");
            let begun = send_with_key(shop, &pay, &json!({ "card": "confirm" }), "k").await;
            assert_eq!(begun.json()["state"], "confirming", "{}", begun.text());
            // The buyer confirms it with the bank and does not return to the shop.
            let mut tx = shop.app.db.write().await.unwrap();
            let confirm = "update test_charges set state = 'captured' where state = 'confirming'";
            sqlx::query(confirm).execute(tx.conn()).await.unwrap();
            tx.commit().await.unwrap();
            shop.app.clock.advance(wait_ms);
            payments::recover(&shop.app).await.unwrap();
            assert_eq!(shop.json(&order_path(&order, "")).await["state"], state, "{wait_ms} ms");
        }
    }
}
