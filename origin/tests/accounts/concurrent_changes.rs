//! Changes of an account that are concurrent with a password check.

use std::time::Duration;

use origin::accounts::PasswordClient;
use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, member, token_for},
    db_test,
    shopper::{count, only, send},
    support::Shop,
};

/// Waits until a password check is queued. All permits must be taken.
async fn wait_until_queued(shop: &Shop) {
    while shop.app.hasher.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until the running password checks have ended.
async fn wait_for_password_checks(shop: &Shop) {
    for _ in 0..3 {
        shop.app
            .hasher
            .hash(PasswordClient::Linked, String::new())
            .await
            .unwrap();
    }
}

/// Delays all password checks for a while.
async fn occupy_hasher(shop: &Shop) {
    let hashes = (0..12).map(|_| shop.app.hasher.hash(PasswordClient::Linked, String::new()));
    futures_util::future::join_all(hashes).await;
}

db_test! {
    /// A role that is removed during a change of password stays removed.
    async fn changing_a_password_does_not_restore_a_role(shop) {
        member(shop, "eve@example.org").await;
        let given = origin::accounts::set_role_by_command(&shop.app, "eve@example.org", "staff", "orders,customers");
        given.await.unwrap();
        let mut eve = Browser::default();
        eve.login(shop, "eve@example.org", PASSWORD).await;
        let change = json!({ "current": PASSWORD, "password": "another horse" });
        let held = shop.app.hasher.acquire_all_permits().await;
        let demote = async {
            wait_until_queued(shop).await;
            let statement = "
                update users
                   set role = 'customer', rights = '[]', version = version + 1";
            let mut tx = shop.app.db.write().await.unwrap();
            sqlx::query(statement).execute(tx.conn()).await.unwrap();
            tx.commit().await.unwrap();
            drop(held);
        };
        let (changed, ()) = tokio::join!(eve.post(shop, "/password", change), demote);
        assert_eq!(changed.json()["role"], "customer", "{}", changed.text());
        assert_eq!(count(shop, "select count(*) from users where role = 'customer' and rights = '[]'").await, 1);
    }
}

db_test! {
    /// Changing the password with the old one does not undo a concurrent reset.
    async fn concurrent_password_changes_do_not_undo_a_reset(shop) {
        let mut thief = member(shop, "ada@example.org").await;
        let mut ada = Browser::default();
        ada.post(shop, "/forgot", json!({ "email": "ada@example.org" })).await;
        let token = token_for(shop, "ada@example.org").await;
        let change = json!({ "current": PASSWORD, "password": "a thief's horse" });
        let reset = json!({ "token": token, "password": "another horse" });
        let ((), changed, reset) = tokio::join!(
            occupy_hasher(shop),
            thief.post(shop, "/password", change),
            ada.post(shop, "/reset", reset),
        );
        // The first to commit invalidates the password or link of the other.
        let (right, wrong) = match (changed.status.as_u16(), reset.status.as_u16()) {
            (401, 200) => ("another horse", "a thief's horse"),
            (200, 400) => ("a thief's horse", "another horse"),
            both => panic!("exactly one must succeed: {both:?}"),
        };
        assert_eq!(thief.login(shop, "ada@example.org", wrong).await.status, 401);
        assert_eq!(ada.login(shop, "ada@example.org", right).await.status, 200);
    }
}

db_test! {
    /// Ending a session replaces the token of the cart, which was known there.
    async fn ending_sessions_replaces_the_cart_token(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut ada = member(shop, "ada@example.org").await;
        let mut known = String::new();
        for turn in ["logout", "password", "session"] {
            ada.login(shop, "ada@example.org", PASSWORD).await;
            let cart = ada.post(shop, "/cart", json!({})).await.json()["id"].as_str().unwrap().to_owned();
            let path = format!("/api/v1/carts/{cart}");
            send(shop, "POST", &format!("{path}/lines"), &json!({ "sku": "tea-1", "quantity": 1 })).await;
            assert_ne!(cart, known);
            let done = match turn {
                "logout" => ada.post(shop, "/logout", json!({ "everywhere": true })).await,
                "password" => ada.post(shop, "/password", json!({ "current": PASSWORD, "password": PASSWORD })).await,
                _ => {
                    let list = ada.get(shop, "/sessions").await.json();
                    let id = list["sessions"][0]["id"].as_str().unwrap().to_owned();
                    ada.send(shop, "DELETE", &format!("/sessions/{id}"), json!({})).await
                }
            };
            assert_eq!(done.status, 200, "{turn}: {}", done.text());
            assert_eq!(shop.get(&path).await.status, 404, "{turn}");
            known = cart;
        }
        ada.login(shop, "ada@example.org", PASSWORD).await;
        let cart = ada.post(shop, "/cart", json!({})).await.json();
        assert_eq!(cart["lines"][0]["quantity"], 3);
    }
}

/// Replaces the password hash in the table while a password is being checked.
async fn replace_password_during_check(shop: &Shop, held: impl Send) {
    wait_until_queued(shop).await;
    let mut tx = shop.app.db.write().await.unwrap();
    let statement = "
        update users
           set password_hash = 'another', version = version + 1";
    sqlx::query(statement).execute(tx.conn()).await.unwrap();
    drop(held);
    wait_for_password_checks(shop).await;
    tx.commit().await.unwrap();
}

db_test! {
    /// A password that is replaced while it is checked does not sign in, in browsers or programs,
    /// and does not erase the account.
    async fn a_password_replaced_during_its_check_is_rejected(shop) {
        for path in ["/account/login", "/tokens", "/account/erase"] {
            let email = format!("{}@example.org", path.rsplit_once('/').unwrap().1);
            let mut thief = member(shop, &email).await;
            let body = match path {
                "/account/erase" => json!({ "password": PASSWORD }),
                _ => json!({ "email": email, "password": PASSWORD }),
            };
            let request = http::Request::post(format!("/api/v1{path}"))
                .header("content-type", "application/json")
                .header("cookie", &thief.cookie);
            let checked = shop.send_body(request, axum::body::Body::from(body.to_string()));
            let held = shop.app.hasher.acquire_all_permits().await;
            let (answer, ()) = tokio::join!(checked, replace_password_during_check(shop, held));
            assert_eq!(answer.status, 401, "{path}: {}", answer.text());
            assert!(thief.is_signed_in(shop).await, "{path}");
        }
        assert_eq!(count(shop, "select count(*) from token_families").await, 0);
        assert_eq!(count(shop, "select count(*) from users where email is null").await, 0);
    }
}

db_test! {
    /// A changed password voids a pending change of the email address, whose client knew the old
    /// one.
    async fn a_changed_password_voids_a_change_of_address(shop) {
        let mut thief = member(shop, "ada@example.org").await;
        let mut ada = Browser::default();
        let change = json!({ "email": "thief@example.org", "password": PASSWORD });
        assert_eq!(thief.post(shop, "/email", change).await.status, 202);
        let moving = token_for(shop, "thief@example.org").await;
        ada.post(shop, "/forgot", json!({ "email": "ada@example.org" })).await;
        let token = token_for(shop, "ada@example.org").await;
        ada.post(shop, "/reset", json!({ "token": token, "password": "another horse" })).await;
        assert_eq!(ada.clone().post(shop, "/verify", json!({ "token": moving })).await.status, 400);
        assert_eq!(ada.get(shop, "").await.json()["email"], "ada@example.org");
    }
}
