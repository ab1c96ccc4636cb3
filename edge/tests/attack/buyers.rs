//! Honest buyers: each fills a cart, looks at it and places an order, repeatedly, and counts
//! rejections.

use std::{
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    client::{self, ShopResponse},
    shop::TestShop,
};

/// The number of concurrent buyers.
const BUYERS: usize = 4;
/// The pause between two orders; without it, the test would measure the machine.
const PAUSE: Duration = Duration::from_millis(20);
/// Attacks run one at a time, so that each has the machine for itself.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The results of all buyers.
#[derive(Debug, Default)]
pub struct Tally {
    pub orders: AtomicUsize,
    pub requests: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

/// Whether the attack has ended.
pub struct AttackEnd(AtomicBool);

impl AttackEnd {
    /// Repeats an action until the attack has ended, and returns the number of repetitions.
    pub fn until(&self, mut action: impl FnMut()) -> usize {
        let mut count = 0;
        while !self.0.load(Ordering::Relaxed) {
            action();
            count += 1;
        }
        count
    }
}

/// The duration of an attack.
pub fn duration() -> Duration {
    let set = std::env::var("MALLARD_ATTACK_S").ok();
    Duration::from_secs(set.and_then(|it| it.parse().ok()).unwrap_or(2))
}

/// Runs buyers and attackers concurrently. Fails if a buyer was rejected, if no order was placed,
/// or if an attacker did nothing; `attack` returns how often it acted.
pub fn buy_during_attack(
    shop: &TestShop,
    attackers: usize,
    attack: impl Fn(usize, &AttackEnd) -> usize + Sync,
) {
    buy_during(shop.edge, &shop.sku, PAUSE, |end| {
        thread::scope(|scope| {
            let attack = &attack;
            let attack_threads: Vec<_> = (0..attackers)
                .map(|number| scope.spawn(move || attack(number, end)))
                .collect();
            thread::sleep(duration());
            end.0.store(true, Ordering::Relaxed);
            for attack_thread in attack_threads {
                assert!(attack_thread.join().unwrap() > 0, "an attacker did nothing");
            }
        });
    });
}

/// Runs buyers while maintenance work is done. Fails if a buyer was rejected.
pub fn buy_during_maintenance(edge: SocketAddr, sku: &str, work: impl FnOnce()) {
    buy_during(edge, sku, Duration::ZERO, |_| work());
}

/// Runs buyers that pause between their orders until the work is done.
fn buy_during(edge: SocketAddr, sku: &str, pause: Duration, work: impl FnOnce(&AttackEnd)) {
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (end, tally) = (AttackEnd(AtomicBool::new(false)), Tally::default());
    thread::scope(|scope| {
        for buyer in 0..BUYERS {
            let (end, tally) = (&end, &tally);
            scope.spawn(move || {
                end.until(|| {
                    buy(edge, sku, buyer, tally);
                    thread::sleep(pause);
                })
            });
        }
        let worked = catch_unwind(AssertUnwindSafe(|| work(&end)));
        // The scope waits for the buyers, also when the work has failed.
        end.0.store(true, Ordering::Relaxed);
        if let Err(panic) = worked {
            resume_unwind(panic);
        }
    });
    tally.check();
}

impl Tally {
    fn check(&self) {
        let refused = self.refused.lock().unwrap();
        let (orders, requests) = (&self.orders, &self.requests);
        println!(
            "{} orders, {} requests, {} refused",
            orders.load(Ordering::Relaxed),
            requests.load(Ordering::Relaxed),
            refused.len()
        );
        let first = &refused[..refused.len().min(5)];
        assert!(refused.is_empty(), "{} refused: {first:#?}", refused.len());
        assert!(orders.load(Ordering::Relaxed) > 0, "nobody got an order");
    }

    fn count(&self, what: &str, response: io::Result<ShopResponse>) -> Option<Value> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let why = match response {
            Ok(response) if response.status < 400 => return Some(response.json()),
            Ok(response) => format!("{what}: {}", response.head),
            Err(error) => format!("{what}: {error}"),
        };
        self.refused.lock().unwrap().push(why);
        None
    }
}

/// Places one order.
fn buy(edge: SocketAddr, sku: &str, buyer: usize, tally: &Tally) -> Option<()> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // Each buyer has a network of its own, so that limits per network do not apply.
    let network = format!("{}.{}.{buyer}.1", 20 + number / 250 % 100, number % 250);
    let ask = |what: &str, method: &str, path: &str, body: Option<Value>| {
        let key = format!("{what} of {number}").replace(' ', "-");
        let fields = [("x-real-ip", &*network), ("idempotency-key", &*key)];
        let response = client::send_json(edge, method, path, &fields, body.as_ref());
        tally.count(what, response)
    };
    let cart = ask("a new cart", "POST", "/api/v1/carts", Some(json!({})))?;
    let path = format!("/api/v1/carts/{}", cart["id"].as_str()?);
    let line = json!({ "sku": sku, "quantity": 1 });
    ask("a line", "POST", &format!("{path}/lines"), Some(line))?;
    let address = json!({
        "email": format!("buyer-{number}@example.org"),
        "shipping_method": "standard",
        "shipping_address": { "name": "Ada", "line1": "1 Lane", "city": "Berlin",
                              "postcode": "10115", "country": "DE" },
    });
    ask("an address", "PATCH", &path, Some(address))?;
    ask("the cart's page", "GET", "/cart", None)?;
    let cart = ask("the cart", "GET", &path, None)?;
    let order = json!({
        "expected_total": cart["totals"]["total"], "payment_method": "manual",
    });
    ask("an order", "POST", &format!("{path}/order"), Some(order))?;
    tally.orders.fetch_add(1, Ordering::Relaxed);
    Some(())
}
