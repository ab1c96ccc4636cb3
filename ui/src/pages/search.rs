//! The search page: query, filters and results.

use leptos::prelude::*;
use shared::page::{CategoryFilter, SEARCH, SearchPage, Shell, search_path};

use crate::{
    document::{About, render},
    parts::{chips, grid},
    words::{Words, number},
};

use super::narrow::{self, Narrowed};

/// The maximum number of suggested categories.
const BROWSE_MAX: usize = 10;

/// The search page.
pub fn search(shell: &Shell, page: &SearchPage) -> String {
    let words = Words::of(shell.locale);
    let heading = heading(words, page);
    let about = About {
        title: format!("{heading} · {}", shell.shop_name),
        description: words.say("search-description"),
        image: None,
        kind: "website",
        price: None,
        data: Vec::new(),
    };
    let at = |filter: &CategoryFilter| search_path(&page.q, filter);
    let narrowed = Narrowed {
        shell,
        action: SEARCH.path.to_owned(),
        q: Some(&page.q),
        at: &at,
        filter: &page.filter,
        facets: &page.facets,
        counts: page.counts.as_ref(),
        total: (!page.found.more).then_some(page.found.total),
        wrong: &page.wrong,
        currency: page.currency,
    };
    let is_filtered = page.filter.narrows();
    let shown = narrowed.spoken(page.found.list.items.len());
    render(shell, &about, || {
        view! {
            <div class="wrap">
                <div class="intro found">
                    <h1 dir="auto">{heading}</h1>
                    {corrected(words, page)}
                    {categories(shell, page)}
                </div>
                {if page.found.list.items.is_empty() && !is_filtered {
                    nothing(shell, page).into_any()
                } else {
                    view! {
                        <div class="with-filter">
                            {narrow::form(&narrowed)}
                            <section class="results" data-said=shown>
                                <h2 class="unseen" tabindex="-1">
                                    {words.say("list-heading")}
                                </h2>
                                <p class="quiet">{count(words, page)}</p>
                                {narrow::chosen(&narrowed)}
                                {list(shell, page, &narrowed)}
                            </section>
                        </div>
                    }
                        .into_any()
                }}
            </div>
        }
    })
}

fn heading(words: Words, page: &SearchPage) -> String {
    if page.q.is_empty() {
        return words.say("search-title");
    }
    words.say_with("search-heading", &[("q", page.q.clone().into())])
}

/// The number of results.
fn count(words: Words, page: &SearchPage) -> String {
    if page.found.more {
        return words.say_with("search-more-than", &[("count", number(page.found.total))]);
    }
    words.product_count(page.found.total)
}

/// The notice that a corrected query was searched.
fn corrected(words: Words, page: &SearchPage) -> impl IntoView + use<> {
    page.found.corrected.clone().map(|meant| {
        let says = words.say_with("search-corrected", &[("meant", meant.into())]);
        view! { <p class="lead">{says}</p> }
    })
}

/// The categories that match the query.
fn categories(shell: &Shell, page: &SearchPage) -> impl IntoView + use<> {
    let words = Words::of(shell.locale);
    let named = page.categories.iter().map(|category| {
        let name = [("name", category.name.clone().into())];
        (&*category.slug, words.say_with("search-category", &name))
    });
    chips(shell, named)
}

fn list(shell: &Shell, page: &SearchPage, narrowed: &Narrowed<'_>) -> impl IntoView + use<> {
    let words = Words::of(shell.locale);
    if page.found.list.items.is_empty() {
        let all = CategoryFilter::default();
        let all = shell.locale.path(&search_path(&page.q, &all));
        return view! {
            <div class="empty">
                <p>{words.say("list-empty")}</p>
                <a class="button" href=all>
                    {words.say("search-all")}
                </a>
            </div>
        }
        .into_any();
    }
    view! {
        {grid(shell, &page.found.list.items, true)}
        {narrow::pages(narrowed, &page.found.list)}
    }
    .into_any()
}

/// Links to continue with no results or no query.
fn nothing(shell: &Shell, page: &SearchPage) -> impl IntoView + use<> {
    let words = Words::of(shell.locale);
    let help = if page.q.is_empty() {
        view! { <p class="lead">{words.say("search-begin")}</p> }.into_any()
    } else {
        view! {
            <div class="prose">
                <p class="lead">{words.say("search-nothing")}</p>
                <ul class="hints">
                    <li>{words.say("search-hint-spelling")}</li>
                    <li>{words.say("search-hint-fewer")}</li>
                    <li>{words.say("search-hint-other")}</li>
                </ul>
            </div>
        }
        .into_any()
    };
    let browse = shell.categories.iter().take(BROWSE_MAX);
    let browse = chips(shell, browse.map(|it| (&*it.slug, it.name.clone())));
    let browse = browse.map(|chips| {
        view! {
            <section class="section">
                <h2>{words.say("search-browse")}</h2>
                {chips}
            </section>
        }
    });
    let hot = (!page.hot.is_empty()).then(|| {
        view! {
            <section class="section">
                <h2>{words.say("home-hot")}</h2>
                {grid(shell, &page.hot, false)}
            </section>
        }
    });
    view! {
        {help}
        {browse}
        {hot}
    }
}
