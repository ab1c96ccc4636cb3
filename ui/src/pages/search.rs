//! The search page: query, filters and results.

use leptos::prelude::*;
use shared::page::{CategoryFilter, SEARCH, SearchPage, Shell, search_path};

use crate::{
    components::{chips, grid},
    document::{PageMetadata, render},
    messages::{Messages, number},
};

use super::filters::{self, FilteredList};

/// The maximum number of suggested categories.
const BROWSE_MAX: usize = 10;

/// The search page.
pub fn search(shell: &Shell, page: &SearchPage) -> String {
    let messages = Messages::of(shell.locale);
    let heading = heading(messages, page);
    let metadata = PageMetadata {
        title: format!("{heading} · {}", shell.shop_name),
        description: messages.text("search-description"),
        image: None,
        kind: "website",
        price: None,
        data: Vec::new(),
    };
    let at = |filter: &CategoryFilter| search_path(&page.q, filter);
    let filtered = FilteredList {
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
    let shown = filtered.announcement(page.found.list.items.len());
    render(shell, &metadata, || {
        view! {
            <div class="wrap">
                <div class="intro found">
                    <h1 dir="auto">{heading}</h1>
                    {corrected(messages, page)}
                    {categories(shell, page)}
                </div>
                {if page.found.list.items.is_empty() && !is_filtered {
                    no_results(shell, page).into_any()
                } else {
                    view! {
                        <div class="with-filter">
                            {filters::form(&filtered)}
                            <section class="results" data-said=shown>
                                <h2 class="unseen" tabindex="-1">
                                    {messages.text("list-heading")}
                                </h2>
                                <p class="quiet">{count(messages, page)}</p>
                                {filters::selected_filters(&filtered)}
                                {list(shell, page, &filtered)}
                            </section>
                        </div>
                    }
                        .into_any()
                }}
            </div>
        }
    })
}

fn heading(messages: Messages, page: &SearchPage) -> String {
    if page.q.is_empty() {
        return messages.text("search-title");
    }
    messages.text_with("search-heading", &[("q", page.q.clone().into())])
}

/// The number of results.
fn count(messages: Messages, page: &SearchPage) -> String {
    if page.found.more {
        return messages.text_with("search-more-than", &[("count", number(page.found.total))]);
    }
    messages.product_count(page.found.total)
}

/// The notice that a corrected query was searched.
fn corrected(messages: Messages, page: &SearchPage) -> impl IntoView + use<> {
    page.found.corrected.clone().map(|meant| {
        let says = messages.text_with("search-corrected", &[("meant", meant.into())]);
        view! { <p class="lead">{says}</p> }
    })
}

/// The categories that match the query.
fn categories(shell: &Shell, page: &SearchPage) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let named = page.categories.iter().map(|category| {
        let name = [("name", category.name.clone().into())];
        (
            &*category.slug,
            messages.text_with("search-category", &name),
        )
    });
    chips(shell, named)
}

fn list(shell: &Shell, page: &SearchPage, filtered: &FilteredList<'_>) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    if page.found.list.items.is_empty() {
        let all = CategoryFilter::default();
        let all = shell.locale.path(&search_path(&page.q, &all));
        return view! {
            <div class="empty">
                <p>{messages.text("list-empty")}</p>
                <a class="button" href=all>
                    {messages.text("search-all")}
                </a>
            </div>
        }
        .into_any();
    }
    view! {
        {grid(shell, &page.found.list.items, true)}
        {filters::pages(filtered, &page.found.list)}
    }
    .into_any()
}

/// Links to continue with no results or no query.
fn no_results(shell: &Shell, page: &SearchPage) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let help = if page.q.is_empty() {
        view! { <p class="lead">{messages.text("search-begin")}</p> }.into_any()
    } else {
        view! {
            <div class="prose">
                <p class="lead">{messages.text("search-nothing")}</p>
                <ul class="hints">
                    <li>{messages.text("search-hint-spelling")}</li>
                    <li>{messages.text("search-hint-fewer")}</li>
                    <li>{messages.text("search-hint-other")}</li>
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
                <h2>{messages.text("search-browse")}</h2>
                {chips}
            </section>
        }
    });
    let hot = (!page.hot.is_empty()).then(|| {
        view! {
            <section class="section">
                <h2>{messages.text("home-hot")}</h2>
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
