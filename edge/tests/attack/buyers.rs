//! Honest buyers: each fills a cart, looks at it and orders, again and again, and counts what was refused.

use std::{
    io,
    net::SocketAddr,
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

/// How many buy at the same time.
const BUYERS: usize = 4;
/// One order in all of this: more would measure the machine.
const PAUSE: Duration = Duration::from_millis(20);
/// The attacks of other tests wait: each has the machine for itself.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What the buyers got.
#[derive(Debug, Default)]
pub struct Tally {
    pub orders: AtomicUsize,
    pub requests: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

/// Whether the attack is over.
pub struct AttackEnd(AtomicBool);

impl AttackEnd {
    /// Does something until the attack is over, and counts how often.
    pub fn until(&self, mut action: impl FnMut()) -> usize {
        let mut count = 0;
        while !self.0.load(Ordering::Relaxed) {
            action();
            count += 1;
        }
        count
    }
}

/// How long an attack lasts.
pub fn duration() -> Duration {
    let set = std::env::var("MALLARD_ATTACK_S").ok();
    Duration::from_secs(set.and_then(|it| it.parse().ok()).unwrap_or(2))
}

/// Lets people buy while so many attackers each do their deed, which says how often it struck. Nobody who
/// buys may be refused, somebody has to get an order, and each attacker has to have struck.
pub fn buy_during_attack(
    shop: &TestShop,
    attackers: usize,
    attack: impl Fn(usize, &AttackEnd) -> usize + Sync,
) {
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (end, tally) = (AttackEnd(AtomicBool::new(false)), Tally::default());
    thread::scope(|scope| {
        for buyer in 0..BUYERS {
            let (end, tally) = (&end, &tally);
            scope.spawn(move || {
                end.until(|| {
                    buy(shop.edge, &shop.sku, buyer, tally);
                    thread::sleep(PAUSE);
                })
            });
        }
        let (end, attack) = (&end, &attack);
        let attack_threads: Vec<_> = (0..attackers)
            .map(|number| scope.spawn(move || attack(number, end)))
            .collect();
        thread::sleep(duration());
        end.0.store(true, Ordering::Relaxed);
        for attack_thread in attack_threads {
            assert!(attack_thread.join().unwrap() > 0, "an attacker did nothing");
        }
    });
    tally.check();
}

/// Lets people buy while the shop is worked on, for as long as that takes.
pub fn buy_during_maintenance(edge: SocketAddr, sku: &str, work: impl FnOnce()) {
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
                })
            });
        }
        work();
        end.0.store(true, Ordering::Relaxed);
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

/// Buys once.
fn buy(edge: SocketAddr, sku: &str, buyer: usize, tally: &Tally) -> Option<()> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // Nobody shares a network or a provider, so what they share are no limits.
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
