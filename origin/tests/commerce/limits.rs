//! Limits of requests and lists, at each limit and one past it.

use http::Request;
use serde_json::{Value, json};

use crate::{db_test, shopper::*, support::Reply};

/// Whether the problem names this field.
fn names(reply: &Reply, field: &str) -> bool {
    let problem = reply.json();
    let errors = problem["errors"].as_array();
    errors.is_some_and(|errors| errors.iter().any(|it| it["field"] == field))
}

db_test! {
    /// A shop has at most fifty webhooks and a hundred API keys; deleting one makes room.
    async fn webhooks_and_keys_have_a_limit(shop) {
        let webhook = json!({ "url": "https://erp.example/", "topics": ["order.placed"] });
        let key = json!({ "name": "erp", "rights": ["stock"] });
        for (path, body, most, field) in
            [("webhooks", webhook, 50, "url"), ("keys", key, 100, "name")]
        {
            let mut last = String::new();
            for number in 1..=most {
                let made = as_operator(shop, "POST", path, &body).await;
                assert_eq!(made.status, 201, "{path} {number}: {}", made.text());
                made.json()["id"].as_str().unwrap().clone_into(&mut last);
            }
            let refused = as_operator(shop, "POST", path, &body).await;
            assert_eq!(refused.status, 400, "{path}: {}", refused.text());
            assert!(names(&refused, field), "{}", refused.text());
            let gone = as_operator(shop, "DELETE", &format!("{path}/{last}"), &json!({})).await;
            assert_eq!(gone.status, 200, "{path}: {}", gone.text());
            assert_eq!(as_operator(shop, "POST", path, &body).await.status, 201, "{path}");
        }
    }
}

db_test! {
    /// An idempotency key has at most 255 characters.
    async fn an_idempotency_key_has_a_longest_length(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let (order, to) = (order_of(shop, &path).await, format!("{path}/order"));
        let past = send_with_key(shop, &to, &order, &"k".repeat(256)).await;
        assert_eq!(past.status, 400, "{}", past.text());
        let first = send_with_key(shop, &to, &order, &"k".repeat(255)).await;
        assert_eq!(first.status, 201, "{}", first.text());
        let again = send_with_key(shop, &to, &order, &"k".repeat(255)).await;
        assert_eq!((again.status.as_u16(), again.body), (201, first.body));
    }
}

db_test! {
    /// A note has at most a thousand characters, of whatever size, and a cart five coupons.
    async fn notes_and_coupons_have_a_limit(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        for (length, status) in [(1_000, 200), (1_001, 400)] {
            let note = json!({ "note": "茶".repeat(length) });
            let reply = send(shop, "PATCH", &path, &note).await;
            assert_eq!(reply.status.as_u16(), status, "{length}: {}", reply.text());
        }
        for (codes, status) in [
            (json!(["a", "b", "c", "d", "e"]), 200),
            (json!(["a", "b", "c", "d", "e", "E "]), 200),
            (json!(["a", "b", "c", "d", "e", "f"]), 400),
        ] {
            let reply = send(shop, "PATCH", &path, &json!({ "coupons": codes })).await;
            assert_eq!(reply.status.as_u16(), status, "{codes}: {}", reply.text());
        }
        let placed = place(shop, &path).await;
        assert_eq!(placed.status, 409, "none of these coupons exists: {}", placed.text());
        send(shop, "PATCH", &path, &json!({ "coupons": [] })).await;
        assert_eq!(place(shop, &path).await.json()["note"], "茶".repeat(1_000));
    }
}

db_test! {
    /// A request changes the stock of at most five hundred skus and reads that of a hundred; a
    /// level is at most a thousand million units.
    async fn stock_requests_have_a_limit(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        for (number, is_too_many) in [(500, false), (501, true)] {
            let changes: Vec<Value> = (0..number)
                .map(|number| json!({ "sku": format!("none-{number}"), "delta": 1 }))
                .collect();
            let reply = as_operator(shop, "POST", "stock", &json!({ "changes": changes })).await;
            assert_eq!(reply.status, 400, "no sku exists");
            assert_eq!(names(&reply, "changes"), is_too_many, "{number}");
        }
        for (number, status) in [(0, 400), (1, 200), (100, 200), (101, 400)] {
            let skus = vec!["sku=tea-1"; number].join("&");
            let reply = as_operator(shop, "GET", &format!("stock?{skus}"), &Value::Null).await;
            assert_eq!(reply.status.as_u16(), status, "{number}: {}", reply.text());
        }
        let most = 1_000_000_000;
        for (change, status) in [
            (json!({ "sku": "tea-1", "on_hand": most + 1 }), 400),
            (json!({ "sku": "tea-1", "delta": most + 1 }), 400),
            (json!({ "sku": "tea-1", "on_hand": most }), 200),
            (json!({ "sku": "tea-1", "delta": 1 }), 409),
            (json!({ "sku": "tea-1", "delta": -most }), 200),
            (json!({ "sku": "tea-1", "delta": -1 }), 409),
            (json!({ "sku": "tea-1", "on_hand": -1 }), 400),
        ] {
            let reply = as_operator(shop, "POST", "stock", &json!({ "changes": [change] })).await;
            assert_eq!(reply.status.as_u16(), status, "{change}: {}", reply.text());
        }
        assert_eq!(on_hand(shop).await, 0);
    }
}

db_test! {
    /// A location has a code of at most 64 characters and a name of at most 200.
    async fn a_location_has_longest_texts(shop) {
        for (code, name, status) in [(64, 200, 200), (65, 200, 400), (64, 201, 400)] {
            let path = format!("locations/{}", "x".repeat(code));
            let body = json!({ "name": "北".repeat(name) });
            let reply = as_operator(shop, "PUT", &path, &body).await;
            assert_eq!(reply.status.as_u16(), status, "{code} {name}: {}", reply.text());
        }
    }
}

db_test! {
    /// A page of a list has at least one row and a largest number of rows.
    async fn pages_of_lists_have_a_limit(shop) {
        for (list, most) in [
            ("operator/orders", 100),
            ("operator/products", 100),
            ("operator/coupons", 100),
            ("operator/users", 100),
            ("operator/audit", 200),
            ("products", 100),
        ] {
            for (limit, status) in [(0, 400), (1, 200), (most, 200), (most + 1, 400)] {
                let request = Request::get(format!("/api/v1/{list}?limit={limit}"))
                    .header("authorization", "Bearer operator");
                let reply = shop.send(request).await;
                assert_eq!(reply.status.as_u16(), status, "{list} {limit}: {}", reply.text());
            }
        }
    }
}
