//! Coupons, as staff create and change them.

use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

async fn save(shop: &Shop, code: &str, body: &Value) -> Reply {
    as_operator(shop, "PUT", &format!("coupons/{code}"), body).await
}

async fn read(shop: &Shop, path: &str) -> Value {
    let reply = as_operator(shop, "GET", path, &Value::Null).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

fn usd(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "USD" })
}

fn percentage(percent: &str) -> Value {
    json!({ "type": "percentage", "percent": percent })
}

/// The discount of a cart of 50.00 with this coupon, or the reason of its refusal.
async fn try_coupon(shop: &Shop, code: &str) -> (String, Value) {
    let path = ready_cart(shop, "pot-1", 1).await;
    let cart = send(shop, "PATCH", &path, &json!({ "coupons": [code] })).await;
    let coupon = cart.json()["coupons"][0].clone();
    let refused = coupon.get("refused").cloned();
    (
        path,
        refused.unwrap_or_else(|| coupon["discount"]["minor"].clone()),
    )
}

db_test! {
    /// A coupon is created, used, changed and disabled; each change applies to carts immediately,
    /// is in the audit log, and keeps the number of uses.
    async fn a_coupon_is_created_and_changed(shop) {
        shop.save(vec![only("pot", "50.00", 100)]).await;
        let body = json!({
            "effect": percentage("12.50"), "minimum": usd(4_000), "starts_at": "2026-10-01T12:00:00Z",
            "ends_at": "2026-11-01T00:00:00Z", "limit_total": 3, "limit_customer": 2,
        });
        let made = save(shop, "autumn-26", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(made.json(), json!({
            "code": "AUTUMN-26", "effect": percentage("12.5"), "minimum": usd(4_000),
            "starts_at": "2026-10-01T12:00:00.000Z", "ends_at": "2026-11-01T00:00:00.000Z",
            "limit_total": 3, "limit_customer": 2, "stackable": false, "active": true, "used": 0,
        }));
        let (path, discount) = try_coupon(shop, " Autumn-26 ").await;
        assert_eq!(discount, 625);
        assert_eq!(place(shop, &path).await.status, 201);
        let (path, _) = try_coupon(shop, "autumn-26").await;
        assert_eq!(place(shop, &path).await.status, 201);
        assert_eq!(try_coupon(shop, "autumn-26").await.1, "used_up");

        let changed = save(shop, "AUTUMN-26", &json!({ "effect": { "type": "amount", "amount": usd(800) }, "limit_total": 3 })).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!((&changed.json()["used"], &changed.json()["minimum"]), (&json!(2), &usd(0)));
        assert_eq!(read(shop, "coupons/autumn-26").await, changed.json());
        let (path, discount) = try_coupon(shop, "autumn-26").await;
        assert_eq!(discount, 800);
        assert_eq!(count(shop, "select used from coupons").await, 2);
        // A limit cannot be lowered below the number of uses.
        let below = save(shop, "autumn-26", &json!({ "effect": percentage("1"), "limit_total": 1 })).await;
        assert_eq!((below.status.as_u16(), &below.json()["errors"][0]["field"]), (400, &json!("limit_total")));

        let off = json!({ "effect": { "type": "free_shipping" }, "active": false });
        assert_eq!(save(shop, "autumn-26", &off).await.json()["active"], false);
        assert_eq!(shop.json(&path).await["coupons"][0]["refused"], "unknown");
        assert_eq!(place(shop, &path).await.status, 409);
        assert_eq!(save(shop, "autumn-26", &json!({ "effect": { "type": "free_shipping" } })).await.status, 200);
        assert_eq!(try_coupon(shop, "autumn-26").await.1, 600);

        let log = read(shop, "audit?subject=coupon:AUTUMN-26").await;
        let entries = log["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!((&entries[3]["before"], &entries[3]["after"]), (&Value::Null, &made.json()));
        assert_eq!((&entries[1]["before"], &entries[1]["after"]["active"]), (&changed.json(), &json!(false)));
        assert!(entries.iter().all(|it| it["actor"] == "operator" && it["action"] == "coupon.save"));
    }
}

db_test! {
    /// Every invalid field is reported, and nothing is written.
    async fn an_invalid_coupon_is_refused(shop) {
        let euro = json!({ "minor": 100, "currency": "EUR" });
        let amount = |money: Value| json!({ "type": "amount", "amount": money });
        let with = |field: &str, value: Value| {
            let mut body = json!({ "effect": percentage("10") });
            body[field] = value;
            body
        };
        for (body, field) in [
            (with("effect", percentage("0")), "effect.percent"),
            (with("effect", percentage("100.01")), "effect.percent"),
            (with("effect", percentage("1.005")), "effect.percent"),
            (with("effect", percentage("-5")), "effect.percent"),
            (with("effect", percentage("10%")), "effect.percent"),
            (with("effect", amount(usd(0))), "effect.amount"),
            (with("effect", amount(usd(1_000_000_000_001))), "effect.amount"),
            (with("effect", amount(euro.clone())), "effect.amount"),
            (with("effect", json!({ "type": "gift" })), "effect.type"),
            (with("effect", json!({ "type": "free_shipping", "percent": "5" })), "percent"),
            (json!({}), "."),
            (with("minimum", euro), "minimum"),
            (with("minimum", usd(-1)), "minimum"),
            (with("limit_total", json!(0)), "limit_total"),
            (with("limit_customer", json!(1_000_000_001)), "limit_customer"),
            (with("starts_at", json!("tomorrow")), "starts_at"),
            (json!({ "effect": percentage("1"), "starts_at": "2026-10-02T00:00:00Z", "ends_at": "2026-10-02T00:00:00Z" }), "ends_at"),
            (with("used", json!(0)), "used"),
        ] {
            let reply = save(shop, "ten", &body).await;
            assert_eq!(reply.status, 400, "{body}: {}", reply.text());
            let problem = reply.json();
            let named = problem["errors"].as_array().unwrap().iter().any(|it| it["field"] == field);
            assert!(named, "{body}: {}", reply.text());
        }
        let many = json!({ "effect": percentage("0"), "minimum": usd(-1), "limit_total": 0 });
        let fields = save(shop, "a%20b", &many).await.json();
        let fields: Vec<_> = fields["errors"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
        assert_eq!(fields, ["code", "effect.percent", "minimum", "limit_total"]);
        let longest = "x".repeat(64);
        for (code, status) in [("%2E%2E", 400), ("%00", 400), (&*format!("{longest}x"), 400), (&*longest, 201), ("%E6%98%A5%2F88", 201)] {
            let reply = save(shop, code, &with("active", json!(true))).await;
            assert_eq!(reply.status.as_u16(), status, "{code}: {}", reply.text());
        }
        assert_eq!(read(shop, "coupons/%E6%98%A5%2F88").await["code"], "春/88");
        for limit in ["0", "101", "x"] {
            let reply = as_operator(shop, "GET", &format!("coupons?limit={limit}"), &Value::Null).await;
            assert_eq!(reply.status, 400, "{limit}");
        }
        assert_eq!(as_operator(shop, "GET", "coupons/none", &Value::Null).await.status, 404);
        assert_eq!(count(shop, "select count(*) from coupons").await, 2);
        assert_eq!(count(shop, "select count(*) from audit_log").await, 2);
        let stranger = send(shop, "PUT", "/api/v1/operator/coupons/free", &with("active", json!(true))).await;
        assert_eq!(stranger.status, 401);
    }
}

db_test! {
    /// Pages of any size list every coupon once, the newest first.
    async fn coupons_are_listed_by_page(shop) {
        for number in 0..5 {
            shop.app.clock.advance(1_000);
            save(shop, &format!("c{number}"), &json!({ "effect": percentage("5") })).await;
        }
        let mut codes = Vec::new();
        let mut path = "coupons?limit=2".to_owned();
        loop {
            let page = read(shop, &path).await;
            codes.extend(page["coupons"].as_array().unwrap().iter().map(|it| it["code"].clone()));
            match page["next"].as_str() {
                Some(next) => path = format!("coupons?limit=2&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(codes, ["C4", "C3", "C2", "C1", "C0"]);
        assert_eq!(read(shop, "coupons?limit=5").await.get("next"), None);
    }
}

db_test! {
    /// A coupon is changed while it is used concurrently, and created concurrently: no use is lost,
    /// and the limit holds.
    async fn a_coupon_changes_while_it_is_used(shop) {
        shop.save(vec![only("pot", "50.00", 100)]).await;
        let body = json!({ "effect": percentage("10"), "limit_total": 8 });
        let made = at_once((0..6).map(|_| save(shop, "once", &body))).await;
        assert_eq!(made.iter().filter(|it| it.status == 201).count(), 1, "{}", made[0].text());
        assert_eq!(made.iter().filter(|it| it.status == 200).count(), 5);
        let mut paths = Vec::new();
        for _ in 0..20 {
            paths.push(try_coupon(shop, "once").await.0);
        }
        let edits = async {
            for _ in 0..10 {
                assert_eq!(save(shop, "once", &body).await.status, 200);
            }
        };
        let (placed, ()) = tokio::join!(place_at_once(shop, &paths), edits);
        assert_eq!(placed.iter().filter(|it| it.status == 201).count(), 8);
        assert_eq!(read(shop, "coupons/once").await["used"], 8);
    }
}
