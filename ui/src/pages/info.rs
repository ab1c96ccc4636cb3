//! The information pages: shipping, returns, terms, privacy and contact.

use leptos::prelude::*;
use shared::page::{
    InfoPage, RETURN_DAYS, Shell, ShippingMethodRates, ShippingZoneRate, info_path,
};

use crate::{
    document::{About, render},
    parts::breadcrumb_data,
    words::Words,
};

/// An information page.
pub fn info(shell: &Shell, page: &InfoPage) -> String {
    let words = Words::of(shell.locale);
    let slug = page.slug.as_str();
    let title = words.say(&format!("info-{slug}"));
    let about = About {
        title: format!("{title} · {}", shell.shop_name),
        description: words.say_with(
            &format!("info-{slug}-lead"),
            &[("days", RETURN_DAYS.into())],
        ),
        image: None,
        kind: "website",
        price: None,
        data: vec![breadcrumb_data(shell, &[], (&title, info_path(slug)))],
    };
    render(shell, &about, || {
        let parts = match slug {
            "shipping" => vec![
                methods(shell, &page.methods),
                said(words, &["shipping-when", "shipping-later"]),
            ],
            "returns" => vec![said(
                words,
                &["returns-how", "returns-money", "returns-broken"],
            )],
            "terms" => vec![said(
                words,
                &[
                    "terms-contract",
                    "terms-prices",
                    "terms-delivery",
                    "terms-rights",
                ],
            )],
            "privacy" => vec![
                said(words, &["privacy-order", "privacy-account"]),
                cookies(words),
                said(words, &["privacy-others", "privacy-rights"]),
            ],
            _ => vec![reach(words, page)],
        };
        view! {
            <div class="wrap page">
                <h1>{title.clone()}</h1>
                <div class="prose">
                    <p class="lead">{about.description.clone()}</p>
                    {parts}
                </div>
            </div>
        }
    })
}

/// Sections with a heading and a text.
fn said(words: Words, keys: &[&str]) -> AnyView {
    let sections = keys.iter().map(|key| {
        view! {
            <h2>{words.say(&format!("info-{key}"))}</h2>
            <p>{words.say(&format!("info-{key}-text"))}</p>
        }
    });
    sections.collect::<Vec<_>>().into_any()
}

fn methods(shell: &Shell, methods: &[ShippingMethodRates]) -> AnyView {
    let words = Words::of(shell.locale);
    let tables = methods.iter().map(|method| {
        // If only "other countries" are listed, that means all countries.
        let alone = method.zones.len() == 1;
        let rows = method.zones.iter().map(|it| zone(shell, it, alone));
        view! {
            <h2 dir="auto">{method.name.clone()}</h2>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{words.say("info-shipping-where")}</th>
                        <th scope="col">{words.say("info-shipping-price")}</th>
                    </tr>
                </thead>
                <tbody>{rows.collect::<Vec<_>>()}</tbody>
            </table>
        }
    });
    tables.collect::<Vec<_>>().into_any()
}

fn zone(shell: &Shell, zone: &ShippingZoneRate, alone: bool) -> AnyView {
    let words = Words::of(shell.locale);
    let name = |code: &String| {
        let key = format!("country-{code}");
        match code.as_str() {
            "*" if alone => words.say("info-shipping-anywhere"),
            "*" => words.say("info-shipping-everywhere"),
            _ if words.knows(&key) => words.say(&key),
            _ => code.clone(),
        }
    };
    let mut names: Vec<String> = zone.countries.iter().map(name).collect();
    names.sort();
    let mut price = zone.price.display(shell.locale);
    if let Some(more) = zone.per_kg {
        let more = [("price", more.display(shell.locale).into())];
        price.push_str(&words.say_with("info-shipping-per-kg", &more));
    }
    let free = zone.free_from.map(|from| {
        let from = [("price", from.display(shell.locale).into())];
        view! { <p class="quiet">{words.say_with("info-shipping-free", &from)}</p> }
    });
    view! {
        <tr>
            <td>{names.join(words.say("list-comma").as_str())}</td>
            <td>
                {price}
                {free}
            </td>
        </tr>
    }
    .into_any()
}

/// The cookies and local storage of the shop.
fn cookies(words: Words) -> AnyView {
    let rows = ["session", "cart", "visitor", "device", "theme"].map(|name| {
        view! {
            <tr>
                <td>
                    <code>{name}</code>
                </td>
                <td>{words.say(&format!("info-cookie-{name}"))}</td>
            </tr>
        }
    });
    view! {
        <h2>{words.say("info-privacy-cookies")}</h2>
        <p>{words.say("info-privacy-cookies-text")}</p>
        <table>
            <tbody>{Vec::from(rows)}</tbody>
        </table>
    }
    .into_any()
}

fn reach(words: Words, page: &InfoPage) -> AnyView {
    let email = page.email.clone().map(|email| {
        let href = format!("mailto:{email}");
        view! {
            <p>
                {words.say("info-contact-write")} " "
                <a href=href>{email}</a>
            </p>
        }
    });
    let lines = (!page.contact.is_empty()).then(|| {
        view! {
            <h2>{words.say("info-contact-who")}</h2>
            <p class="address" dir="auto">{page.contact.clone()}</p>
        }
    });
    view! {
        {email}
        <p>{words.say("info-contact-order")}</p>
        {lines}
    }
    .into_any()
}
