//! The information pages: shipping, returns, terms, privacy and contact.

use leptos::prelude::*;
use shared::page::{
    InfoPage, RETURN_DAYS, Shell, ShippingMethodRates, ShippingZoneRate, info_path,
};

use crate::{
    components::breadcrumb_data,
    document::{PageMetadata, render},
    messages::Messages,
};

/// An information page.
pub fn info(shell: &Shell, page: &InfoPage) -> String {
    let messages = Messages::of(shell.locale);
    let slug = page.slug.as_str();
    let title = messages.text(&format!("info-{slug}"));
    let metadata = PageMetadata {
        title: format!("{title} · {}", shell.shop_name),
        description: messages.text_with(
            &format!("info-{slug}-lead"),
            &[("days", RETURN_DAYS.into())],
        ),
        image: None,
        kind: "website",
        price: None,
        data: vec![breadcrumb_data(shell, &[], (&title, info_path(slug)))],
    };
    render(shell, &metadata, || {
        let parts = match slug {
            "shipping" => vec![
                methods(shell, &page.methods),
                text_sections(messages, &["shipping-when", "shipping-later"]),
            ],
            "returns" => vec![text_sections(
                messages,
                &["returns-how", "returns-money", "returns-broken"],
            )],
            "terms" => vec![text_sections(
                messages,
                &[
                    "terms-contract",
                    "terms-prices",
                    "terms-delivery",
                    "terms-rights",
                ],
            )],
            "privacy" => vec![
                text_sections(messages, &["privacy-order", "privacy-account"]),
                cookies(messages),
                text_sections(messages, &["privacy-others", "privacy-rights"]),
            ],
            _ => vec![contact_details(messages, page)],
        };
        view! {
            <div class="wrap page">
                <h1>{title.clone()}</h1>
                <div class="prose">
                    <p class="lead">{metadata.description.clone()}</p>
                    {parts}
                </div>
            </div>
        }
    })
}

/// Sections with a heading and a text.
fn text_sections(messages: Messages, keys: &[&str]) -> AnyView {
    let sections = keys.iter().map(|key| {
        view! {
            <h2>{messages.text(&format!("info-{key}"))}</h2>
            <p>{messages.text(&format!("info-{key}-text"))}</p>
        }
    });
    sections.collect::<Vec<_>>().into_any()
}

fn methods(shell: &Shell, methods: &[ShippingMethodRates]) -> AnyView {
    let messages = Messages::of(shell.locale);
    let tables = methods.iter().map(|method| {
        // If only "other countries" are listed, that means all countries.
        let alone = method.zones.len() == 1;
        let rows = method.zones.iter().map(|it| zone(shell, it, alone));
        view! {
            <h2 dir="auto">{method.name.clone()}</h2>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{messages.text("info-shipping-where")}</th>
                        <th scope="col">{messages.text("info-shipping-price")}</th>
                    </tr>
                </thead>
                <tbody>{rows.collect::<Vec<_>>()}</tbody>
            </table>
        }
    });
    tables.collect::<Vec<_>>().into_any()
}

fn zone(shell: &Shell, zone: &ShippingZoneRate, alone: bool) -> AnyView {
    let messages = Messages::of(shell.locale);
    let name = |code: &String| {
        let key = format!("country-{code}");
        match code.as_str() {
            "*" if alone => messages.text("info-shipping-anywhere"),
            "*" => messages.text("info-shipping-everywhere"),
            _ if messages.contains(&key) => messages.text(&key),
            _ => code.clone(),
        }
    };
    let mut names: Vec<String> = zone.countries.iter().map(name).collect();
    names.sort();
    let mut price = zone.price.display(shell.locale);
    if let Some(more) = zone.per_kg {
        let more = [("price", more.display(shell.locale).into())];
        price.push_str(&messages.text_with("info-shipping-per-kg", &more));
    }
    let free = zone.free_from.map(|from| {
        let from = [("price", from.display(shell.locale).into())];
        view! { <p class="quiet">{messages.text_with("info-shipping-free", &from)}</p> }
    });
    view! {
        <tr>
            <td>{names.join(messages.text("list-comma").as_str())}</td>
            <td>
                {price}
                {free}
            </td>
        </tr>
    }
    .into_any()
}

/// The cookies and local storage of the shop.
fn cookies(messages: Messages) -> AnyView {
    let rows = ["session", "cart", "visitor", "device", "theme"].map(|name| {
        view! {
            <tr>
                <td>
                    <code>{name}</code>
                </td>
                <td>{messages.text(&format!("info-cookie-{name}"))}</td>
            </tr>
        }
    });
    view! {
        <h2>{messages.text("info-privacy-cookies")}</h2>
        <p>{messages.text("info-privacy-cookies-text")}</p>
        <table>
            <tbody>{Vec::from(rows)}</tbody>
        </table>
    }
    .into_any()
}

fn contact_details(messages: Messages, page: &InfoPage) -> AnyView {
    let email = page.email.clone().map(|email| {
        let href = format!("mailto:{email}");
        view! {
            <p>
                {messages.text("info-contact-write")} " "
                <a href=href>{email}</a>
            </p>
        }
    });
    let lines = (!page.contact.is_empty()).then(|| {
        view! {
            <h2>{messages.text("info-contact-who")}</h2>
            <p class="address" dir="auto">{page.contact.clone()}</p>
        }
    });
    view! {
        {email}
        <p>{messages.text("info-contact-order")}</p>
        {lines}
    }
    .into_any()
}
