//! Rate limits, of one origin and of two that share a Redis.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::body::Body;
use http::Request;
use origin::{
    accounts::PasswordClient,
    config::Config,
    limits::{LimitSubject, Limits, Rule},
};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, PASSWORD, mail_to, member},
    db_test,
    shopper::{only, peer, ready_cart, send},
    support::{Reply, Shop, redis::Redis},
};

/// A request from this address.
pub async fn from(shop: &Shop, address: &str, path: &str, body: Value) -> Reply {
    with_cookie(shop, address, "", path, &body).await
}

/// The same with a cookie.
pub async fn with_cookie(
    shop: &Shop,
    address: &str,
    cookie: &str,
    path: &str,
    body: &Value,
) -> Reply {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("cookie", cookie)
        .extension(peer(address));
    shop.send_body(request, Body::from(body.to_string())).await
}

const LOGIN: &str = "/api/v1/account/login";

db_test! {
    /// The sixth attempt in a minute is rejected with `Retry-After`; another address is not
    /// affected.
    async fn sign_ins_of_an_address_are_limited(shop) {
        let guess = |number: i32| json!({ "email": format!("a{number}@example.org"), "password": "a guess" });
        for number in 0..5 {
            let reply = from(shop, "192.0.2.1", LOGIN, guess(number)).await;
            assert_eq!(reply.status, 401);
            assert_eq!(reply.header("ratelimit-policy"), "\"login\";q=5;w=60");
            assert_eq!(reply.header("ratelimit"), format!("\"login\";r={};t={}", 4 - number, 12 * (number + 1)));
        }
        let refused = from(shop, "192.0.2.1", LOGIN, guess(5)).await;
        assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "12"));
        assert_eq!(refused.header("ratelimit"), "\"login\";r=0;t=60");
        assert!(refused.text().contains("/problems/too-many-requests"), "{}", refused.text());
        assert_eq!(from(shop, "192.0.2.1", "/api/v1/tokens", guess(5)).await.status, 429);
        assert_eq!(from(shop, "192.0.2.2", LOGIN, guess(5)).await.status, 401);
        shop.app.clock.advance(12_000);
        assert_eq!(from(shop, "192.0.2.1", LOGIN, guess(5)).await.status, 401);
        let sign_up = |number: i32| json!({ "email": format!("b{number}@example.org"), "password": PASSWORD });
        for number in 0..4 {
            let status = from(shop, "192.0.2.1", "/api/v1/account/register", sign_up(number)).await.status;
            assert_eq!(status, if number < 3 { 202 } else { 429 });
        }
    }
}

db_test! {
    /// An account is limited in each network, per minute and per hour, and over all networks.
    /// Guessing in one network does not lock out another. Unknown accounts have the same limits.
    async fn an_account_is_limited_per_network_and_in_all(shop) {
        member(shop, "known@example.org").await;
        let shop = shop.with(|config| config.limit_login = 2).await;
        let guess = |email: &str| json!({ "email": email, "password": "a guess at it" });
        for email in ["known@example.org", "nobody@example.org"] {
            let mut statuses = Vec::new();
            for _ in 0..6 {
                for number in 0..3 {
                    // The limit per minute is per network; the account's limit counts both
                    // paths.
                    let path = [LOGIN, "/api/v1/tokens"][number % 2];
                    let address = format!("2001:db8::{number}");
                    statuses.push(from(&shop, &address, path, guess(email)).await.status.as_u16());
                }
                shop.app.clock.advance(60_000);
            }
            assert_eq!(statuses.iter().filter(|it| **it == 401).count(), 8, "{email}: {statuses:?}");
            assert!(statuses.iter().all(|it| [401, 429].contains(it)));
        }
        let known = json!({ "email": "known@example.org", "password": PASSWORD });
        assert_eq!(from(&shop, "192.0.2.1", LOGIN, known.clone()).await.status, 200, "in another network");
        shop.app.clock.advance(2 * 60 * 60 * 1_000);
        for email in ["known@example.org", "nobody@example.org"] {
            let mut statuses = Vec::new();
            for number in 0..42 {
                let reply = from(&shop, &format!("192.{number}.2.1"), LOGIN, guess(email)).await;
                statuses.push(reply.status.as_u16());
                shop.app.clock.advance(1);
            }
            assert_eq!((&statuses[..40], &statuses[40..]), (&[401; 40][..], &[429; 2][..]), "{email}");
            shop.app.clock.advance(60_000);
        }
        shop.app.clock.advance(60 * 60 * 1_000);
        assert_eq!(from(&shop, "192.0.2.1", LOGIN, known).await.status, 200);
        for email in ["known@example.org", "nobody@example.org"] {
            let body = json!({ "email": email });
            let mut answers = Vec::new();
            for _ in 0..4 {
                answers.push(send(&shop, "POST", "/api/v1/account/forgot", &body).await.status.as_u16());
            }
            assert_eq!(answers, [202, 202, 202, 429], "{email}");
        }
    }
}

db_test! {
    /// Many networks of one site share its limit, in IPv4 and IPv6, and so do the sites of a
    /// provider. Others are not affected.
    async fn sites_and_providers_are_limited(shop) {
        let change = |config: &mut Config| (config.limit_login, config.limit_site, config.limit_provider) = (2, 3, 5);
        let shop = shop.with(change).await;
        let guess = |number: usize| json!({ "email": format!("a{number}@example.org"), "password": "a guess" });
        let answers = async |addresses: Vec<String>| {
            let mut allowed = 0;
            for (number, address) in addresses.iter().enumerate() {
                let reply = from(&shop, address, LOGIN, guess(number)).await;
                assert!([401, 429].contains(&reply.status.as_u16()), "{}", reply.text());
                allowed += usize::from(reply.status == 401);
            }
            allowed
        };
        let sixty_fours = (0..9).map(|number| format!("2001:db8:1:{number}::1"));
        assert_eq!(answers(sixty_fours.collect()).await, 6, "a /48");
        let forty_eights = (2..9).map(|number| format!("2001:db8:{number}::1"));
        assert_eq!(answers(forty_eights.collect()).await, 4, "what is left of the /32");
        assert_eq!(answers(vec!["2001:db9::1".to_owned()]).await, 1, "another /32");
        let of_24 = (1..9).map(|number| format!("192.0.2.{number}"));
        assert_eq!(answers(of_24.collect()).await, 6, "a /24");
        let of_16 = (3..9).map(|number| format!("192.0.{number}.1"));
        assert_eq!(answers(of_16.collect()).await, 4, "what is left of the /16");
        let refused = from(&shop, "192.0.2.200", LOGIN, guess(0)).await;
        assert_eq!((refused.status.as_u16(), refused.header("ratelimit-policy")), (429, "\"login\";q=6;w=60"));
    }
}

db_test! {
    /// A client can send any order number: one that looks like another client's address does not
    /// use up their limit.
    async fn order_numbers_do_not_share_limits_with_addresses(shop) {
        let victim = "192.0.2.7";
        for number in 0..6 {
            let address = format!("198.51.{number}.1");
            let reply = form(shop, &address, "/orders", "number=192.0.2.7&email=a%40example.org").await;
            assert_eq!(reply.status == 429, number == 5, "{number}: {}", reply.status);
        }
        let reply = form(shop, victim, "/orders", "number=BBBB&email=a%40example.org").await;
        assert_ne!(reply.status, 429);
    }
}

db_test! {
    /// The password cannot be guessed from a signed-in browser either.
    async fn password_checks_in_a_session_are_limited(shop) {
        for path in ["/password", "/email", "/erase"] {
            let email = format!("{}@example.org", &path[1..]);
            let mut browser = member(shop, &email).await;
            let mut statuses = Vec::new();
            for number in 0..7 {
                let guess = format!("guess number {number}");
                let body = match path {
                    "/password" => json!({ "current": guess, "password": "another horse" }),
                    "/email" => json!({ "email": "new@example.org", "password": guess }),
                    _ => json!({ "password": guess }),
                };
                statuses.push(browser.post(shop, path, body).await.status.as_u16());
            }
            assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429], "{path}");
            // The owner can still sign in from another network.
            assert_eq!(Browser::default().login(shop, &email, PASSWORD).await.status, 200);
        }
    }
}

db_test! {
    /// Links cannot be guessed cheaply: an invalid link fails at once, even while the password
    /// queue is busy.
    async fn links_are_checked_before_passwords(shop) {
        let reset = json!({ "token": "guess", "password": "another horse" });
        for _ in 0..20 {
            let reply = from(shop, "192.0.2.1", "/api/v1/account/reset", reset.clone()).await;
            assert_eq!(reply.status, 400, "{}", reply.text());
        }
        let others_wait = AtomicBool::new(true);
        let others = async {
            let hashes = (0..60).map(|_| shop.app.hasher.hash(PasswordClient::Linked, String::new()));
            futures_util::future::join_all(hashes).await;
            others_wait.store(false, Ordering::Relaxed);
        };
        let guess = async {
            let reply = Browser::default().post(shop, "/reset", reset).await;
            (reply.status.as_u16(), others_wait.load(Ordering::Relaxed))
        };
        let ((), guess) = tokio::join!(others, guess);
        assert_eq!(guess, (400, true));
    }
}

db_test! {
    /// A mailbox cannot be flooded by registrations or changes of address, whether it has an
    /// account or not.
    async fn mails_to_a_recipient_are_limited(shop) {
        let mut eve = member(shop, "eve@example.org").await;
        member(shop, "known@example.org").await;
        shop.app.clock.advance(60 * 60 * 1_000);
        for email in ["known@example.org", "nobody@example.org"] {
            let before = mail_to(shop, email).await.len();
            let body = json!({ "email": email, "password": PASSWORD });
            for path in ["/register", "/email"] {
                let mut statuses = Vec::new();
                for _ in 0..4 {
                    // Keeps below the limits of the client.
                    shop.app.clock.advance(60_000);
                    statuses.push(eve.post(shop, path, body.clone()).await.status.as_u16());
                }
                assert_eq!(statuses, [202, 202, 202, 429], "{path} {email}");
            }
            assert_eq!(mail_to(shop, email).await.len() - before, 6);
        }
        // Other recipients are not affected.
        let body = json!({ "email": "other@example.org", "password": PASSWORD });
        assert_eq!(eve.post(shop, "/email", body).await.status, 202);
    }
}

db_test! {
    /// Coupon codes cannot be guessed, and orders are limited. Clients without a known address are
    /// not limited.
    async fn coupons_and_orders_are_limited(shop) {
        shop.save(vec![only("tea", "5.00", 90)]).await;
        let cart = ready_cart(shop, "tea-1", 1).await;
        let mut answers = Vec::new();
        for number in 0..11 {
            let body = json!({ "coupons": [format!("CODE{number}")] });
            answers.push(send(shop, "PATCH", &cart, &body).await.status.as_u16());
        }
        assert_eq!((&answers[..10], answers[10]), (&[200; 10][..], 429));
        let order = json!({ "expected_total": { "minor": 1, "currency": "USD" }, "payment_method": "manual" });
        let path = format!("{cart}/order");
        for number in 0..11 {
            // All addresses belong to one network.
            let address = format!("2001:db8::{number}");
            let status = from(shop, &address, &path, order.clone()).await.status;
            assert_eq!(status, if number < 10 { 409 } else { 429 });
        }
        for _ in 0..20 {
            assert_eq!(from(shop, "127.0.0.1", &path, order.clone()).await.status, 409);
        }
    }
}

/// Changes a cart from this address.
async fn patch(shop: &Shop, address: &str, path: &str, body: Value) -> Reply {
    let request = Request::patch(path)
        .header("content-type", "application/json")
        .extension(peer(address));
    shop.send_body(request, Body::from(body.to_string())).await
}

db_test! {
    /// A new cart does not reset the limits of its client.
    async fn a_new_cart_does_not_reset_limits(shop) {
        shop.save(vec![only("tea", "5.00", 90)]).await;
        let mut statuses = Vec::new();
        for number in 0..11 {
            let cart = ready_cart(shop, "tea-1", 1).await;
            let body = json!({ "coupons": [format!("CODE{number}")] });
            let tried = patch(shop, "192.0.2.1", &cart, body).await.status.as_u16();
            let held = from(shop, "192.0.2.1", &format!("{cart}/hold"), json!({})).await.status.as_u16();
            // Other changes of the cart are not limited.
            assert_eq!(patch(shop, "192.0.2.1", &cart, json!({ "note": "x" })).await.status, 200);
            statuses.push((tried, held));
        }
        assert_eq!((&statuses[..10], statuses[10]), (&[(200, 200); 10][..], (429, 429)));
        assert_eq!(form(shop, "192.0.2.1", "/zh/cart/coupons", "code=CODE12").await.status, 429);
    }
}

/// Sends a form from this address.
async fn form(shop: &Shop, address: &str, path: &str, body: &'static str) -> Reply {
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .extension(peer(address));
    shop.send_body(request, Body::from(body)).await
}

db_test! {
    /// A form has the limit of the equivalent endpoint, shared by all languages.
    async fn forms_share_the_limits_of_the_api(shop) {
        for number in 0..6 {
            let path = if number % 2 == 0 { "/orders" } else { "/zh/orders" };
            let reply = form(shop, "192.0.2.1", path, "number=AAAA&email=a%40example.org").await;
            assert_eq!(reply.status == 429, number == 5, "{number}: {}", reply.status);
        }
        for number in 0..11 {
            let path = ["/checkout/review", "/zh/checkout/review", "/api/v1/carts/none/order"][number % 3];
            let reply = form(shop, "192.0.2.1", path, "").await;
            assert_eq!(reply.status == 429, number == 10, "{number}: {}", reply.status);
        }
        assert_ne!(form(shop, "192.0.2.2", "/orders", "").await.status, 429);
    }
}

/// Sends a request through a peer with forwarding headers.
async fn through(shop: &Shop, address: &str, headers: &[(&'static str, String)]) -> Reply {
    let mut request = Request::post(LOGIN)
        .header("content-type", "application/json")
        .extension(peer(address));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    shop.send_body(request, Body::from("{}")).await
}

db_test! {
    /// A forwarded client address is trusted only from an edge that signs it and from configured
    /// proxies.
    async fn client_addresses_are_trusted_from_edges_and_proxies_only(shop) {
        let trusting = |config: &mut Config| {
            config.edge_secret = Some("secret".to_owned());
            config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        };
        let shop = shop.with(trusting).await;
        let now = shop.app.clock.now().as_millis() / 1_000;
        let signed = |secret: &str, address: &str, seconds: i64| {
            vec![("mallard-client", shared::edge::signed_address(secret, Some(address), seconds))]
        };
        let forwarded = |list: &str| vec![("x-forwarded-for", list.to_owned())];
        // The number of remaining requests shows which client address the origin uses.
        let left = async |peer: &str, headers: Vec<(&'static str, String)>| {
            let reply = through(&shop, peer, &headers).await;
            let text = reply.header("ratelimit").to_owned();
            text.split("r=").nth(1).and_then(|it| it.split(';').next()).map(str::to_owned).unwrap_or_default()
        };
        assert_eq!(left("192.0.2.9", vec![]).await, "4");
        assert_eq!(left("192.0.2.9", forwarded("198.51.100.1")).await, "3", "a client names another");
        assert_eq!(left("192.0.2.9", signed("guess", "198.51.100.1", now)).await, "2", "a wrong signature");
        assert_eq!(left("192.0.2.9", signed("secret", "198.51.100.1", now - 61)).await, "1", "an old signature");
        assert_eq!(left("192.0.2.9", signed("secret", "198.51.100.1", now)).await, "4", "the edge");
        assert_eq!(left("127.0.0.1", signed("secret", "198.51.100.1", now)).await, "3", "the edge, from elsewhere");
        assert_eq!(left("10.0.0.1", forwarded("198.51.100.1")).await, "2", "a proxy");
        assert_eq!(left("10.0.0.1", forwarded("203.0.113.5, 198.51.100.1, 10.9.9.9")).await, "1", "two proxies, and a forged address");
        assert_eq!(left("10.0.0.1", forwarded("nonsense")).await, "4", "an unreadable address by a proxy");
        assert_eq!(left("10.0.0.1", forwarded("more nonsense")).await, "3", "unreadable addresses share the limit of the peer");
        let list = signed("secret", "203.0.113.5, 198.51.100.1:4711", now);
        assert_eq!(left("127.0.0.1", list).await, "0", "a list with a port at the edge");
        assert_eq!(left("192.0.2.8", signed("secret", "garbage", now)).await, "4", "an unreadable address by the edge");
        assert_eq!(left("192.0.2.8", signed("secret", "rubbish", now)).await, "3", "another unreadable address by the edge");
        assert_eq!(left("127.0.0.1", forwarded("198.51.100.2")).await, "4", "a proxy on this machine");
        assert_eq!(left("127.0.0.1", forwarded("x, 198.51.100.2:9")).await, "3", "the same client again");
        assert_eq!(left("127.0.0.1", vec![]).await, "", "this machine");
        let closed = shop.with(|config| { trusting(config); config.require_edge = true; }).await;
        for (peer, headers, status) in [
            ("192.0.2.9", vec![], 403),
            ("127.0.0.1", vec![], 403),
            ("192.0.2.9", signed("guess", "198.51.100.1", now), 403),
            ("192.0.2.9", signed("secret", "198.51.100.1", now), 400),
            ("10.0.0.1", vec![], 400),
        ] {
            assert_eq!(through(&closed, peer, &headers).await.status.as_u16(), status, "{peer} {headers:?}");
        }
        assert_eq!(closed.get("/healthz").await.status, 200);
        assert_eq!(closed.get("/").await.status, 403);
    }
}

#[tokio::test]
async fn two_origins_share_limits_and_work_without_redis() {
    let now = shared::time::Timestamp::from_millis(1_700_000_000_000);
    let rule = Rule::per_minute("hundred", 100);
    let mut redis = Redis::start();
    let origins = [(), ()].map(|()| Limits::new(Some(redis.client())));
    let take = async |key: &str| {
        let requests =
            (0..300).map(|number| origins[number % 2].take(rule, LimitSubject::Network(key), now));
        let verdicts = futures_util::future::join_all(requests).await;
        verdicts.iter().filter(|it| it.allowed).count()
    };
    assert_eq!(take("together").await, 100);
    // Redis fails during hundreds of requests: all of them get a verdict, and at most the quota of
    // each origin is allowed.
    let failure = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        redis.kill();
    };
    let (during, ()) = tokio::join!(take("meanwhile"), failure);
    assert!((100..=200).contains(&during), "{during}");
    let later = shared::time::Timestamp::from_millis(now.as_millis() + 600_000);
    let requests = (0..300)
        .map(|number| origins[number % 2].take(rule, LimitSubject::Network("alone"), later));
    let verdicts = futures_util::future::join_all(requests).await;
    assert_eq!(verdicts.iter().filter(|it| it.allowed).count(), 200);
}
