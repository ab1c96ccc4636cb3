//! Stock holds of carts in checkout, and merging carts.

use origin::{cart, catalog::model::Status, orders};
use serde_json::json;

use crate::{db_test, shopper::*, support::Shop};

async fn hold(shop: &Shop, path: &str) -> serde_json::Value {
    let held = send(shop, "POST", &format!("{path}/hold"), &json!({})).await;
    assert_eq!(held.status, 200, "{}", held.text());
    held.json()
}

async fn held(shop: &Shop) -> i64 {
    count(shop, "select cast(sum(held) as signed) from stock").await
}

db_test! {
    /// A cart in checkout holds its units, other carts see the remaining stock, and an expired hold
    /// releases them.
    async fn held_units_are_not_sold_to_others(shop) {
        shop.save(vec![only("lamp", "10.00", 3)]).await;
        let first = ready_cart(shop, "lamp-1", 2).await;
        let cart = hold(shop, &first).await;
        assert_eq!(cart["held_until"], "2026-10-01T12:15:02.000Z");
        assert!(cart["lines"][0].get("problems").is_none(), "{cart}");
        assert_eq!(held(shop).await, 2);

        let second = ready_cart(shop, "lamp-1", 2).await;
        let short = hold(shop, &second).await;
        assert_eq!(short["lines"][0]["problems"], json!([{ "type": "short", "available": 1 }]));
        assert_eq!(place(shop, &second).await.status, 409);
        assert_eq!(held(shop).await, 3);
        assert_eq!(shop.json("/api/v1/products/lamp").await["availability"], "out");

        // Each change extends the hold, up to its maximum, and updates the held units.
        shop.app.clock.advance(10 * 60_000);
        let line = format!("{first}/lines/lamp-1");
        let fewer = send(shop, "PUT", &line, &json!({ "quantity": 1 })).await.json();
        assert_eq!(fewer["held_until"], "2026-10-01T12:25:02.000Z");
        assert_eq!(held(shop).await, 2);
        for _ in 0..12 {
            shop.app.clock.advance(5 * 60_000);
            let cart = hold(shop, &first).await;
            assert!(cart["held_until"].as_str().unwrap() <= "2026-10-01T13:00:02.000Z", "{cart}");
        }
        assert_eq!(cart::release_expired_holds(&shop.app).await.unwrap(), 2);
        assert_eq!(cart::release_expired_holds(&shop.app).await.unwrap(), 0);
        assert_eq!(held(shop).await, 0);
        assert!(shop.json(&first).await.get("held_until").is_none());

        // Placing the order turns the hold into a sale.
        hold(shop, &first).await;
        hold(shop, &second).await;
        let placed = place(shop, &first).await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        assert_eq!((held(shop).await, on_hand(shop).await), (2, 2));
        let left = send(shop, "DELETE", &format!("{second}/hold"), &json!({})).await.json();
        assert!(left.get("held_until").is_none());
        assert_eq!(held(shop).await, 0);
        assert_eq!(place(shop, &second).await.status, 201);
        assert_eq!(on_hand(shop).await, 0);
        let late = send(shop, "POST", &format!("{second}/hold"), &json!({})).await;
        assert_eq!(late.status, 409);
    }
}

db_test! {
    /// A product that is withdrawn while a cart holds it is not held any longer.
    async fn withdrawn_products_are_not_held(shop) {
        shop.save(vec![only("lamp", "10.00", 3), only("vase", "10.00", 3)]).await;
        let path = ready_cart(shop, "lamp-1", 2).await;
        let more = json!({ "sku": "vase-1", "quantity": 1 });
        send(shop, "POST", &format!("{path}/lines"), &more).await;
        hold(shop, &path).await;
        assert_eq!(held(shop).await, 3);
        let mut lamp = only("lamp", "10.00", 3);
        lamp.status = Status::Archived;
        shop.save(vec![lamp]).await;
        let cart = hold(shop, &path).await;
        assert_eq!(cart["lines"][0]["problems"], json!([{ "type": "gone" }]));
        assert_eq!(held(shop).await, 1);
    }
}

db_test! {
    /// Concurrent holds, changes, orders and releases: every held unit belongs to a cart, and
    /// nothing is oversold.
    async fn concurrent_holds_orders_and_releases_add_up(shop) {
        shop.save(vec![only("vase", "10.00", 60)]).await;
        let mut paths = Vec::new();
        for _ in 0..40 {
            paths.push(ready_cart(shop, "vase-1", 2).await);
        }
        at_once(paths.iter().map(|path| async move {
            send(shop, "POST", &format!("{path}/hold"), &json!({})).await
        }))
        .await;
        assert_eq!(held(shop).await, 60);
        shop.app.clock.advance(16 * 60_000);
        let sweeps = futures_util::future::join_all((0..4).map(|_| cart::release_expired_holds(&shop.app)));
        let (answers, released) = tokio::join!(place_at_once(shop, &paths), sweeps);
        assert!(released.iter().all(Result::is_ok), "{released:?}");
        let placed = answers.iter().filter(|it| it.status == 201).count();
        assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
        // Carts with expired holds compete with carts that still hold; no cart with a hold is
        // refused.
        assert!(placed >= 30 && i64::try_from(placed).unwrap() * 2 <= 60, "{placed}");
        assert_eq!(on_hand(shop).await, 60 - 2 * i64::try_from(placed).unwrap());
        cart::release_expired_holds(&shop.app).await.unwrap();
        assert_eq!(held(shop).await, 0);
    }
}

db_test! {
    /// Merging a guest's cart with the cart of another visit.
    async fn carts_are_merged(shop) {
        let others = (0..200).map(|it| only(&format!("thing{it}"), "1.00", 9));
        shop.save(others.chain([only("soap", "5.00", 10), only("brush", "7.00", 1_500)]).collect()).await;
        let guest = ready_cart(shop, "soap-1", 6).await;
        let add = json!({ "sku": "brush-1", "quantity": 600 });
        send(shop, "POST", &format!("{guest}/lines"), &add).await;
        hold(shop, &guest).await;
        let own = send(shop, "POST", "/api/v1/carts", &json!({})).await.json();
        let own = format!("/api/v1/carts/{}", own["id"].as_str().unwrap());
        for (sku, quantity) in [("soap-1", 7), ("brush-1", 600), ("thing1-1", 1)] {
            let add = json!({ "sku": sku, "quantity": quantity });
            send(shop, "POST", &format!("{own}/lines"), &add).await;
        }
        let from = guest.rsplit_once('/').unwrap().1;
        let merge = json!({ "from": from });
        let merged = send(shop, "POST", &format!("{own}/merge"), &merge).await;
        assert_eq!(merged.status, 200, "{}", merged.text());
        let cart = merged.json();
        let quantities: Vec<_> = cart["lines"].as_array().unwrap().iter()
            .map(|line| (line["sku"].as_str().unwrap().to_owned(), line["quantity"].as_i64().unwrap()))
            .collect();
        // Quantities are merged up to the stock and up to the limit.
        assert_eq!(quantities, [("soap-1".into(), 10), ("brush-1".into(), 999), ("thing1-1".into(), 1)]);
        assert_eq!(cart["email"], "ada@example.org");
        assert_eq!(shop.json(&guest).await["lines"], json!([]));
        assert_eq!(held(shop).await, 0);
        let again = send(shop, "POST", &format!("{own}/merge"), &merge).await.json();
        assert_eq!(again["lines"], cart["lines"]);

        for (from, status) in [("none", 400), (own.rsplit_once('/').unwrap().1, 200)] {
            let reply = send(shop, "POST", &format!("{own}/merge"), &json!({ "from": from })).await;
            assert_eq!(reply.status.as_u16(), status, "{from}: {}", reply.text());
        }
        assert_eq!(place(shop, &own).await.status, 201);
        assert_eq!(send(shop, "POST", &format!("{own}/merge"), &merge).await.status, 409);
    }
}

db_test! {
    /// A low-stock message is sent once.
    async fn low_stock_is_reported_once(shop) {
        shop.save(vec![only("clock", "10.00", 8)]).await;
        let low_stock_messages = "select count(*) from outbox where topic = 'stock.low'";
        let mut number = String::new();
        let mut token = String::new();
        for (left, messages) in [(7, 0), (6, 0), (5, 1), (4, 1)] {
            let path = ready_cart(shop, "clock-1", 1).await;
            let order = place(shop, &path).await.json();
            (number, token) = (order["number"].as_str().unwrap().into(), order["token"].as_str().unwrap().into());
            assert_eq!((on_hand(shop).await, count(shop, low_stock_messages).await), (left, messages));
        }
        orders::cancel(&shop.app, &number, &token).await.unwrap();
        assert_eq!(count(shop, low_stock_messages).await, 1);
    }
}
