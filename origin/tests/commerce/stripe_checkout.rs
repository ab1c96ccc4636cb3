//! Stripe Checkout for browsers without JavaScript: the shop's pages, a fake of Stripe's sessions,
//! and the events about them.

use axum::{
    Form, Json,
    body::Body,
    extract::{Path, Query, State},
};
use http::{HeaderMap, Request, StatusCode};
use origin::{orders, payments};
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    stripe::{Fields, SECRET, Stripe, account, event, order, pay, read, signature, tell},
    support::{Reply, Shop},
};

/// Creates a session; a repeated key must have the same fields.
pub async fn open(
    State(stripe): State<Stripe>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> (StatusCode, Json<Value>) {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut account = stripe.lock().unwrap();
    let asked = json!(fields);
    if let Some((status, answer)) = account.answers.get(&key) {
        assert_eq!(answer["asked"], asked, "a key is used for something else");
        return (*status, Json(answer.clone()));
    }
    let id = format!("cs_test_{}", account.sessions.len() + 1);
    let session = json!({
        "id": id, "object": "checkout.session", "mode": fields["mode"], "status": "open",
        "payment_status": "unpaid", "url": format!("https://pay.example/{id}?a=1&b=2"),
        "amount_total": fields["line_items[0][price_data][unit_amount]"].parse::<i64>().unwrap(),
        "currency": fields["line_items[0][price_data][currency]"], "payment_intent": null,
        "metadata": { "payment": fields["metadata[payment]"] }, "asked": asked,
    });
    account.sessions.insert(id, session.clone());
    account
        .answers
        .insert(key, (StatusCode::OK, session.clone()));
    if std::mem::take(&mut account.loses_answer) {
        return (StatusCode::BAD_GATEWAY, Json(json!({})));
    }
    (StatusCode::OK, Json(session))
}

/// Returns a session, with its intent once a card was tried.
pub async fn retrieve(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    Query(query): Query<Fields>,
) -> Json<Value> {
    assert_eq!(query["expand[]"], "payment_intent");
    let account = stripe.lock().unwrap();
    let mut session = account.sessions[&id].clone();
    if let Some(intent) = session["payment_intent"].as_str() {
        session["payment_intent"] = account.intents[intent].clone();
    }
    Json(session)
}

/// The session with this number, as Stripe returns it.
fn session(stripe: &Stripe, number: usize) -> Value {
    stripe.lock().unwrap().sessions[&format!("cs_test_{number}")].clone()
}

/// Sets the status of a session and returns the session.
fn set_status(stripe: &Stripe, number: usize, status: &str, payment_status: &str) -> Value {
    let mut account = stripe.lock().unwrap();
    let session = account.sessions.get_mut(&format!("cs_test_{number}"));
    let session = session.unwrap();
    session["status"] = json!(status);
    session["payment_status"] = json!(payment_status);
    if status != "open" {
        session["url"] = Value::Null;
    }
    session.clone()
}

/// The buyer tries a card; returns the session's intent.
fn card(stripe: &Stripe, number: usize, status: &str) -> Value {
    let mut account = stripe.lock().unwrap();
    let session = account.sessions.get_mut(&format!("cs_test_{number}"));
    let session = session.unwrap();
    let id = format!("pi_of_{number}");
    session["payment_intent"] = json!(id);
    let asked = &session["asked"];
    let mut intent = json!({
        "id": id, "object": "payment_intent", "status": status,
        "amount": session["amount_total"], "currency": session["currency"],
        "metadata": {
            "payment": asked["payment_intent_data[metadata][payment]"],
            "order": asked["payment_intent_data[metadata][order]"],
            "hosted": asked["payment_intent_data[metadata][hosted]"],
        },
    });
    if status == "requires_payment_method" {
        intent["last_payment_error"] = json!({ "type": "card_error", "code": "card_declined" });
    }
    account.intents.insert(id, intent.clone());
    intent
}

/// The buyer pays.
fn paid(stripe: &Stripe, number: usize) -> Value {
    card(stripe, number, "succeeded");
    set_status(stripe, number, "complete", "paid")
}

/// Sends a signed event to the shop.
async fn send_event(shop: &Shop, id: &str, kind: &str, object: &Value) {
    let body = event(id, kind, object);
    let now = shop.app.clock.now().as_millis() / 1_000;
    let reply = tell(shop, &signature(SECRET, now, &body), &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Submits a form as a browser without JavaScript does.
async fn form(shop: &Shop, path: &str, cookies: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookies);
    shop.send_body(request, Body::from(body)).await
}

/// Submits the form of the order page, which redirects to the order page.
async fn submit_payment(shop: &Shop, (order, token): &(String, String), key: &str) {
    let number = order.rsplit_once('/').unwrap().1;
    let to = format!("/orders/{number}/pay{token}");
    let reply = form(shop, &to, "", &[("key", key)]).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    assert_eq!(reply.header("location"), format!("/orders/{number}{token}"));
}

/// Loads the order page.
async fn page(shop: &Shop, (order, token): &(String, String)) -> String {
    let number = order.rsplit_once('/').unwrap().1;
    let reply = shop.get(&format!("/orders/{number}{token}")).await;
    assert_eq!(reply.status, 200);
    reply.text().to_owned()
}

const PAY: &str = "/pay?token=";
const CAPTURES: &str = "select count(*) from order_events where state = 'paid'";

fn links_to_session(page: &str, number: usize) -> bool {
    page.contains(&format!("https://pay.example/cs_test_{number}?a=1&amp;b=2"))
}

db_test! {
    /// From the cart to a paid order without JavaScript, in the language of the pages: the order
    /// page links to Stripe, and thanks a buyer who returns before any event has arrived.
    async fn a_shopper_without_scripts_pays(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let added = form(&shop, "/zh/cart/lines", "", &[("sku", "tea-1"), ("quantity", "1")]).await;
        let cookies: Vec<_> = added.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap().split(';').next().unwrap()).collect();
        let cookies = cookies.join("; ");
        let address = [("email", "ada@example.org"), ("name", "Ada"), ("line1", "1 Lane"), ("city", "Berlin"), ("postcode", "10115"), ("country", "DE")];
        assert_eq!(form(&shop, "/zh/checkout", &cookies, &address).await.status, 303);
        assert_eq!(form(&shop, "/zh/checkout/shipping", &cookies, &[("shipping_method", "standard")]).await.status, 303);
        let order = [("payment", "stripe"), ("total", "1100"), ("key", "once")];
        let placed = form(&shop, "/zh/checkout/review", &cookies, &order).await;
        assert_eq!(placed.status, 303, "{}", placed.text());
        let thanks = placed.header("location").to_owned();
        assert!(thanks.starts_with("/zh/orders/"), "{thanks}");
        // A second click leads to the same session.
        let again = form(&shop, "/zh/checkout/review", &cookies, &order).await;
        assert!(thanks.starts_with(again.header("location")), "{}", again.text());
        let shown = shop.get(&thanks).await;
        assert!(links_to_session(shown.text(), 1), "{}", shown.text());
        assert!(shown.header("content-security-policy").contains("form-action 'self';"));

        let asked = session(&stripe, 1)["asked"].clone();
        let (back, _) = thanks.split_once("&thanks").unwrap();
        let number = back.split(['/', '?']).nth(3).unwrap();
        let url = format!("{}{back}", shop.app.config.base_url);
        for (field, value) in [
            ("mode", "payment"), ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", "usd"), ("line_items[0][price_data][unit_amount]", "1100"),
            ("line_items[0][price_data][product_data][name]", number), ("client_reference_id", number),
            ("customer_email", "ada@example.org"), ("locale", "zh"), ("success_url", &url), ("cancel_url", &url),
        ] {
            assert_eq!(asked[field], value, "{field}");
        }
        let now = shop.app.clock.now().as_millis() / 1_000;
        let lasts = asked["expires_at"].as_str().unwrap().parse::<i64>().unwrap() - now;
        assert!((30 * 60..=24 * 60 * 60).contains(&lasts), "{lasts}");

        paid(&stripe, 1);
        let shown = shop.get(back).await;
        assert!(!shown.text().contains(PAY) && !links_to_session(shown.text(), 1), "{}", shown.text());
        assert_eq!(count(&shop, CAPTURES).await, 1);
        let session = session(&stripe, 1);
        send_event(&shop, "evt_1", "checkout.session.completed", &session).await;
        assert_eq!(count(&shop, CAPTURES).await, 1);
        let request = Request::post(format!("/api/v1/operator/orders/{number}/refunds"))
            .header("content-type", "application/json")
            .header("authorization", "Bearer operator")
            .header("idempotency-key", "r");
        assert_eq!(shop.send_body(request, Body::from("{}")).await.status, 200);
        payments::recover(&shop.app).await.unwrap();
        assert_eq!(stripe.lock().unwrap().refunds, [("pi_of_1".to_owned(), "1100".to_owned())]);
    }
}

db_test! {
    /// Events about the session and its intent arrive repeatedly before the buyer returns: the
    /// payment is captured once.
    async fn events_before_the_return_capture_once(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order(&shop).await;
        submit_payment(&shop, &order, "a").await;
        let session = paid(&stripe, 1);
        let intent = stripe.lock().unwrap().intents["pi_of_1"].clone();
        let tell = |number: usize| {
            let (shop, session, intent) = (&shop, &session, &intent);
            async move {
                let id = format!("evt_{}", number / 2);
                match number % 4 {
                    0 | 1 => send_event(shop, &id, "checkout.session.completed", session).await,
                    _ => send_event(shop, &id, "payment_intent.succeeded", intent).await,
                }
            }
        };
        futures_util::future::join_all((0..20).map(tell)).await;
        assert_eq!(read(&shop, &order).await["state"], "paid");
        assert!(!page(&shop, &order).await.contains(PAY));
        assert_eq!(count(&shop, CAPTURES).await, 1);
        assert_eq!(count(&shop, "select count(*) from payments where external_id = 'pi_of_1'").await, 1);
    }
}

db_test! {
    /// A declined card on Stripe's page does not end the session: the buyer returns, opens it again
    /// and pays with another card.
    async fn another_card_is_tried_on_the_same_page(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order(&shop).await;
        submit_payment(&shop, &order, "a").await;
        let intent = card(&stripe, 1, "requires_payment_method");
        send_event(&shop, "evt_1", "payment_intent.payment_failed", &intent).await;
        assert!(links_to_session(&page(&shop, &order).await, 1));
        shop.app.clock.advance(11_000);
        payments::recover(&shop.app).await.unwrap();
        assert!(links_to_session(&page(&shop, &order).await, 1));
        submit_payment(&shop, &order, "b").await;
        assert_eq!(stripe.lock().unwrap().sessions.len(), 1);
        let session = paid(&stripe, 1);
        send_event(&shop, "evt_2", "checkout.session.completed", &session).await;
        assert_eq!(read(&shop, &order).await["state"], "paid");
    }
}

db_test! {
    /// An expired session is a failed payment; the next payment opens a new session.
    async fn an_expired_session_is_replaced(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order(&shop).await;
        submit_payment(&shop, &order, "a").await;
        let session = set_status(&stripe, 1, "expired", "unpaid");
        send_event(&shop, "evt_1", "checkout.session.expired", &session).await;
        assert_eq!(count(&shop, "select count(*) from payments where state = 'failed' and reason = 'expired'").await, 1);
        let shown = page(&shop, &order).await;
        assert!(shown.contains(PAY) && shown.contains("role=\"alert\""), "{shown}");
        submit_payment(&shop, &order, "b").await;
        assert!(links_to_session(&page(&shop, &order).await, 2));
        // The bank declines a delayed payment in the end; a third session pays, and the order is
        // paid once.
        card(&stripe, 2, "processing");
        let session = set_status(&stripe, 2, "complete", "unpaid");
        send_event(&shop, "evt_2", "checkout.session.completed", &session).await;
        assert_eq!(read(&shop, &order).await["state"], "pending");
        card(&stripe, 2, "requires_payment_method");
        send_event(&shop, "evt_3", "checkout.session.async_payment_failed", &session).await;
        assert_eq!(count(&shop, "select count(*) from payments where reason = 'card_declined'").await, 1);
        submit_payment(&shop, &order, "c").await;
        card(&stripe, 3, "processing");
        set_status(&stripe, 3, "complete", "unpaid");
        let session = paid(&stripe, 3);
        send_event(&shop, "evt_4", "checkout.session.async_payment_succeeded", &session).await;
        assert_eq!(read(&shop, &order).await["state"], "paid");
        assert_eq!(count(&shop, CAPTURES).await, 1);
    }
}

db_test! {
    /// Repeated clicks, with any key and with a lost response, open one session.
    async fn repeated_clicks_open_one_session(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order(&shop).await;
        stripe.lock().unwrap().loses_answer = true;
        submit_payment(&shop, &order, "a").await;
        assert!(!links_to_session(&page(&shop, &order).await, 1));
        futures_util::future::join_all((0..8).map(|_| submit_payment(&shop, &order, "a"))).await;
        assert!(links_to_session(&page(&shop, &order).await, 1));
        submit_payment(&shop, &order, "b").await;
        assert_eq!(stripe.lock().unwrap().sessions.len(), 1);
        assert_eq!(count(&shop, "select count(*) from payments").await, 1);
        let both = json!({ "hosted": "en", "payment_method": "pm_card" });
        assert_eq!(pay(&shop, &order, both, "c").await.status, 400);
        let api = pay(&shop, &order, json!({ "hosted": "en" }), "d").await.json();
        assert_eq!(api["next"]["redirect_url"], "https://pay.example/cs_test_1?a=1&b=2");
    }
}

db_test! {
    /// A wrong amount or currency pays nothing, by any report; a late payment is refunded.
    async fn a_wrong_amount_pays_nothing(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (shop, stripe) = account(shop).await;
        let order = order(&shop).await;
        submit_payment(&shop, &order, "a").await;
        paid(&stripe, 1);
        let right = session(&stripe, 1);
        for (number, (field, value)) in [("amount_total", json!(1)), ("currency", json!("jpy"))].into_iter().enumerate() {
            let mut wrong = right.clone();
            wrong[field] = value;
            stripe.lock().unwrap().sessions.insert("cs_test_1".to_owned(), wrong.clone());
            send_event(&shop, &format!("evt_{number}"), "checkout.session.completed", &wrong).await;
            page(&shop, &order).await;
            shop.app.clock.advance(11_000);
            payments::recover(&shop.app).await.unwrap();
            let order = read(&shop, &order).await;
            assert_eq!((&order["state"], &order["paid"]["minor"]), (&json!("pending"), &json!(0)), "{field}");
        }
        let mut intent = stripe.lock().unwrap().intents["pi_of_1"].clone();
        intent["amount"] = json!(1);
        send_event(&shop, "evt_8", "payment_intent.succeeded", &intent).await;
        assert_eq!(count(&shop, CAPTURES).await, 0);
        shop.app.clock.advance(shop.app.config.pay_within_ms);
        orders::expire(&shop.app).await.unwrap();
        send_event(&shop, "evt_9", "checkout.session.completed", &right).await;
        payments::recover(&shop.app).await.unwrap();
        let order = read(&shop, &order).await;
        assert_eq!((&order["state"], &order["refunded"]), (&json!("expired"), &order["totals"]["total"]));
        assert_eq!(stripe.lock().unwrap().refunds.len(), 1);
    }
}
