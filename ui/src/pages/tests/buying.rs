//! Invariants of the cart, checkout and order pages.

use serde_json::{Value, from_value, json};
use shared::{
    address::Address,
    cart::Cart,
    form::FormState,
    locale::Locale,
    order::{Order, OrderState},
    page::{CartPage, CheckoutPage, CheckoutStep, FindOrderPage, OrderPage, Shell, TimeLeft},
    problem::{Problem, ProblemKind},
};

use super::{NASTY, all, attribute, image, money, shell};
use crate::pages::{cart, checkout, find_order, order};

pub(super) fn private_shell(locale: Locale, path: &str) -> Shell {
    Shell {
        canonical: None,
        ..shell(locale, path)
    }
}

fn totals() -> Value {
    json!({ "items": money(5_000), "discount": money(500), "shipping": money(600),
            "tax": money(800), "tax_included": true, "total": money(5_100) })
}

fn address() -> Value {
    json!({ "name": NASTY, "line1": NASTY, "city": NASTY, "country": "DE", "postcode": "10115" })
}

fn sample_cart() -> Cart {
    let line = |id: &str, problems: Value| {
        json!({
            "sku": NASTY, "variant_id": id, "product_id": "1", "slug": "mug", "name": NASTY,
            "options": [NASTY, NASTY], "image": image(), "quantity": 2, "backordered": 1,
            "price": money(1_250), "total": money(2_500), "problems": problems,
        })
    };
    from_value(json!({
        "id": "secret", "version": 3, "note": NASTY, "email": "ada@example.org",
        "lines": [
            line("7", json!([{ "type": "price_changed", "before": money(1_000) }])),
            line("8", json!([{ "type": "short", "available": 1 }])),
            line("9", json!([{ "type": "gone" }])),
        ],
        "shipping_address": address(), "shipping_method": "standard",
        "coupons": [{ "code": NASTY, "discount": money(500) },
                    { "code": "OLD", "discount": money(0), "refused": "over" }],
        "totals": totals(), "held_until": "2026-01-02T03:04:05Z",
    }))
    .unwrap()
}

fn invalid_form() -> FormState {
    let problem = Problem::new(ProblemKind::Invalid)
        .field("email", "")
        .field("shipping_address.postcode", "");
    let form = FormState::with_values([
        ("email", NASTY),
        ("note", NASTY),
        ("code", NASTY),
        ("payment", "test"),
    ]);
    let address: Address = from_value(address()).unwrap();
    form.with_address(&address).with_problem(&problem)
}

fn checkout_page(step: CheckoutStep) -> CheckoutPage {
    CheckoutPage {
        step,
        cart: sample_cart(),
        form: invalid_form(),
        signed_in: false,
        book: from_value(json!([{ "id": "5", "address": address(), "preferred": true }])).unwrap(),
        methods: from_value(json!([
            { "code": "standard", "name": NASTY, "price": money(600) },
            { "code": "pickup", "name": NASTY, "price": money(0) },
        ]))
        .unwrap(),
        payments: ["manual", "test", "stripe"].map(str::to_owned).to_vec(),
        key: "key".to_owned(),
    }
}

fn order_page(state: &str, payment_method: &str, payment: Value) -> OrderPage {
    let at = "2026-01-02T03:04:05Z";
    let sample: Order = from_value(json!({
        "number": "7K3Q-9F2M-XXXX", "token": "token", "state": state, "version": 1,
        "lines": [{ "sku": NASTY, "name": NASTY, "options": [NASTY], "quantity": 2, "backordered": 1,
                    "returned": 1, "price": money(1_000), "discount": money(0), "tax": money(0),
                    "total": money(2_000) }],
        "totals": totals(), "paid": money(5_100), "refunded": money(100), "email": "ada@example.org",
        "shipping_address": address(), "shipping_method": "standard",
        "payment_method": payment_method, "note": NASTY, "pay_until": at, "created_at": at,
        "history": [{ "state": "pending", "at": at }, { "state": state, "at": at }],
    }))
    .unwrap();
    OrderPage {
        order: sample,
        thanks: true,
        payment: from_value(payment).unwrap(),
        form: FormState::default().with_problem(&Problem::new(ProblemKind::IllegalStep)),
        key: "key".to_owned(),
        transfer: NASTY.to_owned(),
        time_left: Some(TimeLeft::Minutes(28)),
    }
}

/// Every page of a purchase in this language, with its path.
pub(super) fn pages(locale: Locale) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for sample in [Some(sample_cart()), None] {
        let page = CartPage {
            cart: sample,
            form: invalid_form(),
        };
        let text = cart(&private_shell(locale, "/cart"), &page);
        pages.push(("/cart".to_owned(), text));
    }
    for step in CheckoutStep::ALL {
        let path = format!("/checkout#{}", step.as_str());
        let text = checkout(&private_shell(locale, "/checkout"), &checkout_page(step));
        pages.push((path, text));
    }
    let paying =
        |state: &str| json!({ "id": "1", "state": state, "amount": money(1), "order": "pending" });
    let mut orders = vec![
        order_page("pending", "manual", Value::Null),
        order_page("pending", "test", paying("failed")),
        order_page("pending", "test", paying("started")),
        order_page("pending", "test", paying("confirming")),
    ];
    orders.extend(
        OrderState::ALL
            .iter()
            .map(|state| order_page(state.as_str(), "test", Value::Null)),
    );
    for page in orders {
        let path = format!("/orders/{}", page.order.state.as_str());
        pages.push((
            path,
            order(&private_shell(locale, "/orders/1?token=t"), &page),
        ));
    }
    let page = FindOrderPage {
        form: invalid_form(),
    };
    let text = find_order(&private_shell(locale, "/orders"), &page);
    pages.push(("/orders".to_owned(), text));
    pages
}

#[test]
fn personal_pages_are_not_indexed() {
    for (path, text) in pages(Locale::En) {
        let page = scraper::Html::parse_document(&text);
        assert_eq!(
            attribute(&page, "meta[name=robots]", "content"),
            ["noindex"],
            "{path}"
        );
        assert!(all(&page, "link[rel=canonical]").is_empty(), "{path}");
    }
}

#[test]
fn errors_are_shown_beside_their_fields_and_linked() {
    let (_, text) = &pages(Locale::Zh)[2];
    let page = scraper::Html::parse_document(text);
    for field in ["email", "postcode"] {
        let input = all(&page, &format!("#{field}"))[0];
        assert_eq!(input.attr("aria-invalid"), Some("true"));
        assert_eq!(
            input.attr("aria-describedby"),
            Some(&*format!("{field}-wrong"))
        );
        assert_eq!(all(&page, &format!("#{field}-wrong")).len(), 1);
        assert_eq!(
            all(&page, &format!("[role=alert] a[href='#{field}']")).len(),
            1
        );
    }
    assert_eq!(all(&page, "#email")[0].attr("value"), Some(NASTY));
    assert_eq!(all(&page, "#line1")[0].attr("aria-invalid"), None);
    assert_eq!(
        attribute(&page, "#country option[selected]", "value"),
        ["DE"]
    );
}

#[test]
fn every_form_of_a_purchase_works_without_scripts() {
    for (path, text) in pages(Locale::Zh) {
        let page = scraper::Html::parse_document(&text);
        for form in all(&page, "main form") {
            let action = form.attr("action").unwrap_or_default();
            assert!(action.starts_with("/zh/"), "{path}: {action}");
            assert!(["get", "post"].contains(&form.attr("method").unwrap_or("get")));
        }
    }
}
