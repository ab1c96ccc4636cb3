//! Crashes of the real program. After a restart, each request has been carried out exactly once or
//! not at all, and a client that retries gets its response.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Shop, product};

const CRASH_POINTS: [&str; 15] = [
    "order.begun",
    "order.read",
    "order.decided",
    "order.inserted",
    "order.moved",
    "order.claimed",
    "order.queued",
    "order.written",
    "order.committed",
    "pay.begun",
    "pay.charged",
    "pay.recorded",
    "pay.settled",
    "outbox.leased",
    "outbox.sent",
];
/// The time limit for everything that the test waits for.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// An address below the system's ephemeral ports.
fn free_address() -> SocketAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = std::process::id() as usize * 16 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(24_000 + number % 8_000).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The program, in front of a shop's database.
struct Origin {
    address: SocketAddr,
    child: Child,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Origin {
    fn start(shop: &Shop, crash_at: Option<&str>) -> Self {
        let address = free_address();
        let assets = shop.folder().join("site");
        std::fs::create_dir_all(&assets).unwrap();
        let manifest = serde_json::to_string(&support::assets()).unwrap();
        std::fs::write(assets.join("manifest.json"), manifest).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_origin"));
        command
            .args(["serve", "--listen", &address.to_string()])
            .args(["--ops-listen", "off"])
            .args(["--database-url", &shop.url(), "--log", "error"])
            .args(["--payment-ask-ms", "50", "--outbox-lease-ms", "50"])
            .args(["--payment-methods", "manual,test"])
            // A kill leaves orders that are not paid.
            .args(["--limit-unpaid-orders", "0"])
            .arg("--data-dir")
            .arg(shop.folder())
            .arg("--assets-dir")
            .arg(&assets)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(crash_point) = crash_at {
            command.env("MALLARD_CRASH_AT", crash_point);
        }
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "{crash_at:?}: the process exits at start: {ended:?}"
            );
            assert!(started.elapsed() < TIME_LIMIT, "the server does not start");
            thread::sleep(Duration::from_millis(10));
        }
        Self { address, child }
    }

    /// Kills the process, unless it has exited already.
    fn kill(&mut self) {
        // The process may have exited by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Waits until the process exits by itself. False after the time limit.
    fn exits(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < TIME_LIMIT {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

/// Sends a request and returns status and body; none without a response.
fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &Value,
) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let body = body.to_string();
    let key = key.map(|key| format!("idempotency-key: {key}\r\n"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\
         content-type: application/json\r\n{}content-length: {}\r\n\r\n{body}",
        key.unwrap_or_default(),
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}

/// Creates a cart, and returns its path and the body of an order for it.
fn cart(address: SocketAddr) -> Option<(String, Value)> {
    let (_, cart) = send(address, "POST", "/api/v1/carts", None, &json!({}))?;
    let path = format!("/api/v1/carts/{}", cart["id"].as_str()?);
    let line = json!({ "sku": "tea-1", "quantity": 1 });
    send(address, "POST", &format!("{path}/lines"), None, &line)?;
    let update = json!({
        "email": "ada@example.org", "shipping_method": "standard",
        "shipping_address": { "name": "Ada", "line1": "1 Lane", "city": "Berlin",
                              "postcode": "10115", "country": "DE" },
    });
    let (_, cart) = send(address, "PATCH", &path, None, &update)?;
    let order = json!({ "expected_total": cart["totals"]["total"], "payment_method": "test" });
    Some((path, order))
}

/// Orders and pays, with retries until there is a response, and restarts the program after each
/// crash. Returns the number of crashes.
fn buy(shop: &Shop, crash_point: &str) -> u32 {
    let mut origin = Origin::start(shop, Some(crash_point));
    let (path, order) = cart(origin.address).unwrap();
    let mut crashes = 0;
    let mut send_until_answered = |path: &str, key: &str, body: &Value| {
        let started = Instant::now();
        loop {
            match send(origin.address, "POST", path, Some(key), body) {
                Some((status, body)) if status < 300 => return body,
                // The result of a payment in progress is not known yet; a job polls it.
                Some((409, _)) => thread::sleep(Duration::from_millis(20)),
                Some((status, body)) => panic!("{crash_point}: {path}: {status} {body}"),
                None => {
                    assert!(origin.exits(), "{crash_point}: no response, and no crash");
                    crashes += 1;
                    thread::sleep(Duration::from_millis(60));
                    origin = Origin::start(shop, None);
                }
            }
            assert!(
                started.elapsed() < TIME_LIMIT,
                "{crash_point}: {path} gets no response"
            );
        }
    };
    let placed = send_until_answered(
        &format!("{path}/order"),
        &format!("o-{crash_point}"),
        &order,
    );
    let (number, token) = (
        placed["number"].as_str().unwrap(),
        placed["token"].as_str().unwrap(),
    );
    let payments = format!("/api/v1/orders/{number}/payments?token={token}");
    let paid = send_until_answered(
        &payments,
        &format!("p-{crash_point}"),
        &json!({ "card": "succeeds" }),
    );
    assert_eq!(
        (&paid["state"], &paid["order"]),
        (&json!("captured"), &json!("paid")),
        "{crash_point}"
    );
    // The job reaches its crash point without a request, perhaps before the last response.
    if crash_point.starts_with("outbox") && crashes == 0 {
        assert!(
            origin.exits(),
            "{crash_point}: the job never reached its crash point"
        );
        crashes += 1;
    }
    crashes
}

async fn count(shop: &Shop, statement: &'static str) -> i64 {
    let mut reader = shop.app.db.read().await.unwrap();
    sqlx::query_scalar(statement)
        .fetch_one(&mut *reader)
        .await
        .unwrap()
}

/// Lets a program without crash points finish the remaining work.
async fn settle(shop: &Shop) {
    let origin = Origin::start(shop, None);
    let started = Instant::now();
    let open = "select (select count(*) from outbox where delivered_at is null)
                     + (select count(*) from payments where state = 'started')";
    while count(shop, open).await > 0 {
        assert!(
            started.elapsed() < TIME_LIMIT,
            "messages or payments are never finished"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(origin);
}

async fn crash_at_every_point(shop: &Shop) {
    shop.save(vec![product("tea", "5.00")]).await;
    for crash_point in CRASH_POINTS {
        if crash_point.starts_with("outbox") {
            // Messages that are left would crash the program at its start.
            settle(shop).await;
        }
        let crashes = tokio::task::block_in_place(|| buy(shop, crash_point));
        assert_eq!(crashes, 1, "{crash_point}");
    }
    settle(shop).await;
    let orders = i64::try_from(CRASH_POINTS.len()).unwrap();
    assert_eq!(
        count(shop, "select count(*) from orders where state = 'paid'").await,
        orders
    );
    assert_eq!(count(shop, "select count(*) from orders").await, orders);
    let charges = "select count(*) from test_charges where state = 'captured'";
    assert_eq!(count(shop, charges).await, orders);
    assert_eq!(count(shop, "select count(*) from refunds").await, 0);
    shop.audit().await;
}

/// Kills the program under load repeatedly; confirmed orders must survive.
async fn kill_under_load(shop: &Shop) {
    let mut tea = product("tea", "5.00");
    tea.variants[0].stock = Some(100_000);
    shop.save(vec![tea]).await;
    let mut confirmed = Vec::new();
    for round in 1..=4 {
        let mut origin = Origin::start(shop, None);
        let address = origin.address;
        let placed_orders = Arc::new(AtomicUsize::new(0));
        let shoppers = (0..6).map(|_| {
            let placed_orders = Arc::clone(&placed_orders);
            thread::spawn(move || {
                let mut numbers = Vec::new();
                while let Some((path, order)) = cart(address) {
                    let placed = send(address, "POST", &format!("{path}/order"), None, &order);
                    let Some((201, placed)) = placed else { break };
                    let number = placed["number"].as_str().unwrap().to_owned();
                    let token = placed["token"].as_str().unwrap();
                    let payments = format!("/api/v1/orders/{number}/payments?token={token}");
                    numbers.push(number);
                    placed_orders.fetch_add(1, Ordering::Relaxed);
                    send(
                        address,
                        "POST",
                        &payments,
                        Some("k"),
                        &json!({ "card": "succeeds" }),
                    );
                }
                numbers
            })
        });
        let shoppers: Vec<_> = shoppers.collect();
        let started = Instant::now();
        while placed_orders.load(Ordering::Relaxed) < 3 * round {
            assert!(started.elapsed() < TIME_LIMIT, "no order is placed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        origin.kill();
        for shopper in shoppers {
            confirmed.extend(shopper.join().unwrap());
        }
    }
    settle(shop).await;
    assert!(confirmed.len() >= 30, "{}", confirmed.len());
    let mut reader = shop.app.db.read().await.unwrap();
    let known: Vec<String> = sqlx::query_scalar("select number from orders")
        .fetch_all(&mut *reader)
        .await
        .unwrap();
    assert!(confirmed.iter().all(|number| known.contains(number)));
    drop(reader);
    let charges = "select count(*) from test_charges where state = 'captured'";
    let payments = "select count(*) from payments where state = 'captured'";
    assert_eq!(count(shop, charges).await, count(shop, payments).await);
    shop.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_loses_nothing_on_sqlite() {
    crash_at_every_point(&Shop::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_loses_nothing_on_mariadb() {
    let shop = Shop::on_mariadb().await;
    crash_at_every_point(&shop).await;
    shop.drop_database().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_under_load_loses_nothing_on_sqlite() {
    kill_under_load(&Shop::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_under_load_loses_nothing_on_mariadb() {
    let shop = Shop::on_mariadb().await;
    kill_under_load(&shop).await;
    shop.drop_database().await;
}
