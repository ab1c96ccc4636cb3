//! Many clients run random operations concurrently; afterwards all invariants hold.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Body;
use http::Request;
use origin::{cart, orders, payments, relay};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{db_test, shopper::*, support::Shop};

const CLIENTS: u64 = 16;
const SKUS: u64 = 5;
const STOCK: i64 = 60;

/// The number of operations; `MALLARD_STORM` overrides it.
fn operations() -> u64 {
    let number = std::env::var("MALLARD_STORM").ok();
    number.and_then(|it| it.parse().ok()).unwrap_or(1_600)
}

/// How long the fifty writers run, if `MALLARD_WRITERS` sets it in seconds; otherwise a few
/// operations each.
fn writers_last() -> Option<Duration> {
    let seconds = std::env::var("MALLARD_WRITERS").ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// A small random number generator (SplitMix64): a seed reproduces the run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A client of one of two origins, with a cart and its orders.
struct Client {
    shop: Arc<axum::Router>,
    chance: Chance,
    cart: String,
    orders: Vec<(String, String)>,
    number: u64,
}

impl Client {
    /// Sends a request; any response but a server error is accepted.
    async fn send(&mut self, method: &str, path: &str, body: &Value) -> Value {
        self.number += 1;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", "Bearer operator")
            .header(
                "idempotency-key",
                format!("{}-{}", self.chance.0, self.number),
            )
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = (*self.shop).clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = http_body_util::BodyExt::collect(response.into_body())
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        assert!(
            !status.is_server_error(),
            "{method} {path}: {status} {text}"
        );
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn new_cart(&mut self) {
        let cart = self.send("POST", "/api/v1/carts", &json!({})).await;
        self.cart = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
        let update = json!({
            "email": "ada@example.org", "shipping_method": "standard",
            "shipping_address": { "name": "Ada", "line1": "1 Lane", "city": "Berlin",
                                  "postcode": "10115", "country": "DE" },
        });
        let path = self.cart.clone();
        self.send("PATCH", &path, &update).await;
    }

    async fn act(&mut self) {
        let sku = format!("s{}-1", self.chance.below(SKUS));
        let quantity = 1 + i64::try_from(self.chance.below(4)).unwrap();
        let cart = self.cart.clone();
        match self.chance.below(16) {
            0..=3 => {
                let line = json!({ "sku": sku, "quantity": quantity });
                self.send("POST", &format!("{cart}/lines"), &line).await;
            }
            4 => {
                let path = format!("{cart}/lines/{sku}");
                self.send("PUT", &path, &json!({ "quantity": quantity - 1 }))
                    .await;
            }
            5 | 6 => self.order(&cart).await,
            14 => {
                let changes = json!({ "changes": [{ "sku": sku, "delta": quantity }] });
                self.send("POST", "/api/v1/operator/stock", &changes).await;
            }
            12 => {
                self.send("POST", &format!("{cart}/hold"), &json!({})).await;
            }
            13 => {
                let other = self.send("POST", "/api/v1/carts", &json!({})).await;
                let merge = json!({ "from": cart.rsplit_once('/').unwrap().1 });
                self.cart = format!("/api/v1/carts/{}", other["id"].as_str().unwrap());
                let path = format!("{}/merge", self.cart);
                self.send("POST", &path, &merge).await;
            }
            choice => self.go_on(choice).await,
        }
    }

    async fn order(&mut self, cart: &str) {
        let seen = self.send("GET", cart, &json!({})).await;
        let method = ["test", "manual"][usize::try_from(self.chance.below(2)).unwrap()];
        let order = json!({ "expected_total": seen["totals"]["total"], "payment_method": method });
        let placed = self.send("POST", &format!("{cart}/order"), &order).await;
        if let (Some(number), Some(token)) = (placed["number"].as_str(), placed["token"].as_str()) {
            self.orders.push((number.to_owned(), token.to_owned()));
            self.new_cart().await;
        }
    }

    async fn go_on(&mut self, choice: u64) {
        let count = self.orders.len() as u64;
        if count == 0 {
            return;
        }
        let place = usize::try_from(self.chance.below(count)).unwrap();
        let (number, token) = self.orders[place].clone();
        let order = format!("/api/v1/orders/{number}");
        let operator = format!("/api/v1/operator/orders/{number}");
        match choice {
            7 => {
                let cards = ["succeeds", "declined", "confirm", "times_out"];
                let card = cards[usize::try_from(self.chance.below(4)).unwrap()];
                let path = format!("{order}/payments?token={token}");
                self.send("POST", &path, &json!({ "card": card })).await;
            }
            8 => {
                let path = format!("{order}/cancel?token={token}");
                self.send("POST", &path, &json!({})).await;
            }
            9 => {
                let steps = ["paid", "shipped", "delivered", "completed"];
                let state = steps[usize::try_from(self.chance.below(4)).unwrap()];
                self.send(
                    "POST",
                    &format!("{operator}/steps"),
                    &json!({ "state": state }),
                )
                .await;
            }
            15 => {
                let sku = format!("s{}-1", self.chance.below(SKUS));
                let lines = json!([{ "sku": sku, "quantity": 1 + self.chance.below(2) }]);
                let restock = self.chance.below(2) == 0;
                let body = json!({ "lines": lines, "restock": restock });
                self.send("POST", &format!("{operator}/returns"), &body)
                    .await;
            }
            10 => {
                let part =
                    json!({ "amount": { "minor": 1 + self.chance.below(900), "currency": "USD" } });
                self.send("POST", &format!("{operator}/refunds"), &part)
                    .await;
            }
            _ => {
                let rest = json!({ "restock": true });
                self.send("POST", &format!("{operator}/refunds"), &rest)
                    .await;
            }
        }
    }
}

async fn client(shop: &Shop, second_origin: &axum::Router, seed: u64) -> Client {
    let router = if seed.is_multiple_of(2) {
        &shop.router
    } else {
        second_origin
    };
    let mut client = Client {
        shop: Arc::new(router.clone()),
        chance: Chance(seed << 32),
        cart: String::new(),
        orders: Vec::new(),
        number: 0,
    };
    client.new_cart().await;
    client
}

db_test! {
    /// Fifty concurrent writers at two origins never see a busy error.
    async fn fifty_writers_never_see_a_busy_error(shop) {
        shop.save(vec![only("pen", "1.00", 5)]).await;
        let second_origin = shop.second_origin().await;
        let mut running = tokio::task::JoinSet::new();
        for seed in 0..50 {
            let mut client = client(shop, &second_origin, seed).await;
            running.spawn(async move {
                let (begun, last) = (Instant::now(), writers_last());
                let times = last.map_or(operations() / 80, |_| u64::MAX);
                for count in 0..times {
                    if last.is_some_and(|last| begun.elapsed() > last) {
                        break;
                    }
                    let path = format!("{}/lines/pen-1", client.cart);
                    let cart = client.send("PUT", &path, &json!({ "quantity": 1 + count % 3 })).await;
                    assert_eq!(cart["lines"][0]["quantity"], 1 + count % 3, "{cart}");
                }
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.unwrap();
        }
        assert_eq!(count(shop, "select count(*) from cart_lines").await, 50);
    }
}

db_test! {
    /// Sixteen clients of two origins; the audit at the end of each test checks the invariants.
    async fn invariants_hold_after_random_operations(shop) {
        let mut products: Vec<_> =
            (0..SKUS).map(|sku| only(&format!("s{sku}"), "3.33", STOCK)).collect();
        products[0].variants[0].backorder = true;
        shop.save(products).await;
        let second_origin = shop.second_origin().await;
        let mut running = tokio::task::JoinSet::new();
        for seed in 0..CLIENTS {
            let mut client = client(shop, &second_origin, seed + 1).await;
            running.spawn(async move {
                for _ in 0..operations() / CLIENTS {
                    client.act().await;
                }
            });
        }
        let mut rounds = 0;
        loop {
            tokio::select! {
                ended = running.join_next() => match ended {
                    Some(ended) => ended.unwrap(),
                    None => break,
                },
                () = tokio::time::sleep(Duration::from_millis(20)) => {
                    // Meanwhile time passes and the jobs run.
                    shop.app.clock.advance(60_000);
                    cart::release_expired_holds(&shop.app).await.unwrap();
                    orders::expire(&shop.app).await.unwrap();
                    payments::recover(&shop.app).await.unwrap();
                    relay::deliver_due(&shop.app).await.unwrap();
                    rounds += 1;
                }
            }
        }
        assert!(rounds > 0);
        shop.app.clock.advance(60_000);
        payments::recover(&shop.app).await.unwrap();
        let sold = "select cast(coalesce(-sum(delta), 0) as signed) from stock_ledger where order_id is not null";
        let sold = count(shop, sold).await;
        let came = "select cast(coalesce(sum(delta), 0) as signed) from stock_ledger where reason = 'change'";
        let start = i64::try_from(SKUS).unwrap() * STOCK + count(shop, came).await;
        assert_eq!(on_hand(shop).await, start - sold);
        assert!(count(shop, "select count(*) from orders").await > 20);
        let charged = "select cast(coalesce(sum(amount_minor), 0) as signed) from test_charges where state = 'captured'";
        let known = "select cast(coalesce(sum(amount_minor), 0) as signed) from payments where state = 'captured' and provider = 'test'";
        assert_eq!(count(shop, charged).await, count(shop, known).await);
        let back = "select cast(coalesce(sum(amount_minor), 0) as signed) from test_refunds";
        let due = "select cast(coalesce(sum(r.amount_minor), 0) as signed) from refunds r join payments p on p.id = r.payment_id where p.provider = 'test'";
        assert_eq!(count(shop, back).await, count(shop, due).await);
    }
}
