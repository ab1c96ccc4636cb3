//! The second factor, reauthentication and device tokens.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::{
    browser::{Browser, PASSWORD, mail_to, member, token_for},
    db_test,
    shopper::{count, only, order_of, ready_cart, send, send_with_key},
    support::{Reply, Shop},
};

/// An authenticator: the codes of a secret at the shop's time.
pub struct Authenticator(pub String);

impl Authenticator {
    pub fn code(&self, shop: &Shop) -> String {
        let secret = Secret::try_from_base32(&self.0).unwrap();
        let totp = Builder::new().with_secret(secret).build_noncompliant();
        let seconds = u64::try_from(shop.app.clock.now().as_millis() / 1_000).unwrap();
        totp.generate(seconds).to_string()
    }

    /// The next code; each is accepted once.
    pub fn next(&self, shop: &Shop) -> String {
        shop.app.clock.advance(30_000);
        self.code(shop)
    }
}

/// Turns the second factor on and returns the authenticator and the recovery codes.
async fn enrolled(shop: &Shop, browser: &mut Browser) -> (Authenticator, Vec<String>) {
    let asked = browser
        .post(shop, "/second-factor", json!({ "password": PASSWORD }))
        .await;
    assert_eq!(asked.status, 201, "{}", asked.text());
    let secret = asked.json()["secret"].as_str().unwrap().to_owned();
    let uri = asked.json()["uri"].as_str().unwrap().to_owned();
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains(&secret),
        "{uri}"
    );
    let authenticator = Authenticator(secret);
    let code = authenticator.next(shop);
    let on = browser
        .post(shop, "/second-factor/confirm", json!({ "code": code }))
        .await;
    assert_eq!(on.status, 200, "{}", on.text());
    let codes = on.json()["codes"].as_array().unwrap().clone();
    let codes = codes.iter().map(|it| it.as_str().unwrap().to_owned());
    (authenticator, codes.collect())
}

fn kind(reply: &Reply) -> String {
    let problem = reply.json()["type"].as_str().unwrap_or_default().to_owned();
    format!("{} {problem}", reply.status.as_u16()).replace("/problems/", "")
}

async fn login(shop: &Shop, email: &str, code: Option<&str>) -> Reply {
    let mut body = json!({ "email": email, "password": PASSWORD });
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    send(shop, "POST", "/api/v1/account/login", &body).await
}

db_test! {
    /// Signing in requires a code, which is accepted once, as is a recovery code. The secret is
    /// sealed.
    async fn a_code_is_accepted_once(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        let mut there = Browser::default();
        there.login(shop, "ada@example.org", PASSWORD).await;
        assert_eq!(ada.get(shop, "/second-factor").await.json()["state"], "off");
        let pending = ada.post(shop, "/second-factor", json!({ "password": PASSWORD })).await.json();
        assert_eq!(ada.get(shop, "/second-factor").await.json()["state"], "pending");
        assert_eq!(login(shop, "ada@example.org", None).await.status, 200, "no code is required before it is confirmed");
        let wrong = ada.post(shop, "/second-factor/confirm", json!({ "code": "000000" })).await;
        assert_eq!(kind(&wrong), "401 wrong-code");
        let (authenticator, codes) = enrolled(shop, &mut ada).await;
        assert_ne!(pending["secret"], json!(authenticator.0), "a new secret each time");
        assert!(ada.is_signed_in(shop).await && !there.is_signed_in(shop).await, "every other session ends");
        let again = ada.post(shop, "/second-factor", json!({ "password": PASSWORD })).await;
        assert_eq!(kind(&again), "409 second-factor-on");
        shop.app.clock.advance(60_000);

        assert_eq!(kind(&login(shop, "ada@example.org", None).await), "401 code-required");
        assert_eq!(kind(&login(shop, "ada@example.org", Some("")).await), "401 wrong-code");
        let code = authenticator.next(shop);
        assert_eq!(login(shop, "ada@example.org", Some(&code)).await.status, 200);
        assert_eq!(kind(&login(shop, "ada@example.org", Some(&code)).await), "401 wrong-code", "replayed");
        let tokens = json!({ "email": "ada@example.org", "password": PASSWORD });
        let without = send(shop, "POST", "/api/v1/tokens", &tokens).await;
        assert_eq!(kind(&without), "401 code-required");
        shop.app.clock.advance(60 * 60 * 1_000);
        let typed = codes[0].to_lowercase().replace('-', " ");
        assert_eq!(login(shop, "ada@example.org", Some(&typed)).await.status, 200);
        assert_eq!(kind(&login(shop, "ada@example.org", Some(&codes[0])).await), "401 wrong-code");
        let state = ada.get(shop, "/second-factor").await;
        // The session has not expired yet.
        assert_eq!(state.json()["recovery_codes_left"], 9, "{}", state.text());

        let mut reader = shop.app.db.read().await.unwrap();
        let kept: String = sqlx::query_scalar("select secret from second_factors").fetch_one(&mut *reader).await.unwrap();
        assert!(kept.starts_with("v1.") && !kept.contains(&authenticator.0), "{kept}");
        let hashes: Vec<String> = sqlx::query_scalar("select code_hash from recovery_codes").fetch_all(&mut *reader).await.unwrap();
        assert!(hashes.iter().all(|it| it.len() == 64));
        let mails = mail_to(shop, "ada@example.org").await;
        assert!(mails.last().unwrap().contains("Two-step verification"), "{mails:?}");
    }
}

db_test! {
    /// After a rotation of the sealing key, codes stay valid; once one was used, the old key can be
    /// removed.
    async fn secrets_survive_a_rotation_of_the_sealing_key(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        let (authenticator, _) = enrolled(shop, &mut ada).await;
        let old = std::fs::read_to_string(shop.app.config.data_dir.join("sealing.key")).unwrap();
        let new = format!("new:{}", "A".repeat(43));
        let both = shop.with(|config| config.sealing_keys = Some(format!("{new},{old}"))).await;
        let only = shop.with(|config| config.sealing_keys = Some(new)).await;
        let code = authenticator.next(shop);
        assert_eq!(login(&only, "ada@example.org", Some(&code)).await.status, 500, "too early");
        assert_eq!(login(&both, "ada@example.org", Some(&code)).await.status, 200);
        let code = authenticator.next(shop);
        assert_eq!(login(&only, "ada@example.org", Some(&code)).await.status, 200);
    }
}

db_test! {
    /// Of many concurrent uses of one code, one succeeds.
    async fn concurrent_uses_of_a_code_succeed_once(shop) {
        let shop = shop.with(|config| config.limit_login = 100).await;
        let mut ada = member(&shop, "ada@example.org").await;
        let (authenticator, codes) = enrolled(&shop, &mut ada).await;
        for code in [authenticator.next(&shop), codes[3].clone()] {
            let attempts = (0..4).map(|_| login(&shop, "ada@example.org", Some(&code)));
            let done = futures_util::future::join_all(attempts).await;
            let mut kinds: Vec<String> = done.iter().map(|it| it.status.to_string()).collect();
            kinds.sort();
            assert_eq!(kinds.iter().filter(|it| it.starts_with("200")).count(), 1, "{kinds:?}");
        }
    }
}

db_test! {
    /// Guessing codes with a known password is limited to five a minute, twenty an hour and forty a
    /// day.
    async fn code_attempts_are_rate_limited(shop) {
        let shop = shop.with(|config| config.limit_login = 5).await;
        let mut ada = member(&shop, "ada@example.org").await;
        let (authenticator, _) = enrolled(&shop, &mut ada).await;
        let body = json!({ "email": "ada@example.org", "password": PASSWORD, "code": "000000" });
        let mut tried = 0;
        for hour in 0..3 {
            for minute in 0..10 {
                for number in 0..5 {
                    // From different networks, so that no other limit applies first.
                    let address = format!("10.{}.{minute}.1", hour * 60 + number);
                    let reply = crate::rate_limits::from(&shop, &address, "/api/v1/account/login", body.clone()).await;
                    tried += usize::from(kind(&reply) == "401 wrong-code");
                }
                shop.app.clock.advance(60_000);
            }
            // No pause after the last hour, so that the day's quota is used up.
            if hour < 2 {
                shop.app.clock.advance(50 * 60_000);
            }
        }
        // Buckets refill evenly, so three hours allow slightly more than the quota.
        assert!((40..=46).contains(&tried), "{tried}");
        let right = json!({ "email": "ada@example.org", "password": PASSWORD, "code": authenticator.next(&shop) });
        let right = send(&shop, "POST", "/api/v1/account/login", &right).await;
        assert_eq!(right.status, 429, "a correct code is limited, too");
    }
}

db_test! {
    /// The link of a mail sets a password but does not bypass the second factor; a newer link voids
    /// older ones.
    async fn resetting_a_password_requires_a_code(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        let (authenticator, codes) = enrolled(shop, &mut ada).await;
        let ask = json!({ "email": "ada@example.org" });
        ada.post(shop, "/forgot", ask.clone()).await;
        let older = token_for(shop, "ada@example.org").await;
        ada.post(shop, "/forgot", ask).await;
        let token = token_for(shop, "ada@example.org").await;
        assert_ne!(older, token);
        let reset = |token: &str| json!({ "token": token, "password": "another horse" });
        let mut nobody = Browser::default();
        assert_eq!(kind(&nobody.post(shop, "/reset", reset(&older)).await), "400 invalid");
        assert_eq!(kind(&nobody.post(shop, "/reset", reset(&token)).await), "401 code-required");
        let mut with = reset(&token);
        with["code"] = json!("000000");
        assert_eq!(kind(&nobody.post(shop, "/reset", with.clone()).await), "401 wrong-code");
        assert_eq!(nobody.login(shop, "ada@example.org", "another horse").await.status, 401);
        with["code"] = json!(authenticator.next(shop));
        assert_eq!(nobody.post(shop, "/reset", with.clone()).await.status, 200);
        assert!(nobody.is_signed_in(shop).await);
        with["code"] = json!(codes[0]);
        assert_eq!(kind(&nobody.post(shop, "/reset", with).await), "400 invalid", "used");
    }
}

db_test! {
    /// If the shop requires a second factor, staff without one have no rights and cannot turn it
    /// off. A lost one is reset by an owner or the command.
    async fn the_shop_can_require_a_second_factor(shop) {
        let mut eve = member(shop, "eve@example.org").await;
        origin::accounts::set_role_by_command(&shop.app, "eve@example.org", "owner", "").await.unwrap();
        eve.login(shop, "eve@example.org", PASSWORD).await;
        let strict = shop.with(|config| config.require_second_factor = true).await;
        for path in ["users", "audit", "orders", "keys"] {
            let asked = as_staff(&strict, &eve, "GET", path, json!({})).await;
            assert_eq!(kind(&asked), "403 second-factor-required", "{path}");
            assert_eq!(as_staff(shop, &eve, "GET", path, json!({})).await.status, 200, "{path}");
        }
        assert!(eve.is_signed_in(&strict).await);
        let (authenticator, _) = enrolled(&strict, &mut eve).await;
        assert_eq!(as_staff(&strict, &eve, "GET", "users", json!({})).await.status, 200);
        let off = |code: String| json!({ "password": PASSWORD, "code": code });
        let kept = eve.post(&strict, "/second-factor/disable", off(authenticator.next(shop))).await;
        assert_eq!(kind(&kept), "403 second-factor-required");
        let off = eve.post(shop, "/second-factor/disable", off(authenticator.next(shop))).await;
        assert_eq!(off.status, 200, "{}", off.text());
        assert_eq!(login(shop, "eve@example.org", None).await.status, 200);

        let mut bob = member(shop, "bob@example.org").await;
        enrolled(shop, &mut bob).await;
        let id = bob.get(shop, "").await.json()["id"].as_str().unwrap().to_owned();
        let path = format!("users/{id}/second-factor");
        assert_eq!(as_staff(shop, &bob, "DELETE", &path, json!({})).await.status, 403);
        eve.login(shop, "eve@example.org", PASSWORD).await;
        assert_eq!(as_staff(shop, &eve, "DELETE", &path, json!({})).await.status, 200);
        assert_eq!(as_staff(shop, &eve, "DELETE", &path, json!({})).await.status, 404);
        assert_eq!(login(shop, "bob@example.org", None).await.status, 200);
        let log = as_staff(shop, &eve, "GET", &format!("audit?subject=user:{id}"), json!({})).await.json();
        let actions: Vec<_> = log["entries"].as_array().unwrap().iter()
            .filter(|it| it["action"] == "user.second_factor").map(|it| it["after"].clone()).collect();
        assert_eq!(actions, [json!("reset"), json!("on")]);
    }
}

async fn as_staff(shop: &Shop, browser: &Browser, method: &str, path: &str, body: Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/operator/{path}"))
        .header("content-type", "application/json")
        .header("idempotency-key", path)
        .header("cookie", &browser.cookie);
    shop.send_body(request, Body::from(body.to_string())).await
}

db_test! {
    /// Changes of money and roles require a recent password check. API keys and the operator token
    /// have no password.
    async fn refunds_and_roles_require_reauthentication(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let cart = ready_cart(shop, "tea-1", 1).await;
        let mut order = order_of(shop, &cart).await;
        order["payment_method"] = json!("test");
        let placed = send(shop, "POST", &format!("{cart}/order"), &order).await.json();
        let (number, token) = (placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        let pay = format!("/api/v1/orders/{number}/payments?token={token}");
        assert_eq!(send_with_key(shop, &pay, &json!({ "card": "succeeds" }), "pay").await.status, 201);
        member(shop, "eve@example.org").await;
        let bob = member(shop, "bob@example.org").await.get(shop, "").await.json();
        origin::accounts::set_role_by_command(&shop.app, "eve@example.org", "owner", "").await.unwrap();
        let mut eve = Browser::default();
        eve.login(shop, "eve@example.org", PASSWORD).await;
        let role = format!("users/{}/role", bob["id"].as_str().unwrap());
        let refund = format!("orders/{number}/refunds");
        let amount = json!({ "amount": { "minor": 1, "currency": "USD" } });
        let deeds = [
            ("PUT", role.as_str(), json!({ "role": "staff", "rights": ["orders"] })),
            ("POST", "keys", json!({ "name": "erp", "rights": ["stock"] })),
            ("DELETE", "keys/1", json!({})),
            ("POST", refund.as_str(), amount.clone()),
        ];
        shop.app.clock.advance(599_999);
        let given = as_staff(shop, &eve, "PUT", &role, deeds[0].2.clone()).await;
        assert_eq!(given.status, 200, "{}", given.text());
        let users = as_staff(shop, &eve, "GET", "users", json!({})).await.json();
        let listed = users["users"].as_array().unwrap().iter().find(|it| it["id"] == bob["id"]);
        assert_eq!(listed, Some(&given.json()), "with its current version");
        shop.app.clock.advance(1);
        for (method, path, body) in &deeds {
            let asked = as_staff(shop, &eve, method, path, body.clone()).await;
            assert_eq!(kind(&asked), "403 reauthenticate", "{method} {path}");
        }
        // Other operations require no reauthentication.
        assert_eq!(as_staff(shop, &eve, "GET", "orders", json!({})).await.status, 200);
        let wrong = eve.post(shop, "/reauthenticate", json!({ "password": "wrong horse" })).await;
        assert_eq!(kind(&wrong), "401 wrong-credentials");
        assert_eq!(kind(&as_staff(shop, &eve, "POST", &refund, amount.clone()).await), "403 reauthenticate");
        assert_eq!(eve.post(shop, "/reauthenticate", json!({ "password": PASSWORD })).await.status, 200);
        let bob = format!("user:{}", bob["id"].as_str().unwrap());
        let log = as_staff(shop, &eve, "GET", &format!("audit?subject={bob}"), json!({})).await.json();
        let entry = &log["entries"][0];
        assert_eq!((&entry["action"], &entry["before"]), (&json!("user.role"), &json!(["customer", []])), "{log}");
        assert_eq!(entry["after"], json!(["staff", ["orders"]]));
        for ((method, path, body), status) in deeds.iter().zip([200, 201, 404, 200]) {
            let done = as_staff(shop, &eve, method, path, body.clone()).await;
            assert_eq!(done.status, status, "{method} {path}: {}", done.text());
        }
        let key = eve_key(shop).await;
        shop.app.clock.advance(24 * 60 * 60 * 1_000);
        for token in ["operator", key.as_str()] {
            let request = Request::post(format!("/api/v1/operator/{refund}"))
                .header("content-type", "application/json")
                .header("idempotency-key", token)
                .header("authorization", format!("Bearer {token}"));
            let reply = shop.send_body(request, Body::from(amount.to_string())).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
    }
}

/// An API key with the right to refund.
async fn eve_key(shop: &Shop) -> String {
    let request = Request::post("/api/v1/operator/keys")
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    let body = json!({ "name": "till", "rights": ["orders"] });
    let made = shop.send_body(request, Body::from(body.to_string())).await;
    made.json()["key"].as_str().unwrap().to_owned()
}

/// The device cookie that a response sets.
fn device_of(reply: &Reply) -> String {
    let all = reply.headers.get_all("set-cookie").into_iter();
    let mut all = all.map(|it| it.to_str().unwrap());
    let cookie = all.find(|it| it.starts_with("device="));
    let cookie = cookie.expect("a device cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

db_test! {
    /// However much others guess, a browser that has signed in before can sign in, and so can the
    /// link of a mail. A device token of another account does not help.
    async fn guessing_does_not_lock_out_known_devices(shop) {
        let shop = shop.with(|config| config.limit_login = 2).await;
        member(&shop, "ada@example.org").await;
        member(&shop, "bob@example.org").await;
        let known = device_of(&login(&shop, "ada@example.org", None).await);
        let bobs = device_of(&login(&shop, "bob@example.org", None).await);
        let guess = json!({ "email": "ada@example.org", "password": "a guess at it" });
        for number in 0..50 {
            let address = format!("10.{number}.0.1");
            crate::rate_limits::from(&shop, &address, "/api/v1/account/login", guess.clone()).await;
        }
        let right = json!({ "email": "ada@example.org", "password": PASSWORD });
        let with = async |cookie: &str, address: &str, body: &Value| {
            crate::rate_limits::with_cookie(&shop, address, cookie, "/api/v1/account/login", body).await
        };
        assert_eq!(with("", "192.0.2.1", &right).await.status, 429, "an unknown device");
        assert_eq!(with(&bobs, "192.0.2.2", &right).await.status, 429, "a device of another account");
        let session = with(&known, "192.0.2.3", &right).await;
        assert_eq!(session.status, 200, "{}", session.text());
        // Each sign-in rotates the device token, and the previous one is invalid.
        let newer = device_of(&session);
        assert_ne!(newer, known);
        assert_eq!(with(&known, "192.0.2.4", &right).await.status, 429);
        // A network whose limit is used up does not affect the known device, either.
        for number in 0..3 {
            let other = json!({ "email": format!("n{number}@example.org"), "password": "a guess at it" });
            with("", "192.0.2.9", &other).await;
        }
        assert_eq!(with("", "192.0.2.9", &right).await.status, 429);
        let session = with(&newer, "192.0.2.9", &right).await;
        assert_eq!(session.status, 200, "{}", session.text());
        // A device token has a limit of its own, so a thief cannot guess without limit.
        let stolen = device_of(&session);
        let mut statuses = Vec::new();
        for number in 0..4 {
            let address = format!("10.1.{number}.1");
            statuses.push(with(&stolen, &address, &guess).await.status.as_u16());
        }
        assert_eq!(statuses, [401, 401, 429, 429]);
        // The link of a mail.
        let mut ada = Browser::default();
        assert_eq!(ada.post(&shop, "/forgot", json!({ "email": "ada@example.org" })).await.status, 202);
        let token = token_for(&shop, "ada@example.org").await;
        let reset = json!({ "token": token, "password": "another horse" });
        assert_eq!(ada.post(&shop, "/reset", reset).await.status, 200);
        assert!(ada.is_signed_in(&shop).await);
        assert_eq!(count(&shop, "select count(*) from known_devices").await, 3, "a new password deletes the other device tokens");
    }
}

db_test! {
    /// While unknown clients exceed the capacity for password hashes, known clients sign in, and no
    /// site takes the whole queue.
    async fn known_clients_sign_in_during_an_overload(shop) {
        let path = "/api/v1/account/login";
        member(shop, "ada@example.org").await;
        let known = device_of(&login(shop, "ada@example.org", None).await);
        let right = json!({ "email": "ada@example.org", "password": PASSWORD });
        let guesses: Vec<Value> = (0..120)
            .map(|number| json!({ "email": format!("a{number}@example.org"), "password": "a guess at it" }))
            .collect();
        // Thirty clients of one site, and ninety sites.
        let address = |number: usize| match number {
            0..30 => format!("2001:db8:1:{number:x}::1"),
            _ => format!("2001:{number:x}::1"),
        };
        let guesses = guesses.iter().enumerate().map(|(number, guess)| {
            let address = address(number);
            async move { crate::rate_limits::from(shop, &address, path, guess.clone()).await.status.as_u16() }
        });
        let session = crate::rate_limits::with_cookie(shop, "192.0.2.1", &known, path, &right);
        let (guesses, session) = tokio::join!(futures_util::future::join_all(guesses), session);
        assert_eq!(session.status, 200, "{}", session.text());
        assert!(guesses.iter().all(|it| [401, 503].contains(it)), "{guesses:?}");
        let answered = |range: std::ops::Range<usize>| guesses[range].iter().filter(|it| **it == 401).count();
        let (site, others) = (answered(0..30), answered(30..120));
        assert!(others > site && others < 90, "{site} {others}");
    }
}

db_test! {
    /// Sign-ins and failed attempts are recorded in the audit log and deleted after a configured
    /// time.
    async fn sign_ins_are_audited_and_deleted_later(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        let id = ada.get(shop, "").await.json()["id"].as_str().unwrap().to_owned();
        login(shop, "ada@example.org", None).await;
        ada.login(shop, "ada@example.org", "wrong horse").await;
        ada.login(shop, "nobody@example.org", "wrong horse").await;
        let tokens = json!({ "email": "ada@example.org", "password": PASSWORD });
        send(shop, "POST", "/api/v1/tokens", &tokens).await;
        let log = async |subject: &str| {
            let request = Request::get(format!("/api/v1/operator/audit?subject={subject}"))
                .header("authorization", "Bearer operator");
            let log = shop.send(request).await.json();
            let entries = log["entries"].as_array().unwrap().clone();
            let said = entries.iter().map(|it| format!("{} {} {}", it["actor"], it["action"], it["after"]).replace('"', ""));
            said.collect::<Vec<_>>()
        };
        let own = format!("user:{id}");
        assert_eq!(log(&own).await, [
            format!("{own} user.sign_in program"),
            "anonymous user.sign_in_failed [password,password]".to_owned(),
            format!("{own} user.sign_in browser"),
            format!("{own} user.sign_in browser"),
        ]);
        assert_eq!(log("user:nobody").await, ["anonymous user.sign_in_failed [password,password]"]);
        let whole = count(shop, "select count(*) from audit_log where previous like '%example%' or later like '%example%'").await;
        assert_eq!(whole, 0, "no address");
        shop.app.clock.advance(90 * 24 * 60 * 60 * 1_000);
        origin::audit::delete_old_sign_ins(&shop.app).await.unwrap();
        assert_eq!(log(&own).await.len(), 4);
        shop.app.clock.advance(1);
        origin::audit::delete_old_sign_ins(&shop.app).await.unwrap();
        assert_eq!(log(&own).await.len(), 0);
    }
}

db_test! {
    /// The fifty-first session ends the oldest one and no other.
    async fn the_oldest_session_ends_at_the_limit(shop) {
        let shop = shop.with(|config| config.limit_login = 0).await;
        let mut first = member(&shop, "ada@example.org").await;
        let mut second = Browser::default();
        for number in 2..=51 {
            shop.app.clock.advance(1_000);
            assert!(first.is_signed_in(&shop).await, "{number}");
            let mut browser = Browser::default();
            assert_eq!(browser.login(&shop, "ada@example.org", PASSWORD).await.status, 200);
            if number == 2 {
                second = browser;
            }
        }
        assert!(!first.is_signed_in(&shop).await && second.is_signed_in(&shop).await);
        assert_eq!(count(&shop, "select count(*) from sessions").await, 50);
        assert_eq!(count(&shop, "select count(*) from known_devices").await, 20);
    }
}
