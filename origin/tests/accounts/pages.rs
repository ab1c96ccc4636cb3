//! The pages of accounts: forms as a browser without scripts sends them.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::{
    browser::{PASSWORD, member, token_for},
    db_test,
    second_factor::Authenticator,
    shopper::{only, place, ready_cart, send},
    support::{Reply, Shop},
};

/// A browser without scripts: it keeps every cookie.
#[derive(Default)]
struct FormBrowser {
    jar: Vec<(String, String)>,
}

impl FormBrowser {
    async fn send(&mut self, shop: &Shop, request: http::request::Builder, body: String) -> Reply {
        let jar = self
            .jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookie = jar.collect::<Vec<_>>().join("; ");
        let request = request.header("cookie", cookie);
        let reply = shop.send_body(request, Body::from(body)).await;
        for set in reply.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.jar.retain(|(it, _)| it != name);
            if !set.contains("Max-Age=0") {
                self.jar.push((name.to_owned(), value.to_owned()));
            }
        }
        if reply.headers.contains_key("set-cookie") {
            assert_eq!(reply.header("cache-control"), "no-store");
        }
        reply
    }

    async fn get(&mut self, shop: &Shop, path: &str) -> Reply {
        self.send(shop, Request::get(path), String::new()).await
    }

    async fn post(&mut self, shop: &Shop, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("user-agent", "Lynx");
        self.send(shop, request, body).await
    }

    /// Submits a form and expects a redirect to this page.
    async fn submit(&mut self, shop: &Shop, path: &str, fields: &[(&str, &str)], to: &str) {
        let reply = self.post(shop, path, fields).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("location")),
            (303, to),
            "{}",
            reply.text()
        );
    }

    fn has(&self, name: &str) -> bool {
        self.jar.iter().any(|(it, _)| it == name)
    }

    async fn login(&mut self, shop: &Shop, email: &str) {
        let fields = [("email", email), ("password", PASSWORD)];
        self.submit(shop, "/account/login", &fields, "/account")
            .await;
    }
}

db_test! {
    /// A guest with a cart registers, keeps the cart and signs out, in the language of the page.
    async fn a_guest_registers_without_javascript(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut ada = FormBrowser::default();
        ada.submit(shop, "/zh/cart/lines", &[("sku", "tea-1"), ("quantity", "2")], "/zh/cart").await;
        assert!(ada.has("cart") && ada.has("visitor"));
        let fields = [("email", "ada@example.org"), ("password", PASSWORD), ("name", "Ada")];
        ada.submit(shop, "/zh/account/register", &fields, "/zh/account/register?done=1").await;
        let token = token_for(shop, "ada@example.org").await;
        // A GET of the link has no effect, because mail scanners follow links.
        assert_eq!(ada.get(shop, &format!("/zh/account/verify?token={token}")).await.status, 200);
        assert!(!ada.has("session"));
        let fields = [("token", token.as_str()), ("password", PASSWORD)];
        ada.submit(shop, "/zh/account/verify", &fields, "/zh/account?done=welcome").await;
        assert!(ada.has("session") && !ada.has("cart") && ada.has("visitor"));
        let visitor = ada.get(shop, "/api/v1/visitor").await.json();
        assert_eq!(visitor, json!({ "signed_in": true, "name": "Ada", "items": 2 }));
        assert!(ada.get(shop, "/zh/account").await.text().contains("Ada"));
        ada.submit(shop, "/zh/account/logout", &[], "/zh").await;
        assert!(!ada.has("session") && !ada.has("visitor"));
        let visitor = ada.get(shop, "/api/v1/visitor").await.json();
        assert_eq!(visitor, json!({ "signed_in": false, "items": 0 }));
        // The link can be used once.
        let again = ada.post(shop, "/zh/account/verify", &fields).await;
        assert_eq!(again.status, 400, "{}", again.text());
    }
}

db_test! {
    /// After a wrong password, the form keeps all fields but the password and reveals nothing about
    /// the account.
    async fn a_failed_sign_in_reveals_nothing(shop) {
        member(shop, "eve@example.org").await;
        let mut answers = Vec::new();
        for email in ["eve@example.org", "bob@example.org"] {
            let fields = [("email", email), ("password", "hush hush hush"), ("next", "/checkout")];
            let reply = FormBrowser::default().post(shop, "/account/login", &fields).await;
            assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (401, "no-store"));
            assert!(!reply.text().contains("hush"));
            assert!(reply.text().contains("value=\"/checkout\""));
            answers.push(reply.text().replace(email, "EMAIL"));
        }
        assert_eq!(answers[0], answers[1]);
        let fields = [("email", "eve@example.org"), ("password", PASSWORD), ("next", "/checkout")];
        FormBrowser::default().submit(shop, "/account/login", &fields, "/checkout").await;
    }
}

db_test! {
    /// Every account page redirects to the sign-in page and is never cached. Data of other accounts
    /// is not found.
    async fn account_pages_require_a_session(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        member(shop, "ada@example.org").await;
        member(shop, "bob@example.org").await;
        let (mut ada, mut bob) = (FormBrowser::default(), FormBrowser::default());
        ada.login(shop, "ada@example.org").await;
        bob.login(shop, "bob@example.org").await;
        let address = [("name", "Ada"), ("line1", "1 Long Lane"), ("city", "Town"), ("postcode", "10115"),
                       ("country", "DE"), ("preferred", "1")];
        ada.submit(shop, "/account/addresses/new", &address, "/account/addresses?done=address").await;
        let book = ada.get(shop, "/api/v1/account/addresses").await.json();
        let id = book["addresses"][0]["id"].as_str().unwrap().to_owned();
        let of_ada = format!("/account/addresses/{id}");
        assert_eq!(ada.get(shop, &of_ada).await.status, 200);
        assert_eq!(bob.get(shop, &of_ada).await.status, 404);
        assert_eq!(bob.post(shop, &of_ada, &address).await.status, 404);
        assert_eq!(bob.post(shop, &of_ada, &[("remove", "1")]).await.status, 404);
        let sessions = ada.get(shop, "/api/v1/account/sessions").await.json();
        for session in sessions["sessions"].as_array().unwrap() {
            let id = session["id"].as_str().unwrap();
            bob.submit(shop, "/account/sessions", &[("session", id)], "/account/sessions?done=session").await;
        }
        let still = ada.get(shop, "/api/v1/account/sessions").await.json();
        assert_eq!(still, sessions);
        for page in ["", "/orders", "/addresses", "/addresses/new", "/profile", "/security", "/sessions", "/data", "/data/export"] {
            let path = format!("/account{page}");
            let own = ada.get(shop, &path).await;
            assert_eq!((own.status.as_u16(), own.header("cache-control")), (200, "no-store"), "{path}");
            let nobody = FormBrowser::default().get(shop, &format!("/zh{path}")).await;
            let to = format!("/zh/account/login?next={}", path.replace('/', "%2F"));
            assert_eq!((nobody.status.as_u16(), nobody.header("location")), (303, to.as_str()));
        }
        assert_eq!(ada.get(shop, "/account/orders/NONE").await.status, 404);
    }
}

db_test! {
    /// An order placed on the pages is listed in the account and opens from there.
    async fn orders_are_shown_in_the_account(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        member(shop, "ada@example.org").await;
        let mut ada = FormBrowser::default();
        ada.submit(shop, "/cart/lines", &[("sku", "tea-1")], "/cart").await;
        ada.login(shop, "ada@example.org").await;
        let address = [("email", "ada@example.org"), ("name", "Ada"), ("line1", "1 Long Lane"),
                       ("city", "Town"), ("postcode", "10115"), ("country", "DE")];
        ada.submit(shop, "/checkout", &address, "/checkout/shipping").await;
        ada.submit(shop, "/checkout/shipping", &[("shipping_method", "standard")], "/checkout/payment").await;
        let total = ada.get(shop, "/api/v1/carts/current").await.json()["totals"]["total"]["minor"].to_string();
        let wrong = [("total", "1"), ("payment", "manual"), ("key", "k")];
        let refused = ada.post(shop, "/checkout/review", &wrong).await;
        assert_eq!(refused.status, 409, "{}", refused.text());
        let placed = ada.post(shop, "/checkout/review", &[("total", &*total), ("payment", "manual"), ("key", "k")]).await;
        let to = placed.header("location").to_owned();
        assert_eq!(placed.status, 303);
        let again = ada.post(shop, "/checkout/review", &[("total", &*total), ("payment", "manual"), ("key", "k")]).await;
        assert_eq!(again.header("location"), "/cart", "an account's next cart is empty");
        let list = ada.get(shop, "/api/v1/account/orders").await.json();
        assert_eq!(list["orders"].as_array().map(Vec::len), Some(1));
        let number = list["orders"][0]["number"].as_str().unwrap();
        let opened = ada.get(shop, &format!("/account/orders/{number}")).await;
        assert!(to.starts_with(opened.header("location")), "{to}");
        assert_eq!(ada.get(shop, opened.header("location")).await.status, 200);
    }
}

db_test! {
    /// `current` is the cart of the requesting browser. It is created with the first line.
    async fn the_current_cart_follows_the_cookie(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        assert_eq!(send(shop, "GET", "/api/v1/carts/current", &Value::Null).await.status, 404);
        let line = json!({ "sku": "tea-1", "quantity": 1 });
        let made = send(shop, "POST", "/api/v1/carts/current/lines", &line).await;
        assert_eq!(made.status, 200, "{}", made.text());
        let cookies: Vec<_> = made.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 2);
        let cart = cookies[0].to_str().unwrap();
        assert!(cart.starts_with("cart=") && cart.contains("HttpOnly") && cart.contains("SameSite=Lax"));
        let mut browser = FormBrowser::default();
        let token = cart["cart=".len()..].split(';').next().unwrap();
        browser.jar.push(("cart".to_owned(), token.to_owned()));
        let found = browser.get(shop, "/api/v1/carts/current").await.json();
        assert_eq!(found["lines"][0]["quantity"], 1);
        assert_eq!(browser.get(shop, "/api/v1/visitor").await.json()["items"], 1);
        let refused = browser.post(shop, "/cart/lines", &[("sku", "none")]).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let field = format!("quantity-{}", found["lines"][0]["variant_id"].as_str().unwrap());
        let was = format!("was-{field}");
        let form = browser.post(shop, "/cart", &[(&*field, "many"), (&*was, "1")]).await;
        assert_eq!(form.status, 400);
        browser.submit(shop, "/cart", &[("remove", "tea-1")], "/cart").await;
        assert_eq!(browser.get(shop, "/api/v1/visitor").await.json()["items"], 0);
    }
}

db_test! {
    /// If the session ends in checkout, the submitted form is kept and continues after a new
    /// sign-in, with its errors as usual.
    async fn a_session_that_ends_in_checkout_keeps_the_form(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        member(shop, "ada@example.org").await;
        let mut ada = FormBrowser::default();
        ada.submit(shop, "/cart/lines", &[("sku", "tea-1"), ("quantity", "2")], "/cart").await;
        ada.login(shop, "ada@example.org").await;
        let hours = 3 * 60 * 60 * 1_000;
        let address = [("email", "ada@example.org"), ("name", "Ada"), ("line1", "1 \"Long\" Lane"),
                       ("city", "Town"), ("postcode", "10115"), ("country", "DE"), ("note", "ring twice")];
        for (postcode, then) in [("10115", Ok("/checkout/shipping")), ("x", Err(400))] {
            shop.app.clock.advance(hours);
            let mut typed = address;
            typed[4].1 = postcode;
            let ended = ada.post(shop, "/checkout", &typed).await;
            assert_eq!((ended.status.as_u16(), ended.header("cache-control")), (401, "no-store"));
            let page = ended.text();
            for part in ["signed out", "name=\"kept_line1\" value=\"1 &quot;Long&quot; Lane\"", "value=\"ring twice\"", "action=\"/account/login\""] {
                assert!(page.contains(part), "{part}: {page}");
            }
            let kept: Vec<(String, &str)> = typed.iter().map(|(name, value)| (format!("kept_{name}"), *value)).collect();
            let mut fields: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (&**name, *value)).collect();
            fields.extend([("email", "ada@example.org"), ("next", "/checkout"), ("password", "wrong horse")]);
            let wrong = ada.post(shop, "/account/login", &fields).await;
            assert!(wrong.status == 401 && wrong.text().contains("value=\"ring twice\""), "{}", wrong.text());
            fields.pop();
            fields.push(("password", PASSWORD));
            let on = ada.post(shop, "/account/login", &fields).await;
            match then {
                Ok(to) => assert_eq!((on.status.as_u16(), on.header("location")), (303, to)),
                Err(status) => {
                    assert_eq!(on.status, status, "{}", on.text());
                    assert!(on.text().contains("ring twice") && on.text().contains("action=\"/checkout\""));
                }
            }
            let cart = ada.get(shop, "/api/v1/carts/current").await.json();
            assert_eq!((&cart["lines"][0]["quantity"], &cart["shipping_address"]["postcode"]), (&json!(2), &json!("10115")));
            assert_eq!(cart["note"], "ring twice");
        }
        // The other steps behave the same.
        let method = [("shipping_method", "standard")];
        shop.app.clock.advance(hours);
        assert_eq!(ada.post(shop, "/checkout/shipping", &method).await.status, 401);
        let fields = [("kept_shipping_method", "standard"), ("email", "ada@example.org"), ("password", PASSWORD)];
        ada.submit(shop, "/account/login", &fields, "/checkout/payment").await;
        shop.app.clock.advance(hours);
        let review = "/checkout/review?payment=manual";
        for path in ["/checkout", "/checkout/shipping", "/checkout/payment", review] {
            let led = ada.get(shop, path).await;
            let to = format!("/account/login?ended=1&next={}", path.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D"));
            assert_eq!((led.status.as_u16(), led.header("location")), (303, to.as_str()));
            assert!(ada.get(shop, &to).await.text().contains("signed out"));
        }
        let placed = ada.post(shop, "/checkout/review", &[("total", "1"), ("payment", "manual"), ("key", "k")]).await;
        assert!(placed.header("location").starts_with("/account/login?ended=1"), "{}", placed.header("location"));
        assert!(ada.get(shop, "/cart").await.text().contains("signed out"), "the cart page says why it is empty");
        let fields = [("email", "ada@example.org"), ("password", PASSWORD), ("next", review)];
        ada.submit(shop, "/account/login", &fields, review).await;
        assert_eq!(ada.get(shop, review).await.status, 200);
        // A guest is not redirected to the sign-in page.
        assert_eq!(FormBrowser::default().get(shop, "/checkout").await.header("location"), "/cart");
    }
}

db_test! {
    /// The second factor without JavaScript: set up, required at sign-in, codes renewed, and turned
    /// off.
    async fn the_second_factor_works_without_javascript(shop) {
        member(shop, "ada@example.org").await;
        let mut ada = FormBrowser::default();
        ada.login(shop, "ada@example.org").await;
        let page = ada.get(shop, "/account/security").await;
        assert_eq!((page.status.as_u16(), page.header("cache-control")), (200, "no-store"));
        let wrong = ada.post(shop, "/account/security/enrol", &[("current", "wrong horse")]).await;
        assert_eq!(wrong.status, 400);
        ada.submit(shop, "/account/security/enrol", &[("current", PASSWORD)], "/account/security").await;
        let page = ada.get(shop, "/account/security").await.text().to_owned();
        assert!(page.contains("class=\"qr\"") && page.contains("h1v1h-1z"), "{page}");
        let secret = page.split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().replace(' ', "");
        let authenticator = Authenticator(secret);
        let refused = ada.post(shop, "/account/security/confirm", &[("otp", "000000")]).await;
        assert_eq!(refused.status, 401, "{}", refused.text());
        let code = authenticator.code(shop);
        let on = ada.post(shop, "/account/security/confirm", &[("otp", &*code)]).await;
        assert_eq!(on.text().matches("class=\"secret\"").count(), 10, "{}", on.text());
        let recovery = on.text().split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        assert!(!ada.get(shop, "/account/security").await.text().contains(&recovery), "shown once");

        let mut there = FormBrowser::default();
        let fields = [("email", "ada@example.org"), ("password", PASSWORD), ("next", "/cart")];
        let asked = there.post(shop, "/account/login", &fields).await;
        assert_eq!(asked.status, 200, "{}", asked.text());
        assert!(!there.has("session") && asked.text().contains("action=\"/account/code\""));
        assert!(!asked.text().contains(PASSWORD));
        let ticket = asked.text().split("name=\"ticket\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let with = |code: &str| [("ticket".to_owned(), ticket.clone()), ("next".to_owned(), "/cart".to_owned()), ("otp".to_owned(), code.to_owned())];
        let typed = async |there: &mut FormBrowser, code: &str| {
            let fields = with(code);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            there.post(shop, "/account/code", &fields).await
        };
        let wrong = typed(&mut there, "000000").await;
        assert_eq!((wrong.status.as_u16(), wrong.text().contains(&ticket)), (401, true));
        assert_eq!(typed(&mut there, &code).await.status, 401, "it was used to turn it on");
        let session = typed(&mut there, &authenticator.next(shop)).await;
        assert_eq!((session.status.as_u16(), session.header("location")), (303, "/cart"), "{}", session.text());
        assert!(there.has("session"));
        assert_eq!(typed(&mut there, &recovery).await.status, 400, "a ticket is used once");
        shop.app.clock.advance(60_000);
        let proof = |code: String| [("current", PASSWORD.to_owned()), ("otp", code)];
        for (path, code, status) in [
            ("/account/security/codes", authenticator.next(shop), 200),
            ("/account/security/off", "000000".to_owned(), 401),
            ("/account/security/off", authenticator.next(shop), 303),
        ] {
            let fields = proof(code);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
            let reply = there.post(shop, path, &fields).await;
            assert_eq!(reply.status, status, "{path}: {}", reply.text());
        }
        FormBrowser::default().login(shop, "ada@example.org").await;
    }
}

db_test! {
    /// The cart is one form: whichever button is pressed, all fields are applied, errors are shown,
    /// and checkout waits until they are corrected.
    async fn the_cart_form_applies_all_fields(shop) {
        shop.save(vec![only("tea", "5.00", 999), only("cup", "7.00", 2)]).await;
        let mut browser = FormBrowser::default();
        for sku in ["tea-1", "cup-1"] {
            browser.submit(shop, "/cart/lines", &[("sku", sku), ("quantity", "1")], "/cart").await;
        }
        let cart = browser.get(shop, "/api/v1/carts/current").await.json();
        let field = |sku: &str| {
            let lines = cart["lines"].as_array().unwrap();
            let line = lines.iter().find(|it| it["sku"] == sku).unwrap();
            format!("quantity-{}", line["variant_id"].as_str().unwrap())
        };
        let (tea, cup) = (field("tea-1"), field("cup-1"));
        let (was_tea, was_cup) = (format!("was-{tea}"), format!("was-{cup}"));
        let was = [(&*was_tea, "1"), (&*was_cup, "1")];
        let next = ("next", "checkout");
        let quantities = async |browser: &mut FormBrowser| {
            let cart = browser.get(shop, "/api/v1/carts/current").await.json();
            let lines = cart["lines"].as_array().unwrap().clone();
            let mut all: Vec<_> = lines.iter().map(|it| (it["sku"].clone(), it["quantity"].clone())).collect();
            all.sort_by_key(|(sku, _)| sku.to_string());
            all.into_iter().map(|(_, quantity)| quantity.as_i64().unwrap()).collect::<Vec<_>>()
        };

        // A valid quantity is applied although another one is invalid; also at the limit and one
        // past it.
        for (typed, status, tea_after) in [
            ("1e2", 400, 1), ("1000", 400, 1), ("-1", 400, 1), ("", 400, 1), ("999", 303, 999),
            ("\u{ff12}", 303, 2), ("0003", 303, 3),
        ] {
            let fields = [was[0], was[1], (&*tea, typed), (&*cup, "2"), next];
            let answer = browser.post(shop, "/cart", &fields).await;
            assert_eq!(answer.status, status, "{typed}: {}", answer.text());
            assert_eq!(quantities(&mut browser).await, [2, tea_after], "{typed}");
            if status == 303 {
                assert_eq!(answer.header("location"), "/checkout");
            } else {
                assert!(answer.text().contains(&format!("id=\"{tea}-wrong\"")), "{typed}");
            }
        }
        // An outdated page reverts nothing, because its fields are unchanged.
        browser.submit(shop, "/cart", &[was[0], was[1], (&*tea, "1"), (&*cup, "1")], "/cart").await;
        assert_eq!(quantities(&mut browser).await, [2, 3]);
        // Only two cups are in stock, so the cart reports it instead of continuing to checkout.
        browser.submit(shop, "/cart", &[was[1], (&*cup, "3"), next], "/cart").await;
        assert_eq!(quantities(&mut browser).await, [3, 3]);
        // The other fields are applied when a line is removed.
        let fields = [was[0], was[1], (&*tea, "4"), (&*cup, "9"), ("remove", "cup-1")];
        browser.submit(shop, "/cart", &fields, "/cart").await;
        assert_eq!(quantities(&mut browser).await, [4]);
        // Coupon codes are submitted at their own path, which has a rate limit.
        let sent = browser.post(shop, "/cart", &[("code", "NONE"), next]).await;
        assert_eq!((sent.status.as_u16(), sent.header("location")), (307, "/cart/coupons"));
        browser.submit(shop, "/cart/coupons", &[("code", "NONE"), (&*tea, "5"), next], "/cart").await;
        assert_eq!(quantities(&mut browser).await, [5]);
        browser.submit(shop, "/cart/coupons", &[("remove_coupon", "NONE"), next], "/checkout").await;
    }
}

db_test! {
    /// A guest finds an order by its number and email address; one of them alone is not enough.
    async fn an_order_is_found_by_number_and_email(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let shop = shop.with(|config| config.limit_login = 0).await;
        let cart = ready_cart(&shop, "tea-1", 1).await;
        let placed = place(&shop, &cart).await.json();
        let number = placed["number"].as_str().unwrap();
        let find = async |number: &str, email: &str| {
            let fields = [("number", number), ("email", email)];
            FormBrowser::default().post(&shop, "/orders", &fields).await
        };
        let found = find(number, "ada@example.org").await;
        assert!(found.status == 303 && found.header("location").starts_with(&format!("/orders/{number}?token=")));
        assert_eq!(find(&number.to_lowercase(), " ADA@example.org ").await.status, 303);
        for (number, email) in [(number, "bob@example.org"), (number, ""), (number, "ada@example.or"),
                                ("AAAA-AAAA-AAAA", "ada@example.org"), ("", "ada@example.org")] {
            let refused = find(number, email).await;
            assert_eq!(refused.status, 404, "{number} {email}: {}", refused.text());
        }
    }
}

db_test! {
    /// An invalid quantity is reported on the product page, where it was entered.
    async fn an_invalid_quantity_is_shown_on_the_product_page(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut browser = FormBrowser::default();
        for typed in ["abc", "1.5", "1e2", "0", "1000"] {
            let fields = [("product", "tea"), ("sku", "tea-1"), ("quantity", typed)];
            let page = browser.post(shop, "/zh/cart/lines", &fields).await;
            assert_eq!(page.status, 400, "{typed}");
            assert_eq!(page.header("cache-control"), "no-store");
            let text = page.text();
            assert!(text.contains("id=\"quantity-wrong\"") && text.contains("class=\"add\""), "{typed}");
        }
        let fields = [("product", "tea"), ("sku", "tea-1"), ("quantity", "\u{ff12}")];
        browser.submit(shop, "/zh/cart/lines", &fields, "/zh/cart").await;
        assert_eq!(browser.get(shop, "/api/v1/visitor").await.json()["items"], 2);
    }
}
