//! The pages of accounts: forms as a browser without scripts sends them.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::{
    browser::{PASSWORD, member, token_for},
    db_test,
    shopper::{only, send},
    support::{Reply, Shop},
};

/// A browser without scripts: it keeps every cookie.
#[derive(Default)]
struct Plain {
    jar: Vec<(String, String)>,
}

impl Plain {
    async fn ask(&mut self, shop: &Shop, request: http::request::Builder, body: String) -> Reply {
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
        self.ask(shop, Request::get(path), String::new()).await
    }

    async fn post(&mut self, shop: &Shop, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("user-agent", "Lynx");
        self.ask(shop, request, body).await
    }

    /// Posts a form that leads on to this page.
    async fn goes_to(&mut self, shop: &Shop, path: &str, fields: &[(&str, &str)], to: &str) {
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
        self.goes_to(shop, "/account/login", &fields, "/account")
            .await;
    }
}

db_test! {
    /// From a guest's cart to an account that has it, and out again, in the language of the page.
    async fn a_guest_opens_an_account_without_scripts(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut ada = Plain::default();
        ada.goes_to(shop, "/zh/cart/lines", &[("sku", "tea-1"), ("quantity", "2")], "/zh/cart").await;
        assert!(ada.has("cart") && ada.has("visitor"));
        let fields = [("email", "ada@example.org"), ("password", PASSWORD), ("name", "Ada")];
        ada.goes_to(shop, "/zh/account/register", &fields, "/zh/account/register?done=1").await;
        let token = token_for(shop, "ada@example.org").await;
        // Looking at the link does nothing: programs look at links, too.
        assert_eq!(ada.get(shop, &format!("/zh/account/verify?token={token}")).await.status, 200);
        assert!(!ada.has("session"));
        let fields = [("token", token.as_str()), ("password", PASSWORD)];
        ada.goes_to(shop, "/zh/account/verify", &fields, "/zh/account?done=welcome").await;
        assert!(ada.has("session") && !ada.has("cart") && ada.has("visitor"));
        let visitor = ada.get(shop, "/api/v1/visitor").await.json();
        assert_eq!(visitor, json!({ "signed_in": true, "name": "Ada", "items": 2 }));
        assert!(ada.get(shop, "/zh/account").await.text().contains("Ada"));
        ada.goes_to(shop, "/zh/account/logout", &[], "/zh").await;
        assert!(!ada.has("session") && !ada.has("visitor"));
        let visitor = ada.get(shop, "/api/v1/visitor").await.json();
        assert_eq!(visitor, json!({ "signed_in": false, "items": 0 }));
        // The link was good once.
        let again = ada.post(shop, "/zh/account/verify", &fields).await;
        assert_eq!(again.status, 400, "{}", again.text());
    }
}

db_test! {
    /// A wrong password keeps what was typed but the password, and says nothing of the account.
    async fn a_refused_login_shows_no_secret(shop) {
        member(shop, "eve@example.org").await;
        let mut answers = Vec::new();
        for email in ["eve@example.org", "bob@example.org"] {
            let fields = [("email", email), ("password", "hush hush hush"), ("next", "/checkout")];
            let reply = Plain::default().post(shop, "/account/login", &fields).await;
            assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (401, "no-store"));
            assert!(!reply.text().contains("hush"));
            assert!(reply.text().contains("value=\"/checkout\""));
            answers.push(reply.text().replace(email, "EMAIL"));
        }
        assert_eq!(answers[0], answers[1]);
        let fields = [("email", "eve@example.org"), ("password", PASSWORD), ("next", "/checkout")];
        Plain::default().goes_to(shop, "/account/login", &fields, "/checkout").await;
    }
}

db_test! {
    /// Every page of an account is led to by the login and kept by nobody; what is another's is not there.
    async fn an_account_is_its_owners(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        member(shop, "ada@example.org").await;
        member(shop, "bob@example.org").await;
        let (mut ada, mut bob) = (Plain::default(), Plain::default());
        ada.login(shop, "ada@example.org").await;
        bob.login(shop, "bob@example.org").await;
        let address = [("name", "Ada"), ("line1", "1 Long Lane"), ("city", "Town"), ("postcode", "10115"),
                       ("country", "DE"), ("preferred", "1")];
        ada.goes_to(shop, "/account/addresses/new", &address, "/account/addresses?done=address").await;
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
            bob.goes_to(shop, "/account/sessions", &[("session", id)], "/account/sessions?done=session").await;
        }
        let still = ada.get(shop, "/api/v1/account/sessions").await.json();
        assert_eq!(still, sessions);
        for page in ["", "/orders", "/addresses", "/addresses/new", "/profile", "/sessions", "/data", "/data/export"] {
            let path = format!("/account{page}");
            let own = ada.get(shop, &path).await;
            assert_eq!((own.status.as_u16(), own.header("cache-control")), (200, "no-store"), "{path}");
            let nobody = Plain::default().get(shop, &format!("/zh{path}")).await;
            let to = format!("/zh/account/login?next={}", path.replace('/', "%2F"));
            assert_eq!((nobody.status.as_u16(), nobody.header("location")), (303, to.as_str()));
        }
        assert_eq!(ada.get(shop, "/account/orders/NONE").await.status, 404);
    }
}

db_test! {
    /// An order that was placed by pages is in the account, and opens from there.
    async fn what_was_bought_is_in_the_account(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        member(shop, "ada@example.org").await;
        let mut ada = Plain::default();
        ada.goes_to(shop, "/cart/lines", &[("sku", "tea-1")], "/cart").await;
        ada.login(shop, "ada@example.org").await;
        let address = [("email", "ada@example.org"), ("name", "Ada"), ("line1", "1 Long Lane"),
                       ("city", "Town"), ("postcode", "10115"), ("country", "DE")];
        ada.goes_to(shop, "/checkout", &address, "/checkout/shipping").await;
        ada.goes_to(shop, "/checkout/shipping", &[("shipping_method", "standard")], "/checkout/payment").await;
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
    /// `current` is the cart of the browser that asks; it is made when something is put in.
    async fn a_browser_has_a_cart_by_its_cookie(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        assert_eq!(send(shop, "GET", "/api/v1/carts/current", &Value::Null).await.status, 404);
        let line = json!({ "sku": "tea-1", "quantity": 1 });
        let made = send(shop, "POST", "/api/v1/carts/current/lines", &line).await;
        assert_eq!(made.status, 200, "{}", made.text());
        let cookies: Vec<_> = made.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 2);
        let cart = cookies[0].to_str().unwrap();
        assert!(cart.starts_with("cart=") && cart.contains("HttpOnly") && cart.contains("SameSite=Lax"));
        let mut browser = Plain::default();
        let token = cart["cart=".len()..].split(';').next().unwrap();
        browser.jar.push(("cart".to_owned(), token.to_owned()));
        let found = browser.get(shop, "/api/v1/carts/current").await.json();
        assert_eq!(found["lines"][0]["quantity"], 1);
        assert_eq!(browser.get(shop, "/api/v1/visitor").await.json()["items"], 1);
        let refused = browser.post(shop, "/cart/lines", &[("sku", "none")]).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let form = browser.post(shop, "/cart", &[("sku", "tea-1"), ("quantity", "many")]).await;
        assert_eq!(form.status, 400);
        browser.goes_to(shop, "/cart", &[("sku", "tea-1"), ("quantity", "0")], "/cart").await;
        assert_eq!(browser.get(shop, "/api/v1/visitor").await.json()["items"], 0);
    }
}
