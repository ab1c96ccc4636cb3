//! Placing orders from carts.

use std::collections::HashSet;

use axum::body::Body;
use http::Request;
use origin::{
    checkout::{Coupon, Effect},
    coupons, orders,
};
use serde_json::json;
use shared::id::CouponId;
use tower::ServiceExt;

use crate::{db_test, shopper::*};

db_test! {
    /// A guest places an order and can read it; other clients cannot.
    async fn a_guest_buys(shop) {
        shop.save(vec![only("mug", "20.00", 5)]).await;
        let path = ready_cart(shop, "mug-1", 2).await;
        let cart = shop.json(&path).await;
        assert_eq!(cart["totals"]["items"]["minor"], 4_000);
        assert_eq!(cart["totals"]["shipping"]["minor"], 600);
        assert_eq!(cart["totals"]["total"]["minor"], 4_600);
        // The total includes 19 % tax on goods and shipping.
        assert_eq!(cart["totals"]["tax"]["minor"], 639 + 96);

        let placed = place(shop, &path).await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        let order = placed.json();
        assert_eq!(order["state"], "pending");
        assert_eq!(order["email"], "ada@example.org");
        assert_eq!(order["lines"][0]["name"], "mug");
        assert_eq!(order["totals"], cart["totals"]);
        assert_eq!(on_hand(shop).await, 3);

        let (number, token) = (order["number"].as_str().unwrap(), order["token"].as_str().unwrap());
        let found = shop.json(&format!("/api/v1/orders/{number}?token={token}")).await;
        assert_eq!(found, order);
        let foreign = shop.get(&format!("/api/v1/orders/{number}?token=none")).await;
        assert_eq!(foreign.status, 404);
        assert_eq!(shop.json(&path).await["order"], number);
        let late = send(shop, "POST", &format!("{path}/lines"), &json!({ "sku": "mug-1", "quantity": 1 })).await;
        assert_eq!((late.status.as_u16(), late.json()["type"].as_str()), (409, Some("/problems/already-ordered")));

        // Later changes of the catalogue do not affect the order.
        shop.save(vec![only("mug", "99.00", 3)]).await;
        assert_eq!(shop.json(&format!("/api/v1/orders/{number}?token={token}")).await, order);
    }
}

db_test! {
    /// Using one key for two concurrent requests is an error and does not affect other orders of
    /// the batch.
    async fn a_reused_key_fails_alone(shop) {
        shop.save(vec![only("tea", "5.00", 50)]).await;
        for round in 0..5 {
            let mut requests = Vec::new();
            for _ in 0..4 {
                let cart = ready_cart(shop, "tea-1", 1).await;
                requests.push((format!("{cart}/order"), order_of(shop, &cart).await));
            }
            let (path, mut other) = requests[1].clone();
            other["locale"] = json!("zh");
            requests.insert(2, (path, other));
            let key = format!("round-{round}");
            let answers = at_once(requests.iter().map(|(path, order)| send_with_key(shop, path, order, &key))).await;
            let statuses: Vec<_> = answers.iter().map(|it| it.status.as_u16()).collect();
            assert_eq!(statuses, [201, 201, 422, 201, 201], "{round}");
        }
        assert_eq!(on_hand(shop).await, 30);
    }
}

db_test! {
    /// More buyers than units: each unit is sold once, in a batch of one and in larger batches.
    async fn the_last_units_are_sold_once(shop) {
        let mut orders = 0;
        for (round, (left, many)) in [(1, 200), (1, 40), (2, 40), (3, 40), (7, 40)].into_iter().enumerate() {
            let name = format!("last{round}");
            shop.save(vec![only(&name, "10.00", left)]).await;
            let sku = format!("{name}-1");
            let mut paths = Vec::new();
            for _ in 0..many {
                paths.push(ready_cart(shop, &sku, 1).await);
            }
            let answers = place_at_once(shop, &paths).await;
            let placed = answers.iter().filter(|it| it.status == 201).count();
            assert_eq!(placed, usize::try_from(left).unwrap());
            assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
            orders += left;
        }
        assert_eq!(count(shop, "select count(*) from orders").await, orders);
        assert_eq!(on_hand(shop).await, 0);
        let page = shop.json("/api/v1/products/last0").await;
        assert_eq!(page["availability"], "out");
        let list = shop.json("/api/v1/products?availability=in_stock").await;
        assert!(list["items"].as_array().unwrap().is_empty(), "{list}");
    }
}

db_test! {
    /// A cart becomes one order, and a key has one response, however often it is repeated.
    async fn one_cart_makes_one_order(shop) {
        shop.save(vec![only("bowl", "10.00", 100)]).await;
        let path = ready_cart(shop, "bowl-1", 1).await;
        let order = order_of(shop, &path).await;
        let to = format!("{path}/order");
        let answers = at_once((0..100).map(|_| send_with_key(shop, &to, &order, "k-1"))).await;
        let bodies: HashSet<_> = answers.iter().map(|it| it.body.clone()).collect();
        assert_eq!(bodies.len(), 1);
        assert!(answers.iter().all(|it| it.status == 201));
        let replays = answers.iter().filter(|it| it.header("idempotent-replayed") == "true");
        assert_eq!(replays.count(), 99);

        // Another process on the same database replays the same response.
        let restarted = shop.with(|_| {}).await;
        let after = send_with_key(&restarted, &to, &order, "k-1").await;
        assert_eq!((after.status.as_u16(), &after.body), (201, &answers[0].body));

        let other = json!({ "expected_total": order["expected_total"], "payment_method": "test" });
        assert_eq!(send_with_key(shop, &to, &other, "k-1").await.status, 422);
        let again = send(shop, "POST", &to, &order).await;
        assert_eq!((again.status.as_u16(), again.json()), (200, answers[0].json()));
        let later = send_with_key(shop, &to, &order, "k-2").await;
        assert_eq!(later.json()["number"], answers[0].json()["number"]);
        for key in ["", " ", &"x".repeat(256)] {
            assert_eq!(send_with_key(shop, &to, &order, key).await.status, 400, "{key:?}");
        }
        assert_eq!(count(shop, "select count(*) from orders").await, 1);
        assert_eq!(on_hand(shop).await, 99);

        let without = ready_cart(shop, "bowl-1", 1).await;
        let answers = at_once((0..50).map(|_| place(shop, &without))).await;
        assert!(answers.iter().all(|it| it.status.is_success()));
        assert_eq!(count(shop, "select count(*) from orders").await, 2);
    }
}

db_test! {
    /// An order at a changed price is refused, and the response names the new total.
    async fn a_changed_price_is_refused(shop) {
        shop.save(vec![only("cup", "10.00", 9)]).await;
        let path = ready_cart(shop, "cup-1", 1).await;
        let order = order_of(shop, &path).await;
        shop.save(vec![only("cup", "12.00", 9)]).await;
        let refused = send(shop, "POST", &format!("{path}/order"), &order).await;
        let problem = refused.json();
        assert_eq!((refused.status.as_u16(), problem["type"].as_str()), (409, Some("/problems/changed")));
        let text = problem.to_string();
        assert!(text.contains("$18.00") && text.contains("The price is now $12.00; it was $10.00."), "{text}");
        assert_eq!(count(shop, "select count(*) from orders").await, 0);
        let line = shop.json(&path).await["lines"][0].clone();
        assert_eq!(line["problems"][0]["type"], "price_changed");
        assert_eq!(place(shop, &path).await.status, 201);
    }
}

db_test! {
    /// Invalid input is answered with 4xx, and nothing is written.
    async fn invalid_input_is_refused(shop) {
        shop.save(vec![only("jug", "10.00", 9)]).await;
        let path = ready_cart(shop, "jug-1", 1).await;
        let before = shop.json(&path).await;
        let lines = format!("{path}/lines");
        for line in [
            json!({ "sku": "jug-1", "quantity": -1 }),
            json!({ "sku": "jug-1", "quantity": 0 }),
            json!({ "sku": "jug-1", "quantity": 2_147_483_648_i64 }),
            json!({ "sku": "jug-1", "quantity": 999 }),
            json!({ "sku": "jug-1", "quantity": 1.5 }),
            json!({ "sku": "jug-1", "quantity": "1" }),
            json!({ "sku": "jug-1", "quantity": 1, "price": 1 }),
            json!({ "sku": "nothing", "quantity": 1 }),
            json!({ "quantity": 1 }),
            json!([]),
        ] {
            let reply = send(shop, "POST", &lines, &line).await;
            assert_eq!(reply.status, 400, "{line}: {}", reply.text());
        }
        for update in [
            json!({ "email": "nobody" }),
            json!({ "total": 1 }),
            json!({ "coupons": ["a", "b", "c", "d", "e", "f"] }),
            json!({ "note": "x".repeat(1_001) }),
            json!({ "shipping_address": { "name": "", "line1": "1", "city": "B", "country": "DE" } }),
        ] {
            let reply = send(shop, "PATCH", &path, &update).await;
            assert_eq!(reply.status, 400, "{update}: {}", reply.text());
        }
        let order = format!("{path}/order");
        let total = before["totals"]["total"].clone();
        for (body, status) in [
            (json!({ "expected_total": { "minor": 1, "currency": "USD" }, "payment_method": "manual" }), 409),
            (json!({ "expected_total": { "minor": total["minor"], "currency": "EUR" }, "payment_method": "manual" }), 409),
            (json!({ "expected_total": total, "payment_method": "barter" }), 400),
            (json!({ "expected_total": total, "payment_method": "manual", "discount": 5 }), 400),
            (json!({ "payment_method": "manual" }), 400),
        ] {
            let reply = send(shop, "POST", &order, &body).await;
            assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.text());
        }
        assert_eq!(send(shop, "POST", "/api/v1/carts/none/lines", &json!({ "sku": "jug-1", "quantity": 1 })).await.status, 404);
        assert_eq!(shop.json(&path).await, before);
        assert_eq!(count(shop, "select count(*) from orders").await, 0);
    }
}

db_test! {
    /// `If-Match` prevents lost updates between two tabs.
    async fn if_match_prevents_lost_updates(shop) {
        shop.save(vec![only("pan", "10.00", 9)]).await;
        let path = ready_cart(shop, "pan-1", 1).await;
        let tag = shop.get(&path).await.header("etag").to_owned();
        let set = async |tag: &str, quantity: i64| {
            let request = Request::put(format!("{path}/lines/pan-1"))
                .header("content-type", "application/json")
                .header("if-match", tag);
            let body = json!({ "quantity": quantity }).to_string();
            shop.send_body(request, Body::from(body)).await
        };
        let first = set(&tag, 3).await;
        assert_eq!(first.status, 200, "{}", first.text());
        assert_eq!(set(&tag, 4).await.status, 412);
        assert_eq!(set("\"x\"", 4).await.status, 412);
        assert_eq!(set("*", 5).await.status, 200);
        assert_eq!(shop.json(&path).await["lines"][0]["quantity"], 5);
        let gone = send(shop, "DELETE", &format!("{path}/lines/pan-1"), &json!({})).await;
        assert_eq!(gone.json()["missing"], json!(["lines"]));
    }
}

db_test! {
    /// A coupon with a limit of one use is used once.
    async fn a_coupon_has_a_limit_of_uses(shop) {
        shop.save(vec![only("pot", "50.00", 100)]).await;
        let mut tx = shop.app.db.write().await.unwrap();
        let coupon = Coupon {
            id: CouponId::new(7),
            code: "ONCE".into(),
            effect: Effect::Percentage(1_000),
            minimum_minor: 4_000,
            starts_at: None,
            ends_at: None,
            limit_total: Some(1),
            limit_customer: None,
            used: 0,
            used_by_customer: 0,
            stackable: false,
            active: true,
        };
        coupons::save(&mut tx, &coupon).await.unwrap();
        tx.commit().await.unwrap();
        let mut paths = Vec::new();
        for _ in 0..50 {
            let path = ready_cart(shop, "pot-1", 1).await;
            let cart = send(shop, "PATCH", &path, &json!({ "coupons": ["once", "other"] })).await.json();
            assert_eq!(cart["coupons"][0]["discount"]["minor"], 500, "{cart}");
            assert_eq!(cart["coupons"][1]["refused"], "unknown");
            assert_eq!(send(shop, "PATCH", &path, &json!({ "coupons": ["once"] })).await.status, 200);
            paths.push(path);
        }
        let answers = place_at_once(shop, &paths).await;
        let placed: Vec<_> = answers.iter().filter(|it| it.status == 201).collect();
        assert_eq!(placed.len(), 1);
        assert_eq!(placed[0].json()["totals"]["discount"]["minor"], 500);
        assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
        assert_eq!(count(shop, "select used from coupons").await, 1);
        assert_eq!(count(shop, "select count(*) from coupon_uses").await, 1);

        // After the order is cancelled, it can be used again.
        let order = placed[0].json();
        let to = format!("/api/v1/orders/{}/cancel?token={}", order["number"].as_str().unwrap(), order["token"].as_str().unwrap());
        assert_eq!(send(shop, "POST", &to, &json!({})).await.status, 200);
        assert_eq!(count(shop, "select used from coupons").await, 0);
        let left = answers.iter().position(|it| it.status == 409).unwrap();
        assert_eq!(place(shop, &paths[left]).await.status, 201);
    }
}

db_test! {
    /// The limit per customer counts only the customer's own uses.
    async fn a_coupon_has_a_limit_for_each_customer(shop) {
        shop.save(vec![only("pot", "50.00", 100)]).await;
        let mut tx = shop.app.db.write().await.unwrap();
        let coupon = Coupon {
            id: CouponId::new(7),
            code: "THREE".into(),
            effect: Effect::Amount(100),
            minimum_minor: 0,
            starts_at: None,
            ends_at: None,
            limit_total: Some(5),
            limit_customer: Some(3),
            used: 0,
            used_by_customer: 0,
            stackable: true,
            active: true,
        };
        coupons::save(&mut tx, &coupon).await.unwrap();
        tx.commit().await.unwrap();
        let mut paths = Vec::new();
        for number in 0..20 {
            let path = ready_cart(shop, "pot-1", 1).await;
            let email = format!("buyer{}@example.org", number / 15);
            let update = json!({ "coupons": ["three"], "email": email });
            assert_eq!(send(shop, "PATCH", &path, &update).await.status, 200);
            paths.push(path);
        }
        let answers = place_at_once(shop, &paths).await;
        assert_eq!(answers.iter().filter(|it| it.status == 201).count(), 5);
        let most = "select max(uses) from (select count(*) as uses from coupon_uses group by email) counted";
        assert_eq!(count(shop, most).await, 3);
    }
}

db_test! {
    /// Concurrent cancellations of an order return its stock once.
    async fn a_cancelled_order_returns_its_stock_once(shop) {
        shop.save(vec![only("vase", "30.00", 4)]).await;
        let path = ready_cart(shop, "vase-1", 3).await;
        let order = place(shop, &path).await.json();
        assert_eq!(on_hand(shop).await, 1);
        assert_eq!(shop.json("/api/v1/products/vase").await["availability"], "low");
        let to = format!("/api/v1/orders/{}/cancel?token={}", order["number"].as_str().unwrap(), order["token"].as_str().unwrap());
        let none = json!({});
        let answers = at_once((0..100).map(|_| send(shop, "POST", &to, &none))).await;
        let done = answers.iter().filter(|it| it.status == 200).count();
        assert!(answers.iter().all(|it| [200, 409].contains(&it.status.as_u16())));
        assert_eq!(done, 1);
        assert_eq!(on_hand(shop).await, 4);
        let steps = count(shop, "select count(*) from order_events where state = 'cancelled'").await;
        assert_eq!(steps, 1);
    }
}

db_test! {
    /// An unpaid order expires and returns its stock; a paid one does not.
    async fn an_unpaid_order_expires(shop) {
        shop.save(vec![only("lamp", "30.00", 4)]).await;
        let path = ready_cart(shop, "lamp-1", 3).await;
        let order = place(shop, &path).await.json();
        // Bank transfers have a longer deadline.
        shop.app.clock.advance(shop.app.config.pay_within_ms);
        assert_eq!(orders::expire(&shop.app).await.unwrap(), 0);
        shop.app.clock.advance(shop.app.config.transfer_within_ms);
        let both = tokio::join!(orders::expire(&shop.app), orders::expire(&shop.app));
        assert_eq!(both.0.unwrap() + both.1.unwrap(), 1);
        assert_eq!(on_hand(shop).await, 4);
        let found = shop.json(&format!("/api/v1/orders/{}?token={}", order["number"].as_str().unwrap(), order["token"].as_str().unwrap())).await;
        assert_eq!(found["state"], "expired");
        assert!(found.get("pay_until").is_none());
    }
}

db_test! {
    /// Carts with the same variants in opposite order do not deadlock.
    async fn opposite_line_orders_do_not_deadlock(shop) {
        shop.save(vec![only("left", "1.00", 1_000), only("right", "1.00", 1_000)]).await;
        let mut paths = Vec::new();
        for number in 0..40 {
            let (first, second) = if number % 2 == 0 { ("left-1", "right-1") } else { ("right-1", "left-1") };
            let path = ready_cart(shop, first, 1).await;
            let line = json!({ "sku": second, "quantity": 1 });
            assert_eq!(send(shop, "POST", &format!("{path}/lines"), &line).await.status, 200);
            paths.push(path);
        }
        let answers = place_at_once(shop, &paths).await;
        assert!(answers.iter().all(|it| it.status == 201));
        assert_eq!(on_hand(shop).await, 2_000 - 80);
        let numbers: HashSet<_> = answers.iter().map(|it| it.json()["number"].to_string()).collect();
        assert_eq!(numbers.len(), 40);
        let placed_messages = "select count(*) from outbox where topic = 'order.placed'";
        assert_eq!(count(shop, placed_messages).await, 40);
    }
}

db_test! {
    /// Two origins on one database oversell nothing, whatever the order of lines, and no client
    /// sees a conflict.
    async fn two_origins_sell_nothing_twice(shop) {
        let second_origin = shop.second_origin().await;
        shop.save(vec![only("left", "1.00", 30), only("right", "1.00", 30)]).await;
        let mut requests = Vec::new();
        for number in 0..60 {
            let (first, second) = if number % 2 == 0 { ("left-1", "right-1") } else { ("right-1", "left-1") };
            let path = ready_cart(shop, first, 1).await;
            let line = json!({ "sku": second, "quantity": 1 });
            assert_eq!(send(shop, "POST", &format!("{path}/lines"), &line).await.status, 200);
            let router = if number % 3 == 0 { &shop.router } else { &second_origin };
            let request = Request::post(format!("{path}/order"))
                .header("content-type", "application/json")
                .body(Body::from(order_of(shop, &path).await.to_string()))
                .unwrap();
            requests.push((router.clone(), request));
        }
        let requests = requests.into_iter().map(|(router, request)| tokio::spawn(router.oneshot(request)));
        let requests: Vec<_> = requests.collect();
        let mut placed = 0;
        for ask in requests {
            match ask.await.unwrap().unwrap().status().as_u16() {
                201 => placed += 1,
                409 => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!((placed, on_hand(shop).await), (30, 0));
    }
}

db_test! {
    /// Adding to a full cart takes as many statements as adding to an empty one, and the number of
    /// lines is limited.
    async fn a_cart_has_a_limit(shop) {
        let products = (0..201).map(|number| only(&format!("thing{number}"), "1.00", 9)).collect();
        shop.save(products).await;
        let path = ready_cart(shop, "thing0-1", 1).await;
        for number in 1..200 {
            let line = json!({ "sku": format!("thing{number}-1"), "quantity": 1 });
            assert_eq!(send(shop, "POST", &format!("{path}/lines"), &line).await.status, 200);
        }
        let line = json!({ "sku": "thing200-1", "quantity": 1 });
        let refused = send(shop, "POST", &format!("{path}/lines"), &line).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("200 different items"), "{}", refused.text());
        assert_eq!(place(shop, &path).await.json()["lines"].as_array().unwrap().len(), 200);
        let cleared = ready_cart(shop, "thing1-1", 1).await;
        let empty = send(shop, "DELETE", &format!("{cleared}/lines"), &json!({})).await.json();
        assert_eq!((empty["lines"].as_array().unwrap().len(), &empty["totals"]["total"]["minor"]), (0, &json!(0)));
    }
}

db_test! {
    /// The metrics of carts, checkouts, orders, payments and stock.
    async fn business_metrics_are_counted(shop) {
        shop.save(vec![only("fan", "10.00", 1)]).await;
        let (first, second) = (ready_cart(shop, "fan-1", 1).await, ready_cart(shop, "fan-1", 1).await);
        for _ in 0..2 {
            shop.app.clock.advance(1_000);
            send(shop, "POST", &format!("{first}/hold"), &json!({})).await;
        }
        let mut order = order_of(shop, &first).await;
        order["payment_method"] = json!("test");
        let placed = send(shop, "POST", &format!("{first}/order"), &order).await.json();
        assert_eq!(place(shop, &second).await.status, 409);
        let (number, token) = (placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        let payments = format!("/api/v1/orders/{number}/payments?token={token}");
        for card in ["declined", "succeeds"] {
            send_with_key(shop, &payments, &json!({ "card": card }), card).await;
        }
        let mut reader = shop.app.db.read().await.unwrap();
        let (rows, differs) = origin::inventory::ledger_accuracy(&mut reader).await.unwrap();
        shop.app.metrics.business.stock(rows, differs);
        drop(reader);
        let text = shop.get_ops("/metrics").await.text().to_owned();
        for line in [
            "shop_carts_total 2",
            "shop_checkouts_total 1",
            "shop_orders_total{outcome=\"placed\"} 1",
            "shop_orders_total{outcome=\"refused\"} 1",
            "shop_payments_total{method=\"test\",outcome=\"captured\"} 1",
            "shop_payments_total{method=\"test\",outcome=\"failed\"} 1",
            "shop_stock_rows 1",
            "shop_stock_rows_different 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
