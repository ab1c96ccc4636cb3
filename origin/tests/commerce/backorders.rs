//! Backorders, returned goods, and several stock locations.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

const OPERATOR: &str = "Bearer operator";

async fn operate(shop: &Shop, method: &str, path: &str, body: Value, key: &str) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/operator/{path}"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .header("authorization", OPERATOR);
    shop.send_body(request, Body::from(body.to_string())).await
}

async fn receive_stock(shop: &Shop, sku: &str, delta: i64) -> Value {
    let body = json!({ "changes": [{ "sku": sku, "delta": delta }] });
    let reply = operate(shop, "POST", "stock", body, "").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["levels"][0].clone()
}

async fn step(shop: &Shop, order: &Value, state: &str) -> Reply {
    let path = format!("orders/{}/steps", order["number"].as_str().unwrap());
    operate(shop, "POST", &path, json!({ "state": state }), "").await
}

async fn return_items(shop: &Shop, order: &Value, body: Value, key: &str) -> Reply {
    let path = format!("orders/{}/returns", order["number"].as_str().unwrap());
    operate(shop, "POST", &path, body, key).await
}

async fn refund(shop: &Shop, order: &Value, body: Value, key: &str) -> Reply {
    let path = format!("orders/{}/refunds", order["number"].as_str().unwrap());
    operate(shop, "POST", &path, body, key).await
}

async fn read(shop: &Shop, order: &Value) -> Value {
    let (number, token) = (order["number"].as_str(), order["token"].as_str());
    let path = format!(
        "/api/v1/orders/{}?token={}",
        number.unwrap(),
        token.unwrap()
    );
    shop.json(&path).await
}

async fn ordered(shop: &Shop, sku: &str, quantity: i64) -> Value {
    let cart = ready_cart(shop, sku, quantity).await;
    let placed = place(shop, &cart).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    placed.json()
}

db_test! {
    /// A backorder is shown on the cart, the order and the product; new stock fills backorders in
    /// the order of their orders before it can be sold, and an order with a backorder cannot be
    /// shipped.
    async fn backorders_are_filled_first(shop) {
        let mut tea = only("tea", "5.00", 1);
        tea.variants[0].backorder = true;
        shop.save(vec![tea]).await;
        let cart = ready_cart(shop, "tea-1", 3).await;
        let line = &shop.json(&cart).await["lines"][0];
        assert_eq!((&line["backordered"], line.get("problems")), (&json!(2), None));
        let first = place(shop, &cart).await.json();
        assert_eq!(first["lines"][0]["backordered"], 2);
        assert_eq!(shop.json("/api/v1/products/tea").await["availability"], "backorder");
        let found = shop.json("/api/v1/products?availability=backorder").await;
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        let second = ordered(shop, "tea-1", 4).await;
        assert_eq!(second["lines"][0]["backordered"], 4);
        for order in [&first, &second] {
            assert_eq!(step(shop, order, "paid").await.status, 200);
        }
        assert_eq!(step(shop, &first, "shipped").await.status, 409);
        assert_eq!(receive_stock(shop, "tea-1", 3).await["on_hand"], 0);
        assert_eq!(read(shop, &first).await["lines"][0]["backordered"], 0);
        assert_eq!(read(shop, &second).await["lines"][0]["backordered"], 3);
        assert_eq!(step(shop, &first, "shipped").await.status, 200);
        assert_eq!(step(shop, &second, "shipped").await.status, 409);
        // Of five new units, three fill the backorder and two are available.
        assert_eq!(receive_stock(shop, "tea-1", 5).await["on_hand"], 2);
        assert_eq!(step(shop, &second, "shipped").await.status, 200);
        assert_eq!(shop.json("/api/v1/products/tea").await["availability"], "low");
    }
}

db_test! {
    /// Cancelling an order deletes its backorders and gives its units to the next one.
    async fn a_cancelled_order_frees_its_units(shop) {
        let mut tea = only("tea", "5.00", 2);
        tea.variants[0].backorder = true;
        shop.save(vec![tea]).await;
        let first = ordered(shop, "tea-1", 5).await;
        let second = ordered(shop, "tea-1", 1).await;
        let (number, token) = (first["number"].as_str().unwrap(), first["token"].as_str().unwrap());
        let cancel = format!("/api/v1/orders/{number}/cancel?token={token}");
        assert_eq!(send(shop, "POST", &cancel, &json!({})).await.status, 200);
        assert_eq!(read(shop, &second).await["lines"][0]["backordered"], 0);
        assert_eq!(count(shop, "select count(*) from backorders").await, 0);
        assert_eq!(on_hand(shop).await, 1);
        // A refund before the goods have arrived deletes the backorders as well.
        let third = ordered(shop, "tea-1", 3).await;
        assert_eq!(step(shop, &third, "paid").await.status, 200);
        assert_eq!(refund(shop, &third, json!({ "restock": true }), "r").await.status, 200);
        assert_eq!(count(shop, "select count(*) from backorders").await, 0);
        assert_eq!(on_hand(shop).await, 1);
    }
}

db_test! {
    /// Concurrent orders on backorder and stock arrivals: every unit is accounted for once.
    async fn concurrent_arrivals_and_orders_add_up(shop) {
        let mut tea = only("tea", "5.00", 3);
        tea.variants[0].backorder = true;
        shop.save(vec![tea]).await;
        let mut carts = Vec::new();
        for _ in 0..20 {
            carts.push(ready_cart(shop, "tea-1", 2).await);
        }
        let arrivals = async {
            for _ in 0..10 {
                receive_stock(shop, "tea-1", 3).await;
            }
        };
        let (placed, ()) = tokio::join!(place_at_once(shop, &carts), arrivals);
        assert!(placed.iter().all(|it| it.status == 201));
        let missing = "select cast(coalesce(sum(quantity), 0) as signed) from backorders";
        // 33 units have arrived, 40 are sold.
        assert_eq!((count(shop, missing).await, on_hand(shop).await), (7, 0));
        receive_stock(shop, "tea-1", 10).await;
        assert_eq!((count(shop, missing).await, on_hand(shop).await), (0, 3));
    }
}

db_test! {
    /// Parts of an order are returned, some of them restocked; no more can be returned than was
    /// shipped, and a repeated request counts once.
    async fn items_are_returned_in_parts(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let order = ordered(shop, "tea-1", 5).await;
        let back = |quantity: i64, restock: bool| {
            json!({ "lines": [{ "sku": "tea-1", "quantity": quantity }], "restock": restock })
        };
        assert_eq!(return_items(shop, &order, back(1, true), "early").await.status, 409);
        for state in ["paid", "shipped", "delivered"] {
            assert_eq!(step(shop, &order, state).await.status, 200);
        }
        let none = format!("/api/v1/operator/orders/{}/returns", order["number"].as_str().unwrap());
        assert_eq!(send_with_key(shop, &none, &back(1, true), "x").await.status, 401);
        let broken = return_items(shop, &order, back(1, false), "broken").await;
        assert_eq!((broken.status.as_u16(), &broken.json()["lines"][0]["returned"]), (200, &json!(1)));
        assert_eq!(on_hand(shop).await, 4);
        let again = at_once((0..8).map(|_| return_items(shop, &order, back(2, true), "whole"))).await;
        assert!(again.iter().all(|it| it.status == 200), "{}", again[0].text());
        assert_eq!(on_hand(shop).await, 6);
        for (body, status) in [
            (back(3, true), 400),
            (back(0, true), 400),
            (back(-1, true), 400),
            (json!({ "lines": [] }), 400),
            (json!({ "lines": [{ "sku": "cup-1", "quantity": 1 }] }), 400),
            (json!({ "lines": [{ "sku": "tea-1", "quantity": 1 }, { "sku": "tea-1", "quantity": 1 }] }), 400),
        ] {
            let reply = return_items(shop, &order, body.clone(), "wrong").await;
            assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.text());
        }
        // A full refund restocks the rest, but not the broken unit.
        let refunded = refund(shop, &order, json!({ "restock": true }), "money").await;
        assert_eq!(refunded.json()["state"], "refunded", "{}", refunded.text());
        assert_eq!((on_hand(shop).await, &read(shop, &order).await["lines"][0]["returned"]), (8, &json!(5)));
        assert_eq!(return_items(shop, &order, back(1, true), "late").await.status, 400);
    }
}

db_test! {
    /// A second location is created through the API, and an order takes units from both.
    async fn orders_take_stock_from_several_locations(shop) {
        shop.save(vec![only("tea", "5.00", 1)]).await;
        for (code, name, status) in [
            ("north", "The north", 200),
            ("north", "North", 200),
            ("North", "North", 400),
            ("east", " ", 400),
        ] {
            let path = format!("locations/{code}");
            let reply = operate(shop, "PUT", &path, json!({ "name": name }), "").await;
            assert_eq!(reply.status.as_u16(), status, "{code} {name}: {}", reply.text());
        }
        assert_eq!(send(shop, "PUT", "/api/v1/operator/locations/x", &json!({ "name": "X" })).await.status, 401);
        let list = Request::get("/api/v1/operator/locations").header("authorization", OPERATOR);
        let list = shop.send(list).await.json();
        assert_eq!(list["locations"][1], json!({ "code": "north", "name": "North" }));
        let change = json!({ "changes": [{ "sku": "tea-1", "location": "north", "delta": 2 }] });
        assert_eq!(operate(shop, "POST", "stock", change, "").await.status, 200);
        let order = ordered(shop, "tea-1", 3).await;
        assert_eq!(on_hand(shop).await, 0);
        let (number, token) = (order["number"].as_str().unwrap(), order["token"].as_str().unwrap());
        let cancel = format!("/api/v1/orders/{number}/cancel?token={token}");
        assert_eq!(send(shop, "POST", &cancel, &json!({})).await.status, 200);
        let found = Request::get("/api/v1/operator/stock?sku=tea-1").header("authorization", OPERATOR);
        let found = shop.send(found).await.json();
        let there: Vec<_> = found["levels"].as_array().unwrap().iter().map(|it| it["on_hand"].as_i64()).collect();
        assert_eq!(there, [Some(1), Some(2)]);
    }
}

db_test! {
    /// One key on two orders is two returns; on one order it is one.
    async fn a_return_key_belongs_to_its_order(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let back = json!({ "lines": [{ "sku": "tea-1", "quantity": 1 }], "restock": true });
        for _ in 0..2 {
            let order = ordered(shop, "tea-1", 2).await;
            for state in ["paid", "shipped"] {
                assert_eq!(step(shop, &order, state).await.status, 200);
            }
            for _ in 0..2 {
                let reply = return_items(shop, &order, back.clone(), "monday").await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                assert_eq!(reply.json()["lines"][0]["returned"], 1);
            }
        }
        // Of nine units, four were ordered and two came back.
        assert_eq!(on_hand(shop).await, 7);
    }
}
