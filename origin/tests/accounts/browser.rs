//! A browser that stores the session cookie.

use axum::body::Body;
use http::Request;
use origin::relay;
use serde_json::{Value, json};

use crate::{
    shopper::mailbox,
    support::{Reply, Shop},
};

pub const PASSWORD: &str = "correct horse";

/// A browser with an optional session.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    pub cookie: String,
}

impl Browser {
    pub async fn send(&mut self, shop: &Shop, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/account{path}"))
            .header("content-type", "application/json")
            .header("user-agent", "Firefox")
            .header("cookie", &self.cookie);
        let reply = shop.send_body(request, Body::from(body.to_string())).await;
        let set = reply.header("set-cookie");
        if !set.is_empty() {
            assert_eq!(reply.header("cache-control"), "no-store");
            set.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        reply
    }

    pub async fn post(&mut self, shop: &Shop, path: &str, body: Value) -> Reply {
        self.send(shop, "POST", path, body).await
    }

    pub async fn get(&mut self, shop: &Shop, path: &str) -> Reply {
        self.send(shop, "GET", path, json!({})).await
    }

    pub async fn login(&mut self, shop: &Shop, email: &str, password: &str) -> Reply {
        let body = json!({ "email": email, "password": password });
        self.post(shop, "/login", body).await
    }

    /// Whether this browser is signed in.
    pub async fn is_signed_in(&mut self, shop: &Shop) -> bool {
        self.get(shop, "").await.status == 200
    }
}

/// The messages to this address, the oldest first.
pub async fn mail_to(shop: &Shop, email: &str) -> Vec<String> {
    relay::deliver_due(&shop.app).await.unwrap();
    let to = format!("To: {email}");
    let mut found = mailbox(shop);
    found.retain(|mail| mail.contains(&to));
    found.sort_by_key(|mail| {
        let id = mail.split("Message-ID: <").nth(1).unwrap();
        id.split('@').next().unwrap().parse::<i64>().unwrap()
    });
    // Decodes soft line breaks of quoted-printable.
    found
        .iter()
        .map(|mail| mail.replace("=\r\n", "").replace("=3D", "="))
        .collect()
}

/// The token of the link in the last message to this address.
pub async fn token_for(shop: &Shop, email: &str) -> String {
    let mails = mail_to(shop, email).await;
    let last = mails
        .last()
        .unwrap_or_else(|| panic!("no mail for {email}"));
    let token = last
        .split("token=")
        .nth(1)
        .unwrap_or_else(|| panic!("no link: {last}"));
    token.chars().take_while(char::is_ascii_hexdigit).collect()
}

/// A browser that is signed in to a new account.
pub async fn member(shop: &Shop, email: &str) -> Browser {
    let mut browser = Browser::default();
    let body = json!({ "email": email, "password": PASSWORD, "name": "Ada" });
    let asked = browser.post(shop, "/register", body).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let token = token_for(shop, email).await;
    let opened = browser
        .post(
            shop,
            "/verify",
            json!({ "token": token, "password": PASSWORD }),
        )
        .await;
    assert_eq!(opened.status, 200, "{}", opened.text());
    browser
}
