//! Registration, sign-in and sessions.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, mail_to, member, token_for},
    db_test,
    shopper::count,
    support::Shop,
};

db_test! {
    /// An account exists once its email address is verified, not before. The link works once.
    async fn an_account_exists_after_its_address_is_verified(shop) {
        let mut ada = Browser::default();
        let body = json!({ "email": " Ada@Example.org ", "password": PASSWORD, "name": "Ada", "locale": "zh" });
        assert_eq!(ada.post(shop, "/register", body).await.status, 202);
        assert_eq!(ada.login(shop, "ada@example.org", PASSWORD).await.status, 401);
        assert_eq!(count(shop, "select count(*) from users").await, 0);
        let token = token_for(shop, "ada@example.org").await;
        assert!(mail_to(shop, "ada@example.org").await[0].contains("/zh/account/verify"));
        let opened = ada.post(shop, "/verify", json!({ "token": token, "password": PASSWORD })).await;
        assert_eq!(opened.status, 200, "{}", opened.text());
        assert_eq!(opened.json()["account"]["email"], "ada@example.org");
        assert_eq!(opened.json()["account"]["role"], "customer");
        assert!(ada.is_signed_in(shop).await);
        assert_eq!(ada.post(shop, "/verify", json!({ "token": token, "password": PASSWORD })).await.status, 400);
        assert!(Browser::default().login(shop, "ADA@example.org", PASSWORD).await.status.is_success());
    }
}

db_test! {
    /// Someone registers with Ada's email address and waits until she follows the link: only the
    /// password of that registration completes it.
    async fn a_registration_needs_its_own_password(shop) {
        let (mut thief, mut ada) = (Browser::default(), Browser::default());
        let register = |password: &str| json!({ "email": "ada@example.org", "password": password, "name": "Ada" });
        thief.post(shop, "/register", register("a thief's horse")).await;
        let planted = token_for(shop, "ada@example.org").await;
        let using = |token: &str, password: &str| json!({ "token": token, "password": password });
        assert_eq!(ada.post(shop, "/verify", json!({ "token": planted })).await.status, 400);
        assert_eq!(ada.post(shop, "/verify", using(&planted, PASSWORD)).await.status, 401);
        ada.post(shop, "/register", register(PASSWORD)).await;
        let own = token_for(shop, "ada@example.org").await;
        // A wrong password does not consume the link, and guessing with it is limited.
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(ada.post(shop, "/verify", using(&own, "wrong horse")).await.status.as_u16());
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
        shop.app.clock.advance(60_000);
        assert_eq!(ada.post(shop, "/verify", using(&own, PASSWORD)).await.status, 200);
        assert_eq!(thief.login(shop, "ada@example.org", "a thief's horse").await.status, 401);
        assert_eq!(thief.post(shop, "/verify", using(&planted, "a thief's horse")).await.status, 400);
    }
}

db_test! {
    /// An expired link is invalid, and so is one for another purpose.
    async fn expired_links_and_links_for_other_purposes_are_invalid(shop) {
        let mut ada = Browser::default();
        let body = json!({ "email": "ada@example.org", "password": PASSWORD });
        ada.post(shop, "/register", body).await;
        let token = token_for(shop, "ada@example.org").await;
        let reset = json!({ "token": token, "password": "another horse" });
        assert_eq!(ada.post(shop, "/reset", reset).await.status, 400);
        shop.app.clock.advance(24 * 60 * 60 * 1_000 + 1);
        assert_eq!(ada.post(shop, "/verify", json!({ "token": token, "password": PASSWORD })).await.status, 400);
        origin::accounts::delete_expired(&shop.app.db, shop.app.clock.now()).await.unwrap();
        assert_eq!(count(shop, "select count(*) from account_links").await, 0);
    }
}

db_test! {
    /// All faults of a request are reported at once.
    async fn all_invalid_fields_are_reported_at_once(shop) {
        let long = "x".repeat(300);
        for (body, fields) in [
            (json!({ "email": "ada", "password": "short", "name": long }), "email name password"),
            (json!({ "email": "a@b.co", "password": "iloveyou" }), "password"),
            (json!({ "email": "a@b.co", "password": long }), "password"),
            (json!({ "email": "a@b.co", "password": PASSWORD, "role": "owner" }), "role"),
            (json!({ "email": "a@b.co" }), "."),
        ] {
            let reply = Browser::default().post(shop, "/register", body.clone()).await;
            assert_eq!(reply.status, 400, "{body}");
            let errors = reply.json()["errors"].clone();
            let named: Vec<_> = errors.as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
            assert_eq!(named.join(" "), fields, "{}", reply.text());
        }
        assert_eq!(count(shop, "select count(*) from outbox").await, 0);
    }
}

db_test! {
    /// Status, body and headers are the same whether the account exists or not. Only the owner of
    /// an address receives mail.
    async fn responses_do_not_reveal_accounts(shop) {
        member(shop, "known@example.org").await;
        for (path, more) in [
            ("/register", json!({ "password": PASSWORD })),
            ("/forgot", json!({})),
            ("/login", json!({ "password": "wrong horse" })),
        ] {
            let mut answers = Vec::new();
            for email in ["known@example.org", "nobody@example.org"] {
                let mut body = more.clone();
                body["email"] = json!(email);
                let reply = Browser::default().post(shop, path, body).await;
                let mut headers = reply.headers.clone();
                headers.remove("x-request-id");
                let mut text = reply.json();
                text.as_object_mut().unwrap().remove("request_id");
                answers.push((reply.status, headers, text));
            }
            assert_eq!(answers[0], answers[1], "{path}");
        }
        let known = mail_to(shop, "known@example.org").await;
        assert!(known[1].contains("You have an account"), "{}", known[1]);
        assert!(known[2].contains("/account/reset?token="), "{}", known[2]);
        let nobody = mail_to(shop, "nobody@example.org").await;
        assert_eq!(nobody.len(), 1);
        assert!(nobody[0].contains("/account/verify?token="));
    }
}

/// The number of addresses of each kind, from `MALLARD_ADDRESSES`. If set, durations are compared
/// too.
fn addresses() -> Option<usize> {
    let number = std::env::var("MALLARD_ADDRESSES").ok()?;
    number.parse().ok()
}

/// The median.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Known and unknown addresses in turn get the same responses in the same time. Durations are
/// compared only on an otherwise idle machine.
#[tokio::test]
async fn neither_responses_nor_their_durations_reveal_accounts() {
    let (timed, addresses) = (addresses().is_some(), addresses().unwrap_or(20));
    let shop = Shop::on_sqlite().await;
    member(&shop, "a@example.org").await;
    for number in 0..addresses {
        let mut tx = shop.app.db.write().await.unwrap();
        let copy = "
            insert into users (id, email, name, password_hash, role, rights, locale, version, created_at, updated_at)
            select ?, ?, name, password_hash, role, rights, locale, version, created_at, updated_at
              from users
             where email = 'a@example.org'";
        sqlx::query(copy)
            .bind(i64::try_from(number).unwrap() + 1)
            .bind(format!("known{number}@example.org"))
            .execute(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    for (path, more) in [
        ("/login", json!({ "password": "wrong horse" })),
        ("/register", json!({ "password": PASSWORD })),
        ("/forgot", json!({})),
    ] {
        let mut times = [Vec::new(), Vec::new()];
        let mut answers = HashSet::new();
        // The limits of an account are those of an hour.
        shop.app.clock.advance(2 * 60 * 60 * 1_000);
        for number in 0..addresses {
            for (kind, name) in [(0, "known"), (1, "unknown")] {
                let mut body = more.clone();
                body["email"] = json!(format!("{name}{number}@example.org"));
                let begun = Instant::now();
                let reply = Browser::default().post(&shop, path, body).await;
                times[kind].push(begun.elapsed());
                let mut headers = reply.headers.clone();
                headers.remove("x-request-id");
                let mut text = reply.json();
                text.as_object_mut().unwrap().remove("request_id");
                answers.insert(format!("{} {headers:?} {text}", reply.status));
            }
        }
        assert_eq!(answers.len(), 1, "{path}: {answers:?}");
        let [known, unknown] = times.map(median);
        let difference = known.abs_diff(unknown);
        println!("{path}: {known:?} and {unknown:?}");
        assert!(
            !timed || difference < Duration::from_millis(5),
            "{path}: {difference:?}"
        );
    }
}

db_test! {
    /// Resetting the password by a link ends every session. Older links and the old password are
    /// invalid.
    async fn resetting_a_password_ends_sessions_and_links(shop) {
        let (mut here, mut there) = (member(shop, "ada@example.org").await, Browser::default());
        there.login(shop, "ada@example.org", PASSWORD).await;
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let mut anybody = Browser::default();
            assert_eq!(anybody.post(shop, "/forgot", json!({ "email": "ada@example.org" })).await.status, 202);
            tokens.push(token_for(shop, "ada@example.org").await);
        }
        let mut found = Browser::default();
        for (password, status) in [("password", 400), ("another horse", 200)] {
            let body = json!({ "token": tokens[1], "password": password });
            assert_eq!(found.post(shop, "/reset", body).await.status.as_u16(), status);
        }
        assert!(found.is_signed_in(shop).await);
        assert!(!here.is_signed_in(shop).await && !there.is_signed_in(shop).await);
        for token in &tokens {
            let body = json!({ "token": token, "password": "third horse" });
            assert_eq!(found.post(shop, "/reset", body).await.status, 400);
        }
        assert_eq!(here.login(shop, "ada@example.org", PASSWORD).await.status, 401);
        assert_eq!(here.login(shop, "ada@example.org", "another horse").await.status, 200);
        assert!(mail_to(shop, "ada@example.org").await.last().unwrap().contains("has changed"));
    }
}

db_test! {
    /// Changing the password requires the current one, ends other sessions and rotates this
    /// session's cookie. A cookie that was planted before the sign-in is not adopted (session
    /// fixation).
    async fn changing_the_password_rotates_the_session(shop) {
        let (mut here, mut there) = (member(shop, "ada@example.org").await, Browser::default());
        "session=planted".clone_into(&mut there.cookie);
        there.login(shop, "ada@example.org", PASSWORD).await;
        assert_ne!(there.cookie, "session=planted");
        let before = here.cookie.clone();
        let change = |current: &str| json!({ "current": current, "password": "another horse" });
        assert_eq!(here.post(shop, "/password", change("wrong horse")).await.status, 401);
        assert!(here.is_signed_in(shop).await && there.is_signed_in(shop).await);
        assert_eq!(here.post(shop, "/password", change(PASSWORD)).await.status, 200);
        assert_ne!(here.cookie, before);
        assert!(here.is_signed_in(shop).await && !there.is_signed_in(shop).await);
        assert!(!Browser { cookie: before }.is_signed_in(shop).await);
    }
}

db_test! {
    /// A session expires two hours after its last use. Signing out ends one or all.
    async fn sessions_expire_and_can_be_ended(shop) {
        let mut here = member(shop, "ada@example.org").await;
        let hour = 60 * 60 * 1_000;
        for _ in 0..5 {
            shop.app.clock.advance(hour + hour / 2);
            assert!(here.is_signed_in(shop).await);
        }
        let mut there = Browser::default();
        there.login(shop, "ada@example.org", PASSWORD).await;
        let list = here.get(shop, "/sessions").await.json();
        let sessions = list["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions.iter().filter(|it| it["current"] == true).count(), 1);
        assert_eq!(sessions[0]["agent"], "Firefox");
        let other = sessions.iter().find(|it| it["current"] == false).unwrap();
        let path = format!("/sessions/{}", other["id"].as_str().unwrap());
        assert_eq!(here.send(shop, "DELETE", &path, json!({})).await.status, 200);
        assert_eq!(here.send(shop, "DELETE", &path, json!({})).await.status, 404);
        assert!(here.is_signed_in(shop).await && !there.is_signed_in(shop).await);
        there.login(shop, "ada@example.org", PASSWORD).await;
        let (stolen, mut third) = (here.cookie.clone(), there.clone());
        assert_eq!(here.post(shop, "/logout", json!({})).await.status, 200);
        assert_eq!(here.cookie, "session=");
        assert!(!Browser { cookie: stolen }.is_signed_in(shop).await && there.is_signed_in(shop).await);
        here.login(shop, "ada@example.org", PASSWORD).await;
        there.post(shop, "/logout", json!({ "everywhere": true })).await;
        assert!(!here.is_signed_in(shop).await && !third.is_signed_in(shop).await);
        assert_eq!(there.post(shop, "/logout", json!({})).await.status, 200);
        here.login(shop, "ada@example.org", PASSWORD).await;
        shop.app.clock.advance(2 * hour + 1);
        assert!(!here.is_signed_in(shop).await);
    }
}

db_test! {
    /// Over HTTPS, the session cookie has the `__Host-` prefix.
    async fn the_cookie_has_the_host_prefix_over_https(shop) {
        member(shop, "ada@example.org").await;
        let secure = shop.with(|config| {
            "https://shop.example".clone_into(&mut config.base_url);
            config.payment_methods = vec!["manual".to_owned()];
        }).await;
        let mut browser = Browser::default();
        let reply = browser.login(&secure, "ada@example.org", PASSWORD).await;
        let cookie = reply.header("set-cookie");
        let rest = cookie.strip_prefix("__Host-session=").unwrap();
        assert_eq!(&rest[32..], "; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(browser.is_signed_in(&secure).await);
        let plain = Browser::default().login(shop, "ada@example.org", PASSWORD).await;
        assert!(plain.header("set-cookie").starts_with("session="));
    }
}

db_test! {
    /// Many clients use one link, and many register one address: there is one account.
    async fn concurrent_registrations_create_one_account(shop) {
        let mut tokens = Vec::new();
        for _ in 0..3 {
            let body = json!({ "email": "ada@example.org", "password": PASSWORD });
            Browser::default().post(shop, "/register", body).await;
            tokens.push(token_for(shop, "ada@example.org").await);
        }
        let uses = (0..15).map(|number| {
            let body = json!({ "token": tokens[number % 3], "password": PASSWORD });
            async move { Browser::default().post(shop, "/verify", body).await }
        });
        let answers = futures_util::future::join_all(uses).await;
        let opened = answers.iter().filter(|it| it.status == 200).count();
        assert_eq!(opened, 1);
        assert!(answers.iter().all(|it| [200, 400].contains(&it.status.as_u16())));
        assert_eq!(count(shop, "select count(*) from users").await, 1);
    }
}

db_test! {
    /// An account of an older version with an undeliverable email address can sign in and has a
    /// cart; such an address is rejected in new input.
    async fn an_undeliverable_stored_address_still_signs_in(shop) {
        let bad = "a..b@docomo.example";
        let mut ada = member(shop, "ada@example.org").await;
        let mut tx = shop.app.db.write().await.unwrap();
        sqlx::query("update users set email = ?").bind(bad).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        let session = ada.login(shop, " A..B@docomo.example", PASSWORD).await;
        assert_eq!(session.status, 200, "{}", session.text());
        let cart = ada.post(shop, "/cart", json!({})).await;
        assert_eq!(cart.status, 200, "{}", cart.text());
        assert_eq!(cart.json().get("email"), None);
        for (path, body) in [
            ("/register", json!({ "email": bad, "password": PASSWORD })),
            ("/forgot", json!({ "email": bad })),
            ("/email", json!({ "email": bad, "password": PASSWORD })),
        ] {
            let refused = ada.post(shop, path, body).await;
            assert_eq!(refused.status, 400, "{path}: {}", refused.text());
            assert_eq!(refused.json()["errors"][0]["field"], "email", "{path}");
        }
    }
}
