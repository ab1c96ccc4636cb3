//! Webhooks: signatures, order, rights and allowed addresses.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Request, StatusCode};
use origin::relay::{deliver_due, deliver_webhooks};
use ring::hmac;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

/// A webhook receiver that records its requests.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    got: Vec<(HeaderMap, String)>,
    /// The topic whose first message it refuses.
    refuses: Option<&'static str>,
}

impl Receiver {
    pub async fn open(&self) -> String {
        let routes = Router::new()
            .route("/hooks", post(receive))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    /// The received messages with their headers, in order.
    pub fn messages(&self) -> Vec<(HeaderMap, String)> {
        self.0.lock().unwrap().got.clone()
    }

    /// The bodies of the received messages, in order.
    fn received(&self) -> Vec<Value> {
        let received = &self.0.lock().unwrap().got;
        received
            .iter()
            .map(|(_, body)| serde_json::from_str(body).unwrap())
            .collect()
    }

    fn topics(&self) -> Vec<String> {
        let received = self.received();
        received
            .iter()
            .map(|it| it["type"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A refusal echoes the request body.
async fn receive(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let mut inner = receiver.0.lock().unwrap();
    let refused = inner.refuses.take_if(|topic| body.contains(*topic));
    inner.got.push((headers, body.clone()));
    match refused {
        None => (StatusCode::NO_CONTENT, String::new()),
        Some(_) => (StatusCode::INTERNAL_SERVER_ERROR, body),
    }
}

pub async fn operate(shop: &Shop, method: &str, path: &str, body: &Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    shop.send_body(request, Body::from(body.to_string())).await
}

pub const HOOKS: &str = "/api/v1/operator/webhooks";

/// Verifies a message as the specification requires.
pub fn check(secret: &str, (headers, body): &(HeaderMap, String)) {
    let text = |name: &str| headers[name].to_str().unwrap();
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let signed = format!(
        "{}.{}.{body}",
        text("webhook-id"),
        text("webhook-timestamp")
    );
    let tag = STANDARD
        .decode(text("webhook-signature").strip_prefix("v1,").unwrap())
        .unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
}

db_test! {
    /// Events of an order arrive in order, signed, repeated until they are accepted, and without
    /// the order's token; a receiver gets only its topics.
    async fn events_are_delivered_signed_and_in_order(shop) {
        shop.save(vec![only("tea", "5.00", 6)]).await;
        let (all, low) = (Receiver::default(), Receiver::default());
        let made = operate(shop, "POST", HOOKS, &json!({ "url": all.open().await })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let secret = made.json()["secret"].as_str().unwrap().to_owned();
        let few = json!({ "url": low.open().await, "topics": ["stock.low"] });
        assert_eq!(operate(shop, "POST", HOOKS, &few).await.status, 201);

        let path = ready_cart(shop, "tea-1", 1).await;
        let order = place(shop, &path).await.json();
        let (number, token) = (order["number"].as_str().unwrap(), order["token"].as_str().unwrap());
        let steps = format!("/api/v1/operator/orders/{number}/steps");
        for state in ["paid", "shipped"] {
            let step = operate(shop, "POST", &steps, &json!({ "state": state })).await;
            assert_eq!(step.status, 200, "{}", step.text());
        }
        all.0.lock().unwrap().refuses = Some("order.placed");
        for _ in 0..4 {
            deliver_due(&shop.app).await.unwrap();
            deliver_webhooks(&shop.app).await.unwrap();
        }
        // The first message was refused; later ones of its subject wait. The response of the
        // receiver is not stored.
        const WHY: &str = "select count(*) from outbox where error = 'the receiver responded with 500 Internal Server Error'";
        assert_eq!(count(shop, WHY).await, 1);
        assert_eq!(low.topics(), ["stock.low"]);
        let of_order = |topics: Vec<String>| topics.into_iter().filter(|it| it.starts_with("order."));
        assert!(of_order(all.topics()).eq(["order.placed"]));
        shop.app.clock.advance(10_000);
        for _ in 0..4 {
            deliver_webhooks(&shop.app).await.unwrap();
        }
        let received = of_order(all.topics());
        assert!(received.eq(["order.placed", "order.placed", "order.paid", "order.shipped"]));
        for message in &all.0.lock().unwrap().got {
            check(&secret, message);
            assert!(!message.1.contains(token), "{}", message.1);
        }
        let placed = all.received().into_iter().find(|it| it["type"] == "order.placed").unwrap();
        assert_eq!((&placed["data"]["number"], &placed["data"]["totals"]), (&order["number"], &order["totals"]));
        assert_eq!(low.received()[0]["data"]["available"], 5);
        assert_eq!(count(shop, "select count(*) from outbox where delivered_at is null").await, 0);

        let gone = operate(shop, "DELETE", &format!("{HOOKS}/{}", made.json()["id"].as_str().unwrap()), &json!({})).await;
        assert_eq!((gone.status.as_u16(), gone.json()["webhooks"].as_array().unwrap().len()), (200, 1));
        let received = all.received().len();
        operate(shop, "POST", &steps, &json!({ "state": "delivered" })).await;
        deliver_due(&shop.app).await.unwrap();
        deliver_webhooks(&shop.app).await.unwrap();
        assert_eq!(all.received().len(), received);
    }
}

db_test! {
    /// Only staff can create webhooks, and only with valid URLs.
    async fn only_staff_create_webhooks(shop) {
        let url = json!({ "url": "https://erp.example/" });
        assert_eq!(send(shop, "POST", HOOKS, &url).await.status, 401);
        assert_eq!(shop.get(HOOKS).await.status, 401);
        for bad in [
            json!({ "url": "http://erp.example/" }),
            json!({ "url": "https://erp.example/", "topics": ["order.eaten"] }),
            json!({ "topics": [] }),
        ] {
            assert_eq!(operate(shop, "POST", HOOKS, &bad).await.status, 400, "{bad}");
        }
        assert_eq!(operate(shop, "POST", HOOKS, &url).await.status, 201);
        let all = operate(shop, "GET", HOOKS, &Value::Null).await.json();
        assert_eq!(all["webhooks"][0]["url"], url["url"]);
        assert!(all["webhooks"][0].get("secret").is_none(), "{all}");
        for none in ["1", "none"] {
            let gone = operate(shop, "DELETE", &format!("{HOOKS}/{none}"), &json!({})).await;
            assert_eq!(gone.status, 404);
        }
    }
}

/// Creates a webhook with an API key that has these rights.
async fn create_with_rights(shop: &Shop, rights: &[&str], topics: &Value) -> Reply {
    let wanted = json!({ "name": "program", "rights": rights });
    let key = operate(shop, "POST", "/api/v1/operator/keys", &wanted).await;
    let request = Request::post(HOOKS)
        .header("content-type", "application/json")
        .header(
            "authorization",
            format!("Bearer {}", key.json()["key"].as_str().unwrap()),
        );
    let body = json!({ "url": "https://erp.example/", "topics": topics });
    shop.send_body(request, Body::from(body.to_string())).await
}

db_test! {
    /// A topic requires the right to read its data, and all topics require all rights.
    async fn a_topic_needs_the_right_to_its_data(shop) {
        let (all, stock) = (json!([]), json!(["stock.low"]));
        let both = json!(["stock.low", "order.paid"]);
        for (rights, topics, status, named) in [
            (&["settings"][..], &all, 403, "stock.low needs the right stock"),
            (&["settings"], &stock, 403, "stock.low needs the right stock"),
            (&["settings", "stock"], &stock, 201, ""),
            (&["settings", "stock"], &both, 403, "order.paid needs the right orders"),
            (&["settings", "stock"], &all, 403, "needs the right orders"),
            (&["settings", "orders"], &all, 403, "needs the right stock"),
            (&["settings", "orders", "stock"], &all, 201, ""),
            (&["orders", "stock"], &stock, 403, ""),
        ] {
            let reply = create_with_rights(shop, rights, topics).await;
            assert_eq!(reply.status, status, "{rights:?} {topics}: {}", reply.text());
            assert!(reply.text().contains(named), "{rights:?} {topics}: {}", reply.text());
        }
        assert_eq!(count(shop, "select count(*) from webhooks").await, 2);
    }
}

/// A server that redirects every request to another address.
async fn redirector(to: String) -> String {
    let redirect = move || {
        let to = to.clone();
        async move { (StatusCode::TEMPORARY_REDIRECT, [("location", to)]) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let routes = Router::new().route("/", post(redirect));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// The delivery errors of messages to webhooks.
async fn errors(shop: &Shop) -> Vec<String> {
    const WHY: &str =
        "select distinct error from outbox where topic = 'webhook' and error is not null";
    let mut reader = shop.app.db.read().await.unwrap();
    sqlx::query_scalar(WHY)
        .fetch_all(&mut *reader)
        .await
        .unwrap()
}

db_test! {
    /// No request reaches the private network: not after the settings have changed, by no name, and
    /// by no redirect.
    async fn no_request_reaches_the_private_network(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let inside = Receiver::default();
        let url = inside.open().await;
        let pointing = redirector(url.clone()).await;
        for url in [&url, &pointing] {
            let hook = json!({ "url": url, "topics": ["order.placed"] });
            assert_eq!(operate(shop, "POST", HOOKS, &hook).await.status, 201);
        }
        let strict = shop.with(|config| config.webhook_hosts = vec!["localhost.example".into()]).await;
        for bad in [url.as_str(), "https://127.0.0.1/", "https://localhost/", "https://[::ffff:7f00:1]/"] {
            let refused = operate(&strict, "POST", HOOKS, &json!({ "url": bad })).await;
            assert_eq!(refused.status, 400, "{bad}");
            assert_eq!(refused.json()["errors"][0]["field"], "url");
        }
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        deliver_due(&strict.app).await.unwrap();
        deliver_webhooks(&strict.app).await.unwrap();
        assert!(inside.received().is_empty());
        let why = errors(shop).await;
        assert!(why.len() == 1 && why[0].contains("--webhook-hosts"), "{why:?}");
        // With the host allowed again one message is delivered; redirects are errors.
        shop.app.clock.advance(10_000);
        deliver_webhooks(&shop.app).await.unwrap();
        assert_eq!(inside.received().len(), 1);
        let why = errors(shop).await;
        assert!(why.iter().any(|it| it.contains("307")), "{why:?}");
        strict.app.db.close().await;
    }
}

db_test! {
    /// A name that resolves to a private address can only be refused when connecting.
    async fn resolved_addresses_are_checked(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let inside = Receiver::default();
        let url = inside.open().await.replace("127.0.0.1", "localhost");
        let open = shop.with(|config| config.webhook_hosts = vec!["localhost".into()]).await;
        let hook = json!({ "url": url, "topics": ["order.placed"] });
        assert_eq!(operate(&open, "POST", HOOKS, &hook).await.status, 201);
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        deliver_due(&open.app).await.unwrap();
        deliver_webhooks(&open.app).await.unwrap();
        assert_eq!(inside.received().len(), 1);
        open.app.db.close().await;
    }
}

db_test! {
    /// A running server delivers to webhooks.
    async fn a_running_server_delivers_to_webhooks(shop) {
        let receiver = Receiver::default();
        let made = operate(shop, "POST", HOOKS, &json!({ "url": receiver.open().await })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        shop.save(vec![only("tea", "5.00", 90)]).await;
        let cart = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &cart).await.status, 201);
        let jobs = origin::jobs::Jobs::start(&shop.app);
        until(async || receiver.topics() == ["order.placed"]).await;
        jobs.stop().await;
    }
}
