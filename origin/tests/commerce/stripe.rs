//! Payments with Stripe: a fake of its API on loopback, and signed events.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Json, Router,
    body::Body,
    extract::{Path, Query, State},
    routing::{get, post},
};
use http::{HeaderMap, Request, StatusCode};
use origin::{orders, payments};
use ring::hmac;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    stripe_checkout,
    support::{Reply, Shop},
};

pub const SECRET: &str = "whsec_of_this_shop";

/// The state of the fake.
#[derive(Default)]
pub struct Account {
    pub intents: HashMap<String, Value>,
    pub sessions: HashMap<String, Value>,
    pub answers: HashMap<String, (StatusCode, Value)>,
    pub refunds: Vec<(String, String)>,
    /// The next session is created, but its response is lost.
    pub loses_answer: bool,
    /// Refunds of this many minor units fail.
    pub keeps: Option<i64>,
}

pub type Stripe = Arc<Mutex<Account>>;
pub type Fields = HashMap<String, String>;

async fn create(
    State(stripe): State<Stripe>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> (StatusCode, Json<Value>) {
    assert_eq!(headers["authorization"], "Bearer sk_test_1");
    assert_eq!(headers["stripe-version"], "2024-06-20");
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut account = stripe.lock().unwrap();
    if let Some((status, answer)) = account.answers.get(&key) {
        return (*status, Json(answer.clone()));
    }
    let id = format!("pi_{}", account.intents.len() + 1);
    let token = fields.get("payment_method").map_or("", String::as_str);
    assert_eq!(token.is_empty(), !fields.contains_key("confirm"));
    let mut intent = json!({
        "id": id, "object": "payment_intent", "client_secret": format!("{id}_secret"),
        "amount": fields["amount"].parse::<i64>().unwrap(), "currency": fields["currency"],
        "metadata": { "payment": fields["metadata[payment]"], "order": fields["metadata[order]"] },
    });
    let mut answer = None;
    intent["status"] = json!(match token {
        "pm_card" | "pm_lost" => "succeeded",
        "pm_bank" => {
            let url = format!("https://bank.example/{id}");
            intent["next_action"] =
                json!({ "type": "redirect_to_url", "redirect_to_url": { "url": url } });
            "requires_action"
        }
        _ => "requires_payment_method",
    });
    if token == "pm_empty" {
        let error = json!({ "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds" });
        intent["last_payment_error"] = error.clone();
        let mut error = error;
        error["payment_intent"] = intent.clone();
        answer = Some((StatusCode::PAYMENT_REQUIRED, json!({ "error": error })));
    }
    account.intents.insert(id, intent.clone());
    if token == "pm_lost" {
        return (StatusCode::BAD_GATEWAY, Json(json!({})));
    }
    let answer = answer.unwrap_or((StatusCode::OK, intent));
    account.answers.insert(key, answer.clone());
    (answer.0, Json(answer.1))
}

async fn retrieve(State(stripe): State<Stripe>, Path(id): Path<String>) -> Json<Value> {
    Json(stripe.lock().unwrap().intents[&id].clone())
}

async fn search(State(stripe): State<Stripe>, Query(query): Query<Fields>) -> Json<Value> {
    let account = stripe.lock().unwrap();
    let found = account.intents.values().filter(|intent| {
        let payment = intent["metadata"]["payment"].as_str().unwrap();
        query["query"] == format!("metadata['payment']:'{payment}'")
    });
    Json(json!({ "data": found.collect::<Vec<_>>() }))
}

async fn refund(
    State(stripe): State<Stripe>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> (StatusCode, Json<Value>) {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut account = stripe.lock().unwrap();
    if account
        .keeps
        .is_some_and(|it| it.to_string() == fields["amount"])
    {
        return (StatusCode::BAD_GATEWAY, Json(json!({})));
    }
    if account.answers.insert(key, Default::default()).is_none() {
        let refund = (fields["payment_intent"].clone(), fields["amount"].clone());
        account.refunds.push(refund);
    }
    let refund = json!({ "id": "re_1", "status": "succeeded" });
    (StatusCode::OK, Json(refund))
}

/// A shop with a Stripe account, and the state of the fake.
pub async fn account(shop: &Shop) -> (Shop, Stripe) {
    let stripe = Stripe::default();
    let routes = Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/search", get(search))
        .route("/v1/payment_intents/{id}", get(retrieve))
        .route("/v1/checkout/sessions", post(stripe_checkout::open))
        .route("/v1/checkout/sessions/{id}", get(stripe_checkout::retrieve))
        .route("/v1/refunds", post(refund))
        .with_state(Arc::clone(&stripe));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let shop = shop.with(|config| {
        config.payment_methods = vec!["stripe".to_owned()];
        config.stripe_secret_key = Some("sk_test_1".to_owned());
        config.stripe_webhook_secret = Some(SECRET.to_owned());
        config.stripe_url = url;
    });
    (shop.await, stripe)
}

pub async fn order(shop: &Shop) -> (String, String) {
    let path = ready_cart(shop, "tea-1", 1).await;
    let mut order = order_of(shop, &path).await;
    order["payment_method"] = json!("stripe");
    let placed = send(shop, "POST", &format!("{path}/order"), &order).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let placed = placed.json();
    let number = placed["number"].as_str().unwrap();
    let token = placed["token"].as_str().unwrap();
    (
        format!("/api/v1/orders/{number}"),
        format!("?token={token}"),
    )
}

pub async fn pay(shop: &Shop, (order, token): &(String, String), with: Value, key: &str) -> Reply {
    send_with_key(shop, &format!("{order}/payments{token}"), &with, key).await
}

pub async fn read(shop: &Shop, (order, token): &(String, String)) -> Value {
    shop.json(&format!("{order}{token}")).await
}

pub fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let tag: String = tag.as_ref().iter().map(|it| format!("{it:02x}")).collect();
    format!("t={seconds},v1={tag}")
}

pub async fn tell(shop: &Shop, signature: &str, body: &str) -> Reply {
    let request = Request::post("/api/v1/payments/stripe/events")
        .header("content-type", "application/json")
        .header("stripe-signature", signature);
    shop.send_body(request, Body::from(body.to_owned())).await
}

pub fn event(id: &str, kind: &str, intent: &Value) -> String {
    json!({ "id": id, "object": "event", "type": kind, "data": { "object": intent } }).to_string()
}

db_test! {
    /// A successful card, a declined card, and a refund.
    async fn a_card_pays(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order(&shop).await;
        let declined = pay(&shop, &order, json!({ "payment_method": "pm_empty" }), "a").await.json();
        assert_eq!((&declined["state"], &declined["reason"]), (&json!("failed"), &json!("insufficient_funds")));
        let paid = pay(&shop, &order, json!({ "payment_method": "pm_card" }), "b").await.json();
        assert_eq!((&paid["state"], &paid["order"]), (&json!("captured"), &json!("paid")));
        let intent = stripe.lock().unwrap().intents["pi_2"].clone();
        assert_eq!((&intent["amount"], &intent["currency"]), (&paid["amount"]["minor"], &json!("usd")));

        let number = order.0.rsplit_once('/').unwrap().1;
        let request = Request::post(format!("/api/v1/operator/orders/{number}/refunds"))
            .header("content-type", "application/json")
            .header("authorization", "Bearer operator")
            .header("idempotency-key", "r");
        let part = json!({ "amount": { "minor": 300, "currency": "USD" } }).to_string();
        assert_eq!(shop.send_body(request, Body::from(part)).await.status, 200);
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(stripe.lock().unwrap().refunds, [("pi_2".to_owned(), "300".to_owned())]);
    }
}

db_test! {
    /// The bank asks for confirmation; fifty events arrive while the browser returns: one capture,
    /// one transition, one message. An older event changes nothing.
    async fn a_confirmed_payment_is_captured_once(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order(&shop).await;
        let confirming = pay(&shop, &order, json!({ "payment_method": "pm_bank" }), "a").await.json();
        assert_eq!(confirming["state"], "confirming");
        assert_eq!(confirming["next"]["redirect_url"], "https://bank.example/pi_1");
        assert_eq!(confirming["next"]["client_secret"], "pi_1_secret");
        let again = pay(&shop, &order, json!({ "payment_method": "pm_bank" }), "a").await.json();
        assert_eq!(again, confirming);

        let before = stripe.lock().unwrap().intents["pi_1"].clone();
        let mut after = before.clone();
        after["status"] = json!("succeeded");
        stripe.lock().unwrap().intents.insert("pi_1".to_owned(), after.clone());
        let now = shop.app.clock.now().as_millis() / 1_000;
        let body = event("evt_1", "payment_intent.succeeded", &after);
        let signed = signature(SECRET, now, &body);
        let confirm = format!("{}/payments/{}/confirm{}", order.0, confirming["id"].as_str().unwrap(), order.1);
        let events = at_once((0..50).map(|_| tell(&shop, &signed, &body)));
        let (events, back) = tokio::join!(events, send(&shop, "POST", &confirm, &Value::Null));
        assert!(events.iter().all(|it| it.status == 200), "{}", events[0].text());
        assert_eq!(back.json()["state"], "captured");
        let late = event("evt_0", "payment_intent.requires_action", &before);
        assert_eq!(tell(&shop, &signature(SECRET, now - 300, &late), &late).await.status, 200);
        assert_eq!(read(&shop, &order).await["state"], "paid");
        assert_eq!(count(&shop, "select count(*) from order_events where state = 'paid'").await, 1);
        assert_eq!(count(&shop, "select count(*) from payment_events").await, 2);
        origin::relay::deliver_due(&shop.app).await.unwrap();
        origin::relay::deliver_due(&shop.app).await.unwrap();
        assert_eq!(mailbox(&shop).len(), 2);

        for (signed, body) in [
            (signature("another", now, &body), body.as_str()),
            (signature(SECRET, now - 301, &body), &body),
            (signature(SECRET, now, &body), "{}"),
            (String::new(), &body),
        ] {
            assert_eq!(tell(&shop, &signed, body).await.status, 400);
        }
        let foreign = event("evt_9", "payment_intent.succeeded", &json!({ "id": "pi_9", "status": "succeeded", "amount": 1, "currency": "usd", "metadata": { "payment": "1" } }));
        assert_eq!(tell(&shop, &signature(SECRET, now, &foreign), &foreign).await.status, 200);
    }
}

db_test! {
    /// Without a card the browser continues with Stripe; a lost response is recovered, and a late
    /// payment is refunded.
    async fn a_lost_response_is_recovered(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let element = order(&shop).await;
        let confirming = pay(&shop, &element, json!({}), "a").await.json();
        assert_eq!((&confirming["state"], &confirming["next"]["client_secret"]), (&json!("confirming"), &json!("pi_1_secret")));
        stripe.lock().unwrap().intents.get_mut("pi_1").unwrap()["status"] = json!("succeeded");
        shop.app.clock.advance(11_000);
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(read(&shop, &element).await["state"], "paid");

        let lost = order(&shop).await;
        let started = pay(&shop, &lost, json!({ "payment_method": "pm_lost" }), "a").await.json();
        assert_eq!(started["state"], "started");
        shop.app.clock.advance(shop.app.config.pay_within_ms);
        orders::expire(&shop.app).await.unwrap();
        payments::recover(&shop.app).await.unwrap();
        let order = read(&shop, &lost).await;
        assert_eq!((&order["state"], &order["refunded"]), (&json!("expired"), &order["totals"]["total"]));
        assert_eq!(stripe.lock().unwrap().refunds.len(), 1);
    }
}
