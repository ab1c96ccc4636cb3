//! Every address that validation accepts receives its mail; every other one is refused when it is
//! entered.

use axum::body::Body;
use http::Request;
use origin::{email::EmailAddress, relay::deliver_due};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::json;

use crate::{db_test, shopper::*, support::Shop};

/// Unusual addresses: valid ones that shops tend to refuse, and invalid ones that they tend to
/// accept.
const UNUSUAL: [&str; 12] = [
    "a..b@docomo.example",
    "ada.@docomo.example",
    ".ada@docomo.example",
    "a,b@example.org",
    "<a>@example.org",
    "a\"b@example.org",
    "ada@example",
    "o'hara+shop@example.org",
    "\"a..b\"@docomo.example",
    "\"a, <b>\"@example.org",
    "用户@例子.中国",
    "ada@BÜCHER.example",
];

/// Generates texts that look like addresses, the same ones in every run.
fn generate_addresses(count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let plain = "[a-cA-C.+'ß漢-]{1,5}";
    let nasty = "\"?[a-cA-C.,<>@ \"\\\\+'ß漢-]{1,6}\"?";
    let domain = "[a-c]{1,3}(\\.[a-cé-]{1,3})?\\.(org|中国|example|1)";
    let local = proptest::prop_oneof![plain, nasty];
    let text = (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"));
    (0..count)
        .map(|_| text.new_tree(&mut runner).unwrap().current())
        .collect()
}

async fn set_email(shop: &Shop, path: &str, email: &str) -> crate::support::Reply {
    send(shop, "PATCH", path, &json!({ "email": email })).await
}

db_test! {
    /// Mail goes to exactly the accepted address, and one order's address delays no other.
    async fn an_accepted_address_gets_its_mail(shop) {
        shop.save(vec![only("tea", "5.00", 900)]).await;
        let mut sent_to = Vec::new();
        let texts: Vec<String> = UNUSUAL.iter().map(|it| (*it).to_owned()).chain(generate_addresses(150)).collect();
        for text in &texts {
            let parsed = EmailAddress::parse(text);
            // Creating a cart is slow, so that all refused addresses share one.
            if sent_to.is_empty() || parsed.is_ok() {
                sent_to.push((ready_cart(shop, "tea-1", 1).await, String::new()));
            }
            let (path, expected) = sent_to.last_mut().unwrap();
            let reply = set_email(shop, path, text).await;
            match parsed {
                Ok(address) => {
                    assert_eq!(reply.status, 200, "{text:?}: {}", reply.text());
                    assert_eq!(reply.json()["email"], address.as_str());
                    *expected = format!("To: {}\r\n", address.mailbox().email);
                    assert_eq!(place(shop, path).await.status, 201, "{text:?}");
                }
                Err(why) => {
                    assert_eq!(reply.status, 400, "{text:?}: {}", reply.text());
                    let error = &reply.json()["errors"][0];
                    assert_eq!((&error["field"], &error["detail"]), (&json!("email"), &json!(why.to_string())));
                }
            }
        }
        sent_to.retain(|(_, expected)| !expected.is_empty());
        assert!((20..140).contains(&sent_to.len()), "{} are accepted", sent_to.len());
        while deliver_due(&shop.app).await.unwrap() > 0 {}
        let mails = mailbox(shop);
        assert_eq!(mails.len(), sent_to.len());
        for (_, expected) in &sent_to {
            assert!(mails.iter().any(|mail| mail.contains(expected.as_str())), "{expected:?}");
        }
        assert_eq!(count(shop, "select count(*) from outbox where delivered_at is null").await, 0);
    }
}

async fn change(shop: &Shop, statement: &'static str) {
    let mut tx = shop.app.db.write().await.unwrap();
    sqlx::query(statement).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

db_test! {
    /// A row of an older version with an invalid address delays nothing: only its own mail is
    /// retried, and a cart with such an address asks for another one.
    async fn an_invalid_stored_address_delays_nothing(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let old = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &old).await.status, 201);
        change(shop, "update orders set email = 'a..b@docomo.example'").await;
        let open = ready_cart(shop, "tea-1", 1).await;
        let new = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &new).await.status, 201);
        change(shop, "update carts set email = 'ada.@docomo.example' where id = (select top from (select max(id) as top from carts where id not in (select cart_id from orders)) as open)").await;
        deliver_due(&shop.app).await.unwrap();
        let mails = mailbox(shop);
        assert_eq!(mails.len(), 1);
        assert!(mails[0].contains("To: ada@example.org"));
        assert_eq!(shop.json(&open).await["missing"], json!(["email"]));
        assert_eq!(set_email(shop, &open, "\"ada.\"@docomo.example").await.status, 200);
        assert_eq!(place(shop, &open).await.status, 201);
        deliver_due(&shop.app).await.unwrap();
        assert_eq!(mailbox(shop).len(), 2);
    }
}

db_test! {
    /// A form shows the error at its field.
    async fn a_form_shows_the_error_at_its_field(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let cart = path.rsplit_once('/').unwrap().1;
        let form = "email=a..b%40docomo.example&name=Ada&line1=1+Lane&city=Berlin&postcode=10115&country=DE";
        let request = Request::post("/checkout")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("cart={cart}"));
        let reply = shop.send_body(request, Body::from(form)).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        let field = reply.text().split("<input").find(|it| it.contains("name=\"email\""));
        assert!(field.unwrap().contains("aria-invalid=\"true\""), "{field:?}");
        assert!(field.unwrap().contains("a..b@docomo.example"), "{field:?}");
    }
}
