//! Components that several pages share: cards, images, prices, breadcrumbs.

use std::fmt::Write as _;

use leptos::{
    either::Either,
    prelude::*,
    tachys::{html::InertElement, view::Position},
};
use shared::{
    catalog::{Availability, CategoryRef, Image, ImageSource, PriceRange, ProductCard},
    locale::Locale,
    page::{Shell, category_path, product_path},
};

use crate::messages::{Messages, number};

/// How many cards are above the fold on a common screen; their images are loaded eagerly.
const EAGER: usize = 4;
/// The initial capacity of a list's buffer, which seldom has to grow.
const EACH_BYTES: usize = 16 * 1024;

/// An element `tag` with these children. Each child is rendered as soon as it is created, which is
/// much faster than creating all of them first.
pub(crate) fn each<V: IntoView>(
    tag: &str,
    items: impl Iterator<Item = V>,
    end: &str,
) -> InertElement {
    let mut html = String::with_capacity(EACH_BYTES);
    html.push_str(tag);
    for item in items {
        write(item, &mut html);
    }
    html.push_str(end);
    InertElement::new(html)
}

/// Appends the rendered view.
pub(crate) fn write(view: impl IntoView, html: &mut String) {
    view.to_html_with_buf(html, &mut Position::FirstChild, true, false, Vec::new());
}

/// A grid of product cards. `above_fold` says that the grid begins on the first screen of its page.
pub(crate) fn grid(shell: &Shell, cards: &[ProductCard], above_fold: bool) -> InertElement {
    let locale = shell.locale;
    let items = cards.iter().enumerate().map(|(index, it)| {
        let loading = match index {
            0 if above_fold => Loading::First,
            1..EAGER if above_fold => Loading::Eager,
            _ => Loading::Lazy,
        };
        view! { <li>{card(locale, it, loading)}</li> }
    });
    each("<ul class=\"grid\">", items, "</ul>")
}

/// Links to categories, each with its slug and its content; nothing without categories.
pub(crate) fn chips<'c>(
    shell: &Shell,
    categories: impl Iterator<Item = (&'c str, String)>,
) -> Option<AnyView> {
    let items: Vec<_> = categories
        .map(|(slug, text)| {
            let href = shell.locale.path(&category_path(slug));
            view! {
                <li>
                    <a class="chip" href=href dir="auto">
                        {text}
                    </a>
                </li>
            }
        })
        .collect();
    (!items.is_empty()).then(|| view! { <ul class="chips">{items}</ul> }.into_any())
}

fn card(locale: Locale, card: &ProductCard, loading: Loading) -> impl IntoView + use<'_> {
    let messages = Messages::of(locale);
    let href = locale.path(&product_path(&card.slug));
    let note = match card.availability {
        Availability::InStock => None,
        few => Some(messages.text(&format!("availability-{}", few.as_str()))),
    };
    let badge = discount(&card.price).map(|percent| format!("−{percent}%"));
    view! {
        <article class="card">
            <div class="frame">
                {picture(card.image.as_ref(), "", Slot::Card, loading)}
                {badge.map(|text| view! { <span class="badge">{text}</span> })}
            </div>
            <div class="about">
                {card.brand.as_deref().map(|brand| view! { <p class="brand" dir="auto">{brand}</p> })}
                <h3 dir="auto">
                    <a href=href>{card.name.as_str()}</a>
                </h3>
                {price(locale, &card.price)}
                {note.map(|note| view! { <p class="note">{note}</p> })}
            </div>
        </article>
    }
}

/// The place of an image in the layout, which determines its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A product card.
    Card,
    /// A category on the home page.
    Tile,
    /// The main image of the home page.
    Hero,
    /// A line of the cart.
    Line,
    /// The image on a product page.
    Gallery,
}

impl Slot {
    /// The `sizes` attribute, from the layout in `ui/style`.
    pub(crate) const fn sizes(self) -> &'static str {
        match self {
            Self::Card => "(min-width: 90rem) 20rem, (min-width: 45rem) 22vw, 46vw",
            Self::Tile => "(min-width: 90rem) 16rem, (min-width: 58rem) 17vw, 46vw",
            Self::Hero => "(min-width: 90rem) 39rem, (min-width: 48rem) 44vw, 92vw",
            Self::Line => "5.5rem",
            Self::Gallery => "(min-width: 80rem) 38rem, (min-width: 60rem) 48vw, 92vw",
        }
    }
}

/// When an image is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loading {
    /// When it comes near the viewport.
    Lazy,
    /// At once.
    Eager,
    /// With high priority: the largest image of the first screen.
    First,
}

/// An image in a frame of fixed aspect ratio, with a placeholder if there is none.
pub(crate) fn picture<'a>(
    image: Option<&'a Image>,
    alt: &'a str,
    slot: Slot,
    loading: Loading,
) -> impl IntoView + use<'a> {
    let Some(image) = image else {
        return Either::Left(view! {
            <svg class="no-picture" viewBox="0 0 48 48" aria-hidden="true">
                <path d="M10 34l9-11 7 8 5-6 7 9z" fill="currentColor" />
            </svg>
        });
    };
    let sources = image.sources.iter().map(|source| {
        let media_type = source.media_type.as_str();
        view! { <source type=media_type srcset=srcset(source) sizes=slot.sizes() /> }
    });
    Either::Right(view! {
        <picture>
            {sources.collect_view()}
            <img
                src=image.src.as_str()
                alt=alt
                width=image.width.unwrap_or(600)
                height=image.height.unwrap_or(600)
                fetchpriority=(loading == Loading::First).then_some("high")
                loading=(loading == Loading::Lazy).then_some("lazy")
                decoding="async"
            />
        </picture>
    })
}

/// The `srcset` attribute.
pub(crate) fn srcset(source: &ImageSource) -> String {
    let mut text = String::new();
    for it in &source.renditions {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{} {}w", it.url, it.width);
    }
    text
}

/// The price, and the original price if it was reduced.
pub(crate) fn price(locale: Locale, price: &PriceRange) -> impl IntoView + use<> {
    let messages = Messages::of(locale);
    let from = price.from.display(locale);
    let now = if price.from == price.to {
        from
    } else {
        messages.text_with("price-from", &[("price", from.into())])
    };
    let before = price.compare_at.map(|before| {
        let before = before.display(locale);
        let spoken = messages.text_with("price-before", &[("price", before.clone().into())]);
        view! {
            <s aria-hidden="true">{before}</s>
            " "
            <span class="unseen">{spoken}</span>
        }
    });
    let class = if price.compare_at.is_some() {
        "price reduced"
    } else {
        "price"
    };
    view! {
        <p class=class>
            <span>{now}</span>
            " "
            {before}
        </p>
    }
}

/// The price reduction in whole per cent, rounded down so that it never promises too much.
pub(crate) fn discount(price: &PriceRange) -> Option<i64> {
    let before = price.compare_at?.minor;
    let less = before.checked_sub(price.from.minor)?;
    let percent = i128::from(less) * 100 / i128::from(before.max(1));
    i64::try_from(percent).ok().filter(|percent| *percent > 0)
}

/// "Save 12%".
pub(crate) fn discount_text(messages: Messages, price: &PriceRange) -> Option<String> {
    let percent = u64::try_from(discount(price)?).ok()?;
    Some(messages.text_with("price-less", &[("percent", number(percent))]))
}

/// The path from the home page; the last item is the current page.
pub(crate) fn breadcrumbs(
    shell: &Shell,
    above: &[CategoryRef],
    here: &str,
) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let link = |path: &str, name: String| {
        let href = shell.locale.path(path);
        view! {
            <li>
                <a href=href dir="auto">
                    {name}
                </a>
            </li>
        }
    };
    let ways = above
        .iter()
        .map(|it| link(&category_path(&it.slug), it.name.clone()));
    view! {
        <nav class="breadcrumbs" aria-label=messages.text("breadcrumbs")>
            <ol>
                {link("/", messages.text("home"))} {ways.collect_view()}
                <li>
                    <span aria-current="page" dir="auto">{here.to_owned()}</span>
                </li>
            </ol>
        </nav>
    }
}

/// Breadcrumbs as structured data.
pub(crate) fn breadcrumb_data(
    shell: &Shell,
    above: &[CategoryRef],
    here: (&str, String),
) -> serde_json::Value {
    let above = above
        .iter()
        .map(|it| (it.name.as_str(), category_path(&it.slug)));
    let home = (shell.shop_name.as_str(), "/".to_owned());
    let items: Vec<_> = [home]
        .into_iter()
        .chain(above)
        .chain([here])
        .zip(1..)
        .map(|((name, path), position)| {
            serde_json::json!({
                "@type": "ListItem",
                "position": position,
                "name": name,
                "item": format!("{}{}", shell.base_url, shell.locale.path(&path)),
            })
        })
        .collect();
    serde_json::json!({
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": items,
    })
}
