//! Access tokens, API keys and rights; protection against cross-site requests.

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use ring::hmac;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, member},
    db_test,
    shopper::{only, ready_cart, send},
    support::{Reply, Shop},
};

async fn with_token(shop: &Shop, method: &str, path: &str, token: &str, body: Value) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"));
    shop.send_body(request, Body::from(body.to_string())).await
}

async fn tokens(shop: &Shop, email: &str) -> (String, String) {
    let body = json!({ "email": email, "password": PASSWORD });
    let reply = send(shop, "POST", "/api/v1/tokens", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["expires_in"], 600);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

async fn refreshed(shop: &Shop, token: &str) -> Reply {
    let body = json!({ "refresh_token": token });
    send(shop, "POST", "/api/v1/tokens/refresh", &body).await
}

async fn account(shop: &Shop, token: &str) -> u16 {
    with_token(shop, "GET", "/account", token, json!({}))
        .await
        .status
        .as_u16()
}

async fn staff(shop: &Shop, email: &str, role: &str, rights: &str) {
    member(shop, email).await;
    origin::accounts::set_role_by_command(&shop.app, email, role, rights)
        .await
        .unwrap();
}

/// A forged token with these headers and claims, and a signature by `sign`.
fn forged(header: &Value, claims: &Value, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(&text));
    format!("{text}.{signature}")
}

fn part(token: &str, index: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(index).unwrap())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

db_test! {
    /// An access token is valid for ten minutes. Expired and forged ones are rejected.
    async fn forged_and_expired_access_tokens_are_rejected(shop) {
        member(shop, "ada@example.org").await;
        let (access, _) = tokens(shop, "ada@example.org").await;
        assert_eq!(account(shop, &access).await, 200);
        let (header, claims) = (part(&access, 0), part(&access, 1));
        let file = std::fs::read_to_string(shop.app.config.data_dir.join("token-keys")).unwrap();
        let seed = URL_SAFE_NO_PAD.decode(file.split(':').nth(1).unwrap().trim()).unwrap();
        let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let right = |text: &str| pair.sign(text.as_bytes()).as_ref().to_vec();
        assert_eq!(account(shop, &forged(&header, &claims, right)).await, 200);
        let public = ring::signature::KeyPair::public_key(&pair).as_ref().to_vec();
        let with = |mut value: Value, name: &str, new: Value| { value[name] = new; value };
        let other = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let hmac = |secret: Vec<u8>| move |text: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text.as_bytes()).as_ref().to_vec()
        };
        let now = claims["iat"].as_i64().unwrap();
        for (what, token) in [
            ("no algorithm", forged(&with(header.clone(), "alg", json!("none")), &claims, |_| Vec::new())),
            ("no signature", forged(&header, &claims, |_| Vec::new())),
            ("another key", forged(&header, &claims, |text| other.sign(text.as_bytes()).as_ref().to_vec())),
            ("the public key as a secret", forged(&with(header.clone(), "alg", json!("HS256")), &claims, hmac(public))),
            ("an empty secret", forged(&with(header.clone(), "alg", json!("HS256")), &claims, hmac(Vec::new()))),
            ("RS256", forged(&with(header.clone(), "alg", json!("RS256")), &claims, right)),
            ("no key's name", forged(&with(header.clone(), "kid", Value::Null), &claims, right)),
            ("an unknown key's name", forged(&with(header.clone(), "kid", json!("../etc")), &claims, right)),
            ("another audience", forged(&header, &with(claims.clone(), "aud", json!("https://other.example")), right)),
            ("another issuer", forged(&header, &with(claims.clone(), "iss", json!("https://other.example")), right)),
            ("expired", forged(&header, &with(claims.clone(), "exp", json!(now - 1)), right)),
            ("not yet", forged(&header, &with(claims.clone(), "nbf", json!(now + 60)), right)),
            ("no end", forged(&header, &with(claims.clone(), "exp", Value::Null), right)),
            ("somebody else", forged(&header, &with(claims.clone(), "sub", json!("1")), right)),
            ("another sign-in", forged(&header, &with(claims.clone(), "fam", json!("1")), right)),
            ("nothing", String::new()),
            ("a word", "token".to_owned()),
            ("dots", "..".to_owned()),
        ] {
            assert_eq!(account(shop, &token).await, 401, "{what}");
        }
        let basic = Request::get("/api/v1/account").header("authorization", "Basic YTpi");
        assert_eq!(shop.send(basic).await.status, 401);
        shop.app.clock.advance(10 * 60 * 1_000);
        assert_eq!(account(shop, &access).await, 401);
    }
}

db_test! {
    /// A refresh token is valid for one use. Reusing it revokes its family; other families stay
    /// valid.
    async fn reusing_a_refresh_token_revokes_its_family(shop) {
        member(shop, "ada@example.org").await;
        let (_, first) = tokens(shop, "ada@example.org").await;
        let (other, _) = tokens(shop, "ada@example.org").await;
        let next = refreshed(shop, &first).await.json();
        let (access, second) = (next["access_token"].as_str().unwrap(), next["refresh_token"].as_str().unwrap());
        assert_eq!(account(shop, access).await, 200);
        assert_eq!(refreshed(shop, &first).await.status, 401);
        assert_eq!(account(shop, access).await, 401);
        assert_eq!(refreshed(shop, second).await.status, 401);
        assert_eq!(account(shop, &other).await, 200);
        // Twenty concurrent uses count as reuse: the family is revoked.
        let (_, token) = tokens(shop, "ada@example.org").await;
        let answers = futures_util::future::join_all((0..20).map(|_| refreshed(shop, &token))).await;
        let given: Vec<_> = answers.iter().filter(|it| it.status == 200).collect();
        assert!(given.len() <= 1 && answers.iter().all(|it| [200, 401].contains(&it.status.as_u16())));
        for reply in given {
            assert_eq!(account(shop, reply.json()["access_token"].as_str().unwrap()).await, 401);
        }
        let (access, token) = tokens(shop, "ada@example.org").await;
        let revoke = json!({ "refresh_token": token });
        assert_eq!(send(shop, "POST", "/api/v1/tokens/revoke", &revoke).await.status, 200);
        assert_eq!(account(shop, &access).await, 401);
        let (access, token) = tokens(shop, "ada@example.org").await;
        shop.app.clock.advance(30 * 24 * 60 * 60 * 1_000);
        assert_eq!((account(shop, &access).await, refreshed(shop, &token).await.status.as_u16()), (401, 401));
        origin::accounts::delete_expired(&shop.app.db, shop.app.clock.now()).await.unwrap();
    }
}

db_test! {
    /// Token families are listed with browser sessions and can be ended, but not those of another
    /// account.
    async fn token_families_are_listed_and_ended_like_sessions(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        let mut bob = member(shop, "bob@example.org").await;
        shop.app.clock.advance(1_000);
        let (access, refresh) = tokens(shop, "ada@example.org").await;
        let list = ada.get(shop, "/sessions").await.json();
        let kinds: Vec<_> = list["sessions"].as_array().unwrap().iter().map(|it| (it["program"] == true, it["current"] == true)).collect();
        assert_eq!(kinds, [(true, false), (false, true)]);
        let own = with_token(shop, "GET", "/account/sessions", &access, json!({})).await.json();
        assert_eq!((&own["sessions"][0]["current"], &own["sessions"][1]["current"]), (&json!(true), &json!(false)));
        assert_eq!(ada.get(shop, "/export").await.json()["sessions"].as_array().unwrap().len(), 2);
        let path = format!("/sessions/{}", list["sessions"][0]["id"].as_str().unwrap());
        assert_eq!(bob.send(shop, "DELETE", &path, json!({})).await.status, 404);
        assert_eq!(account(shop, &access).await, 200);
        assert_eq!(ada.send(shop, "DELETE", &path, json!({})).await.status, 200);
        assert_eq!((account(shop, &access).await, refreshed(shop, &refresh).await.status.as_u16()), (401, 401));
        assert_eq!(ada.send(shop, "DELETE", &path, json!({})).await.status, 404);
    }
}

db_test! {
    /// The last owner cannot be demoted, and an account without a password is rate limited like any
    /// other.
    async fn the_last_owner_cannot_be_demoted(shop) {
        staff(shop, "own@example.org", "owner", "").await;
        let mut owner = Browser::default();
        owner.login(shop, "own@example.org", PASSWORD).await;
        let erase = json!({ "password": PASSWORD });
        assert_eq!(owner.post(shop, "/erase", erase.clone()).await.status, 400);
        assert!(owner.is_signed_in(shop).await);
        origin::accounts::set_role_by_command(&shop.app, "new@example.org", "owner", "").await.unwrap();
        let mut reader = shop.app.db.read().await.unwrap();
        let hash: String = sqlx::query_scalar("select password_hash from users where email = 'new@example.org'")
            .fetch_one(&mut *reader).await.unwrap();
        drop(reader);
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(owner.post(shop, "/erase", erase).await.status, 200);
    }
}

db_test! {
    /// Changing the password or the role ends every session and every token.
    async fn changing_a_password_or_role_ends_sessions_and_tokens(shop) {
        let mut ada = member(shop, "ada@example.org").await;
        let (access, refresh) = tokens(shop, "ada@example.org").await;
        let change = json!({ "current": PASSWORD, "password": "another horse" });
        ada.post(shop, "/password", change).await;
        assert_eq!((account(shop, &access).await, refreshed(shop, &refresh).await.status.as_u16()), (401, 401));
        staff(shop, "own@example.org", "owner", "").await;
        let (owner, _) = tokens(shop, "own@example.org").await;
        let user = ada.get(shop, "").await.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/operator/users/{user}/role");
        let role = json!({ "role": "staff", "rights": ["orders"] });
        let set = with_token(shop, "PUT", &path, &owner, role.clone()).await;
        assert_eq!(set.json()["rights"], json!(["orders"]), "{}", set.text());
        assert!(!ada.is_signed_in(shop).await);
        ada.login(shop, "ada@example.org", "another horse").await;
        assert_eq!(ada.get(shop, "").await.json()["role"], "staff");
        // The last owner keeps the role.
        let own = with_token(shop, "GET", "/account", &owner, json!({})).await.json();
        let own = format!("/operator/users/{}/role", own["id"].as_str().unwrap());
        assert_eq!(with_token(shop, "PUT", &own, &owner, role).await.status, 400);
    }
}

db_test! {
    /// An API key has its rights, is shown once, and is invalid after deletion. Changes are
    /// recorded in the audit log with actor and values, without secrets.
    async fn api_keys_have_rights_and_changes_are_audited(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        staff(shop, "own@example.org", "owner", "").await;
        let (owner, _) = tokens(shop, "own@example.org").await;
        let made = with_token(shop, "POST", "/operator/keys", &owner, json!({ "name": "erp", "rights": ["stock"] })).await.json();
        let key = made["key"].as_str().unwrap();
        let listed = with_token(shop, "GET", "/operator/keys", &owner, json!({})).await;
        assert!(!listed.text().contains(key));
        let change = json!({ "changes": [{ "sku": "tea-1", "delta": -2 }] });
        assert_eq!(with_token(shop, "POST", "/operator/stock", key, change.clone()).await.status, 200);
        assert_eq!(with_token(shop, "GET", "/operator/webhooks", key, json!({})).await.status, 403);
        assert_eq!(account(shop, key).await, 403);
        let log = with_token(shop, "GET", "/operator/audit?limit=2", &owner, json!({})).await.json();
        let id = made["id"].as_str().unwrap();
        let entry = &log["entries"][0];
        assert_eq!((&entry["actor"], &entry["action"], &entry["subject"]), (&json!(format!("key:{id}")), &json!("stock.change"), &json!("stock:tea-1")));
        assert_eq!(entry["after"]["levels"][0]["on_hand"], 7);
        assert_eq!(log["entries"][1]["action"], "key.create");
        assert!(!log.to_string().contains(key));
        let path = format!("/operator/keys/{id}");
        assert_eq!(with_token(shop, "DELETE", &path, &owner, json!({})).await.json()["keys"], json!([]));
        assert_eq!(with_token(shop, "POST", "/operator/stock", key, change).await.status, 401);
        let path = format!("/operator/audit?subject=key:{id}");
        let log = with_token(shop, "GET", &path, &owner, json!({})).await.json();
        let actions: Vec<_> = log["entries"].as_array().unwrap().iter().map(|it| it["action"].clone()).collect();
        assert_eq!(actions, [json!("key.delete"), json!("key.create")]);
        assert_eq!((&log["entries"][0]["before"]["name"], &log["entries"][0]["after"]), (&json!("erp"), &Value::Null));
        for (name, rights, status) in [("", json!(["stock"]), 400), ("x", json!(["all"]), 400), ("x", json!([]), 201)] {
            let body = json!({ "name": name, "rights": rights });
            assert_eq!(with_token(shop, "POST", "/operator/keys", &owner, body).await.status.as_u16(), status);
        }
    }
}

db_test! {
    /// Cross-site requests change nothing, with any encoding and with any cookies.
    async fn cross_site_requests_change_nothing(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let ada = member(shop, "ada@example.org").await;
        let cart = ready_cart(shop, "tea-1", 1).await;
        for (method, path, media_type, body) in [
            ("POST", "/api/v1/account/logout", "text/plain", "{}"),
            ("POST", "/api/v1/account/logout", "application/x-www-form-urlencoded", "everywhere=true"),
            ("POST", "/api/v1/account/erase", "text/plain", "{\"password\":\"correct horse\"}"),
            ("POST", "/api/v1/account/login", "application/json", "{}"),
            ("DELETE", &format!("{cart}/lines"), "application/json", ""),
            ("POST", &format!("{cart}/lines"), "multipart/form-data; boundary=x", ""),
            ("PUT", "/api/v1/nothing", "text/plain", ""),
        ] {
            for from in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example"), ("origin", "http://origin"), ("origin", "null")] {
                let request = Request::builder().method(method).uri(path).header("content-type", media_type)
                    .header("cookie", &ada.cookie).header(from.0, from.1).header("host", "127.0.0.1:8080");
                let reply = shop.send_body(request, Body::from(body.to_owned())).await;
                assert_eq!(reply.status, 403, "{method} {path} {from:?}");
                assert!(reply.text().contains("/problems/cross-site"), "{}", reply.text());
            }
        }
        // Method override headers are ignored.
        for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
            let request = Request::get(format!("{cart}/lines")).header(name, "DELETE").header("sec-fetch-site", "cross-site");
            assert_eq!(shop.send(request).await.status, 405);
            let request = Request::post(&cart).header(name, "GET").header("sec-fetch-site", "cross-site");
            assert_eq!(shop.send(request).await.status, 403);
        }
        assert_eq!(shop.json(&cart).await["lines"].as_array().unwrap().len(), 1);
        assert!(Browser { cookie: ada.cookie.clone() }.is_signed_in(shop).await);
        let request = Request::post("/api/v1/account/logout").header("content-type", "application/json").header("cookie", &ada.cookie)
            .header("sec-fetch-site", "same-origin").header("origin", "http://127.0.0.1:8080");
        assert_eq!(shop.send_body(request, Body::from("{}")).await.status, 200);
    }
}

db_test! {
    /// GET is safe (RFC 9110 §9.2.1): after every GET of the API, each table is unchanged.
    async fn get_requests_change_nothing(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let ada = member(shop, "ada@example.org").await;
        let cart = ready_cart(shop, "tea-1", 1).await;
        let tables = async || {
            let mut counts = Vec::new();
            for statement in [
                "select count(*), cast(coalesce(sum(version), 0) as signed) from carts",
                "select count(*), cast(coalesce(sum(version), 0) as signed) from users",
                "select count(*), cast(coalesce(sum(quantity), 0) as signed) from cart_lines",
                "select count(*), cast(coalesce(sum(seen_at), 0) as signed) from sessions",
                "select count(*), cast(coalesce(sum(attempts), 0) as signed) from outbox",
                "select count(*), 0 from audit_log",
                "select count(*), 0 from orders",
            ] {
                let mut reader = shop.app.db.read().await.unwrap();
                let row: (i64, i64) = sqlx::query_as(statement).fetch_one(&mut *reader).await.unwrap();
                counts.push(row);
            }
            counts
        };
        let before = tables().await;
        let document = shop.json("/openapi.json").await;
        for (path, methods) in document["paths"].as_object().unwrap() {
            let path = path.replace("{cart}", cart.rsplit_once('/').unwrap().1);
            let path = path.replace("{product}", "tea").replace("{sku}", "tea-1");
            // Also where there is none.
            for bearer in [None, Some("Bearer operator")] {
                let mut request = Request::get(&path).header("cookie", &ada.cookie);
                if let Some(bearer) = bearer {
                    request = request.header("authorization", bearer);
                }
                let status = shop.send(request).await.status.as_u16();
                assert!(status < 500 && (methods.get("get").is_some() || status != 200), "{path}: {status}");
            }
        }
        assert_eq!(tables().await, before);
    }
}
