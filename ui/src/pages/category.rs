//! The category page: subcategories, filters and products.

use leptos::prelude::*;
use shared::page::{CategoryFilter, CategoryPage, Shell, category_path};

use crate::{
    components::{breadcrumb_data, breadcrumbs, chips, grid},
    document::{PageMetadata, render},
    messages::{Messages, number},
};

use super::filters::{self, FilteredList};

/// The category page.
pub fn category(shell: &Shell, page: &CategoryPage) -> String {
    let messages = Messages::of(shell.locale);
    let category = &page.category;
    let description = if category.description.is_empty() {
        messages.text_with(
            "category-description",
            &[
                ("name", category.name.clone().into()),
                ("shop", shell.shop_name.clone().into()),
                ("count", number(category.product_count)),
            ],
        )
    } else {
        category.description.clone()
    };
    let here = (category.name.as_str(), category_path(&category.slug));
    let metadata = PageMetadata {
        title: format!("{} · {}", category.name, shell.shop_name),
        description,
        image: category.image.clone(),
        kind: "website",
        price: None,
        data: vec![breadcrumb_data(shell, &page.ancestors, here)],
    };
    let at = |filter: &CategoryFilter| {
        let here = category_path(&category.slug);
        format!("{here}{}", filter.to_query())
    };
    let counts = page.counts.as_ref();
    let total = counts.map_or(page.facets.product_count, |counts| counts.total);
    let filtered = FilteredList {
        shell,
        action: category_path(&category.slug),
        q: None,
        at: &at,
        filter: &page.filter,
        facets: &page.facets,
        counts: page.counts.as_ref(),
        total: Some(total),
        wrong: &page.wrong,
        currency: page.currency,
    };
    let shown = filtered.announcement(page.list.items.len());
    render(shell, &metadata, || {
        view! {
            <div class="wrap">
                {breadcrumbs(shell, &page.ancestors, &category.name)}
                <div class="intro">
                    <h1 dir="auto">{category.name.clone()}</h1>
                    {(!category.description.is_empty())
                        .then(|| view! { <p class="lead" dir="auto">{category.description.clone()}</p> })}
                    {children(shell, page)}
                </div>
                <div class="with-filter">
                    {filters::form(&filtered)}
                    <section class="results" data-said=shown>
                        <h2 class="unseen" tabindex="-1">
                            {messages.text("list-heading")}
                        </h2>
                        <p class="quiet">{messages.product_count(total)}</p>
                        {filters::selected_filters(&filtered)} {list(shell, page, &filtered)}
                    </section>
                </div>
            </div>
        }
    })
}

fn children(shell: &Shell, page: &CategoryPage) -> impl IntoView + use<> {
    let children = page.category.children.iter();
    chips(shell, children.map(|it| (&*it.slug, it.name.clone())))
}

fn list(shell: &Shell, page: &CategoryPage, filtered: &FilteredList<'_>) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    if page.list.items.is_empty() {
        let here = shell.locale.path(&category_path(&page.category.slug));
        let name = [("name", page.category.name.clone().into())];
        return view! {
            <div class="empty">
                <p>{messages.text("list-empty")}</p>
                <a class="button" href=here>
                    {messages.text_with("list-empty-clear", &name)}
                </a>
            </div>
        }
        .into_any();
    }
    view! {
        {grid(shell, &page.list.items, true)}
        {filters::pages(filtered, &page.list)}
    }
    .into_any()
}
