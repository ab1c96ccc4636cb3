//! Limits of unpaid orders and held stock for each buyer and network.

use axum::body::Body;
use http::Request;
use origin::orders;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

const HERE: &str = "198.51.100.1";
const THERE: &str = "198.51.100.2";

/// The shop with its default limits, but without rate limits.
async fn with_default_limits(shop: &Shop) -> Shop {
    shop.with(|config| {
        (config.limit_checkout, config.limit_api) = (0, 0);
        config.buying.limit_line_units = 99;
        config.buying.limit_unpaid_orders = 3;
        config.buying.limit_unpaid_units = 100;
        config.buying.limit_unpaid_minor = 1_000_000;
    })
    .await
}

async fn operate(shop: &Shop, order: &Value, state: &str) -> Reply {
    let number = order["number"].as_str().unwrap();
    let request = Request::post(format!("/api/v1/operator/orders/{number}/steps"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    let body = json!({ "state": state }).to_string();
    shop.send_body(request, Body::from(body)).await
}

/// The exceeded limits of a refused order.
fn excess(refused: &Reply) -> Vec<String> {
    let problem = refused.json();
    assert_eq!(
        (refused.status.as_u16(), &problem["type"]),
        (409, &json!("/problems/too-much-unpaid")),
        "{problem}"
    );
    let errors = problem["errors"].as_array().unwrap().iter();
    errors
        .map(|it| it["field"].as_str().unwrap().to_owned())
        .collect()
}

async fn held(shop: &Shop) -> i64 {
    count(shop, "select cast(sum(held) as signed) from stock").await
}

db_test! {
    /// A buyer's fourth unpaid order is refused until one is paid or cancelled; other buyers are
    /// not affected.
    async fn a_buyer_has_three_unpaid_orders(shop) {
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("tea", "5.00", 500)]).await;
        let mut orders = Vec::new();
        for number in 0..3 {
            let cart = cart_of(shop, "ann@example.org", "tea-1", 1).await;
            // From wherever.
            let placed = place_from(shop, &format!("198.51.100.{number}"), &cart, "manual").await;
            assert_eq!(placed.status, 201, "{}", placed.text());
            orders.push(placed.json());
        }
        let fourth = cart_of(shop, "Ann@Example.org", "tea-1", 1).await;
        assert_eq!(excess(&place_from(shop, HERE, &fourth, "manual").await), ["orders"]);
        let other = cart_of(shop, "bob@example.org", "tea-1", 1).await;
        assert_eq!(place_from(shop, HERE, &other, "manual").await.status, 201);
        assert_eq!(operate(shop, &orders[0], "paid").await.status, 200);
        assert_eq!(place_from(shop, HERE, &fourth, "manual").await.status, 201);
        let fifth = cart_of(shop, "ann@example.org", "tea-1", 1).await;
        assert_eq!(excess(&place_from(shop, HERE, &fifth, "manual").await), ["orders"]);
        let cancelled = send(shop, "POST", &order_path(&orders[1], "/cancel"), &json!({})).await;
        assert_eq!(cancelled.status, 200);
        assert_eq!(place_from(shop, HERE, &fifth, "manual").await.status, 201);
        let sixth = cart_of(shop, "ann@example.org", "tea-1", 1).await;
        assert_eq!(excess(&place_from(shop, HERE, &sixth, "manual").await), ["orders"]);
        shop.app.clock.advance(shop.app.config.transfer_within_ms);
        orders::expire(&shop.app).await.unwrap();
        assert_eq!(place_from(shop, HERE, &sixth, "manual").await.status, 201);
    }
}

db_test! {
    /// The limits of units and value, exactly at the limit and one past it.
    async fn units_and_value_have_limits(shop) {
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("tea", "5.00", 500), only("tv", "4994.00", 9), only("pin", "0.01", 900)]).await;
        let first = cart_of(shop, "ann@example.org", "tea-1", 99).await;
        assert_eq!(place_from(shop, HERE, &first, "manual").await.status, 201);
        let two = cart_of(shop, "ann@example.org", "pin-1", 2).await;
        assert_eq!(excess(&place_from(shop, THERE, &two, "manual").await), ["units"]);
        let line = format!("{two}/lines/pin-1");
        assert_eq!(send(shop, "PUT", &line, &json!({ "quantity": 1 })).await.status, 200);
        assert_eq!(place_from(shop, THERE, &two, "manual").await.status, 201);

        // 4,994.00 and 6.00 for shipping, twice.
        let free = "4994.00";
        let tv = cart_of(shop, "bob@example.org", "tv-1", 1).await;
        let total = shop.json(&tv).await["totals"]["total"]["minor"].as_i64().unwrap();
        assert!(total <= 500_000, "{total} is more than {free} and its shipping");
        assert_eq!(place_from(shop, HERE, &tv, "manual").await.status, 201);
        let tv = cart_of(shop, "bob@example.org", "tv-1", 1).await;
        let rest = 1_000_000 - 2 * total;
        assert_eq!(place_from(shop, HERE, &tv, "manual").await.status, 201);
        let pin = cart_of(shop, "bob@example.org", "pin-1", 1).await;
        let total = shop.json(&pin).await["totals"]["total"]["minor"].as_i64().unwrap();
        let placed = place_from(shop, HERE, &pin, "manual").await;
        assert_eq!(placed.status == 201, total <= rest, "{rest}: {}", placed.text());
        let much = cart_of(shop, "eve@example.org", "tv-1", 3).await;
        assert_eq!(excess(&place_from(shop, HERE, &much, "manual").await), ["value"]);
    }
}

db_test! {
    /// A network may have four times as much as a buyer.
    async fn a_network_has_a_limit_of_its_own(shop) {
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("tea", "5.00", 5_000)]).await;
        for number in 0..4 {
            let cart = cart_of(shop, &format!("buyer{number}@example.org"), "tea-1", 99).await;
            let placed = place_from(shop, HERE, &cart, "manual").await;
            assert_eq!(placed.status, 201, "{}", placed.text());
        }
        let more = cart_of(shop, "buyer5@example.org", "tea-1", 5).await;
        assert_eq!(excess(&place_from(shop, HERE, &more, "manual").await), ["units"]);
        assert_eq!(place_from(shop, THERE, &more, "manual").await.status, 201);
        let four = cart_of(shop, "buyer6@example.org", "tea-1", 4).await;
        assert_eq!(place_from(shop, HERE, &four, "manual").await.status, 201);
        // Addresses are not stored in clear.
        let subjects = "select count(*) from stock_claims where subject like '%198%51%' or subject like '%@%'";
        assert_eq!(count(shop, subjects).await, 0);
    }
}

db_test! {
    /// Concurrent requests at two origins: three orders are placed.
    async fn two_origins_count_together(shop) {
        let shop = &with_default_limits(shop).await;
        let second_origin = shop.with(|_| ()).await;
        shop.save(vec![only("tea", "5.00", 500)]).await;
        for round in 0..4 {
            let email = format!("ann{round}@example.org");
            let mut carts = Vec::new();
            for _ in 0..12 {
                carts.push(cart_of(shop, &email, "tea-1", 1).await);
            }
            let requests = carts.iter().enumerate().map(|(number, cart)| {
                let origin = if number % 2 == 0 { shop } else { &second_origin };
                place(origin, cart)
            });
            let answers = at_once(requests).await;
            let placed = answers.iter().filter(|it| it.status == 201).count();
            assert_eq!(placed, 3, "{round}");
            assert!(answers.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
        }
        second_origin.app.db.close().await;
    }
}

db_test! {
    /// The limit per line applies to every way of adding units; an older cart beyond it is refused
    /// with the field.
    async fn a_line_has_a_limit(shop) {
        let generous = shop;
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("tea", "1.00", 900)]).await;
        let cart = ready_cart(shop, "tea-1", 98).await;
        let (lines, line) = (format!("{cart}/lines"), format!("{cart}/lines/tea-1"));
        let add = |quantity: i64| json!({ "sku": "tea-1", "quantity": quantity });
        for (method, path, body, status) in [
            ("POST", &lines, add(1), 200),
            ("POST", &lines, add(1), 400),
            ("POST", &lines, add(100), 400),
            ("PUT", &line, json!({ "quantity": 100 }), 400),
            ("PUT", &line, json!({ "quantity": 99 }), 200),
        ] {
            let reply = send(shop, method, path, &body).await;
            assert_eq!(reply.status.as_u16(), status, "{method} {body}: {}", reply.text());
        }
        let other = ready_cart(shop, "tea-1", 60).await;
        let merge = json!({ "from": other.rsplit_once('/').unwrap().1 });
        let merged = send(shop, "POST", &format!("{cart}/merge"), &merge).await.json();
        assert_eq!(merged["lines"][0]["quantity"], 99);
        let full = ready_cart(generous, "tea-1", 100).await;
        let refused = place(shop, &full).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["field"]), (409, &json!("lines.tea-1")));
    }
}

/// Places an order of this buyer and pays with a card that is declined.
async fn declined(shop: &Shop, email: &str, from: &str) -> Value {
    let cart = cart_of(shop, email, "lamp-1", 1).await;
    let placed = place_from(shop, from, &cart, "test").await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let order = placed.json();
    let pay = order_path(&order, "/payments");
    let paid = send_from(shop, from, ("POST", &pay), &json!({ "card": "declined" })).await;
    assert_eq!(paid.json()["state"], "failed", "{}", paid.text());
    order
}

async fn state(shop: &Shop, order: &Value) -> String {
    shop.json(&order_path(order, "")).await["state"]
        .as_str()
        .unwrap()
        .to_owned()
}

db_test! {
    /// After a declined card the buyer orders the last unit with a new cart: their unpaid order is
    /// replaced, but not for another buyer.
    async fn an_own_unpaid_order_is_replaced(shop) {
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("lamp", "30.00", 1)]).await;
        let old = declined(shop, "ann@example.org", HERE).await;
        for (email, from) in [("bob@example.org", HERE), ("ann@example.org", THERE)] {
            let cart = cart_of(shop, email, "lamp-1", 1).await;
            assert_eq!(place_from(shop, from, &cart, "test").await.status, 409, "{email} {from}");
        }
        // If replacing does not free enough units, nothing is cancelled.
        let two = cart_of(shop, "ann@example.org", "lamp-1", 2).await;
        assert_eq!(place_from(shop, HERE, &two, "test").await.status, 409);
        assert_eq!(state(shop, &old).await, "pending");
        let next = cart_of(shop, "ann@example.org", "lamp-1", 1).await;
        let placed = place_from(shop, HERE, &next, "test").await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        assert_eq!((state(shop, &old).await.as_str(), on_hand(shop).await), ("cancelled", 0));
        assert_eq!(count(shop, "select count(*) from orders where state = 'pending'").await, 1);

        // While the bank waits for the buyer's confirmation, the order is kept.
        let order = placed.json();
        let pay = order_path(&order, "/payments");
        let payment = send_from(shop, HERE, ("POST", &pay), &json!({ "card": "confirm" })).await;
        assert_eq!(payment.json()["state"], "confirming", "{}", payment.text());
        let again = cart_of(shop, "ann@example.org", "lamp-1", 1).await;
        assert_eq!(place_from(shop, HERE, &again, "test").await.status, 409);
        assert_eq!(state(shop, &order).await, "pending");
    }
}

db_test! {
    /// An order whose payment waits for the buyer's confirmation is kept for five minutes.
    async fn an_order_in_confirmation_is_kept_for_five_minutes(shop) {
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("lamp", "30.00", 1)]).await;
        let cart = cart_of(shop, "ann@example.org", "lamp-1", 1).await;
        let order = place_from(shop, HERE, &cart, "test").await.json();
        let pay = order_path(&order, "/payments");
        let payment = send_from(shop, HERE, ("POST", &pay), &json!({ "card": "confirm" })).await;
        assert_eq!(payment.json()["state"], "confirming", "{}", payment.text());
        let next = cart_of(shop, "ann@example.org", "lamp-1", 1).await;
        for (wait_ms, status, old) in [(5 * 60_000 - 1, 409, "pending"), (1, 201, "cancelled")] {
            shop.app.clock.advance(wait_ms);
            let placed = place_from(shop, HERE, &next, "test").await;
            assert_eq!(placed.status.as_u16(), status, "{}", placed.text());
            assert_eq!(state(shop, &order).await, old);
        }
    }
}

db_test! {
    /// A bank-transfer order that may have been paid is not replaced, and only card orders make
    /// room within the limit.
    async fn orders_that_may_be_paid_are_kept(shop) {
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("lamp", "30.00", 1), only("tea", "5.00", 90)]).await;
        let lamp = cart_of(shop, "ann@example.org", "lamp-1", 1).await;
        let transfer = place_from(shop, HERE, &lamp, "manual").await.json();
        shop.app.clock.advance(shop.app.config.pay_within_ms + 1);
        let again = cart_of(shop, "ann@example.org", "lamp-1", 1).await;
        assert_eq!(place_from(shop, HERE, &again, "test").await.status, 409);
        assert_eq!(state(shop, &transfer).await, "pending");
        let mut cards = Vec::new();
        for _ in 0..2 {
            let cart = cart_of(shop, "ann@example.org", "tea-1", 1).await;
            cards.push(place_from(shop, HERE, &cart, "test").await.json());
        }
        let next = cart_of(shop, "ann@example.org", "tea-1", 1).await;
        assert_eq!(place_from(shop, HERE, &next, "manual").await.status, 201);
        let states = [state(shop, &transfer).await, state(shop, &cards[0]).await, state(shop, &cards[1]).await];
        assert_eq!(states, ["pending", "cancelled", "pending"]);
    }
}

db_test! {
    /// The units that one network holds are limited, across all carts and changes; units that are
    /// not held can still be ordered.
    async fn a_network_has_a_limit_of_held_units(shop) {
        let shop = &with_default_limits(shop).await;
        let shop = &shop.with(|config| {
            config.buying.limit_held_units = 5;
        }).await;
        shop.save(vec![only("vase", "10.00", 50)]).await;
        let hold = async |from: &str, cart: &str| {
            let held = send_from(shop, from, ("POST", &format!("{cart}/hold")), &json!({})).await;
            assert_eq!(held.status, 200, "{}", held.text());
        };
        let first = ready_cart(shop, "vase-1", 4).await;
        hold(HERE, &first).await;
        assert_eq!(held(shop).await, 4);
        let second = ready_cart(shop, "vase-1", 4).await;
        hold(HERE, &second).await;
        assert_eq!(held(shop).await, 5);
        let third = ready_cart(shop, "vase-1", 4).await;
        hold(THERE, &third).await;
        assert_eq!(held(shop).await, 9);
        let grow = format!("{third}/lines/vase-1");
        assert_eq!(send(shop, "PUT", &grow, &json!({ "quantity": 40 })).await.status, 200);
        assert_eq!(held(shop).await, 10);
        // A cart without a hold cannot exceed the limit either.
        let empty = ready_cart(shop, "vase-1", 1).await;
        send(shop, "DELETE", &format!("{empty}/lines"), &json!({})).await;
        hold(HERE, &empty).await;
        let add = json!({ "sku": "vase-1", "quantity": 30 });
        assert_eq!(send(shop, "POST", &format!("{empty}/lines"), &add).await.status, 200);
        assert_eq!(held(shop).await, 10);
        let placed = place_from(shop, HERE, &first, "manual").await;
        assert_eq!(placed.status, 201, "{}", placed.text());
        assert_eq!((held(shop).await, on_hand(shop).await), (6, 46));
        hold(HERE, &second).await;
        assert_eq!(held(shop).await, 9);
        send(shop, "DELETE", &format!("{second}/hold"), &json!({})).await;
        shop.app.clock.advance(shop.app.config.hold_ms);
        origin::cart::release_expired_holds(&shop.app).await.unwrap();
        assert_eq!((held(shop).await, count(shop, "select count(*) from stock_claims").await), (0, 3));
    }
}

db_test! {
    /// New customers have a day to pay. With the setting, a bank-transfer order takes its stock
    /// when it is paid, and missing units become backorders.
    async fn a_bank_transfer_takes_its_stock_when_it_is_paid(shop) {
        let shop = &with_default_limits(shop).await;
        shop.save(vec![only("lamp", "30.00", 2)]).await;
        let cart = cart_of(shop, "ann@example.org", "lamp-1", 1).await;
        let first = place_from(shop, HERE, &cart, "manual").await.json();
        let until: shared::time::Timestamp = first["pay_until"].as_str().unwrap().parse().unwrap();
        assert_eq!(until, shop.app.clock.now().plus_millis(24 * 60 * 60 * 1_000));
        assert_eq!(on_hand(shop).await, 1);

        let later = shop.with(|config| {
            config.buying.transfer_takes_stock_when_paid = true;
        }).await;
        let mut orders = Vec::new();
        for number in 0..3 {
            let cart = cart_of(&later, &format!("buyer{number}@example.org"), "lamp-1", 1).await;
            let placed = place_from(&later, HERE, &cart, "manual").await;
            assert_eq!(placed.status, 201, "{}", placed.text());
            orders.push(placed.json());
        }
        assert_eq!(on_hand(shop).await, 1);
        let cancelled = send(&later, "POST", &order_path(&orders[0], "/cancel"), &json!({})).await;
        assert_eq!((cancelled.status.as_u16(), on_hand(shop).await), (200, 1));
        assert_eq!(operate(&later, &orders[1], "paid").await.status, 200);
        assert_eq!(on_hand(shop).await, 0);
        let paid = operate(&later, &orders[2], "paid").await;
        assert_eq!(paid.json()["lines"][0]["backordered"], 1, "{}", paid.text());
        assert_eq!(operate(&later, &orders[2], "shipped").await.status, 409);
        assert_eq!(operate(&later, &orders[1], "shipped").await.status, 200);
        let card = cart_of(&later, "eve@example.org", "lamp-1", 1).await;
        assert_eq!(place_from(&later, HERE, &card, "test").await.status, 409);
    }
}

db_test! {
    /// Four unpaid orders to one address send as many messages as the limit allows; messages about
    /// payments are always sent, and other addresses are not affected.
    async fn an_address_has_a_limit_of_messages(shop) {
        shop.save(vec![only("tea", "5.00", 90)]).await;
        let shop = &shop.with(|config| {
            config.buying.limit_unpaid_mails = 2;
        }).await;
        let order = async |email: &str| {
            let cart = cart_of(shop, email, "tea-1", 1).await;
            place(shop, &cart).await.json()
        };
        let deliver = async || {
            while origin::relay::deliver_due(&shop.app).await.unwrap() > 0 {}
            mailbox(shop).len()
        };
        let mut orders = Vec::new();
        for _ in 0..4 {
            orders.push(order("ann@example.org").await);
        }
        assert_eq!(deliver().await, 2);
        order("bob@example.org").await;
        assert_eq!(deliver().await, 3);
        send(shop, "POST", &order_path(&orders[0], "/cancel"), &json!({})).await;
        assert_eq!(deliver().await, 3);
        assert_eq!(operate(shop, &orders[1], "paid").await.status, 200);
        assert_eq!(deliver().await, 4);
        assert!(shop.get_ops("/metrics").await.text().contains("shop_mails_withheld_total 3\n"));
        assert_eq!(count(shop, "select count(*) from outbox where delivered_at is null").await, 0);
        shop.app.clock.advance(60 * 60 * 1_000);
        order("ann@example.org").await;
        assert_eq!(deliver().await, 5);
    }
}

/// Submits a form with this cookie.
async fn form(shop: &Shop, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie);
    shop.send_body(request, Body::from(body)).await
}

db_test! {
    /// Pages explain exceeded limits in the language of the page.
    async fn pages_explain_exceeded_limits(shop) {
        let shop = &with_default_limits(shop).await;
        let shop = &shop.with(|config| {
            config.buying.limit_unpaid_units = 2;
        }).await;
        shop.save(vec![only("tea", "5.00", 500)]).await;
        let cart = ready_cart(shop, "tea-1", 3).await;
        let cookie = format!("cart={}", cart.rsplit_once('/').unwrap().1);
        let total = shop.json(&cart).await["totals"]["total"]["minor"].to_string();
        let fields = [("payment", "manual"), ("total", total.as_str()), ("key", "k")];
        for (path, said) in [
            ("/checkout/review", "reached the limit for unpaid orders"),
            ("/zh/checkout/review", "尚未付款的订单已达到上限"),
        ] {
            let refused = form(shop, path, &cookie, &fields).await;
            assert_eq!(refused.status, 409, "{path}");
            assert!(refused.text().contains(said), "{path}: {}", refused.text());
        }
        let line = shop.json(&cart).await["lines"][0]["variant_id"].clone();
        let field = format!("quantity-{}", line.as_str().unwrap());
        let fields = [(field.as_str(), "100")];
        for (path, said) in [("/cart", "a lower limit per order"), ("/zh/cart", "限购数量")] {
            let refused = form(shop, path, &cookie, &fields).await;
            assert_eq!(refused.status, 400, "{path}");
            assert!(refused.text().contains(said), "{path}: {}", refused.text());
        }
    }
}
