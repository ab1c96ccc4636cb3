//! Helpers for what shoppers do: carts, orders and mail.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;

use axum::body::Body;
use http::Request;
use origin::http_pipeline::Peer;
use serde_json::{Value, json};

use crate::support::{Reply, Shop, product};

/// Sends a JSON request.
pub async fn send(shop: &Shop, method: &str, path: &str, body: &Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    shop.send_body(request, Body::from(body.to_string())).await
}

pub async fn send_with_key(shop: &Shop, path: &str, body: &Value, key: &str) -> Reply {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    shop.send_body(request, Body::from(body.to_string())).await
}

/// The other end of a connection from this address.
pub fn peer(address: &str) -> Peer {
    Peer(SocketAddr::new(address.parse().unwrap(), 1))
}

/// Sends a JSON request from this client address.
pub async fn send_from(
    shop: &Shop,
    address: &str,
    (method, path): (&str, &str),
    body: &Value,
) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("idempotency-key", origin::secret::token())
        .extension(peer(address));
    shop.send_body(request, Body::from(body.to_string())).await
}

/// Sends a JSON request to the staff API, with the operator's token.
pub async fn as_operator(shop: &Shop, method: &str, path: &str, body: &Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/operator/{path}"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    shop.send_body(request, Body::from(body.to_string())).await
}

/// Orders one unit of tea with this payment method.
pub async fn order_paid_by(shop: &Shop, method: &str) -> Value {
    let cart = ready_cart(shop, "tea-1", 1).await;
    let mut order = order_of(shop, &cart).await;
    order["payment_method"] = json!(method);
    let placed = send(shop, "POST", &format!("{cart}/order"), &order).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    placed.json()
}

/// The path of an order, or of something below it, with the order's token.
pub fn order_path(order: &Value, below: &str) -> String {
    let (number, token) = (order["number"].as_str(), order["token"].as_str());
    format!(
        "/api/v1/orders/{}{below}?token={}",
        number.unwrap(),
        token.unwrap()
    )
}

/// Like [`ready_cart`], for another buyer.
pub async fn cart_of(shop: &Shop, email: &str, sku: &str, quantity: i64) -> String {
    let path = ready_cart(shop, sku, quantity).await;
    let updated = send(shop, "PATCH", &path, &json!({ "email": email })).await;
    assert_eq!(updated.status, 200, "{}", updated.text());
    path
}

/// Places an order from this client address.
pub async fn place_from(shop: &Shop, address: &str, path: &str, method: &str) -> Reply {
    let mut order = order_of(shop, path).await;
    order["payment_method"] = json!(method);
    send_from(shop, address, ("POST", &format!("{path}/order")), &order).await
}

/// Creates a cart with these units of a sku that can be ordered; returns its path.
pub async fn ready_cart(shop: &Shop, sku: &str, quantity: i64) -> String {
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

/// The request body that orders the cart in its current state.
pub async fn order_of(shop: &Shop, path: &str) -> Value {
    let cart = shop.json(path).await;
    json!({ "expected_total": cart["totals"]["total"], "payment_method": "manual" })
}

pub async fn place(shop: &Shop, path: &str) -> Reply {
    let order = order_of(shop, path).await;
    send(shop, "POST", &format!("{path}/order"), &order).await
}

/// Orders all of these carts concurrently, so that they share a batch.
pub async fn place_at_once(shop: &Shop, paths: &[String]) -> Vec<Reply> {
    let mut orders = Vec::new();
    for path in paths {
        orders.push((format!("{path}/order"), order_of(shop, path).await));
    }
    at_once(
        orders
            .iter()
            .map(|(to, order)| send(shop, "POST", to, order)),
    )
    .await
}

pub async fn count(shop: &Shop, statement: &'static str) -> i64 {
    let mut reader = shop.app.db.read().await.unwrap();
    sqlx::query_scalar(statement)
        .fetch_one(&mut *reader)
        .await
        .unwrap()
}

pub async fn on_hand(shop: &Shop) -> i64 {
    count(
        shop,
        "select cast(coalesce(sum(on_hand), 0) as signed) from stock",
    )
    .await
}

pub fn only(name: &str, price: &str, stock: i64) -> origin::catalog::model::NewProduct {
    let mut product = product(name, price);
    product.variants[0].stock = Some(stock);
    product
}

/// Sends all requests concurrently and returns their responses.
pub async fn at_once<F: Future<Output = Reply>>(
    requests: impl IntoIterator<Item = F>,
) -> Vec<Reply> {
    futures_util::future::join_all(requests).await
}

/// The messages in the mailbox folder.
pub fn mailbox(shop: &Shop) -> Vec<String> {
    let folder = shop.app.config.data_dir.join("mail");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect()
}

/// Polls until the condition holds; background work has a minute to finish.
pub async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    let minute = std::time::Duration::from_secs(60);
    tokio::time::timeout(minute, looks).await.unwrap();
}
