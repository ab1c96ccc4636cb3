//! Every way into an account, and every page of one.

use serde_json::{from_value, json};
use shared::{
    form::FormState,
    locale::Locale,
    page::{AccountPage, Content, Entry, EntryPage, Section},
    problem::{Problem, ProblemKind},
};

use super::{NASTY, all, attribute, buying::private_shell, money};
use crate::pages::{account, entry};

/// What a form of this page may be refused for.
fn refused(fields: &[&str]) -> FormState {
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

fn account_page(section: Section, content: Content) -> AccountPage {
    let at = "2026-01-02T03:04:05Z";
    AccountPage {
        account: from_value(json!({
            "id": "1", "email": "ada@example.org", "name": NASTY, "locale": "en",
            "role": "customer", "version": 1, "created_at": at,
        }))
        .unwrap(),
        section,
        content,
        form: refused(&["current", "password", "name", "email"]),
        done: Some("name".to_owned()),
    }
}

fn security(state: &str, codes: &[&str]) -> Content {
    let pending = state == "pending";
    let secret = pending.then(|| json!({ "secret": "ABCDEFGH", "uri": NASTY }));
    let qr = pending.then(|| json!({ "width": 9, "path": "M4 4h1v1h-1z" }));
    let page = json!({
        "factor": { "state": state, "recovery_codes_left": 3, "required": pending },
        "secret": secret, "qr": qr, "codes": codes,
    });
    Content::Security(from_value(page).unwrap())
}

fn contents() -> Vec<(Section, Content)> {
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
        (Section::Overview, Content::Orders(none)),
        (Section::Orders, Content::Orders(list)),
        (
            Section::Addresses,
            Content::Addresses(from_value(json!([saved])).unwrap()),
        ),
        (Section::Addresses, Content::Addresses(Vec::new())),
        (
            Section::Addresses,
            Content::Address(from_value(saved).unwrap()),
        ),
        (Section::Addresses, Content::Address(None)),
        (Section::Profile, Content::Forms),
        (Section::Security, security("off", &[])),
        (Section::Security, security("pending", &[])),
        (Section::Security, security("on", &[])),
        (Section::Security, security("on", &["AAAA-BBBB-CCCC"])),
        (
            Section::Sessions,
            Content::Sessions(from_value(sessions).unwrap()),
        ),
        (Section::Data, Content::Forms),
    ]
}

/// Every page of accounts in this language, with where it lives.
pub(super) fn pages(locale: Locale) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for kind in Entry::ALL {
        let path = format!("/account/{}", kind.word());
        let shell = private_shell(locale, &path);
        let page = EntryPage {
            entry: *kind,
            form: refused(&["email", "password", "token"]),
            password: true,
            code: true,
            done: false,
        };
        pages.push((path.clone(), entry(&shell, &page)));
        if matches!(kind, Entry::Register | Entry::Forgot) {
            let page = EntryPage { done: true, ..page };
            pages.push((path, entry(&shell, &page)));
        }
    }
    for (section, content) in contents() {
        let path = format!("/account#{}", section.word());
        let shell = private_shell(locale, "/account");
        pages.push((path, account(&shell, &account_page(section, content))));
    }
    pages
}

#[test]
fn a_password_is_filled_in_by_its_manager_and_never_by_the_shop() {
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
fn whoever_is_in_an_account_sees_where_and_can_leave() {
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
