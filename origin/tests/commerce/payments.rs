//! Payments and refunds of orders.

use axum::body::Body;
use http::Request;
use origin::{orders, payments};
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

/// Places an order with the method `test`; returns its path and query.
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
    /// A key belongs to its scope: sending a payment's key to a cart does not reveal that it was
    /// used.
    async fn a_key_belongs_to_its_scope(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let order = test_order(shop, "tea-1").await;
        assert_eq!(pay(shop, &order, "succeeds", "a").await.status, 201);
        let number = order.0.rsplit_once('/').unwrap().1;
        let body = json!({ "expected_total": { "minor": 1, "currency": "USD" }, "payment_method": "manual" });
        for key in ["a", "b"] {
            let path = format!("/api/v1/carts/pay:{number}/order");
            assert_eq!(send_with_key(shop, &path, &body, key).await.status, 404, "{key}");
        }
    }
}

db_test! {
    /// Each test card has its outcome, and another card can be tried after a decline.
    async fn an_order_is_paid(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let order = test_order(shop, "tea-1").await;
        let without = send(shop, "POST", &format!("{}/payments{}", order.0, order.1), &json!({})).await;
        assert_eq!(without.status, 400);
        let declined = pay(shop, &order, "declined", "a").await.json();
        assert_eq!((&declined["state"], &declined["order"]), (&json!("failed"), &json!("pending")));
        assert_eq!(declined["reason"], "card_declined");
        let confirming = pay(shop, &order, "confirm", "b").await.json();
        assert_eq!((&confirming["state"], &confirming["order"]), (&json!("confirming"), &json!("pending")));
        let payment = format!("{}/payments/{}", order.0, confirming["id"].as_str().unwrap());
        let to = format!("{payment}/confirm{}", order.1);
        let confirmed = send(shop, "POST", &to, &json!({})).await.json();
        assert_eq!((&confirmed["state"], &confirmed["order"]), (&json!("captured"), &json!("paid")));
        assert_eq!(shop.json(&format!("{payment}{}", order.1)).await, confirmed);
        let again = pay(shop, &order, "succeeds", "c").await;
        assert_eq!(again.json()["id"], confirming["id"], "{}", again.text());
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
    /// Concurrent reports and requests: one charge, one transition, one message.
    async fn a_payment_counts_once(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let order = test_order(shop, "tea-1").await;
        let keys: Vec<_> = (0..20).map(|number| format!("k{number}")).collect();
        let answers = at_once(keys.iter().map(|key| pay(shop, &order, "succeeds", key))).await;
        assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
        let paid = answers.iter().find(|it| it.status == 201).unwrap().json();
        let id: i64 = paid["id"].as_str().unwrap().parse().unwrap();
        let captured = payments::ChargeOutcome::Captured.into();
        let reports = (0..50).map(|_| payments::settle(&shop.app, id, &captured));
        for report in futures_util::future::join_all(reports).await {
            report.unwrap();
        }
        assert_eq!(count(shop, CHARGED).await, 1);
        assert_eq!(count(shop, "select count(*) from order_events where state = 'paid'").await, 1);
        origin::relay::deliver_due(&shop.app).await.unwrap();
        origin::relay::deliver_due(&shop.app).await.unwrap();
        assert_eq!(mailbox(shop).len(), 2);
        assert_eq!(count(shop, "select count(*) from refunds").await, 0);
    }
}

db_test! {
    /// A payment for a closed order is refunded; a payment with a lost response is found.
    async fn late_payments_are_refunded_and_lost_ones_found(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let late = test_order(shop, "tea-1").await;
        let confirming = pay(shop, &late, "confirm", "a").await.json();
        shop.app.clock.advance(shop.app.config.pay_within_ms);
        assert_eq!(orders::expire(&shop.app).await.unwrap(), 1);
        let to = format!("{}/payments/{}/confirm{}", late.0, confirming["id"].as_str().unwrap(), late.1);
        let confirmed = send(shop, "POST", &to, &json!({})).await.json();
        assert_eq!((&confirmed["state"], &confirmed["order"]), (&json!("captured"), &json!("expired")));
        payments::recover(&shop.app).await.unwrap();
        let found = shop.json(&format!("{}{}", late.0, late.1)).await;
        assert_eq!((&found["refunded"], &found["paid"]), (&found["totals"]["total"], &found["totals"]["total"]));
        assert_eq!(count(shop, "select count(*) from test_refunds").await, 1);

        let lost = test_order(shop, "tea-1").await;
        let started = pay(shop, &lost, "times_out", "a").await.json();
        assert_eq!(started["state"], "started");
        assert_eq!(pay(shop, &lost, "times_out", "a").await.json()["state"], "started");
        assert_eq!(pay(shop, &lost, "succeeds", "b").await.status, 409, "one is in flight");
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(shop.json(&format!("{}{}", lost.0, lost.1)).await["state"], "pending");
        shop.app.clock.advance(11_000);
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(shop.json(&format!("{}{}", lost.0, lost.1)).await["state"], "paid");
        assert_eq!(pay(shop, &lost, "times_out", "a").await.json()["state"], "captured");
    }
}

db_test! {
    /// Concurrent refunds never exceed the payment.
    async fn refunds_never_exceed_payments(shop) {
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
        // Of a payment of 11.00, fifty requests refund 3.00 each.
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
    /// A bank transfer is recorded once; an order is not both cancelled and shipped.
    async fn a_bank_transfer_is_recorded_once(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let placed = place(shop, &path).await.json();
        let (number, token) = (placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        let order = (format!("/api/v1/orders/{number}"), format!("?token={token}"));
        assert_eq!(pay(shop, &order, "succeeds", "a").await.status, 400);
        let steps = format!("/api/v1/operator/orders/{number}/steps");
        let (paid, none) = (json!({ "state": "paid" }), json!({}));
        let cancel = format!("{}/cancel{}", order.0, order.1);
        let requests = (0..20).map(|turn| {
            let (steps, cancel, paid, none) = (&steps, &cancel, &paid, &none);
            async move {
                if turn % 2 == 0 {
                    operate(shop, steps, paid, "p").await
                } else {
                    send(shop, "POST", cancel, none).await
                }
            }
        });
        let answers = at_once(requests).await;
        assert_eq!(answers.iter().filter(|it| it.status == 200).count(), 1);
        assert!(answers.iter().all(|it| [200, 409].contains(&it.status.as_u16())));
        let found = shop.json(&format!("{}{}", order.0, order.1)).await;
        let left = if found["state"] == "paid" { 8 } else { 9 };
        assert_eq!(on_hand(shop).await, left);
    }
}
