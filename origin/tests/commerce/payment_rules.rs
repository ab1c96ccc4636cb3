//! Rules of payments and refunds, one per test.

use axum::body::Body;
use http::Request;
use origin::{orders, payments};
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    stripe::{self, SECRET, account, event, signature, tell},
    support::{Reply, Shop},
};

async fn pay(shop: &Shop, order: &Value, card: &str) -> Value {
    let to = order_path(order, "/payments");
    let paid = send_with_key(shop, &to, &json!({ "card": card }), card).await;
    assert_eq!(paid.status, 201, "{}", paid.text());
    paid.json()
}

async fn refund(shop: &Shop, order: &Value, minor: Option<i64>, key: &str) -> Reply {
    let number = order["number"].as_str().unwrap();
    let body = match minor {
        Some(minor) => json!({ "amount": { "minor": minor, "currency": "USD" } }),
        None => json!({}),
    };
    let request = Request::post(format!("/api/v1/operator/orders/{number}/refunds"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .header("authorization", "Bearer operator");
    shop.send_body(request, Body::from(body.to_string())).await
}

async fn read(shop: &Shop, order: &Value) -> Value {
    shop.json(&order_path(order, "")).await
}

fn id(payment: &Value) -> i64 {
    payment["id"].as_str().unwrap().parse().unwrap()
}

db_test! {
    /// One key on two orders is two refunds; on one order it is one.
    async fn a_key_belongs_to_its_order(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let (first, second) = (order_paid_by(shop, "test").await, order_paid_by(shop, "test").await);
        for order in [&first, &second] {
            pay(shop, order, "succeeds").await;
            for _ in 0..2 {
                let reply = refund(shop, order, Some(300), "monday").await;
                assert_eq!((reply.status.as_u16(), &reply.json()["refunded"]["minor"]), (200, &json!(300)));
            }
        }
        assert_eq!(count(shop, "select count(*) from test_refunds").await, 2);
    }
}

db_test! {
    /// An order is paid twice: the second payment is refunded automatically, and later refunds use
    /// the other payment.
    async fn refunds_use_the_payments_that_are_left(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let order = order_paid_by(shop, "test").await;
        let early = id(&pay(shop, &order, "declined").await);
        let paid = id(&pay(shop, &order, "succeeds").await);
        // The first payment is captured after all.
        payments::settle(&shop.app, early, &payments::ChargeOutcome::Captured.into()).await.unwrap();
        let found = read(shop, &order).await;
        assert_eq!((&found["paid"]["minor"], &found["refunded"]["minor"]), (&json!(2_200), &json!(1_100)));
        for (minor, key) in [(Some(300), "a"), (Some(200), "b"), (None, "c")] {
            let reply = refund(shop, &order, minor, key).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        assert_eq!(read(shop, &order).await["state"], "refunded");
        let mut reader = shop.app.db.read().await.unwrap();
        for payment in [early, paid] {
            let statement = "select cast(sum(amount_minor) as signed) from refunds where payment_id = ?";
            let back: i64 = sqlx::query_scalar(statement).bind(payment).fetch_one(&mut *reader).await.unwrap();
            assert_eq!(back, 1_100);
        }
        drop(reader);
        assert_eq!(refund(shop, &order, Some(1), "d").await.status, 409);
    }
}

db_test! {
    /// An order is `refunded` once all of its money was sent back, not while a provider has not
    /// confirmed a part.
    async fn an_order_is_refunded_once_all_refunds_are_sent(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order_paid_by(&shop, "stripe").await;
        let to = order_path(&order, "/payments");
        let paid = send_with_key(&shop, &to, &json!({ "payment_method": "pm_card" }), "k").await;
        assert_eq!(paid.json()["state"], "captured", "{}", paid.text());
        stripe.lock().unwrap().keeps = Some(300);
        assert_eq!(refund(&shop, &order, Some(300), "a").await.status, 200);
        let rest = refund(&shop, &order, None, "b").await;
        assert_eq!(rest.json()["state"], "refunding", "{}", rest.text());
        assert_eq!(stripe.lock().unwrap().refunds.len(), 1);
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(read(&shop, &order).await["state"], "refunding");
        stripe.lock().unwrap().keeps = None;
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(read(&shop, &order).await["state"], "refunded");
        assert_eq!(stripe.lock().unwrap().refunds.len(), 2);
    }
}

db_test! {
    /// Cancelled, expired and refunded orders cannot be charged.
    async fn closed_orders_cannot_be_charged(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let cancelled = order_paid_by(shop, "test").await;
        let gone = send(shop, "POST", &order_path(&cancelled, "/cancel"), &json!({})).await;
        assert_eq!(gone.status, 200);
        let expired = order_paid_by(shop, "test").await;
        shop.app.clock.advance(shop.app.config.pay_within_ms);
        assert_eq!(orders::expire(&shop.app).await.unwrap(), 1);
        for order in [&cancelled, &expired] {
            let to = order_path(order, "/payments");
            let refused = send_with_key(shop, &to, &json!({ "card": "succeeds" }), "k").await;
            assert_eq!((refused.status.as_u16(), &refused.json()["type"]), (409, &json!("/problems/illegal-step")));
        }
        assert_eq!(count(shop, "select count(*) from payments").await, 0);
        assert_eq!(count(shop, "select count(*) from test_charges").await, 0);
        // The payment of a refunded order is all that it has.
        let refunded = order_paid_by(shop, "test").await;
        let paid = pay(shop, &refunded, "succeeds").await;
        assert_eq!(refund(shop, &refunded, None, "all").await.json()["state"], "refunded");
        let to = order_path(&refunded, "/payments");
        let again = send_with_key(shop, &to, &json!({ "card": "succeeds" }), "again").await.json();
        assert_eq!((&again["id"], &again["order"]), (&paid["id"], &json!("refunded")));
        assert_eq!(count(shop, "select count(*) from test_charges").await, 1);
    }
}

db_test! {
    /// A payment that the provider does not know is polled until it counts as lost; then the order
    /// can be paid again.
    async fn an_unknown_payment_is_polled_and_then_lost(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let patient = |config: &mut origin::config::Config| config.pay_within_ms = 24 * 60 * 60 * 1_000;
        let shop = &shop.with(patient).await;
        let order = order_paid_by(shop, "test").await;
        let started = pay(shop, &order, "times_out").await;
        assert_eq!(started["state"], "started");
        // The request never reached the provider.
        let mut tx = shop.app.db.write().await.unwrap();
        sqlx::query("delete from test_charges").execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        let payment = order_path(&order, &format!("/payments/{}", started["id"].as_str().unwrap()));
        let lost_after_ms = 60 * shop.app.config.payment_ask_ms;
        for wait_ms in [shop.app.config.payment_ask_ms + 1, lost_after_ms - shop.app.config.payment_ask_ms - 1] {
            shop.app.clock.advance(wait_ms);
            payments::recover(&shop.app).await.unwrap();
            assert_eq!(shop.json(&payment).await["state"], "started");
        }
        shop.app.clock.advance(1_000);
        payments::recover(&shop.app).await.unwrap();
        let lost = shop.json(&payment).await;
        assert_eq!((&lost["state"], &lost["reason"]), (&json!("failed"), &json!("never_reached")));
        assert_eq!(pay(shop, &order, "succeeds").await["order"], "paid");
    }
}

db_test! {
    /// Repeated reports change nothing: a decline after a capture, or the same decline many times.
    async fn repeated_reports_count_once(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let order = order_paid_by(shop, "test").await;
        let no = payments::ChargeStatus::from(payments::ChargeOutcome::Declined("card_declined".to_owned()));
        let declined = id(&pay(shop, &order, "declined").await);
        for _ in 0..9 {
            payments::settle(&shop.app, declined, &no).await.unwrap();
        }
        // They count as one decline, so that a card is accepted.
        let confirming = pay(shop, &order, "confirm").await;
        payments::settle(&shop.app, declined, &no).await.unwrap();
        let confirm = order_path(&order, &format!("/payments/{}/confirm", confirming["id"].as_str().unwrap()));
        assert_eq!(send(shop, "POST", &confirm, &json!({})).await.json()["state"], "captured");
        let state = payments::settle(&shop.app, id(&confirming), &no).await.unwrap();
        assert_eq!(state, shared::payment::PaymentState::Captured);
        let found = read(shop, &order).await;
        assert_eq!((&found["state"], &found["paid"]), (&json!("paid"), &found["totals"]["total"]));
        assert_eq!(count(shop, "select count(*) from refunds").await, 0);
        assert_eq!(count(shop, "select count(*) from audit_log where action = 'payment.pause'").await, 0);
    }
}

db_test! {
    /// An event of one provider does not affect a payment with another.
    async fn an_event_affects_only_payments_of_its_provider(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let (with_stripe, _) = account(shop).await;
        let order = order_paid_by(shop, "test").await;
        let confirming = pay(shop, &order, "confirm").await;
        let said = json!({
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1_100, "currency": "usd",
            "metadata": { "payment": confirming["id"], "order": order["number"] },
        });
        let body = event("evt_1", "payment_intent.succeeded", &said);
        let now = shop.app.clock.now().as_millis() / 1_000;
        let reply = tell(&with_stripe, &signature(SECRET, now, &body), &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(read(shop, &order).await["state"], "pending");
        assert_eq!(count(shop, "select count(*) from payments where state = 'confirming'").await, 1);
        assert_eq!(count(shop, "select count(*) from payment_events").await, 0);
        with_stripe.app.db.close().await;
    }
}

db_test! {
    /// A repeated decline event counts once, and a decline after the capture is ignored.
    async fn a_repeated_event_counts_once(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let (shop, stripe) = account(shop).await;
        let order = stripe::order(&shop).await;
        let paid = stripe::pay(&shop, &order, json!({ "payment_method": "pm_bank" }), "a").await.json();
        assert_eq!(paid["state"], "confirming", "{paid}");
        let mut failed = stripe.lock().unwrap().intents["pi_1"].clone();
        failed["status"] = json!("requires_payment_method");
        failed["last_payment_error"] = json!({ "type": "card_error", "code": "card_declined" });
        stripe.lock().unwrap().intents.insert("pi_1".to_owned(), failed.clone());
        let now = shop.app.clock.now().as_millis() / 1_000;
        let body = event("evt_no", "payment_intent.payment_failed", &failed);
        for _ in 0..2 {
            assert_eq!(tell(&shop, &signature(SECRET, now, &body), &body).await.status, 200);
        }
        assert_eq!(count(&shop, "select count(*) from payment_events").await, 1);
        let again = stripe::pay(&shop, &order, json!({ "payment_method": "pm_card" }), "b").await.json();
        assert_eq!(again["state"], "captured", "{again}");
        assert_eq!(tell(&shop, &signature(SECRET, now, &body), &body).await.status, 200);
        assert_eq!(stripe::read(&shop, &order).await["state"], "paid");
    }
}
