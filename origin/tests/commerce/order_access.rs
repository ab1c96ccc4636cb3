//! Access to other buyers' orders.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

async fn ordered(shop: &Shop, email: &str) -> Value {
    let cart = cart_of(shop, email, "tea-1", 1).await;
    let mut order = order_of(shop, &cart).await;
    order["payment_method"] = json!("test");
    let placed = send(shop, "POST", &format!("{cart}/order"), &order).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    placed.json()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

async fn look_up(shop: &Shop, number: &str, email: &str) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("number", number), ("email", email)])
        .finish();
    let request =
        Request::post("/orders").header("content-type", "application/x-www-form-urlencoded");
    shop.send_body(request, Body::from(body)).await
}

db_test! {
    /// Number and e-mail address together find an order; nothing else does, and an error does not
    /// say which one was wrong.
    async fn an_order_is_found_by_number_and_email(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (ann, bob) = (ordered(shop, "ann@example.org").await, ordered(shop, "bob@example.org").await);
        let number = text(&ann, "number");
        let found = look_up(shop, number, " Ann@Example.org").await;
        assert_eq!(found.status, 303, "{}", found.text());
        let path = format!("/orders/{number}?token={}", text(&ann, "token"));
        assert_eq!(found.header("location"), path);
        for (number, email) in [
            (number, "bob@example.org"),
            (number, ""),
            (number, "ann@example.or"),
            (text(&bob, "number"), "ann@example.org"),
            ("0000-0000-0000", "ann@example.org"),
        ] {
            let refused = look_up(shop, number, email).await;
            assert_eq!(refused.status, 404, "{number} {email}");
            assert!(!refused.text().contains(text(&ann, "token")));
        }
    }
}

db_test! {
    /// A token gives access to its own order only, on every path below an order, including another
    /// order's payment below one's own.
    async fn a_token_gives_access_to_its_order_only(shop) {
        shop.save(vec![only("tea", "5.00", 99)]).await;
        let (ann, bob) = (ordered(shop, "ann@example.org").await, ordered(shop, "bob@example.org").await);
        let mut payments = Vec::new();
        for order in [&ann, &bob] {
            let to = format!("/api/v1/orders/{}/payments?token={}", text(order, "number"), text(order, "token"));
            let asked = send_with_key(shop, &to, &json!({ "card": "confirm" }), "k").await.json();
            assert_eq!(asked["state"], "confirming");
            payments.push(text(&asked, "id").to_owned());
        }
        let document = shop.json("/openapi.json").await;
        let mut asked = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            if !path.starts_with("/api/v1/orders/{number}") {
                continue;
            }
            for method in methods.as_object().unwrap().keys() {
                let fill = |order: &Value, payment: &str| {
                    path.replace("{number}", text(order, "number")).replace("{payment}", payment)
                };
                let mut wrong = vec![fill(&bob, &payments[1])];
                if path.contains("{payment}") {
                    wrong.push(fill(&ann, &payments[1]));
                    wrong.push(fill(&ann, "x"));
                    wrong.push(fill(&ann, "1"));
                }
                for path in wrong {
                    let request = Request::builder()
                        .method(method.to_uppercase().as_str())
                        .uri(format!("{path}?token={}", text(&ann, "token")))
                        .header("content-type", "application/json")
                        .header("idempotency-key", "mine");
                    let reply = shop.send_body(request, Body::from("{}")).await;
                    assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text());
                    asked += 1;
                }
            }
        }
        assert!(asked >= 11, "{asked}");
        let states = "select count(*) from payments where state = 'confirming'";
        assert_eq!(count(shop, states).await, 2);
        assert_eq!(count(shop, "select count(*) from orders where state = 'pending'").await, 2);
        let own = format!("/api/v1/orders/{}/payments/{}?token={}", text(&ann, "number"), payments[0], text(&ann, "token"));
        assert_eq!(shop.json(&own).await["state"], "confirming");
    }
}
