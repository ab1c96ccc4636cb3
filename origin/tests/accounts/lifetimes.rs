//! How long sessions, links and tokens are valid, to the millisecond.

use origin::{jobs::Jobs, relay};
use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, member, token_for},
    db_test,
    shopper::{count, only, ready_cart, send, until},
    support::Shop,
};

const MINUTE: i64 = 60 * 1_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

async fn tokens(shop: &Shop) -> serde_json::Value {
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let reply = send(shop, "POST", "/api/v1/tokens", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

db_test! {
    /// A session is valid for two hours after its last use. A use is recorded once it is five
    /// minutes after the last recorded one.
    async fn a_session_expires_two_hours_after_its_last_recorded_use(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        shop.app.clock.advance(2 * HOUR - 1);
        assert!(ada.is_signed_in(shop).await);
        shop.app.clock.advance(2 * HOUR);
        assert!(!ada.is_signed_in(shop).await);
        for (used_after_ms, is_recorded) in [(5 * MINUTE - 1, false), (5 * MINUTE, true)] {
            let signed_in = ada.login(shop, "ada@example.org", PASSWORD).await;
            assert_eq!(signed_in.status, 200, "{}", signed_in.text());
            shop.app.clock.advance(used_after_ms);
            assert!(ada.is_signed_in(shop).await);
            shop.app.clock.advance(2 * HOUR - used_after_ms);
            assert_eq!(ada.is_signed_in(shop).await, is_recorded, "{used_after_ms} ms");
        }
    }
}

db_test! {
    /// A link that creates an account is valid for a day, and one that sets a password for an hour.
    async fn links_are_valid_until_they_expire(shop) {
        for (early_ms, status) in [(1, 200), (0, 400)] {
            let email = format!("ada{early_ms}@example.org");
            let mut ada = Browser::default();
            let register = json!({ "email": email, "password": PASSWORD });
            assert_eq!(ada.post(shop, "/register", register).await.status, 202);
            let token = token_for(shop, &email).await;
            shop.app.clock.advance(DAY - early_ms);
            let verify = json!({ "token": token, "password": PASSWORD });
            let reply = ada.post(shop, "/verify", verify).await;
            assert_eq!(reply.status.as_u16(), status, "{early_ms}: {}", reply.text());
        }
        member(shop, "ada@example.org").await;
        let mut ada = Browser::default();
        for (early_ms, status) in [(1, 200), (0, 400)] {
            let forgot = json!({ "email": "ada@example.org" });
            assert_eq!(ada.post(shop, "/forgot", forgot).await.status, 202);
            let token = token_for(shop, "ada@example.org").await;
            shop.app.clock.advance(HOUR - early_ms);
            let reset = json!({ "token": token, "password": "another horse" });
            let reply = ada.post(shop, "/reset", reset).await;
            assert_eq!(reply.status.as_u16(), status, "{early_ms}: {}", reply.text());
        }
    }
}

db_test! {
    /// A refresh token is valid for thirty days, and an access token for ten minutes.
    async fn tokens_are_valid_until_they_expire(shop) {
        member(shop, "ada@example.org").await;
        for (early_ms, status) in [(1, 200), (0, 401)] {
            let refresh = json!({ "refresh_token": tokens(shop).await["refresh_token"] });
            shop.app.clock.advance(30 * DAY - early_ms);
            let reply = send(shop, "POST", "/api/v1/tokens/refresh", &refresh).await;
            assert_eq!(reply.status.as_u16(), status, "{early_ms}: {}", reply.text());
        }
        for (early_ms, status) in [(1_000, 200), (0, 401)] {
            let access = tokens(shop).await;
            let access = access["access_token"].as_str().unwrap();
            shop.app.clock.advance(10 * MINUTE - early_ms);
            let request = http::Request::get("/api/v1/account")
                .header("authorization", format!("Bearer {access}"));
            let reply = shop.send(request).await;
            assert_eq!(reply.status.as_u16(), status, "{early_ms}: {}", reply.text());
        }
    }
}

/// Counts of rows that a running server deletes after they have expired.
const EXPIRING: [&str; 9] = [
    "select count(*) from sessions",
    "select count(*) from account_links",
    "select count(*) from known_devices",
    "select count(*) from token_families",
    "select count(*) from refresh_tokens",
    "select count(*) from audit_log where action like 'user.sign_in%'",
    "select count(*) from carts where user_id is null",
    "select count(*) from outbox",
    "select count(*) from changes",
];

db_test! {
    /// A running server deletes expired rows.
    async fn a_running_server_deletes_expired_rows(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut ada = member(shop, "ada@example.org").await;
        ada.login(shop, "ada@example.org", PASSWORD).await;
        ada.post(shop, "/forgot", json!({ "email": "ada@example.org" })).await;
        tokens(shop).await;
        ready_cart(shop, "tea-1", 1).await;
        while relay::deliver_due(&shop.app).await.unwrap() > 0 {}
        for statement in EXPIRING {
            assert!(count(shop, statement).await > 0, "{statement}");
        }
        shop.app.clock.advance(400 * DAY);
        let jobs = Jobs::start(&shop.app);
        for statement in EXPIRING {
            until(async || count(shop, statement).await == 0).await;
        }
        jobs.stop().await;
        assert_eq!(count(shop, "select count(*) from users").await, 1);
    }
}
