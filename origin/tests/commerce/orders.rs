//! Contents and life cycle of orders.

use axum::body::Body;
use http::Request;
use origin::{cart, jobs::Jobs, orders, relay};
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

async fn operate(shop: &Shop, method: &str, path: &str, body: &Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/operator/{path}"))
        .header("content-type", "application/json")
        .header("idempotency-key", origin::secret::token())
        .header("authorization", "Bearer operator");
    shop.send_body(request, Body::from(body.to_string())).await
}

async fn step(shop: &Shop, order: &Value, state: &str) {
    let path = format!("orders/{}/steps", order["number"].as_str().unwrap());
    let reply = operate(shop, "POST", &path, &json!({ "state": state })).await;
    assert_eq!(reply.status, 200, "{state}: {}", reply.text());
}

db_test! {
    /// An order is read back completely.
    async fn an_order_is_read_back_completely(shop) {
        let mut tea = only("tea", "5.00", 3);
        tea.variants[0].backorder = true;
        shop.save(vec![tea, only("cup", "7.50", 9)]).await;
        let coupon = json!({ "effect": { "type": "amount", "amount": { "minor": 250, "currency": "USD" } } });
        assert_eq!(operate(shop, "PUT", "coupons/thanks", &coupon).await.status, 201);
        let path = ready_cart(shop, "tea-1", 5).await;
        send(shop, "POST", &format!("{path}/lines"), &json!({ "sku": "cup-1", "quantity": 2 })).await;
        let address_of = json!({
            "name": "Ada 王", "company": "Ducks & Sons", "line1": "1 Lane", "line2": "c/o Bob", "city": "Berlin",
            "postcode": "10115", "country": "DE", "phone": "+49 30 1",
        });
        let update = json!({
            "note": "Please ring twice.\nThe dog bites.", "coupons": ["thanks"], "shipping_address": address_of,
        });
        let updated = send(shop, "PATCH", &path, &update).await;
        assert_eq!(updated.status, 200, "{}", updated.text());
        let cart = updated.json();
        let mut order = order_of(shop, &path).await;
        order["locale"] = json!("zh");
        let placed = send(shop, "POST", &format!("{path}/order"), &order).await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        let placed = placed.json();
        assert_eq!(shop.json(&order_path(&placed, "")).await, placed);
        let read = operate(shop, "GET", &format!("orders/{}", placed["number"].as_str().unwrap()), &json!({})).await;
        // Staff see everything except the buyer's token.
        let mut without_token = placed.clone();
        without_token.as_object_mut().unwrap().remove("token");
        assert_eq!(read.json(), without_token);
        for (field, expected) in [
            ("note", &update["note"]),
            ("email", &json!("ada@example.org")),
            ("shipping_method", &json!("standard")),
            ("payment_method", &json!("manual")),
            ("coupons", &json!(["THANKS"])),
            ("totals", &cart["totals"]),
            ("state", &json!("pending")),
            ("version", &json!(1)),
        ] {
            assert_eq!(&placed[field], expected, "{field}");
        }
        for (field, expected) in address_of.as_object().unwrap() {
            assert_eq!(&placed["shipping_address"][field], expected, "{field}");
        }
        let lines = placed["lines"].as_array().unwrap();
        assert_eq!((lines.len(), &lines[0]["backordered"], &lines[1]["quantity"]), (2, &json!(2), &json!(2)));
        assert_eq!((&lines[1]["sku"], &lines[1]["price"]["minor"]), (&json!("cup-1"), &json!(750)));
        assert_eq!(placed["history"], json!([{ "state": "pending", "at": placed["created_at"] }]));
    }
}

db_test! {
    /// Products that are withdrawn while they are in carts cannot be ordered.
    async fn withdrawn_products_are_not_sold(shop) {
        for (name, withdraw) in [("tea", "archive"), ("cup", "draft"), ("pot", "variant")] {
            shop.save(vec![only(name, "5.00", 9)]).await;
            let sku = format!("{name}-1");
            let path = ready_cart(shop, &sku, 1).await;
            let order = order_of(shop, &path).await;
            let done = match withdraw {
                "archive" => operate(shop, "DELETE", &format!("products/{name}"), &json!({})).await,
                "draft" => {
                    let mut draft = operate(shop, "GET", &format!("products/{name}"), &json!({})).await.json();
                    draft["status"] = json!("draft");
                    operate(shop, "PUT", &format!("products/{name}"), &draft).await
                }
                _ => {
                    let mut tx = shop.app.db.write().await.unwrap();
                    let statement = "update variants set active = 0 where sku = 'pot-1'";
                    sqlx::query(statement).execute(tx.conn()).await.unwrap();
                    tx.commit().await.unwrap();
                    Reply { status: http::StatusCode::OK, headers: http::HeaderMap::new(), body: Vec::new() }
                }
            };
            assert!(done.status.is_success(), "{withdraw}: {}", done.text());
            let cart = shop.json(&path).await;
            assert_eq!(cart["lines"][0]["problems"], json!([{ "type": "gone" }]), "{withdraw}");
            assert_eq!(cart["totals"]["items"]["minor"], 0, "{withdraw}");
            let refused = send(shop, "POST", &format!("{path}/order"), &order).await;
            assert_eq!(refused.status, 409, "{withdraw}: {}", refused.text());
            assert_eq!(refused.json()["errors"][0]["field"], format!("lines.{sku}"));
            let more = json!({ "sku": sku, "quantity": 1 });
            assert_eq!(send(shop, "POST", &format!("{path}/lines"), &more).await.status, 400, "{withdraw}");
        }
        assert_eq!(count(shop, "select count(*) from orders").await, 0);
    }
}

db_test! {
    /// A changed quantity is reported as such, not as a changed price.
    async fn changes_are_reported(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let seen = order_of(shop, &path).await;
        let line = format!("{path}/lines/tea-1");
        send(shop, "PUT", &line, &json!({ "quantity": 2 })).await;
        let changed = send(shop, "POST", &format!("{path}/order"), &seen).await;
        assert_eq!((changed.status.as_u16(), &changed.json()["type"]), (409, &json!("/problems/cart-changed")));
        assert_eq!(changed.json()["errors"][0]["field"], "expected_total");
        let seen = order_of(shop, &path).await;
        shop.save(vec![only("tea", "6.00", 9)]).await;
        let changed = send(shop, "POST", &format!("{path}/order"), &seen).await;
        assert_eq!((changed.status.as_u16(), &changed.json()["type"]), (409, &json!("/problems/changed")));
        assert_eq!(changed.json()["errors"][1]["field"], "lines.tea-1");
    }
}

db_test! {
    /// A stored idempotent response is kept for a day.
    async fn idempotent_responses_are_kept_for_a_day(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let order = order_of(shop, &path).await;
        let to = format!("{path}/order");
        let first = send_with_key(shop, &to, &order, "k").await;
        let forget = async || orders::delete_expired_keys(&shop.app.db, shop.app.clock.now()).await.unwrap();
        let other = json!({ "expected_total": order["expected_total"], "payment_method": "test" });
        for wait_ms in [0, 24 * 60 * 60 * 1_000] {
            shop.app.clock.advance(wait_ms);
            assert_eq!(forget().await, 0);
            let again = send_with_key(shop, &to, &order, "k").await;
            assert_eq!((again.status.as_u16(), &again.body), (201, &first.body));
            assert_eq!(send_with_key(shop, &to, &other, "k").await.status, 422);
        }
        shop.app.clock.advance(1);
        assert_eq!(forget().await, 1);
        let new = send_with_key(shop, &to, &order, "k").await;
        assert_eq!((new.status.as_u16(), &new.json()["number"]), (200, &first.json()["number"]));
    }
}

db_test! {
    /// A hold is released once, when it expires.
    async fn a_hold_expires_once_and_on_time(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let held = async || count(shop, "select cast(sum(held) as signed) from stock").await;
        let (first, second) = (ready_cart(shop, "tea-1", 2).await, ready_cart(shop, "tea-1", 3).await);
        for path in [&first, &second] {
            let reply = send(shop, "POST", &format!("{path}/hold"), &json!({})).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        assert_eq!(held().await, 5);
        for _ in 0..2 {
            let reply = send(shop, "DELETE", &format!("{first}/hold"), &json!({})).await;
            assert_eq!((reply.status.as_u16(), held().await), (200, 3));
        }
        shop.app.clock.advance(shop.app.config.hold_ms - 1);
        assert_eq!((cart::release_expired_holds(&shop.app).await.unwrap(), held().await), (0, 3));
        shop.app.clock.advance(1);
        assert_eq!((cart::release_expired_holds(&shop.app).await.unwrap(), held().await), (1, 0));
        let reply = send(shop, "DELETE", &format!("{second}/hold"), &json!({})).await;
        assert_eq!((reply.status.as_u16(), held().await), (200, 0));
    }
}

db_test! {
    /// Each notable transition sends one mail, whichever of two relays delivers it; others send
    /// none.
    async fn each_transition_sends_one_mail(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let second_origin = shop.with(|_| ()).await;
        let relays = async || {
            for _ in 0..3 {
                let there = &second_origin.app;
                let both = tokio::join!(relay::deliver_due(&shop.app), relay::deliver_due(there));
                both.0.unwrap();
                both.1.unwrap();
            }
            mailbox(shop).len()
        };
        let path = ready_cart(shop, "tea-1", 1).await;
        let order = place(shop, &path).await.json();
        assert_eq!(relays().await, 1);
        for (state, mails) in [("paid", 2), ("shipped", 3), ("delivered", 3)] {
            step(shop, &order, state).await;
            assert_eq!(relays().await, mails, "{state}");
        }
        let refund = format!("orders/{}/refunds", order["number"].as_str().unwrap());
        assert_eq!(operate(shop, "POST", &refund, &json!({})).await.status, 200);
        assert_eq!(relays().await, 4);
        let path = ready_cart(shop, "tea-1", 1).await;
        let second = place(shop, &path).await.json();
        assert_eq!(relays().await, 5);
        step(shop, &second, "cancelled").await;
        assert_eq!(relays().await, 6);
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        assert_eq!(relays().await, 7);
        shop.app.clock.advance(shop.app.config.transfer_within_ms);
        assert_eq!(orders::expire(&shop.app).await.unwrap(), 1);
        assert_eq!(relays().await, 8);
        // Each message was delivered by one relay.
        assert_eq!(count(shop, "select max(attempts) from outbox").await, 1);
        second_origin.app.db.close().await;
    }
}

db_test! {
    /// A message leased by one relay is not taken by another before the lease ends.
    async fn a_leased_message_is_delivered_once(shop) {
        shop.save(vec![only("tea", "5.00", 90)]).await;
        for _ in 0..10 {
            let path = ready_cart(shop, "tea-1", 1).await;
            assert_eq!(place(shop, &path).await.status, 201);
        }
        let second_origin = shop.with(|_| ()).await;
        let relays = (0..8).map(|number| relay::deliver_due(if number % 2 == 0 { &shop.app } else { &second_origin.app }));
        let mut delivered = 0;
        for done in futures_util::future::join_all(relays).await {
            delivered += done.unwrap();
        }
        assert_eq!((delivered, count(shop, "select max(attempts) from outbox").await), (10, 1));
        second_origin.app.db.close().await;
    }
}

db_test! {
    /// A running server runs each of its jobs.
    async fn a_running_server_runs_its_jobs(shop) {
        shop.save(vec![only("tea", "5.00", 90), only("cup", "5.00", 90)]).await;
        // An expired hold and an overdue order, a payment without a response, a due refund, and an
        // expired idempotent response.
        let held = ready_cart(shop, "tea-1", 2).await;
        send(shop, "POST", &format!("{held}/hold"), &json!({})).await;
        for card in ["times_out", "succeeds"] {
            let path = ready_cart(shop, "cup-1", 1).await;
            let mut order_request = order_of(shop, &path).await;
            order_request["payment_method"] = json!("test");
            let placed = send_with_key(shop, &format!("{path}/order"), &order_request, card).await.json();
            let to = order_path(&placed, "").replace("?token", "/payments?token");
            send_with_key(shop, &to, &json!({ "card": card }), card).await;
        }
        let path = ready_cart(shop, "tea-1", 1).await;
        let late = place(shop, &path).await.json();
        let mut tx = shop.app.db.write().await.unwrap();
        let statement = "insert into card_tries (network, declined, under_way, since, pauses, paused_until)
                         values ('forgotten', 1, 0, 0, 0, 0)";
        sqlx::query(statement).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        shop.app.clock.advance(8 * 24 * 60 * 60 * 1_000);
        let jobs = Jobs::start(&shop.app);
        let is_none = async |statement: &'static str| count(shop, statement).await == 0;
        until(async || is_none("select cast(sum(held) as signed) from stock").await).await;
        until(async || is_none("select count(*) from orders where state = 'pending'").await).await;
        until(async || is_none("select count(*) from payments where state = 'started'").await).await;
        until(async || is_none("select count(*) from refunds where state = 'due'").await).await;
        until(async || is_none("select count(*) from idempotency").await).await;
        until(async || is_none("select count(*) from card_tries").await).await;
        until(async || is_none("select count(*) from outbox where due_at is not null").await).await;
        until(async || shop.get_ops("/metrics").await.text().contains("shop_stock_rows 2\n")).await;
        jobs.stop().await;
        assert_eq!(shop.json(&order_path(&late, "")).await["state"], "expired");
        // Three orders were placed and one was paid; two expired, and the payment of one of them
        // was refunded.
        assert!(mailbox(shop).len() >= 6, "{}", mailbox(shop).len());
    }
}
