//! Files and database rows: permissions, hashed and sealed secrets, and key rotation.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use axum::body::Body;
use http::Request;
use origin::{
    at_rest, private_files,
    relay::{deliver_due, deliver_webhooks},
};
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
    webhooks::{HOOKS, Receiver, check, operate},
};

/// The folder and everything in it.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A shop with an order, its mail and an image, which has created all of its files.
#[tokio::test]
async fn files_are_private() {
    let shop = Shop::on_sqlite().await;
    // The test has created this folder; the shop has created its contents.
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(shop.folder(), closed).unwrap();
    shop.save(vec![only("tea", "5.00", 9)]).await;
    let path = ready_cart(&shop, "tea-1", 1).await;
    assert_eq!(place(&shop, &path).await.status, 201);
    deliver_due(&shop.app).await.unwrap();
    let drawing = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>"#;
    let library = origin::media::Library::of_config(&shop.app.config).unwrap();
    library.ingest_svg(drawing).unwrap();
    let all = below(&shop.folder());
    for end in [
        "test.db",
        "test.db-wal",
        "test.db-shm",
        "token-keys",
        ".eml",
        ".svg",
    ] {
        let named = |path: &PathBuf| path.to_string_lossy().ends_with(end);
        assert!(all.iter().any(named), "no {end}: {all:?}");
    }
    assert_eq!(private_files::list_accessible_to_others(all), []);
    // Permissions that an operator has widened are reported.
    let file = shop.folder().join("test.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = private_files::list_accessible_to_others(shop.app.config.private_paths());
    assert_eq!(open, [(file, 0o644)]);
}

/// A guest's cart and order, placed with an idempotency key, and a webhook.
struct Bought {
    cart: String,
    number: String,
    token: String,
    secret: String,
    receiver: Receiver,
}

async fn place_with_key(shop: &Shop, path: &str, order: &Value) -> Reply {
    send_with_key(shop, &format!("{path}/order"), order, "key").await
}

async fn bought(shop: &Shop) -> Bought {
    shop.save(vec![only("tea", "5.00", 9)]).await;
    let receiver = Receiver::default();
    let hook = json!({ "url": receiver.open().await, "topics": ["order.placed", "order.paid"] });
    let hook = operate(shop, "POST", HOOKS, &hook).await.json();
    let path = ready_cart(shop, "tea-1", 1).await;
    let request = order_of(shop, &path).await;
    let placed = place_with_key(shop, &path, &request).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    // The stored response is replayed.
    let again = place_with_key(shop, &path, &request).await;
    assert_eq!(
        (again.text(), again.header("idempotent-replayed")),
        (placed.text(), "true")
    );
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let order = placed.json();
    Bought {
        cart: path.rsplit_once('/').unwrap().1.to_owned(),
        number: text(&order["number"]),
        token: text(&order["token"]),
        secret: text(&hook["secret"]),
        receiver,
    }
}

/// The tables and columns that contain this text.
async fn found(shop: &Shop, text: &str) -> Vec<&'static str> {
    let mut reader = shop.app.db.read().await.unwrap();
    let mut found = Vec::new();
    for (place, statement) in [
        (
            "carts",
            "select count(*) from carts where instr(concat(token, coalesce(token_sealed, '')), ?) > 0",
        ),
        (
            "orders",
            "select count(*) from orders where instr(concat(token, coalesce(token_sealed, '')), ?) > 0",
        ),
        (
            "webhooks",
            "select count(*) from webhooks where instr(concat(secret, coalesce(secret_sealed, '')), ?) > 0",
        ),
        (
            "idempotency",
            "select count(*) from idempotency where instr(concat(scope, body), ?) > 0",
        ),
        (
            "outbox",
            "select count(*) from outbox where instr(payload, ?) > 0",
        ),
        (
            "audit",
            "select count(*) from audit_log where instr(concat(previous, later), ?) > 0",
        ),
    ] {
        let query = sqlx::query_scalar(statement).bind(text.to_owned());
        let count: i64 = query.fetch_one(&mut *reader).await.unwrap();
        found.extend((count > 0).then_some(place));
    }
    found
}

/// Mail and webhooks are delivered with their tokens and signatures.
async fn assert_delivered(shop: &Shop, it: &Bought, mails: usize, webhook_messages: usize) {
    deliver_due(&shop.app).await.unwrap();
    deliver_webhooks(&shop.app).await.unwrap();
    let link = format!("/orders/{}?token=3D{}", it.number, it.token);
    let mailbox = mailbox(shop);
    assert_eq!(mailbox.len(), mails);
    for mail in mailbox {
        let mail = mail.replace("=\r\n", "");
        assert!(mail.contains(&link), "{link}: {mail}");
    }
    let received = it.receiver.messages();
    assert_eq!(received.len(), webhook_messages);
    for message in &received {
        check(&it.secret, message);
    }
}

async fn pay(shop: &Shop, it: &Bought) {
    let steps = format!("/api/v1/operator/orders/{}/steps", it.number);
    let step = operate(shop, "POST", &steps, &json!({ "state": "paid" })).await;
    assert_eq!(step.status, 200, "{}", step.text());
    assert!(
        !step.text().contains(&it.token),
        "staff need no secret of the buyer's"
    );
}

/// The tokens give access, and their hashes do not.
async fn assert_access(shop: &Shop, it: &Bought) {
    let order = |token: &str| format!("/api/v1/orders/{}?token={token}", it.number);
    assert_eq!(
        shop.json(&order(&it.token)).await["token"],
        it.token.as_str()
    );
    assert_eq!(
        shop.json(&format!("/api/v1/carts/{}", it.cart)).await["id"],
        it.cart.as_str()
    );
    let mut reader = shop.app.db.read().await.unwrap();
    let stored: Vec<(String, String)> =
        sqlx::query_as("select o.token, c.token from orders o join carts c on c.id = o.cart_id")
            .fetch_all(&mut *reader)
            .await
            .unwrap();
    drop(reader);
    for (order_hash, cart_hash) in stored {
        assert_eq!(
            shop.get(&order(&order_hash)).await.status,
            404,
            "a hash opens nothing"
        );
        assert_eq!(
            shop.get(&format!("/api/v1/carts/{cart_hash}")).await.status,
            404
        );
    }
}

db_test! {
    /// The database contains no token or secret in clear.
    async fn no_secret_is_stored_in_clear(shop) {
        let it = bought(shop).await;
        pay(shop, &it).await;
        assert_delivered(shop, &it, 2, 2).await;
        assert_access(shop, &it).await;
        for text in [&it.cart, &it.token, &it.secret, &it.secret["whsec_".len()..].to_owned()] {
            assert_eq!(found(shop, text).await, [""; 0], "{text}");
            for file in below(&shop.folder()).iter().filter(|it| it.to_string_lossy().contains("test.db")) {
                let bytes = std::fs::read(file).unwrap();
                let inside = bytes.windows(text.len()).any(|it| it == text.as_bytes());
                assert!(!inside, "{text} in {}", file.display());
            }
        }
    }
}

async fn change(shop: &Shop, statement: &'static str, text: &str) {
    let mut tx = shop.app.db.write().await.unwrap();
    sqlx::query(statement)
        .bind(text.to_owned())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

db_test! {
    /// Rows in clear of an older version are protected once at start, and work as before.
    async fn old_rows_are_protected_at_start(shop) {
        let it = bought(shop).await;
        change(shop, "update carts set token_sealed = null, token = ?", &it.cart).await;
        change(shop, "update orders set token_sealed = null, token = ?", &it.token).await;
        change(shop, "update webhooks set secret_sealed = null, secret = ?", &it.secret).await;
        assert_eq!(found(shop, &it.token).await, ["orders"]);
        for _ in 0..2 {
            at_rest::protect_once(&shop.app).await.unwrap();
        }
        for text in [&it.cart, &it.token, &it.secret] {
            assert_eq!(found(shop, text).await, [""; 0], "{text}");
        }
        assert_access(shop, &it).await;
        assert_delivered(shop, &it, 1, 1).await;
    }
}

/// The settings file's keys: NAME:KEY, 32 bytes in base64url.
fn key(name: char) -> String {
    format!("{name}:{}A", name.to_string().repeat(42))
}

db_test! {
    /// With a new first key, `origin migrate` reseals everything, and the old key can be removed.
    async fn keys_are_rotated(shop) {
        let with = async |keys: String| shop.with(|config| config.sealing_keys = Some(keys)).await;
        let old = with(key('a')).await;
        let it = bought(&old).await;
        assert_access(&old, &it).await;
        let both = with(format!("{},{}", key('b'), key('a'))).await;
        assert_access(&both, &it).await;
        at_rest::protect(&both.app).await.unwrap();
        let new = with(key('b')).await;
        assert_access(&new, &it).await;
        assert_delivered(&new, &it, 1, 1).await;
        for shop in [old, both, new] {
            shop.app.db.close().await;
        }
    }
}

db_test! {
    /// A lost key loses the links in later mails and nothing else: buyers keep their access, and
    /// mail about payments is sent.
    async fn a_lost_key_does_not_stop_sales(shop) {
        let it = bought(shop).await;
        let lost = shop.with(|config| config.sealing_keys = Some(key('c'))).await;
        assert_access(&lost, &it).await;
        deliver_due(&lost.app).await.unwrap();
        deliver_webhooks(&lost.app).await.unwrap();
        assert_eq!(mailbox(&lost).len(), 1);
        assert!(it.receiver.messages().is_empty(), "an unsigned message proves nothing");
        let form = format!("number={}&email=ada%40example.org", it.number);
        let request = Request::post("/orders")
            .header("content-type", "application/x-www-form-urlencoded");
        let found = lost.send_body(request, Body::from(form)).await;
        assert!(found.status.as_u16() < 500, "{}", found.text());
        lost.app.db.close().await;
    }
}
