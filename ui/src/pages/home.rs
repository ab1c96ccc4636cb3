//! The home page.

use leptos::prelude::*;
use shared::page::{HomePage, SEARCH, Shell, category_path};

use crate::{
    components::{Loading, Slot, chips, grid, picture},
    document::{PageMetadata, render},
    messages::Messages,
};

/// The home page.
pub fn home(shell: &Shell, page: &HomePage) -> String {
    let messages = Messages::of(shell.locale);
    let shop = [("shop", shell.shop_name.clone().into())];
    let metadata = PageMetadata {
        title: messages.text_with("home-title", &shop),
        description: messages.text("home-description"),
        image: page.hot.first().and_then(|card| card.image.clone()),
        kind: "website",
        price: None,
        data: vec![organization(shell), website(shell)],
    };
    render(shell, &metadata, || {
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
    let messages = Messages::of(shell.locale);
    let first = shell.categories.first().map(|it| {
        let name = [("name", it.name.clone().into())];
        let href = shell.locale.path(&category_path(&it.slug));
        (href, messages.text_with("home-browse", &name))
    });
    let image = shell
        .categories
        .first()
        .and_then(|category| category.image.as_ref());
    let image = image.or_else(|| page.hot.first().and_then(|card| card.image.as_ref()));
    view! {
        <section class="hero">
            <div class="wrap">
                <div class="messages">
                    <h1>{messages.text("home-heading")}</h1>
                    <p class="lead">{messages.text("home-lead")}</p>
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
    let messages = Messages::of(shell.locale);
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
                <span class="quiet">{messages.product_count(category.product_count)}</span>
            </li>
        }
    });
    let more = chips(shell, more.iter().map(|it| (&*it.slug, it.name.clone())));
    view! {
        <section class="wrap section" id="categories">
            <h2>{messages.text("home-categories")}</h2>
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
    let heading = Messages::of(shell.locale).text(heading);
    (!cards.is_empty()).then(|| {
        view! {
            <section class="wrap section">
                <h2>{heading}</h2>
                {grid(shell, cards, false)}
            </section>
        }
    })
}
