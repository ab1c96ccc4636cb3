//! Invariants of the sign-in and account pages.

use serde_json::{from_value, json};
use shared::{
    form::FormState,
    locale::Locale,
    page::{AccountContent, AccountPage, AccountSection, SignInForm, SignInPage},
    problem::{Problem, ProblemKind},
};

use super::{NASTY, all, attribute, buying::private_shell, money};
use crate::pages::{account, sign_in};

/// A form with these invalid fields.
fn invalid_form(fields: &[&str]) -> FormState {
    let problem = fields
        .iter()
        .fold(Problem::new(ProblemKind::Invalid), |it, field| {
            it.field(*field, "")
        });
    FormState::with_values([
        ("email", NASTY),
        ("name", NASTY),
        ("token", NASTY),
        ("ticket", NASTY),
        ("kept_line1", NASTY),
        ("next", NASTY),
    ])
    .with_problem(&problem)
}

fn account_page(section: AccountSection, content: AccountContent) -> AccountPage {
    let at = "2026-01-02T03:04:05Z";
    AccountPage {
        account: from_value(json!({
            "id": "1", "email": "ada@example.org", "name": NASTY, "locale": "en",
            "role": "customer", "version": 1, "created_at": at,
        }))
        .unwrap(),
        section,
        content,
        form: invalid_form(&["current", "password", "name", "email"]),
        done: Some("name".to_owned()),
    }
}

fn security(state: &str, codes: &[&str]) -> AccountContent {
    let pending = state == "pending";
    let secret = pending.then(|| json!({ "secret": "ABCDEFGH", "uri": NASTY }));
    let qr = pending.then(|| json!({ "width": 9, "path": "M4 4h1v1h-1z" }));
    let page = json!({
        "factor": { "state": state, "recovery_codes_left": 3, "required": pending },
        "secret": secret, "qr": qr, "codes": codes,
    });
    AccountContent::Security(from_value(page).unwrap())
}

fn contents() -> Vec<(AccountSection, AccountContent)> {
    let at = "2026-01-02T03:04:05Z";
    let address = json!({ "name": NASTY, "line1": NASTY, "city": NASTY, "country": "DE" });
    let saved = json!({ "id": "5", "address": address, "preferred": true });
    let orders =
        json!([{ "number": "7K3Q", "state": "paid", "total": money(100), "created_at": at }]);
    let mut list: shared::account::OrderList = from_value(json!({ "orders": orders })).unwrap();
    list.next = Some(shared::cursor::Cursor {
        order: 0,
        direction: shared::cursor::Direction::After,
        key: 1,
        id: 1,
    });
    let none = from_value(json!({ "orders": [] })).unwrap();
    let session = |id: &str, current: bool| json!({ "id": id, "current": current, "agent": NASTY, "created_at": at, "seen_at": at });
    let sessions = json!([session("1", true), session("2", false)]);
    vec![
        (AccountSection::Overview, AccountContent::Orders(none)),
        (AccountSection::Orders, AccountContent::Orders(list)),
        (
            AccountSection::Addresses,
            AccountContent::Addresses(from_value(json!([saved])).unwrap()),
        ),
        (
            AccountSection::Addresses,
            AccountContent::Addresses(Vec::new()),
        ),
        (
            AccountSection::Addresses,
            AccountContent::Address(from_value(saved).unwrap()),
        ),
        (AccountSection::Addresses, AccountContent::Address(None)),
        (AccountSection::Profile, AccountContent::Forms),
        (AccountSection::Security, security("off", &[])),
        (AccountSection::Security, security("pending", &[])),
        (AccountSection::Security, security("on", &[])),
        (
            AccountSection::Security,
            security("on", &["AAAA-BBBB-CCCC"]),
        ),
        (
            AccountSection::Sessions,
            AccountContent::Sessions(from_value(sessions).unwrap()),
        ),
        (AccountSection::Data, AccountContent::Forms),
    ]
}

/// Every sign-in and account page in this language, with its path.
pub(super) fn pages(locale: Locale) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for kind in SignInForm::ALL {
        let path = format!("/account/{}", kind.as_str());
        let shell = private_shell(locale, &path);
        let page = SignInPage {
            kind: *kind,
            form: invalid_form(&["email", "password", "token"]),
            password: true,
            code: true,
            done: false,
        };
        pages.push((path.clone(), sign_in(&shell, &page)));
        if matches!(kind, SignInForm::Register | SignInForm::Forgot) {
            let page = SignInPage { done: true, ..page };
            pages.push((path, sign_in(&shell, &page)));
        }
    }
    for (section, content) in contents() {
        let path = format!("/account#{}", section.as_str());
        let shell = private_shell(locale, "/account");
        pages.push((path, account(&shell, &account_page(section, content))));
    }
    pages
}

#[test]
fn passwords_have_autofill_tokens_and_no_values() {
    for (path, text) in pages(Locale::En) {
        let page = scraper::Html::parse_document(&text);
        for field in all(&page, "input[type=password]") {
            assert_eq!(field.attr("value"), Some(""), "{path}");
            let token = field.attr("autocomplete").unwrap_or_default();
            assert!(
                ["current-password", "new-password"].contains(&token),
                "{path}"
            );
        }
    }
}

#[test]
fn account_pages_mark_their_section_and_offer_sign_out() {
    for (path, text) in pages(Locale::Zh) {
        if !path.contains('#') {
            continue;
        }
        let page = scraper::Html::parse_document(&text);
        assert_eq!(
            all(&page, ".sections [aria-current=page]").len(),
            1,
            "{path}"
        );
        let out = attribute(&page, ".sections form", "action");
        assert_eq!(out, ["/zh/account/logout"], "{path}");
    }
}
