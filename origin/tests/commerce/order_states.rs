//! The actions that each state of an order allows.

use axum::body::Body;
use http::Request;
use origin::orders;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

/// The states, each with the actions that it allows.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("pending", &["paid", "cancelled", "cancel"]),
    ("paid", &["shipped", "refund"]),
    ("shipped", &["delivered", "refund", "return"]),
    ("delivered", &["completed", "refund", "return"]),
    ("completed", &[]),
    ("cancelled", &[]),
    ("expired", &[]),
    ("refunded", &["return"]),
];

/// All actions: steps of staff, cancellation by the buyer, refunds and returns.
const ACTIONS: [&str; 12] = [
    "pending",
    "paid",
    "shipped",
    "delivered",
    "completed",
    "cancelled",
    "expired",
    "refunding",
    "refunded",
    "cancel",
    "refund",
    "return",
];

async fn act(shop: &Shop, order: &Value, action: &str) -> Reply {
    let number = order["number"].as_str().unwrap();
    let (path, body) = match action {
        "cancel" => return send(shop, "POST", &order_path(order, "/cancel"), &json!({})).await,
        "refund" => ("refunds", json!({})),
        "return" => {
            let line = json!({ "sku": "tea-1", "quantity": 1 });
            ("returns", json!({ "lines": [line] }))
        }
        state => ("steps", json!({ "state": state })),
    };
    let request = Request::post(format!("/api/v1/operator/orders/{number}/{path}"))
        .header("content-type", "application/json")
        .header("idempotency-key", origin::secret::token())
        .header("authorization", "Bearer operator");
    shop.send_body(request, Body::from(body.to_string())).await
}

/// An order in this state.
async fn order_in(shop: &Shop, state: &str) -> Value {
    let cart = ready_cart(shop, "tea-1", 1).await;
    let placed = place(shop, &cart).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let order = placed.json();
    let steps: &[&str] = match state {
        "paid" => &["paid"],
        "shipped" => &["paid", "shipped"],
        "delivered" => &["paid", "shipped", "delivered"],
        "completed" => &["paid", "shipped", "delivered", "completed"],
        "cancelled" => &["cancelled"],
        "refunded" => &["paid", "refund"],
        _ => &[],
    };
    for step in steps {
        let done = act(shop, &order, step).await;
        assert_eq!(done.status, 200, "{step}: {}", done.text());
    }
    if state == "expired" {
        shop.app.clock.advance(shop.app.config.transfer_within_ms);
        orders::expire(&shop.app).await.unwrap();
    }
    let found = shop.json(&order_path(&order, "")).await;
    assert_eq!(found["state"], state);
    found
}

db_test! {
    /// An action that a state does not allow is refused and changes nothing.
    async fn each_state_allows_its_own_actions_only(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        for (state, allowed) in ALLOWED {
            let order = order_in(shop, state).await;
            for action in ACTIONS.iter().filter(|it| !allowed.contains(it)) {
                let refused = act(shop, &order, action).await;
                assert_eq!(refused.status, 409, "{action} in {state}: {}", refused.text());
                let kind = &refused.json()["type"];
                assert_eq!(kind, "/problems/illegal-step", "{action} in {state}");
            }
            assert_eq!(shop.json(&order_path(&order, "")).await, order, "{state}");
            for action in allowed {
                let order = order_in(shop, state).await;
                let done = act(shop, &order, action).await;
                assert_eq!(done.status, 200, "{action} in {state}: {}", done.text());
                let found = shop.json(&order_path(&order, "")).await;
                let (before, after) = (order["version"].as_i64(), found["version"].as_i64());
                assert!(after > before, "{action} in {state}");
            }
        }
    }
}
