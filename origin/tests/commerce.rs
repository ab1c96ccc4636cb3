//! From a cart to an order, over HTTP, on both engines: what can be bought, what cannot, and what
//! many at once must never achieve.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use std::collections::HashSet;

use axum::body::Body;
use http::Request;
use origin::{
    checkout::{Coupon, Effect},
    coupons, orders, payments,
};
use serde_json::{Value, json};
use shared::id::CouponId;
use support::{Reply, Shop, product};
use tower::ServiceExt;

/// Sends JSON.
async fn send(shop: &Shop, method: &str, path: &str, body: &Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    shop.send_body(request, Body::from(body.to_string())).await
}

async fn send_with_key(shop: &Shop, path: &str, body: &Value, key: &str) -> Reply {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    shop.send_body(request, Body::from(body.to_string())).await
}

/// A cart with so many of a sku, ready to be ordered; its path.
async fn ready_cart(shop: &Shop, sku: &str, quantity: i64) -> String {
    let cart = send(shop, "POST", "/api/v1/carts", &json!({})).await;
    assert_eq!(cart.status, 201, "{}", cart.text());
    let path = format!("/api/v1/carts/{}", cart.json()["id"].as_str().unwrap());
    let line = json!({ "sku": sku, "quantity": quantity });
    let added = send(shop, "POST", &format!("{path}/lines"), &line).await;
    assert_eq!(added.status, 200, "{}", added.text());
    let update = json!({
        "email": "Ada@Example.org", "shipping_method": "standard",
        "shipping_address": { "name": "Ada", "line1": "1 Lane", "city": "Berlin",
                              "postcode": "10115", "country": "DE" },
    });
    let updated = send(shop, "PATCH", &path, &update).await;
    assert_eq!(updated.status, 200, "{}", updated.text());
    assert!(
        updated.json().get("missing").is_none(),
        "{}",
        updated.text()
    );
    path
}

/// What ordering a cart as it is now asks for.
async fn order_of(shop: &Shop, path: &str) -> Value {
    let cart = shop.json(path).await;
    json!({ "expected_total": cart["totals"]["total"], "payment_method": "manual" })
}

async fn place(shop: &Shop, path: &str) -> Reply {
    let order = order_of(shop, path).await;
    send(shop, "POST", &format!("{path}/order"), &order).await
}

async fn count(shop: &Shop, statement: &'static str) -> i64 {
    let mut reader = shop.app.db.read().await.unwrap();
    sqlx::query_scalar(statement)
        .fetch_one(&mut *reader)
        .await
        .unwrap()
}

async fn on_hand(shop: &Shop) -> i64 {
    count(
        shop,
        "select cast(coalesce(sum(on_hand), 0) as signed) from stock",
    )
    .await
}

fn only(name: &str, price: &str, stock: i64) -> origin::catalog::model::NewProduct {
    let mut product = product(name, price);
    product.variants[0].stock = Some(stock);
    product
}

/// Runs all of these at once and gives their answers.
async fn at_once<F: Future<Output = Reply>>(asks: impl IntoIterator<Item = F>) -> Vec<Reply> {
    futures_util::future::join_all(asks).await
}

db_test! {
    /// A guest buys, sees the order again, and nobody else does.
    async fn a_guest_buys(shop) {
        shop.save(vec![only("mug", "20.00", 5)]).await;
        let path = ready_cart(shop, "mug-1", 2).await;
        let cart = shop.json(&path).await;
        assert_eq!(cart["totals"]["items"]["minor"], 4_000);
        assert_eq!(cart["totals"]["shipping"]["minor"], 600);
        assert_eq!(cart["totals"]["total"]["minor"], 4_600);
        // 19 % are in it, on the goods and on the way.
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

        // Later changes of the catalogue do not show in the order.
        shop.save(vec![only("mug", "99.00", 3)]).await;
        assert_eq!(shop.json(&format!("/api/v1/orders/{number}?token={token}")).await, order);
    }
}

db_test! {
    /// One left, many want it: one gets it, in every round.
    async fn the_last_one_is_sold_once(shop) {
        for round in 0..5 {
            let name = format!("last{round}");
            shop.save(vec![only(&name, "10.00", 1)]).await;
            let sku = format!("{name}-1");
            let mut paths = Vec::new();
            for _ in 0..40 {
                paths.push(ready_cart(shop, &sku, 1).await);
            }
            let answers = at_once(paths.iter().map(|path| place(shop, path))).await;
            let mut statuses: Vec<u16> = answers.iter().map(|it| it.status.as_u16()).collect();
            statuses.sort_unstable();
            assert_eq!(statuses[0], 201);
            assert!(statuses[1..].iter().all(|it| *it == 409), "{statuses:?}");
        }
        assert_eq!(count(shop, "select count(*) from orders").await, 5);
        assert_eq!(on_hand(shop).await, 0);
        let page = shop.json("/api/v1/products/last0").await;
        assert_eq!(page["availability"], "out");
        let list = shop.json("/api/v1/products?availability=in_stock").await;
        assert!(list["items"].as_array().unwrap().is_empty(), "{list}");
    }
}

db_test! {
    /// One cart makes one order, and one key one answer, however often and with or without it.
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
    /// When a price has changed since the shopper saw it, nothing is ordered and it is said.
    async fn a_price_that_changed_is_said_before_it_is_paid(shop) {
        shop.save(vec![only("cup", "10.00", 9)]).await;
        let path = ready_cart(shop, "cup-1", 1).await;
        let order = order_of(shop, &path).await;
        shop.save(vec![only("cup", "12.00", 9)]).await;
        let refused = send(shop, "POST", &format!("{path}/order"), &order).await;
        let problem = refused.json();
        assert_eq!((refused.status.as_u16(), problem["type"].as_str()), (409, Some("/problems/changed")));
        let text = problem.to_string();
        assert!(text.contains("$18.00") && text.contains("It costs $12.00 now; it was $10.00."), "{text}");
        assert_eq!(count(shop, "select count(*) from orders").await, 0);
        let line = shop.json(&path).await["lines"][0].clone();
        assert_eq!(line["problems"][0]["type"], "price_changed");
        assert_eq!(place(shop, &path).await.status, 201);
    }
}

db_test! {
    /// Whatever a client invents is a 4xx, and nothing is written.
    async fn tampering_is_refused(shop) {
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
    /// `If-Match` keeps two tabs from overwriting each other.
    async fn an_older_version_changes_nothing(shop) {
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
    /// A coupon that may be used once is used once, by whoever came first.
    async fn a_coupon_is_used_as_often_as_it_may_be(shop) {
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
            limit_customer: Some(1),
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
        let answers = at_once(paths.iter().map(|path| place(shop, path))).await;
        let placed: Vec<_> = answers.iter().filter(|it| it.status == 201).collect();
        assert_eq!(placed.len(), 1);
        assert_eq!(placed[0].json()["totals"]["discount"]["minor"], 500);
        assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
        assert_eq!(count(shop, "select used from coupons").await, 1);
        assert_eq!(count(shop, "select count(*) from coupon_uses").await, 1);

        // Given up, it can be used again.
        let order = placed[0].json();
        let to = format!("/api/v1/orders/{}/cancel?token={}", order["number"].as_str().unwrap(), order["token"].as_str().unwrap());
        assert_eq!(send(shop, "POST", &to, &json!({})).await.status, 200);
        assert_eq!(count(shop, "select used from coupons").await, 0);
        let left = answers.iter().position(|it| it.status == 409).unwrap();
        assert_eq!(place(shop, &paths[left]).await.status, 201);
    }
}

db_test! {
    /// However many give up an order at once, its stock comes back once.
    async fn what_is_given_up_comes_back_once(shop) {
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
    /// What is not paid in time gives back what it took, and a paid one does not.
    async fn an_unpaid_order_expires(shop) {
        shop.save(vec![only("lamp", "30.00", 4)]).await;
        let path = ready_cart(shop, "lamp-1", 3).await;
        let order = place(shop, &path).await.json();
        assert_eq!(orders::expire(&shop.app).await.unwrap(), 0);
        shop.app.clock.advance(shop.app.config.pay_within_ms);
        let both = tokio::join!(orders::expire(&shop.app), orders::expire(&shop.app));
        assert_eq!(both.0.unwrap() + both.1.unwrap(), 1);
        assert_eq!(on_hand(shop).await, 4);
        let found = shop.json(&format!("/api/v1/orders/{}?token={}", order["number"].as_str().unwrap(), order["token"].as_str().unwrap())).await;
        assert_eq!(found["state"], "expired");
        assert!(found.get("pay_until").is_none());
    }
}

db_test! {
    /// Lines in opposite orders do not lock each other out, and everybody is served.
    async fn opposite_orders_do_not_block_each_other(shop) {
        shop.save(vec![only("left", "1.00", 1_000), only("right", "1.00", 1_000)]).await;
        let mut paths = Vec::new();
        for number in 0..40 {
            let (first, second) = if number % 2 == 0 { ("left-1", "right-1") } else { ("right-1", "left-1") };
            let path = ready_cart(shop, first, 1).await;
            let line = json!({ "sku": second, "quantity": 1 });
            assert_eq!(send(shop, "POST", &format!("{path}/lines"), &line).await.status, 200);
            paths.push(path);
        }
        let answers = at_once(paths.iter().map(|path| place(shop, path))).await;
        assert!(answers.iter().all(|it| it.status == 201));
        assert_eq!(on_hand(shop).await, 2_000 - 80);
        let numbers: HashSet<_> = answers.iter().map(|it| it.json()["number"].to_string()).collect();
        assert_eq!(numbers.len(), 40);
        let told = "select count(*) from outbox where topic = 'order.placed'";
        assert_eq!(count(shop, told).await, 40);
    }
}

db_test! {
    /// Two origins on one database sell the last ones once, whatever order the lines are in, and
    /// nobody sees that they met.
    async fn two_origins_sell_nothing_twice(shop) {
        let twin = shop.twin().await;
        shop.save(vec![only("left", "1.00", 30), only("right", "1.00", 30)]).await;
        let mut asks = Vec::new();
        for number in 0..60 {
            let (first, second) = if number % 2 == 0 { ("left-1", "right-1") } else { ("right-1", "left-1") };
            let path = ready_cart(shop, first, 1).await;
            let line = json!({ "sku": second, "quantity": 1 });
            assert_eq!(send(shop, "POST", &format!("{path}/lines"), &line).await.status, 200);
            let router = if number % 3 == 0 { &shop.router } else { &twin };
            let request = Request::post(format!("{path}/order"))
                .header("content-type", "application/json")
                .body(Body::from(order_of(shop, &path).await.to_string()))
                .unwrap();
            asks.push(tokio::spawn(router.clone().oneshot(request)));
        }
        let mut placed = 0;
        for ask in asks {
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
    /// Adding to a full cart costs what adding to an empty one costs, and there is a limit.
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
        assert!(refused.text().contains("200 different things"), "{}", refused.text());
        assert_eq!(place(shop, &path).await.json()["lines"].as_array().unwrap().len(), 200);
        let cleared = ready_cart(shop, "thing1-1", 1).await;
        let empty = send(shop, "DELETE", &format!("{cleared}/lines"), &json!({})).await.json();
        assert_eq!((empty["lines"].as_array().unwrap().len(), &empty["totals"]["total"]["minor"]), (0, &json!(0)));
    }
}

/// The files in the mailbox folder.
fn mailbox(shop: &Shop) -> Vec<String> {
    let folder = shop.app.config.data_dir.join("mail");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect()
}

db_test! {
    /// The buyer gets one message for each thing that happened, in order, in their language, even
    /// when two processes deliver at once and the mailbox fails for a while.
    async fn the_buyer_is_told_once(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let mut order = order_of(shop, &path).await;
        order["locale"] = json!("zh");
        let placed = send(shop, "POST", &format!("{path}/order"), &order).await.json();
        // A file stands where the folder should be.
        let folder = shop.app.config.data_dir.join("mail");
        std::fs::write(&folder, "").unwrap();
        assert_eq!(origin::outbox::deliver_due(&shop.app).await.unwrap(), 0);
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(origin::outbox::deliver_due(&shop.app).await.unwrap(), 0, "it waits");
        let to = format!("/api/v1/orders/{}/cancel?token={}", placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        assert_eq!(send(shop, "POST", &to, &json!({})).await.status, 200);
        assert_eq!(origin::outbox::deliver_due(&shop.app).await.unwrap(), 0, "order is kept");
        shop.app.clock.advance(10_000);
        for _ in 0..3 {
            let both = tokio::join!(
                origin::outbox::deliver_due(&shop.app),
                origin::outbox::deliver_due(&shop.app),
            );
            both.0.unwrap();
            both.1.unwrap();
        }
        let mails = mailbox(shop);
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|it| it.contains("To: ada@example.org")));
        assert_eq!(count(shop, "select count(*) from outbox where delivered_at is null").await, 0);
    }
}

db_test! {
    /// What fails again and again is parked, seen, and tried again when somebody says so.
    async fn what_cannot_be_delivered_is_parked(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        let folder = shop.app.config.data_dir.join("mail");
        std::fs::write(&folder, "").unwrap();
        for _ in 0..14 {
            assert_eq!(origin::outbox::deliver_due(&shop.app).await.unwrap(), 0);
            shop.app.clock.advance(2 * 60 * 60 * 1_000);
        }
        let mut reader = shop.app.db.read().await.unwrap();
        let parked = origin::outbox::parked(&mut reader).await.unwrap();
        drop(reader);
        assert_eq!(parked.len(), 1);
        assert!(parked[0].3 == 12 && parked[0].4.contains("mailbox folder"), "{parked:?}");
        std::fs::remove_file(&folder).unwrap();
        let mut tx = shop.app.db.write().await.unwrap();
        assert_eq!(origin::outbox::retry(&mut tx, shop.app.clock.now()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(origin::outbox::deliver_due(&shop.app).await.unwrap(), 1);
        assert_eq!(mailbox(shop).len(), 1);
    }
}

/// An order that is to be paid with the method `test`: its address and query.
async fn test_order(shop: &Shop, sku: &str) -> (String, String) {
    let path = ready_cart(shop, sku, 1).await;
    let mut order = order_of(shop, &path).await;
    order["payment_method"] = json!("test");
    let placed = send(shop, "POST", &format!("{path}/order"), &order)
        .await
        .json();
    let number = placed["number"].as_str().unwrap();
    let token = placed["token"].as_str().unwrap();
    (
        format!("/api/v1/orders/{number}"),
        format!("?token={token}"),
    )
}

async fn pay(shop: &Shop, (order, token): &(String, String), card: &str, key: &str) -> Reply {
    let to = format!("{order}/payments{token}");
    send_with_key(shop, &to, &json!({ "card": card }), key).await
}

async fn operate(shop: &Shop, path: &str, body: &Value, key: &str) -> Reply {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator")
        .header("idempotency-key", key);
    shop.send_body(request, Body::from(body.to_string())).await
}

const CHARGED: &str = "select count(*) from test_charges where state = 'captured'";

db_test! {
    /// Each card does what it says, and a second card may try where the first one failed.
    async fn an_order_is_paid(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let order = test_order(shop, "tea-1").await;
        let without = send(shop, "POST", &format!("{}/payments{}", order.0, order.1), &json!({})).await;
        assert_eq!(without.status, 400);
        let declined = pay(shop, &order, "declined", "a").await.json();
        assert_eq!((&declined["state"], &declined["order"]), (&json!("failed"), &json!("pending")));
        assert_eq!(declined["reason"], "card_declined");
        let asked = pay(shop, &order, "confirm", "b").await.json();
        assert_eq!((&asked["state"], &asked["order"]), (&json!("confirming"), &json!("pending")));
        let payment = format!("{}/payments/{}", order.0, asked["id"].as_str().unwrap());
        let to = format!("{payment}/confirm{}", order.1);
        let confirmed = send(shop, "POST", &to, &json!({})).await.json();
        assert_eq!((&confirmed["state"], &confirmed["order"]), (&json!("captured"), &json!("paid")));
        assert_eq!(shop.json(&format!("{payment}{}", order.1)).await, confirmed);
        let again = pay(shop, &order, "succeeds", "c").await;
        assert_eq!(again.json()["id"], asked["id"], "{}", again.text());
        let found = shop.json(&format!("{}{}", order.0, order.1)).await;
        assert_eq!(found["paid"], found["totals"]["total"]);
        assert_eq!(count(shop, CHARGED).await, 1);
        let cancel = send(shop, "POST", &format!("{}/cancel{}", order.0, order.1), &json!({})).await;
        assert_eq!(cancel.status, 409);

        let quick = test_order(shop, "tea-1").await;
        let first = pay(shop, &quick, "succeeds", "k").await;
        let second = pay(shop, &quick, "succeeds", "k").await;
        assert_eq!((first.body.clone(), second.header("idempotent-replayed")), (second.body.clone(), "true"));
        assert_eq!(pay(shop, &quick, "declined", "k").await.status, 422);
    }
}

db_test! {
    /// However many say that the money is here, and however many ask to pay: one charge, one step, one
    /// message.
    async fn a_payment_counts_once(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let order = test_order(shop, "tea-1").await;
        let keys: Vec<_> = (0..20).map(|number| format!("k{number}")).collect();
        let answers = at_once(keys.iter().map(|key| pay(shop, &order, "succeeds", key))).await;
        assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
        let paid = answers.iter().find(|it| it.status == 201).unwrap().json();
        let id: i64 = paid["id"].as_str().unwrap().parse().unwrap();
        let said = (0..50).map(|_| payments::settle(&shop.app, id, payments::Outcome::Captured));
        for said in futures_util::future::join_all(said).await {
            said.unwrap();
        }
        assert_eq!(count(shop, CHARGED).await, 1);
        assert_eq!(count(shop, "select count(*) from order_events where state = 'paid'").await, 1);
        origin::outbox::deliver_due(&shop.app).await.unwrap();
        origin::outbox::deliver_due(&shop.app).await.unwrap();
        assert_eq!(mailbox(shop).len(), 2);
        assert_eq!(count(shop, "select count(*) from refunds").await, 0);
    }
}

db_test! {
    /// Money for an order that is gone goes back by itself; money of which nobody heard is found.
    async fn money_finds_its_order_or_goes_back(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let late = test_order(shop, "tea-1").await;
        let asked = pay(shop, &late, "confirm", "a").await.json();
        shop.app.clock.advance(shop.app.config.pay_within_ms);
        assert_eq!(orders::expire(&shop.app).await.unwrap(), 1);
        let to = format!("{}/payments/{}/confirm{}", late.0, asked["id"].as_str().unwrap(), late.1);
        let confirmed = send(shop, "POST", &to, &json!({})).await.json();
        assert_eq!((&confirmed["state"], &confirmed["order"]), (&json!("captured"), &json!("expired")));
        payments::recover(&shop.app).await.unwrap();
        let found = shop.json(&format!("{}{}", late.0, late.1)).await;
        assert_eq!((&found["refunded"], &found["paid"]), (&found["totals"]["total"], &found["totals"]["total"]));
        assert_eq!(count(shop, "select count(*) from test_refunds").await, 1);

        let lost = test_order(shop, "tea-1").await;
        let started = pay(shop, &lost, "times_out", "a").await.json();
        assert_eq!(started["state"], "started");
        assert_eq!(pay(shop, &lost, "times_out", "a").await.status, 409, "in flight");
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(shop.json(&format!("{}{}", lost.0, lost.1)).await["state"], "pending");
        shop.app.clock.advance(11_000);
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(shop.json(&format!("{}{}", lost.0, lost.1)).await["state"], "paid");
        assert_eq!(pay(shop, &lost, "times_out", "a").await.json()["state"], "captured");
    }
}

db_test! {
    /// The shop ships, and pays back no more than came, however many ask at once.
    async fn no_more_goes_back_than_came(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let order = test_order(shop, "tea-1").await;
        assert_eq!(pay(shop, &order, "succeeds", "a").await.status, 201);
        let number = order.0.rsplit('/').next().unwrap();
        let (steps, refunds) = (
            format!("/api/v1/operator/orders/{number}/steps"),
            format!("/api/v1/operator/orders/{number}/refunds"),
        );
        let ship = json!({ "state": "shipped" });
        assert_eq!(send(shop, "POST", &steps, &ship).await.status, 401);
        for (state, status) in [("delivered", 409), ("shipped", 200), ("shipped", 409), ("paid", 409), ("expired", 409)] {
            let reply = operate(shop, &steps, &json!({ "state": state }), "s").await;
            assert_eq!(reply.status.as_u16(), status, "{state}: {}", reply.text());
        }
        // 11.00 came; fifty ask for 3.00 each.
        let part = json!({ "amount": { "minor": 300, "currency": "USD" } });
        let keys: Vec<_> = (0..50).map(|number| format!("r{number}")).collect();
        let answers = at_once(keys.iter().map(|key| operate(shop, &refunds, &part, key))).await;
        let done = answers.iter().filter(|it| it.status == 200).count();
        assert_eq!(done, 3);
        assert!(answers.iter().all(|it| [200, 400].contains(&it.status.as_u16())));
        for wrong in [
            json!({ "amount": { "minor": 0, "currency": "USD" } }),
            json!({ "amount": { "minor": -5, "currency": "USD" } }),
            json!({ "amount": { "minor": 5, "currency": "EUR" } }),
            json!({ "amount": { "minor": 201, "currency": "USD" } }),
            json!({ "amount": { "minor": 1, "currency": "USD" }, "restock": true }),
        ] {
            assert_eq!(operate(shop, &refunds, &wrong, "w").await.status, 400, "{wrong}");
        }
        let rest = json!({ "restock": true });
        let back = operate(shop, &refunds, &rest, "rest").await;
        assert_eq!(back.json()["state"], "refunded", "{}", back.text());
        let again = operate(shop, &refunds, &rest, "rest").await;
        assert_eq!((again.status.as_u16(), again.json()["refunded"]["minor"].as_i64()), (200, Some(1_100)));
        assert_eq!(operate(shop, &refunds, &rest, "more").await.status, 409);
        assert_eq!(on_hand(shop).await, 9);
        let sent = "select cast(sum(amount_minor) as signed) from test_refunds";
        assert_eq!(count(shop, sent).await, 1_100);
    }
}

db_test! {
    /// A transfer is noted by the shop; giving up and shipping at once do not both happen.
    async fn a_transfer_is_noted_once(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let placed = place(shop, &path).await.json();
        let (number, token) = (placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        let order = (format!("/api/v1/orders/{number}"), format!("?token={token}"));
        assert_eq!(pay(shop, &order, "succeeds", "a").await.status, 400);
        let steps = format!("/api/v1/operator/orders/{number}/steps");
        let (paid, none) = (json!({ "state": "paid" }), json!({}));
        let cancel = format!("{}/cancel{}", order.0, order.1);
        let asks = (0..20).map(|turn| {
            let (steps, cancel, paid, none) = (&steps, &cancel, &paid, &none);
            async move {
                if turn % 2 == 0 {
                    operate(shop, steps, paid, "p").await
                } else {
                    send(shop, "POST", cancel, none).await
                }
            }
        });
        let answers = at_once(asks).await;
        assert_eq!(answers.iter().filter(|it| it.status == 200).count(), 1);
        assert!(answers.iter().all(|it| [200, 409].contains(&it.status.as_u16())));
        let found = shop.json(&format!("{}{}", order.0, order.1)).await;
        let left = if found["state"] == "paid" { 8 } else { 9 };
        assert_eq!(on_hand(shop).await, left);
    }
}
