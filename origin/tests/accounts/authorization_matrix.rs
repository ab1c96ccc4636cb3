//! The authorization matrix: every operation of the API, requested by six principals for resources
//! of another account. The expected statuses are a snapshot; an operation without a row fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use axum::body::Body;
use http::Request;
use origin::accounts;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, member},
    shopper::{count, only, order_of, ready_cart, send, send_with_key},
    support::Shop,
};

/// The principals, the least trusted first.
const PRINCIPALS: [&str; 6] = [
    "anonymous",
    "guest",
    "customer",
    "staff w/o",
    "staff",
    "owner",
];

const AUDIT_ROWS: &str = "select count(*) from audit_log";
/// Operations that fail for every principal in this fixture: the order is not paid, pictures and
/// drafts need more than a generated body, and there is no category and no second factor.
const NEVER_SUCCESSFUL: [&str; 7] = [
    "add_image",
    "delete_category",
    "refund_order",
    "reset_second_factor",
    "return_order",
    "save_draft",
    "step_order",
];

/// The fixture: credentials of the principals, and resources.
struct Fixture {
    /// The cookie of each principal.
    cookies: [String; 6],
    /// Path parameters: resources of the victim and of the shop.
    parameters: BTreeMap<&'static str, String>,
    /// The guest's secrets: the tokens of cart and order.
    cart: String,
    order: String,
}

async fn signed_in(shop: &Shop, email: &str, role: &str, rights: &str) -> String {
    let cookie = member(shop, email).await.cookie;
    if role == "customer" {
        return cookie;
    }
    accounts::set_role_by_command(&shop.app, email, role, rights)
        .await
        .unwrap();
    let mut browser = Browser::default();
    assert_eq!(browser.login(shop, email, PASSWORD).await.status, 200);
    browser.cookie
}

async fn operate(shop: &Shop, method: &str, path: &str, body: Value) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/operator/{path}"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    let reply = shop.send_body(request, Body::from(body.to_string())).await;
    assert!(reply.status.is_success(), "{path}: {}", reply.text());
    reply.json()
}

/// A shop with a victim, Ada, who has resources of every kind.
async fn fixture(shop: &Shop) -> Fixture {
    shop.save(vec![only("tea", "5.00", 50)]).await;
    let mut ada = member(shop, "ada@example.org").await;
    let address = json!({ "name": "Ada", "line1": "1 Lane", "city": "Berlin", "postcode": "10115", "country": "DE" });
    let book = ada
        .post(shop, "/addresses", json!({ "address": address }))
        .await
        .json();
    let sessions = ada.get(shop, "/sessions").await.json();
    let account = ada.get(shop, "").await.json();
    let bought = ready_cart(shop, "tea-1", 1).await;
    let mut order = order_of(shop, &bought).await;
    order["payment_method"] = json!("test");
    let placed = send(shop, "POST", &format!("{bought}/order"), &order)
        .await
        .json();
    let (number, token) = (
        placed["number"].as_str().unwrap(),
        placed["token"].as_str().unwrap(),
    );
    let pay = format!("/api/v1/orders/{number}/payments?token={token}");
    let paid = send_with_key(shop, &pay, &json!({ "card": "confirm" }), "pay")
        .await
        .json();
    let coupon = json!({ "effect": { "type": "free_shipping" } });
    operate(shop, "PUT", "coupons/tea", coupon).await;
    let hook = operate(
        shop,
        "POST",
        "webhooks",
        json!({ "url": "https://erp.example/" }),
    )
    .await;
    let key = operate(
        shop,
        "POST",
        "keys",
        json!({ "name": "erp", "rights": ["stock"] }),
    )
    .await;
    let cart = ready_cart(shop, "tea-1", 1).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parameters = [
        ("product", "tea".to_owned()),
        ("sku", "tea-1".to_owned()),
        ("number", number.to_owned()),
        ("payment", text(&paid["id"])),
        ("address", text(&book["addresses"][0]["id"])),
        ("session", text(&sessions["sessions"][0]["id"])),
        ("user", text(&account["id"])),
        ("webhook", text(&hook["id"])),
        ("key", text(&key["id"])),
        ("location", "north".to_owned()),
        ("external_id", "tea".to_owned()),
        ("code", "TEA".to_owned()),
    ];
    Fixture {
        cookies: [
            String::new(),
            String::new(),
            signed_in(shop, "bob@example.org", "customer", "").await,
            signed_in(shop, "new@example.org", "staff", "").await,
            signed_in(
                shop,
                "eve@example.org",
                "staff",
                "catalogue,orders,stock,customers,settings",
            )
            .await,
            signed_in(shop, "own@example.org", "owner", "").await,
        ],
        parameters: parameters.into(),
        cart: cart.rsplit_once('/').unwrap().1.to_owned(),
        order: token.to_owned(),
    }
}

/// A valid body for an operation that takes one.
fn body(operation: &str, fixture: &Fixture) -> Value {
    let address = json!({ "name": "Eve", "line1": "1 Lane", "city": "Bonn", "postcode": "53111", "country": "DE" });
    match operation {
        "add_line" => json!({ "sku": "tea-1", "quantity": 1 }),
        "set_quantity" => json!({ "quantity": 2 }),
        "update_cart" => json!({ "note": "mine" }),
        "merge_cart" => json!({ "from": fixture.cart }),
        "place_order" => {
            json!({ "expected_total": { "minor": 1, "currency": "USD" }, "payment_method": "manual" })
        }
        "register" => json!({ "email": "x@example.org", "password": PASSWORD }),
        "login" | "create_tokens" => {
            json!({ "email": "ada@example.org", "password": "a guess at it" })
        }
        "forgot_password" => json!({ "email": "ada@example.org" }),
        "verify_email" => json!({ "token": "guess" }),
        "reset_password" => json!({ "token": "guess", "password": "another horse" }),
        "refresh_tokens" | "revoke_tokens" => json!({ "refresh_token": "guess" }),
        "change_password" => json!({ "current": "a guess at it", "password": "another horse" }),
        "change_email" => json!({ "email": "x@example.org", "password": "a guess at it" }),
        "erase_account" | "reauthenticate" | "enrol_second_factor" => {
            json!({ "password": "a guess at it" })
        }
        "confirm_second_factor" => json!({ "code": "000000" }),
        "renew_recovery_codes" | "disable_second_factor" => {
            json!({ "password": "a guess at it", "code": "000000" })
        }
        "add_address" | "update_address" => json!({ "address": address }),
        "step_order" => json!({ "state": "shipped" }),
        "refund_order" => json!({ "restock": false }),
        "return_order" => json!({ "lines": [{ "sku": "tea-1", "quantity": 1 }] }),
        "change_stock" => json!({ "changes": [{ "sku": "tea-1", "delta": 1 }] }),
        "save_location" => json!({ "name": "North" }),
        "create_webhook" => json!({ "url": "https://evil.example/" }),
        "create_api_key" => json!({ "name": "evil", "rights": ["orders"] }),
        "save_draft" | "save_category" => json!({ "names": { "en": "Evil" } }),
        "save_coupon" => json!({ "effect": { "type": "percentage", "percent": "100" } }),
        "change_variant" => json!({ "price": { "minor": 1, "currency": "USD" } }),
        "set_role" => json!({ "role": "staff", "rights": ["orders"] }),
        _ => json!({}),
    }
}

/// The path with its parameters, and the query that the operation needs.
fn address(path: &str, operation: &str, fixture: &Fixture, principal: &str) -> String {
    let is_guest = principal == "guest";
    let guess = "0".repeat(32);
    let mut filled = path.to_owned();
    let cart = if is_guest { &fixture.cart } else { &guess };
    filled = filled.replace("{cart}", cart);
    for (name, value) in &fixture.parameters {
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    assert!(
        !filled.contains('{'),
        "{operation}: no value for a parameter of {path}"
    );
    let token = if is_guest { &fixture.order } else { &guess };
    match operation {
        "get_order" | "cancel_order" | "pay_order" | "get_payment" | "confirm_payment" => {
            format!("{filled}?token={token}")
        }
        "get_facets" => format!("{filled}?category=none"),
        "get_stock" => format!("{filled}?sku=tea-1"),
        _ => filled,
    }
}

#[tokio::test]
async fn every_operation_responds_to_each_principal_as_recorded() {
    let shop = Shop::on_sqlite().await;
    let fixture = fixture(&shop).await;
    let mut reader = shop.app.db.read().await.unwrap();
    let checkpoint = "pragma wal_checkpoint(truncate)";
    sqlx::query(checkpoint)
        .fetch_one(&mut *reader)
        .await
        .unwrap();
    drop(reader);
    let document = shop.json("/openapi.json").await;
    let mut table = format!("{:24}", "");
    for principal in PRINCIPALS {
        let _ = write!(table, "{principal:>10}");
    }
    table.push('\n');
    let (mut rows, mut never_successful) = (BTreeMap::new(), BTreeSet::new());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let operation = operation["operationId"].as_str().unwrap();
            let mut row = String::new();
            for (principal, cookie) in PRINCIPALS.into_iter().zip(&fixture.cookies) {
                // Each principal gets a fresh copy of the shop.
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("copy.db");
                std::fs::copy(shop.folder().join("test.db"), &file).unwrap();
                let url = format!("sqlite://{}", file.display());
                let other = |config: &mut origin::config::Config| {
                    config.database_url = Some(url);
                };
                let copy = shop.with(other).await;
                let request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(address(path, operation, &fixture, principal))
                    .header("content-type", "application/json")
                    .header("idempotency-key", "key")
                    .header("cookie", cookie);
                let body = body(operation, &fixture).to_string();
                let before = count(&copy, AUDIT_ROWS).await;
                let reply = copy.send_body(request, Body::from(body)).await;
                let is_staff_change = method != "get" && path.contains("/operator/");
                if is_staff_change && principal == "owner" && !reply.status.is_success() {
                    never_successful.insert(operation.to_owned());
                }
                let rows = count(&copy, AUDIT_ROWS).await - before;
                assert!(
                    !is_staff_change || rows == i64::from(reply.status.is_success()),
                    "{operation}, {principal}: {rows} rows in the audit log, {}",
                    reply.text()
                );
                assert!(
                    !reply.status.is_server_error(),
                    "{operation}: {}",
                    reply.text()
                );
                let _ = write!(row, "{:>10}", reply.status.as_u16());
                copy.app.db.close().await;
            }
            rows.insert(operation.to_owned(), row);
        }
    }
    for (operation, row) in rows {
        let _ = writeln!(table, "{operation:24}{row}");
    }
    insta::assert_snapshot!("status_by_principal", table);
    // Operations that succeed for no principal here are covered by tests of their own.
    assert_eq!(never_successful, NEVER_SUCCESSFUL.map(str::to_owned).into());
}

#[tokio::test]
async fn staff_changes_of_orders_are_audited() {
    let shop = &Shop::on_sqlite().await;
    shop.save(vec![only("tea", "5.00", 50)]).await;
    let cart = ready_cart(shop, "tea-1", 2).await;
    let order = order_of(shop, &cart).await;
    let placed = send(shop, "POST", &format!("{cart}/order"), &order)
        .await
        .json();
    let number = placed["number"].as_str().unwrap();
    let part = json!({ "amount": { "minor": 300, "currency": "USD" } });
    let back = json!({ "lines": [{ "sku": "tea-1", "quantity": 1 }], "restock": true });
    for (what, body, action) in [
        ("steps", json!({ "state": "paid" }), "order.step"),
        ("steps", json!({ "state": "shipped" }), "order.step"),
        ("returns", back, "order.return"),
        ("refunds", part.clone(), "order.refund"),
    ] {
        let before = count(shop, AUDIT_ROWS).await;
        let path = format!("/api/v1/operator/orders/{number}/{what}");
        for _ in 0..2 {
            let request = Request::post(&path)
                .header("content-type", "application/json")
                .header("idempotency-key", action)
                .header("authorization", "Bearer operator");
            // A repeated request with the same key is replayed, and a repeated step is refused.
            shop.send_body(request, Body::from(body.to_string())).await;
        }
        assert_eq!(count(shop, AUDIT_ROWS).await, before + 1, "{what}: {body}");
        let request = Request::get(format!("/api/v1/operator/audit?subject=order:{number}"))
            .header("authorization", "Bearer operator");
        let entry = shop.send(request).await.json()["entries"][0].clone();
        assert_eq!(
            (&entry["action"], &entry["actor"]),
            (&json!(action), &json!("operator"))
        );
        if action != "order.step" {
            assert_eq!(
                entry["after"]["amount"],
                body.get("amount").cloned().unwrap_or_default()
            );
        }
    }
    shop.audit().await;
}
