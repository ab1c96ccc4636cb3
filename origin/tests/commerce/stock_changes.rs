//! Stock changes by staff.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

const STOCK: &str = "/api/v1/operator/stock";

async fn change(shop: &Shop, changes: Value) -> Reply {
    let request = Request::post(STOCK)
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    let body = json!({ "changes": changes }).to_string();
    shop.send_body(request, Body::from(body)).await
}

db_test! {
    /// A request is applied completely or not at all; expected versions are checked; shoppers see
    /// the remaining stock.
    async fn a_request_is_applied_completely_or_not_at_all(shop) {
        shop.save(vec![only("tea", "5.00", 9), only("cup", "5.00", 9)]).await;
        let none = send(shop, "POST", STOCK, &json!({ "changes": [{ "sku": "tea-1", "delta": 1 }] })).await;
        assert_eq!(none.status, 401);
        let both = change(shop, json!([{ "sku": "tea-1", "delta": -2 }, { "sku": "cup-1", "on_hand": 4 }])).await;
        assert_eq!(both.json()["levels"][0]["on_hand"], 7, "{}", both.text());
        assert_eq!(both.json()["levels"][1]["on_hand"], 4);
        let version = both.json()["levels"][0]["version"].as_i64().unwrap();
        for (changes, status) in [
            (json!([{ "sku": "tea-1", "delta": 1 }, { "sku": "cup-1", "delta": -5 }]), 409),
            (json!([{ "sku": "tea-1", "delta": 1, "expected_version": version - 1 }]), 409),
            (json!([{ "sku": "tea-1", "delta": 1 }, { "sku": "none", "delta": 1 }]), 400),
            (json!([{ "sku": "tea-1", "delta": 1, "location": "moon" }]), 400),
            (json!([{ "sku": "tea-1", "delta": 0 }]), 400),
            (json!([{ "sku": "tea-1" }]), 400),
            (json!([{ "sku": "tea-1", "delta": 1, "on_hand": 1 }]), 400),
            (json!([{ "sku": "tea-1", "delta": 1 }, { "sku": "tea-1", "delta": 1 }]), 400),
            (json!([{ "sku": "tea-1", "on_hand": 2_000_000_000 }]), 400),
            (json!([]), 400),
        ] {
            let reply = change(shop, changes.clone()).await;
            assert_eq!(reply.status.as_u16(), status, "{changes}: {}", reply.text());
        }
        assert_eq!(on_hand(shop).await, 11);
        let expected = json!([{ "sku": "tea-1", "on_hand": 0, "expected_version": version }]);
        assert_eq!(change(shop, expected).await.status, 200);
        assert_eq!(shop.json("/api/v1/products/tea").await["availability"], "out");
        let request = Request::get(format!("{STOCK}?sku=tea-1&sku=cup-1")).header("authorization", "Bearer operator");
        let found = shop.send(request).await.json();
        assert_eq!(found["levels"][1], json!({ "sku": "tea-1", "location": "main", "on_hand": 0, "held": 0, "version": version + 1 }));
    }
}

db_test! {
    /// Fifty requests take one unit each out of thirty while buyers order: no unit is taken twice.
    async fn stock_never_goes_below_zero(shop) {
        shop.save(vec![only("tea", "5.00", 30)]).await;
        let one = json!([{ "sku": "tea-1", "delta": -1 }]);
        let answers = at_once((0..50).map(|_| change(shop, one.clone()))).await;
        assert_eq!(answers.iter().filter(|it| it.status == 200).count(), 30);
        assert!(answers.iter().all(|it| [200, 409].contains(&it.status.as_u16())));
        assert_eq!(on_hand(shop).await, 0);
    }
}
