//! The account pages.

use leptos::prelude::*;
use shared::{
    account::{Account, OrderList, PASSWORD_MAX, Role, SavedAddress, Session},
    form::FormState,
    locale::Locale,
    page::{
        ACCOUNT, ADDRESS, ADDRESSES, AccountContent, AccountPage, AccountSection, EXPORT, OWN_DATA,
        OWN_ORDER, OWN_ORDERS, PROFILE, SECURITY, SESSIONS, Shell, action,
    },
};

use crate::{
    document::{PageMetadata, render},
    form::{self, Input},
    messages::Messages,
};

use super::{
    checkout::lines_of,
    sign_in::{EMAIL, NAME, NEW_PASSWORD},
};

/// The current password, as a confirmation of identity.
pub(super) const CURRENT: Input = Input {
    max_length: PASSWORD_MAX,
    ..Input::required("current", "current-password").kind("password")
};

/// An account page.
pub fn account(shell: &Shell, page: &AccountPage) -> String {
    let messages = Messages::of(shell.locale);
    let title = messages.text(&format!("section-{}", page.section.as_str()));
    let metadata = PageMetadata::private(shell, &title);
    render(shell, &metadata, || {
        let done = page.done.as_ref().map(|word| {
            let text = messages.text(&format!("done-{word}"));
            view! { <p class="success" role="status">{text}</p> }
        });
        view! {
            <div class="wrap page">
                <div class="with-sections">
                    {sections(shell, page)}
                    <div class="step">
                        <h1>{title.clone()}</h1>
                        {done}
                        {form::error_summary(messages, &page.form)}
                        {content(shell, page)}
                    </div>
                </div>
            </div>
        }
    })
}

const fn path_of(section: AccountSection) -> &'static str {
    match section {
        AccountSection::Overview => ACCOUNT.path,
        AccountSection::Orders => OWN_ORDERS.path,
        AccountSection::Addresses => ADDRESSES.path,
        AccountSection::Profile => PROFILE.path,
        AccountSection::Security => SECURITY.path,
        AccountSection::Sessions => SESSIONS.path,
        AccountSection::Data => OWN_DATA.path,
    }
}

fn sections(shell: &Shell, page: &AccountPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let here = page.section;
    // Only staff see the section of the second factor; others can reach it by its URL.
    let works_here = page.account.role != Role::Customer;
    let shown = AccountSection::ALL.iter().filter(|it| {
        **it != AccountSection::Security || works_here || here == AccountSection::Security
    });
    let links = shown.map(|section| {
        let href = shell.locale.path(path_of(*section));
        let current = (*section == here).then_some("page");
        let name = messages.text(&format!("section-{}", section.as_str()));
        view! {
            <li>
                <a href=href aria-current=current>
                    {name}
                </a>
            </li>
        }
    });
    view! {
        <nav class="sections" aria-label=messages.text("account")>
            <ul>{links.collect::<Vec<_>>()}</ul>
            <form method="post" action=shell.locale.path(action::LOGOUT)>
                <button class="link">{messages.text("logout")}</button>
            </form>
        </nav>
    }
    .into_any()
}

fn content(shell: &Shell, page: &AccountPage) -> AnyView {
    match &page.content {
        AccountContent::Orders(list) if page.section == AccountSection::Overview => {
            overview(shell, &page.account, list)
        }
        AccountContent::Orders(list) => orders(shell, list),
        AccountContent::Addresses(book) => addresses(shell, book),
        AccountContent::Address(saved) => address(shell, saved.as_ref(), &page.form),
        AccountContent::Security(security) => {
            super::security::security(shell, security, &page.form)
        }
        AccountContent::Sessions(sessions) => session_list(shell, sessions),
        AccountContent::Forms if page.section == AccountSection::Data => data(shell, &page.form),
        AccountContent::Forms => profile(shell, &page.account, &page.form),
    }
}

fn overview(shell: &Shell, account: &Account, last: &OrderList) -> AnyView {
    let messages = Messages::of(shell.locale);
    let name = if account.name.is_empty() {
        account.email.clone()
    } else {
        account.name.clone()
    };
    let name = [("name", name.into())];
    view! {
        <p class="lead">{messages.text_with("account-hello", &name)}</p>
        <h2>{messages.text("account-last-orders")}</h2>
        {orders(shell, last)}
    }
    .into_any()
}

fn orders(shell: &Shell, list: &OrderList) -> AnyView {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    if list.orders.is_empty() {
        return view! {
            <div class="empty">
                <p>{messages.text("account-no-orders")}</p>
                <a class="button" href=locale.path("/")>
                    {messages.text("cart-empty-browse")}
                </a>
            </div>
        }
        .into_any();
    }
    let rows = list.orders.iter().map(|order| {
        let href = locale.path(&OWN_ORDER.path.replace("{number}", &order.number));
        view! {
            <li class="row">
                <div>
                    <a href=href>{order.number.clone()}</a>
                    <p class="quiet">
                        <time datetime=order.created_at.to_string()>
                            {messages.day(order.created_at)}
                        </time>
                    </p>
                </div>
                <span>{messages.text(&format!("state-{}", order.state.as_str()))}</span>
                " "
                <span class="sum">{order.total.display(locale)}</span>
            </li>
        }
    });
    let rows = rows.collect::<Vec<_>>();
    let next = list.next.map(|cursor| {
        let href = format!("{}?cursor={cursor}", locale.path(OWN_ORDERS.path));
        view! {
            <nav class="pages" aria-label=messages.text("list-pages")>
                <a class="button quiet-button" rel="next" href=href>
                    {messages.text("list-next")}
                </a>
            </nav>
        }
    });
    view! {
        <ul class="rows">{rows}</ul>
        {next}
    }
    .into_any()
}

/// The path of a saved address; `new` adds one.
fn address_path(shell: &Shell, id: &str) -> String {
    shell.locale.path(&ADDRESS.path.replace("{address}", id))
}

fn addresses(shell: &Shell, book: &[SavedAddress]) -> AnyView {
    let messages = Messages::of(shell.locale);
    let cards = book.iter().map(|saved| {
        let path = address_path(shell, &saved.id.to_string());
        let preferred = saved
            .preferred
            .then(|| view! { <p class="note">{messages.text("address-preferred")}</p> });
        let whose = [("name", saved.address.line1.clone().into())];
        view! {
            <li class="said">
                <div>{preferred} {lines_of(messages, &saved.address)}</div>
                <div class="ends">
                    <a href=path.clone() aria-label=messages.text_with("address-change-it", &whose)>
                        {messages.text("checkout-change")}
                    </a>
                    <form method="post" action=path>
                        {form::hidden("remove", "1")}
                        <button class="link" aria-label=messages.text_with("cart-remove-it", &whose)>
                            {messages.text("cart-remove")}
                        </button>
                    </form>
                </div>
            </li>
        }
    });
    let cards = cards.collect::<Vec<_>>();
    let none = cards
        .is_empty()
        .then(|| view! { <p>{messages.text("address-none")}</p> });
    view! {
        {none}
        <ul class="cards">{cards}</ul>
        <p>
            <a class="button" href=address_path(shell, "new")>
                {messages.text("address-add")}
            </a>
        </p>
    }
    .into_any()
}

fn address(shell: &Shell, saved: Option<&SavedAddress>, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let id = saved.map_or_else(|| "new".to_owned(), |it| it.id.to_string());
    let preferred = !form.value("preferred").is_empty();
    view! {
        <form class="stack" method="post" action=address_path(shell, &id)>
            {form::address(messages, form)}
            <label class="check">
                <input type="checkbox" name="preferred" value="1" checked=preferred />
                <span>{messages.text("address-prefer")}</span>
            </label>
            " "
            <button class="button">{messages.text("form-save")}</button>
        </form>
    }
    .into_any()
}

/// A form with a heading.
pub(super) fn titled(messages: Messages, key: &'static str, form: AnyView) -> AnyView {
    view! {
        <section class="part" aria-labelledby=key>
            <h2 id=key>{messages.text(key)}</h2>
            {form}
        </section>
    }
    .into_any()
}

fn profile(shell: &Shell, account: &Account, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let at = |path: &str| shell.locale.path(path);
    let languages = Locale::ALL.map(|locale| {
        let label = view! { <span lang=locale.tag()>{locale.endonym()}</span> };
        form::choice("locale", locale.code(), account.locale == locale, label)
    });
    let named = view! {
        <form class="stack" method="post" action=at(PROFILE.path)>
            {NAME.view(messages, form)}
            <fieldset class="options">
                <legend>{messages.text("profile-language")}</legend>
                {Vec::from(languages)}
            </fieldset>
            <button class="button">{messages.text("form-save")}</button>
        </form>
    }
    .into_any();
    let now = [("email", account.email.clone().into())];
    let current = |id: &'static str| Input { id, ..CURRENT }.view(messages, form);
    let email = view! {
        <form class="stack" method="post" action=at(action::EMAIL)>
            <p class="quiet">{messages.text_with("profile-email-now", &now)}</p>
            {EMAIL.view(messages, form)}
            {current("current-email")}
            <button class="button">{messages.text("profile-email-do")}</button>
        </form>
    }
    .into_any();
    let password = view! {
        <form class="stack" method="post" action=at(action::PASSWORD)>
            {current("current-password")}
            {NEW_PASSWORD.view(messages, form)}
            <button class="button">{messages.text("profile-password-do")}</button>
        </form>
    }
    .into_any();
    view! {
        {titled(messages, "profile-name", named)}
        {titled(messages, "profile-email", email)}
        {titled(messages, "profile-password", password)}
    }
    .into_any()
}

fn session_list(shell: &Shell, sessions: &[Session]) -> AnyView {
    let messages = Messages::of(shell.locale);
    let rows = sessions.iter().map(|session| {
        let day = [("day", messages.day(session.seen_at).into())];
        let agent = [("name", session.agent.clone().into())];
        let end = if session.current {
            view! { <span class="note">{messages.text("session-this")}</span> }.into_any()
        } else {
            view! {
                <form method="post" action=shell.locale.path(SESSIONS.path)>
                    {form::hidden("session", &session.id.to_string())}
                    <button class="link" aria-label=messages.text_with("session-end-it", &agent)>
                        {messages.text("session-end")}
                    </button>
                </form>
            }
            .into_any()
        };
        view! {
            <li class="row">
                <div>
                    <p dir="auto">{session.agent.clone()}</p>
                    <p class="quiet">{messages.text_with("session-seen", &day)}</p>
                </div>
                {end}
            </li>
        }
    });
    let rows = rows.collect::<Vec<_>>();
    view! {
        <p class="quiet">{messages.text("session-text")}</p>
        <ul class="rows">{rows}</ul>
        <form method="post" action=shell.locale.path(action::LOGOUT)>
            {form::hidden("everywhere", "1")}
            <button class="button quiet-button">{messages.text("session-end-all")}</button>
        </form>
    }
    .into_any()
}

fn data(shell: &Shell, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let export = view! {
        <p>{messages.text("data-export-text")}</p>
        <p>
            <a class="button" href=shell.locale.path(EXPORT.path) download="account.json">
                {messages.text("data-export-do")}
            </a>
        </p>
    }
    .into_any();
    let erase = view! {
        <p>{messages.text("data-erase-text")}</p>
        <form class="stack" method="post" action=shell.locale.path(action::ERASE)>
            {CURRENT.view(messages, form)}
            <button class="button danger">{messages.text("data-erase-do")}</button>
        </form>
    }
    .into_any();
    view! {
        {titled(messages, "data-export", export)}
        {titled(messages, "data-erase", erase)}
    }
    .into_any()
}
