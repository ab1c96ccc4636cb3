//! The data of an account: cart, orders, profile, address book, export and erasure.

use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, mail_to, member, token_for},
    db_test,
    shopper::{count, mailbox, only, order_of, ready_cart, send},
    support::Shop,
};

fn address(name: &str, city: &str) -> Value {
    json!({ "name": name, "line1": "1 Lane", "city": city, "postcode": "10115", "country": "DE" })
}

/// Adds a unit of a SKU to the cart of this browser and places the order.
async fn order(shop: &Shop, browser: &mut Browser, sku: &str) -> Value {
    let cart = browser.post(shop, "/cart", json!({})).await.json();
    let path = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
    send(
        shop,
        "POST",
        &format!("{path}/lines"),
        &json!({ "sku": sku, "quantity": 1 }),
    )
    .await;
    let update =
        json!({ "shipping_method": "standard", "shipping_address": address("Ada", "Berlin") });
    send(shop, "PATCH", &path, &update).await;
    let placed = send(
        shop,
        "POST",
        &format!("{path}/order"),
        &order_of(shop, &path).await,
    )
    .await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    placed.json()
}

db_test! {
    /// A guest's cart is merged at sign-in, up to stock and limits. The account's cart is the same
    /// in every browser and never has the guest's token.
    async fn a_guest_cart_is_merged_at_sign_in(shop) {
        shop.save(vec![only("tea", "5.00", 4), only("cup", "3.00", 9)]).await;
        let mut here = member(shop, "ada@example.org").await;
        let own = here.post(shop, "/cart", json!({})).await.json();
        let path = format!("/api/v1/carts/{}", own["id"].as_str().unwrap());
        assert_eq!(own["email"], "ada@example.org");
        send(shop, "POST", &format!("{path}/lines"), &json!({ "sku": "tea-1", "quantity": 3 })).await;
        let guest = ready_cart(shop, "tea-1", 2).await;
        send(shop, "POST", &format!("{guest}/lines"), &json!({ "sku": "cup-1", "quantity": 1 })).await;
        let token = guest.rsplit_once('/').unwrap().1.to_owned();
        let mut there = Browser::default();
        let body = json!({ "email": "ada@example.org", "password": PASSWORD, "cart": token });
        let session = there.post(shop, "/login", body.clone()).await.json();
        assert_eq!(session["cart"], own["id"]);
        let cart = there.post(shop, "/cart", json!({})).await.json();
        let lines = cart["lines"].as_array().unwrap();
        assert_eq!((&lines[0]["quantity"], &lines[1]["sku"]), (&json!(4), &json!("cup-1")));
        assert_eq!(shop.json(&guest).await["lines"], json!([]));
        // Signing in again with the same cart, or with one that is none, changes nothing.
        for cart in [json!(token), json!("0".repeat(32)), own["id"].clone()] {
            let mut again = body.clone();
            again["cart"] = cart;
            assert_eq!(Browser::default().post(shop, "/login", again).await.json()["cart"], own["id"]);
        }
        // A cart of another account is not merged, even if its token is known.
        let mut bob = member(shop, "bob@example.org").await;
        let stolen = bob.post(shop, "/cart", json!({ "cart": own["id"] })).await.json();
        assert_eq!(stolen["lines"], json!([]));
        assert_eq!(shop.json(&path).await["lines"].as_array().unwrap().len(), 2);
    }
}

db_test! {
    /// An account lists its own orders, page by page. After an order, there is a new cart.
    async fn orders_are_listed_by_page(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let (mut ada, mut bob) = (member(shop, "ada@example.org").await, member(shop, "bob@example.org").await);
        let mut numbers = Vec::new();
        for _ in 0..3 {
            shop.app.clock.advance(1_000);
            numbers.insert(0, order(shop, &mut ada, "tea-1").await["number"].clone());
        }
        let first = ada.get(shop, "/orders?limit=2").await.json();
        let next = first["next"].as_str().unwrap();
        let second = ada.get(shop, &format!("/orders?limit=2&cursor={next}")).await.json();
        assert!(second.get("next").is_none());
        let found: Vec<_> = [&first, &second].iter().flat_map(|it| it["orders"].as_array().unwrap()).map(|it| it["number"].clone()).collect();
        assert_eq!(found, numbers);
        assert_eq!(bob.get(shop, "/orders").await.json()["orders"], json!([]));
        let path = format!("/orders/{}", numbers[0].as_str().unwrap());
        let own = ada.get(shop, &path).await.json();
        assert_eq!(own["totals"]["total"], first["orders"][0]["total"]);
        let token = own["token"].as_str().unwrap();
        let cancel = format!("/api/v1/orders/{}/cancel?token={token}", numbers[0].as_str().unwrap());
        assert_eq!(send(shop, "POST", &cancel, &json!({})).await.status, 200);
        for (path, status) in [(path.as_str(), 404), ("/orders?limit=0", 400), ("/orders?limit=101", 400)] {
            let reply = bob.get(shop, path).await;
            assert_eq!(reply.status.as_u16(), status);
            assert_eq!(reply.header("cache-control"), "no-store");
        }
    }
}

db_test! {
    /// Profile and address book are validated; the preferred address is copied into a new cart.
    async fn profile_and_address_book_are_validated(shop) {
        let (mut ada, mut bob) = (member(shop, "ada@example.org").await, member(shop, "bob@example.org").await);
        let changed = ada.send(shop, "PATCH", "", json!({ "name": " Ada L. ", "locale": "zh" })).await.json();
        assert_eq!((&changed["name"], &changed["locale"], &changed["version"]), (&json!("Ada L."), &json!("zh"), &json!(2)));
        assert_eq!(ada.get(shop, "").await.json(), changed);
        assert_eq!(ada.send(shop, "PATCH", "", json!({ "role": "owner" })).await.status, 400);
        let home = ada.post(shop, "/addresses", json!({ "address": address("Ada", "Berlin") })).await;
        assert_eq!(home.status, 201);
        let work = json!({ "address": address("Ada", "Bonn"), "preferred": true });
        let book = ada.post(shop, "/addresses", work).await.json();
        assert_eq!(book["addresses"][0]["address"]["city"], "Bonn");
        let wrong = ada.post(shop, "/addresses", json!({ "address": { "name": "A", "line1": "1", "city": "B", "country": "DE", "postcode": "x" } })).await;
        assert!(wrong.text().contains("address.postcode"), "{}", wrong.text());
        let path = format!("/addresses/{}", book["addresses"][1]["id"].as_str().unwrap());
        let moved = json!({ "address": address("Ada", "Köln"), "preferred": true });
        assert_eq!(bob.send(shop, "PUT", &path, moved.clone()).await.status, 404);
        assert_eq!(bob.send(shop, "DELETE", &path, json!({})).await.status, 404);
        let book = ada.send(shop, "PUT", &path, moved).await.json();
        let preferred: Vec<_> = book["addresses"].as_array().unwrap().iter().map(|it| it["preferred"].clone()).collect();
        assert_eq!(preferred, [json!(true), json!(false)]);
        let cart = ada.post(shop, "/cart", json!({})).await.json();
        assert_eq!(cart["shipping_address"]["city"], "Köln");
        assert_eq!(ada.send(shop, "DELETE", &path, json!({})).await.json()["addresses"].as_array().unwrap().len(), 1);
        for number in 1..50 {
            let more = json!({ "address": address("Ada", &format!("Town {number}")) });
            assert_eq!(ada.post(shop, "/addresses", more).await.status, 201);
        }
        assert_eq!(ada.post(shop, "/addresses", json!({ "address": address("Ada", "One too many") })).await.status, 400);
    }
}

db_test! {
    /// A new email address is used once it is verified. The old one is notified and can no longer
    /// sign in.
    async fn a_new_email_address_counts_once_verified(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        member(shop, "bob@example.org").await;
        let to = |email: &str, password: &str| json!({ "email": email, "password": password });
        assert_eq!(ada.post(shop, "/email", to("new@example.org", "wrong horse")).await.status, 401);
        assert_eq!(ada.post(shop, "/email", to("bob@example.org", PASSWORD)).await.status, 202);
        assert!(mail_to(shop, "bob@example.org").await.last().unwrap().contains("You have an account"));
        assert_eq!(ada.post(shop, "/email", to("new@example.org", PASSWORD)).await.status, 202);
        assert_eq!(ada.get(shop, "").await.json()["email"], "ada@example.org");
        let token = token_for(shop, "new@example.org").await;
        // Access to the mailbox alone does not grant the account, and other sessions end.
        let link = json!({ "token": token });
        let (mut nobody, mut bob, mut there) = (Browser::default(), Browser::default(), Browser::default());
        bob.login(shop, "bob@example.org", PASSWORD).await;
        there.login(shop, "ada@example.org", PASSWORD).await;
        assert_eq!(nobody.post(shop, "/verify", link.clone()).await.status, 401);
        assert_eq!(bob.post(shop, "/verify", link.clone()).await.status, 400);
        let before = ada.clone();
        assert_eq!(ada.post(shop, "/verify", link.clone()).await.json()["account"]["email"], "new@example.org");
        assert_eq!(ada.post(shop, "/verify", link).await.status, 400);
        for mut other in [before, there] {
            assert!(!other.is_signed_in(shop).await);
        }
        assert!(ada.is_signed_in(shop).await);
        assert!(mail_to(shop, "ada@example.org").await.last().unwrap().contains("has changed"));
        assert_eq!(Browser::default().login(shop, "ada@example.org", PASSWORD).await.status, 401);
        assert_eq!(Browser::default().login(shop, "new@example.org", PASSWORD).await.status, 200);
    }
}

/// Adds a parked message to a webhook.
async fn park_webhook_message(shop: &Shop, order: &Value) {
    let event = json!({ "topic": "order.paid", "data": order });
    let payload = json!({ "webhook": "1", "body": event.to_string() }).to_string();
    let statement = "
        insert into outbox (id, topic, subject, payload, attempts, due_at, created_at)
        values (1, 'webhook', 'webhook:1', ?, 12, null, 0)";
    let mut tx = shop.app.db.write().await.unwrap();
    sqlx::query(statement)
        .bind(payload)
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Stores the response of an idempotent request.
async fn store_idempotent_response(shop: &Shop, order: &Value) {
    let statement = "
        insert into idempotency (scope, idempotency_key, fingerprint, status, body, created_at)
        values ('cart:x', 'key', '', 201, ?, 0)";
    let mut tx = shop.app.db.write().await.unwrap();
    sqlx::query(statement)
        .bind(order.to_string())
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Asserts that the database file contains none of these words, free pages included.
async fn assert_not_in_database_file(shop: &Shop, words: &[&str]) {
    let Some(file) = shop.url().strip_prefix("sqlite://").map(str::to_owned) else {
        return;
    };
    let mut tx = shop.app.db.write().await.unwrap();
    sqlx::query("select 1").fetch_one(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    let mut reader = shop.app.db.read().await.unwrap();
    let checkpoint = "pragma wal_checkpoint(truncate)";
    sqlx::query(checkpoint)
        .fetch_one(&mut *reader)
        .await
        .unwrap();
    let bytes = std::fs::read(file).unwrap();
    for word in words {
        let found = bytes.windows(word.len()).any(|it| it == word.as_bytes());
        assert!(!found, "{word} is still in the file");
    }
}

db_test! {
    /// An abandoned guest cart is deleted with its data. Ordered, owned and recently used ones
    /// stay.
    async fn abandoned_guest_carts_are_deleted(shop) {
        shop.save(vec![only("tea", "5.00", 90)]).await;
        let (gone, ordered, touched) = (
            ready_cart(shop, "tea-1", 1).await,
            ready_cart(shop, "tea-1", 1).await,
            ready_cart(shop, "tea-1", 1).await,
        );
        let held = ready_cart(shop, "tea-1", 1).await;
        send(shop, "POST", &format!("{held}/hold"), &json!({})).await;
        assert_eq!(crate::shopper::place(shop, &ordered).await.status, 201);
        // Not by the buyer's address: the message about her order contains a token, too.
        let mut bea = member(shop, "bea@example.org").await;
        bea.post(shop, "/cart", json!({})).await;
        let days = |days: i64| days * 24 * 60 * 60 * 1_000;
        shop.app.clock.advance(days(30) - 1_000);
        send(shop, "PATCH", &touched, &json!({ "note": "still here" })).await;
        assert_eq!(origin::cart::delete_abandoned(&shop.app).await.unwrap(), 0);
        shop.app.clock.advance(1_001);
        origin::cart::release_expired_holds(&shop.app).await.unwrap();
        assert_eq!(origin::cart::delete_abandoned(&shop.app).await.unwrap(), 1);
        assert_eq!(shop.get(&gone).await.status, 404);
        for cart in [&ordered, &touched, &held] {
            assert_eq!(shop.get(cart).await.status, 200);
        }
        shop.app.clock.advance(days(31));
        assert_eq!(origin::cart::delete_abandoned(&shop.app).await.unwrap(), 2);
        assert_eq!(count(shop, "select count(*) from carts").await, 2, "the ordered one, and the account's");
        assert_eq!(count(shop, "select count(*) from cart_lines where cart_id not in (select id from carts)").await, 0);
    }
}

db_test! {
    /// An account can be exported, and erased once it has no open orders: afterwards no table holds
    /// its personal data.
    async fn an_account_is_exported_and_erased(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut ada = member(shop, "ada.lovelace@example.org").await;
        ada.send(shop, "PATCH", "", json!({ "name": "Lovelace" })).await;
        ada.post(shop, "/addresses", json!({ "address": address("Lovelace", "Marylebone") })).await;
        let placed = order(shop, &mut ada, "tea-1").await;
        ada.post(shop, "/cart", json!({})).await;
        let export = ada.get(shop, "/export").await.json();
        assert_eq!(export["account"]["email"], "ada.lovelace@example.org");
        assert_eq!(export["orders"][0]["number"], placed["number"]);
        assert_eq!(export["addresses"][0]["address"]["city"], "Marylebone");
        assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(export["cart"]["id"].as_str().unwrap().len(), 32);
        let erase = |password: &str| json!({ "password": password });
        assert_eq!(ada.post(shop, "/erase", erase("wrong horse")).await.status, 401);
        assert_eq!(ada.post(shop, "/erase", erase(PASSWORD)).await.status, 409);
        let (number, token) = (placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        send(shop, "POST", &format!("/api/v1/orders/{number}/cancel?token={token}"), &json!({})).await;
        mail_to(shop, "ada.lovelace@example.org").await;
        // A queued message to her.
        ada.post(shop, "/forgot", json!({ "email": "ada.lovelace@example.org" })).await;
        assert_eq!(count(shop, "select count(*) from outbox where payload like '%ada.lovelace%'").await, 1);
        // A parked webhook message about the order, the stored response of an idempotent request, a
        // guest cart with her address, and the messages in the mailbox folder.
        park_webhook_message(shop, &placed).await;
        store_idempotent_response(shop, &placed).await;
        let guest = ready_cart(shop, "tea-1", 1).await;
        send(shop, "PATCH", &guest, &json!({ "email": "ada.lovelace@example.org" })).await;
        assert!(mailbox(shop).iter().any(|it| it.contains("To: ada.lovelace@example.org")));
        assert_eq!(ada.post(shop, "/erase", erase(PASSWORD)).await.status, 200);
        assert!(!ada.is_signed_in(shop).await);
        assert_eq!(Browser::default().login(shop, "ada.lovelace@example.org", PASSWORD).await.status, 401);
        let kept = shop.json(&format!("/api/v1/orders/{number}?token={token}")).await;
        assert_eq!((&kept["email"], &kept["shipping_address"]["country"]), (&json!(""), &json!("DE")));
        assert!(!kept.to_string().contains("Lane"), "{kept}");
        for (what, statement) in [
            ("users", "select count(*) from users where email is not null or name <> '' or password_hash <> ''"),
            ("addresses", "select count(*) from user_addresses"),
            ("sessions", "select count(*) from sessions"),
            ("messages", "select count(*) from outbox where payload like '%ovelace%' or payload like '%Lane%'"),
            ("messages of accounts", "select count(*) from outbox where topic like 'account.%' and payload <> '{}'"),
            ("stored responses", "select count(*) from idempotency where body like '%ovelace%' or body like '%Lane%'"),
            ("audit log", "select count(*) from audit_log where previous like '%ovelace%' or later like '%ovelace%'"),
            ("known devices", "select count(*) from known_devices"),
            ("links", "select count(*) from account_links"),
            ("orders", "select count(*) from orders where email <> '' or user_id is not null or shipping_address like '%Lane%'"),
            ("carts", "select count(*) from carts where email is not null or user_id is not null or shipping_address is not null"),
        ] {
            assert_eq!(count(shop, statement).await, 0, "{what}");
        }
        assert!(!mailbox(shop).iter().any(|it| it.contains("ovelace")));
        // Queued messages stay without her data: the webhook's message is still queued, and mail
        // without a recipient is not sent.
        assert_eq!(count(shop, "select count(*) from outbox where topic = 'webhook' and delivered_at is null").await, 1);
        mail_to(shop, "ada.lovelace@example.org").await;
        assert_eq!(count(shop, "select count(*) from outbox where topic like 'order.%' and delivered_at is null").await, 0);
        assert_not_in_database_file(shop, &["ovelace", "Marylebone"]).await;
        // The address can be registered again.
        member(shop, "ada.lovelace@example.org").await;
    }
}

async fn operate(shop: &Shop, order: &Value, what: &str, body: Value) {
    let number = order["number"].as_str().unwrap();
    let request = http::Request::post(format!("/api/v1/operator/orders/{number}/{what}"))
        .header("content-type", "application/json")
        .header("idempotency-key", what)
        .header("authorization", "Bearer operator");
    let body = axum::body::Body::from(body.to_string());
    let reply = shop.send_body(request, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

db_test! {
    /// A customer with a paid order has a week to pay by transfer; before that, or after a full
    /// refund, one day.
    async fn known_customers_have_longer_to_pay(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut ada = member(shop, "ada@example.org").await;
        let hours = |order: &Value| {
            let until: shared::time::Timestamp = order["pay_until"].as_str().unwrap().parse().unwrap();
            (until.as_millis() - shop.app.clock.now().as_millis()) / 3_600_000
        };
        let first = order(shop, &mut ada, "tea-1").await;
        assert_eq!(hours(&first), 24);
        operate(shop, &first, "steps", json!({ "state": "paid" })).await;
        let second = order(shop, &mut ada, "tea-1").await;
        assert_eq!(hours(&second), 7 * 24);
        operate(shop, &first, "refunds", json!({})).await;
        assert_eq!(hours(&order(shop, &mut ada, "tea-1").await), 24);
    }
}

db_test! {
    /// A guest order with an account's email address does not count towards the account's limits.
    async fn guest_orders_do_not_use_up_account_limits(shop) {
        let shop = &shop.with(|config| {
            config.buying.limit_unpaid_orders = 1;
        }).await;
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut ada = member(shop, "ada@example.org").await;
        for status in [201, 409] {
            let guest = ready_cart(shop, "tea-1", 1).await;
            let body = order_of(shop, &guest).await;
            let placed = send(shop, "POST", &format!("{guest}/order"), &body).await;
            assert_eq!(placed.status.as_u16(), status, "{}", placed.text());
        }
        order(shop, &mut ada, "tea-1").await;
    }
}
