//! Totals of carts and orders, computed by hand.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::{db_test, shopper::*, support::Shop};

async fn save_coupon(shop: &Shop, code: &str, effect: Value) {
    let request = Request::put(format!("/api/v1/operator/coupons/{code}"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    let coupon = json!({ "effect": effect, "stackable": true }).to_string();
    let saved = shop.send_body(request, Body::from(coupon)).await;
    assert_eq!(saved.status, 201, "{}", saved.text());
}

/// Items, discount, shipping, tax and total in minor units.
fn parts(totals: &Value) -> [i64; 5] {
    let parts = ["items", "discount", "shipping", "tax", "total"];
    parts.map(|part| totals[part]["minor"].as_i64().unwrap())
}

db_test! {
    /// Shipping is free from a value of 80.00 after discounts, and has no tax when it is free. The
    /// order has the totals of the cart, and its payment their total.
    async fn shipping_depends_on_the_discounted_value(shop) {
        let prices = [("pot", "80.00"), ("pan", "79.99"), ("jug", "88.89"), ("cup", "88.88")];
        shop.save(Vec::from(prices.map(|(name, price)| only(name, price, 9)))).await;
        save_coupon(shop, "tenth", json!({ "type": "percentage", "percent": "10" })).await;
        save_coupon(shop, "post", json!({ "type": "free_shipping" })).await;
        // Prices include 19 %: 80.00 and 79.99 include 12.77, 72.00 include 11.50, 6.00 for
        // shipping include 0.96.
        for (sku, coupons, expected) in [
            ("pot-1", json!([]), [8_000, 0, 0, 1_277, 8_000]),
            ("pan-1", json!([]), [7_999, 0, 600, 1_277 + 96, 8_599]),
            ("pot-1", json!(["tenth"]), [8_000, 800, 600, 1_150 + 96, 7_800]),
            ("jug-1", json!(["tenth"]), [8_889, 889, 0, 1_277, 8_000]),
            ("cup-1", json!(["tenth"]), [8_888, 889, 600, 1_277 + 96, 8_599]),
            ("pan-1", json!(["post"]), [7_999, 600, 600, 1_277, 7_999]),
            ("pot-1", json!(["post", "tenth"]), [8_000, 1_400, 600, 1_150, 7_200]),
        ] {
            let path = ready_cart(shop, sku, 1).await;
            let cart = send(shop, "PATCH", &path, &json!({ "coupons": coupons })).await.json();
            assert_eq!(parts(&cart["totals"]), expected, "{sku} {coupons}");
            let mut order = order_of(shop, &path).await;
            order["payment_method"] = json!("test");
            let placed = send(shop, "POST", &format!("{path}/order"), &order).await;
            assert_eq!(placed.status, 201, "{}", placed.text());
            let placed = placed.json();
            assert_eq!(placed["totals"], cart["totals"], "{sku} {coupons}");
            let line = &placed["lines"][0];
            assert_eq!(line["total"]["minor"], expected[0], "{sku} {coupons}");
            let (number, token) = (placed["number"].as_str(), placed["token"].as_str());
            let (number, token) = (number.unwrap(), token.unwrap());
            let to = format!("/api/v1/orders/{number}/payments?token={token}");
            let paid = send_with_key(shop, &to, &json!({ "card": "succeeds" }), "k").await.json();
            assert_eq!(paid["amount"]["minor"], expected[4], "{sku} {coupons}");
            assert_eq!(paid["order"], "paid", "{sku} {coupons}");
        }
    }
}

/// A tax of a fifth is added to prices; shipping costs 5.00 and 1.50 for each started kilogram.
const RULES: &str = r#"
    [tax]
    included = false
    rates = [{ country = "DE", percent = "20" }]
    [[shipping]]
    code = "standard"
    name = "Post"
    [[shipping.zones]]
    countries = ["DE"]
    price = "5.00"
    per_kg = "1.50"
    free_from = "50.00"
    weight_max_g = 5000"#;

db_test! {
    /// Where prices do not include taxes, the tax on goods and shipping is added. Shipping is
    /// charged by the weight of all units, up to what the method takes.
    async fn taxes_are_added_and_shipping_is_charged_by_weight(shop) {
        let rules = shop.folder().join("rules.toml");
        std::fs::write(&rules, RULES).unwrap();
        let shop = &shop.with(|config| config.checkout_rules = Some(rules)).await;
        let mut pot = only("pot", "10.00", 99);
        pot.variants[0].weight_g = Some(1_200);
        shop.save(vec![pot, only("card", "25.00", 99)]).await;
        let path = ready_cart(shop, "pot-1", 1).await;
        let line = format!("{path}/lines/pot-1");
        for (quantity, expected) in [
            // 1.2 kg cost 8.00: 2.00 and 1.60 of tax.
            (1, [1_000, 0, 800, 360, 2_160]),
            // 2.4 kg cost 9.50: 4.00 and 1.90 of tax.
            (2, [2_000, 0, 950, 590, 3_540]),
            // 4.8 kg cost 12.50: 8.00 and 2.50 of tax.
            (4, [4_000, 0, 1_250, 1_050, 6_300]),
        ] {
            let cart = send(shop, "PUT", &line, &json!({ "quantity": quantity })).await.json();
            assert_eq!(parts(&cart["totals"]), expected, "{quantity}");
            assert_eq!(cart["totals"]["tax_included"], false);
            assert!(cart.get("missing").is_none(), "{cart}");
        }
        // 6.0 kg are too heavy.
        let heavy = send(shop, "PUT", &line, &json!({ "quantity": 5 })).await.json();
        assert_eq!(heavy["missing"], json!(["shipping_method"]));
        let order = order_of(shop, &path).await;
        let refused = send(shop, "POST", &format!("{path}/order"), &order).await;
        assert!(refused.status.is_client_error(), "{}", refused.text());
        send(shop, "PUT", &line, &json!({ "quantity": 4 })).await;
        let placed = place(shop, &path).await.json();
        assert_eq!(parts(&placed["totals"]), [4_000, 0, 1_250, 1_050, 6_300]);
        assert_eq!(placed["lines"][0]["tax"]["minor"], 800);
        // From 50.00, shipping is free and untaxed.
        let path = ready_cart(shop, "card-1", 2).await;
        let cart = shop.json(&path).await;
        assert_eq!(parts(&cart["totals"]), [5_000, 0, 0, 1_000, 6_000]);
    }
}
