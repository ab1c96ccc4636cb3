//! Card testing: declined cards lead to a pause.

use http::Request;
use origin::payments::{self, ChargeOutcome};
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

const HERE: &str = "198.51.100.1";
const THERE: &str = "198.51.100.2";
const HOUR: i64 = 60 * 60 * 1_000;

/// A shop with a payment deadline of a month and without rate limits.
async fn without_rate_limits(shop: &Shop) -> Shop {
    shop.save(vec![only("tea", "5.00", 900)]).await;
    shop.with(|config| {
        (config.limit_checkout, config.limit_api) = (0, 0);
        config.pay_within_ms = 30 * 24 * HOUR;
    })
    .await
}

/// Places an order and returns the path of its payments.
async fn order(shop: &Shop) -> String {
    let cart = ready_cart(shop, "tea-1", 1).await;
    let order = place_from(shop, HERE, &cart, "test").await.json();
    let (number, token) = (order["number"].as_str(), order["token"].as_str());
    format!(
        "/api/v1/orders/{}/payments?token={}",
        number.unwrap(),
        token.unwrap()
    )
}

async fn pay(shop: &Shop, from: &str, to: &str, card: &str) -> Reply {
    send_from(shop, from, ("POST", to), &json!({ "card": card })).await
}

/// Pays with a card that is declined.
async fn decline(shop: &Shop, from: &str, to: &str) {
    let reply = pay(shop, from, to, "declined").await;
    assert_eq!(reply.json()["state"], "failed", "{}", reply.text());
}

/// The seconds until payments are accepted again.
fn pause_seconds(reply: &Reply) -> i64 {
    let problem = &reply.json()["type"];
    assert_eq!(
        (reply.status.as_u16(), problem),
        (429, &json!("/problems/payment-paused"))
    );
    reply.header("retry-after").parse().unwrap()
}

async fn pause_log(shop: &Shop) -> Vec<Value> {
    let request = Request::get("/api/v1/operator/audit").header("authorization", "Bearer operator");
    let log = shop.send(request).await.json();
    let entries = log["entries"].as_array().unwrap().iter();
    entries
        .filter(|it| it["action"] == "payment.pause")
        .cloned()
        .collect()
}

db_test! {
    /// Five declines for one order from any network begin a pause of an hour; each further decline
    /// doubles it.
    async fn an_order_pauses_after_five_declines(shop) {
        let shop = &without_rate_limits(shop).await;
        let to = order(shop).await;
        for number in 1..=5 {
            decline(shop, &format!("203.0.113.{number}"), &to).await;
        }
        assert_eq!(pause_seconds(&pay(shop, THERE, &to, "succeeds").await), 3_600);
        shop.app.clock.advance(HOUR - 1_000);
        assert_eq!(pause_seconds(&pay(shop, THERE, &to, "succeeds").await), 1);
        shop.app.clock.advance(1_000);
        decline(shop, THERE, &to).await;
        assert_eq!(pause_seconds(&pay(shop, THERE, &to, "succeeds").await), 7_200);
        // Another order of the same buyer has its own count.
        assert_eq!(pay(shop, THERE, &order(shop).await, "succeeds").await.json()["state"], "captured");
        shop.app.clock.advance(2 * HOUR);
        assert_eq!(pay(shop, THERE, &to, "succeeds").await.json()["state"], "captured");
        let log = pause_log(shop).await;
        let number = to.split('/').nth(4).unwrap();
        assert_eq!(log.len(), 2);
        assert!(log.iter().all(|it| it["subject"] == format!("order:{number}")), "{log:?}");
        let metrics = shop.get_ops("/metrics").await.text().to_owned();
        for line in ["shop_card_pauses_total{scope=\"order\"} 2", "shop_cards_refused_total 3"] {
            assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
        }
    }
}

db_test! {
    /// A decline that is reported again neither lengthens a pause nor counts again.
    async fn a_repeated_decline_does_not_lengthen_a_pause(shop) {
        let shop = &without_rate_limits(shop).await;
        let to = order(shop).await;
        let mut last: i64 = 0;
        for _ in 0..5 {
            let payment = pay(shop, HERE, &to, "declined").await.json();
            last = payment["id"].as_str().unwrap().parse().unwrap();
        }
        assert_eq!(pause_seconds(&pay(shop, HERE, &to, "succeeds").await), 3_600);
        shop.app.clock.advance(HOUR - 1_000);
        let declined = ChargeOutcome::Declined("card_declined".to_owned());
        let state = payments::settle(&shop.app, last, &declined.into()).await.unwrap();
        assert_eq!(state, shared::payment::PaymentState::Failed);
        assert_eq!(pause_seconds(&pay(shop, HERE, &to, "succeeds").await), 1);
        assert_eq!(pause_log(shop).await.len(), 1);
        let metrics = shop.get_ops("/metrics").await.text().to_owned();
        let failed = "shop_payments_total{method=\"test\",outcome=\"failed\"} 5";
        assert!(metrics.lines().any(|it| it == failed), "{metrics}");
        shop.app.clock.advance(1_000);
        let paid = pay(shop, HERE, &to, "succeeds").await;
        assert_eq!(paid.json()["state"], "captured", "{}", paid.text());
    }
}

db_test! {
    /// Ten declines from one network within an hour begin a pause, across all orders; captures do
    /// not count, and other networks are not affected.
    async fn a_network_pauses_after_ten_declines(shop) {
        let shop = &without_rate_limits(shop).await;
        for _ in 0..4 {
            let to = order(shop).await;
            decline(shop, HERE, &to).await;
            decline(shop, HERE, &to).await;
            assert_eq!(pay(shop, HERE, &to, "succeeds").await.json()["state"], "captured");
        }
        shop.app.clock.advance(HOUR);
        // Declines older than an hour do not count.
        for _ in 0..5 {
            let to = order(shop).await;
            decline(shop, HERE, &to).await;
            decline(shop, HERE, &to).await;
        }
        let to = order(shop).await;
        assert_eq!(pause_seconds(&pay(shop, HERE, &to, "succeeds").await), 3_600);
        assert_eq!(pay(shop, THERE, &to, "succeeds").await.json()["state"], "captured");
        let log = pause_log(shop).await;
        assert_eq!(log.len(), 1);
        let subject = log[0]["subject"].as_str().unwrap();
        assert!(subject.starts_with("network:") && !subject.contains("198"), "{subject}");
        shop.app.clock.advance(HOUR);
        let to = order(shop).await;
        assert_eq!(pay(shop, HERE, &to, "succeeds").await.json()["state"], "captured");
        assert_eq!(count(shop, "select count(*) from payments where network is not null").await, 0);
        shop.app.clock.advance(26 * HOUR);
        let now = shop.app.clock.now();
        let deleted = payments::delete_idle_card_limits(&shop.app.db, now).await;
        assert_eq!(deleted.unwrap(), 3);
    }
}

db_test! {
    /// Concurrent attempts at two origins: the provider receives ten.
    async fn concurrent_attempts_count(shop) {
        let shop = &without_rate_limits(shop).await;
        let second_origin = shop.with(|_| ()).await;
        let mut orders = Vec::new();
        for _ in 0..30 {
            orders.push(order(shop).await);
        }
        let attempts = orders.iter().enumerate().map(|(number, to)| {
            let origin = if number % 2 == 0 { shop } else { &second_origin };
            pay(origin, HERE, to, "declined")
        });
        let answers = at_once(attempts).await;
        assert!(answers.iter().all(|it| [201, 429].contains(&it.status.as_u16())));
        assert_eq!(answers.iter().filter(|it| it.status == 201).count(), 10);
        assert_eq!(count(shop, "select count(*) from test_charges").await, 10);
        second_origin.app.db.close().await;
    }
}

db_test! {
    /// The networks of a site share a limit, because an IPv6 /48 contains 65,536 of them.
    async fn a_site_has_a_multiple_of_the_limit(shop) {
        let shop = &without_rate_limits(shop).await;
        let shop = &shop
            .with(|config| {
                (config.limit_site, config.buying.limit_declines_network) = (2, 2);
            })
            .await;
        for network in 1..=4 {
            decline(shop, &format!("2001:db8:1:{network}::1"), &order(shop).await).await;
        }
        let to = order(shop).await;
        assert_eq!(pause_seconds(&pay(shop, "2001:db8:1:5::1", &to, "succeeds").await), 3_600);
        assert_eq!(pay(shop, "2001:db8:2:5::1", &to, "succeeds").await.json()["state"], "captured");
        let log = pause_log(shop).await;
        assert_eq!(log.len(), 1);
        assert!(log[0]["subject"].as_str().unwrap().starts_with("site:"), "{log:?}");
        let unended = "select count(*) from payments where network is not null or site is not null";
        assert_eq!(count(shop, unended).await, 0);
    }
}
