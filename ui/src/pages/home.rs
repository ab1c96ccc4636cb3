//! The home page.

use leptos::prelude::*;
use shared::page::{HomePage, SEARCH, Shell, category_path};

use crate::{
    document::{About, render},
    parts::{Loading, Slot, chips, grid, picture},
    words::Words,
};

/// The home page.
pub fn home(shell: &Shell, page: &HomePage) -> String {
    let words = Words::of(shell.locale);
    let shop = [("shop", shell.shop_name.clone().into())];
    let about = About {
        title: words.say_with("home-title", &shop),
        description: words.say("home-description"),
        image: page.hot.first().and_then(|card| card.image.clone()),
        kind: "website",
        price: None,
        data: vec![organization(shell), website(shell)],
    };
    render(shell, &about, || {
        view! {
            {hero(shell, page)}
            {categories(shell)}
            {row(shell, "home-hot", &page.hot)}
            {row(shell, "home-new", &page.new)}
        }
    })
}

fn organization(shell: &Shell) -> serde_json::Value {
    serde_json::json!({
        "@context": "https://schema.org",
        "@type": "Organization",
        "name": shell.shop_name,
        "url": shell.base_url,
    })
}

/// Structured data of the shop and its search.
fn website(shell: &Shell) -> serde_json::Value {
    let at = |path: &str| format!("{}{}", shell.base_url, shell.locale.path(path));
    serde_json::json!({
        "@context": "https://schema.org",
        "@type": "WebSite",
        "name": shell.shop_name,
        "url": at("/"),
        "inLanguage": shell.locale.tag(),
        "potentialAction": {
            "@type": "SearchAction",
            "target": {
                "@type": "EntryPoint",
                "urlTemplate": format!("{}?q={{search_term_string}}", at(SEARCH.path)),
            },
            "query-input": "required name=search_term_string",
        },
    })
}

fn hero<'a>(shell: &'a Shell, page: &'a HomePage) -> impl IntoView + use<'a> {
    let words = Words::of(shell.locale);
    let first = shell.categories.first().map(|it| {
        let name = [("name", it.name.clone().into())];
        let href = shell.locale.path(&category_path(&it.slug));
        (href, words.say_with("home-browse", &name))
    });
    let image = shell
        .categories
        .first()
        .and_then(|category| category.image.as_ref());
    let image = image.or_else(|| page.hot.first().and_then(|card| card.image.as_ref()));
    view! {
        <section class="hero">
            <div class="wrap">
                <div class="words">
                    <h1>{words.say("home-heading")}</h1>
                    <p class="lead">{words.say("home-lead")}</p>
                    {first
                        .map(|(href, text)| {
                            view! {
                                <a class="button" href=href>
                                    {text}
                                </a>
                            }
                        })}
                </div>
                <div class="frame">{picture(image, "", Slot::Hero, Loading::First)}</div>
            </div>
        </section>
    }
}

/// The maximum number of categories with an image.
const TILES_MAX: usize = 10;

fn categories(shell: &Shell) -> impl IntoView + use<'_> {
    let words = Words::of(shell.locale);
    let (shown, more) = shell
        .categories
        .split_at(shell.categories.len().min(TILES_MAX));
    let tiles = shown.iter().map(|category| {
        let href = shell.locale.path(&category_path(&category.slug));
        view! {
            <li class="tile">
                <div class="frame">{picture(category.image.as_ref(), "", Slot::Tile, Loading::Lazy)}</div>
                <a href=href dir="auto">
                    {category.name.clone()}
                </a>
                <span class="quiet">{words.product_count(category.product_count)}</span>
            </li>
        }
    });
    let more = chips(shell, more.iter().map(|it| (&*it.slug, it.name.clone())));
    view! {
        <section class="wrap section" id="categories">
            <h2>{words.say("home-categories")}</h2>
            <ul class="tiles">{tiles.collect_view()}</ul>
            {more}
        </section>
    }
}

fn row(
    shell: &Shell,
    heading: &str,
    cards: &[shared::catalog::ProductCard],
) -> impl IntoView + use<> {
    let heading = Words::of(shell.locale).say(heading);
    (!cards.is_empty()).then(|| {
        view! {
            <section class="wrap section">
                <h2>{heading}</h2>
                {grid(shell, cards, false)}
            </section>
        }
    })
}
