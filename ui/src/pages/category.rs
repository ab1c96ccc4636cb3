//! A category: what lies below it, its filter and its list.

use leptos::prelude::*;
use shared::{
    catalog::{Availability, Sort},
    money::Money,
    page::{CategoryFilter, CategoryPage, Shell, category_path},
};

use crate::{
    document::{About, render},
    parts::{breadcrumb_data, breadcrumbs, grid},
    words::{Words, number},
};

/// A category's page.
pub fn category(shell: &Shell, page: &CategoryPage) -> String {
    let words = Words::of(shell.locale);
    let category = &page.category;
    let description = if category.description.is_empty() {
        words.say_with(
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
    let about = About {
        title: format!("{} · {}", category.name, shell.shop_name),
        description,
        image: category.image.clone(),
        kind: "website",
        data: vec![breadcrumb_data(shell, &page.ancestors, here)],
    };
    let count = [("count", number(page.list.items.len() as u64))];
    let shown = words.say_with("list-shown", &count);
    render(shell, &about, || {
        view! {
            <div class="wrap">
                {breadcrumbs(shell, &page.ancestors, &category.name)}
                <div class="intro">
                    <h1>{category.name.clone()}</h1>
                    {(!category.description.is_empty())
                        .then(|| view! { <p class="lead">{category.description.clone()}</p> })}
                    {children(shell, page)}
                </div>
                <div class="with-filter">
                    {filter(shell, page)}
                    <section class="results" data-said=shown>
                        <h2 class="unseen" tabindex="-1">
                            {words.say("list-heading")}
                        </h2>
                        {active(shell, page)} {list(shell, page)}
                    </section>
                </div>
            </div>
        }
    })
}

fn children(shell: &Shell, page: &CategoryPage) -> impl IntoView + use<> {
    let items = page.category.children.iter().map(|child| {
        let href = shell.locale.path(&category_path(&child.slug));
        view! {
            <li>
                <a class="chip" href=href>
                    {child.name.clone()}
                </a>
            </li>
        }
    });
    let items = items.collect_view();
    (!page.category.children.is_empty()).then(|| view! { <ul class="chips">{items}</ul> })
}

fn filter(shell: &Shell, page: &CategoryPage) -> impl IntoView + use<> {
    let words = Words::of(shell.locale);
    let action = shell.locale.path(&category_path(&page.category.slug));
    view! {
        <details class="filter" open=true>
            <summary>{words.say("filter-heading")}</summary>
            <form method="get" action=action>
                {sort(words, page.filter.sort)} {prices(words, page)} {availability(words, page)}
                {brands(words, page)}
                <button class="button" type="submit">
                    {words.say("filter-apply")}
                </button>
            </form>
        </details>
    }
}

fn sort(words: Words, chosen: Sort) -> impl IntoView {
    let options = Sort::ALL.map(|sort| {
        let name = words.say(&format!("sort-{}", sort.word()));
        view! {
            <option value=sort.word() selected=sort == chosen>
                {name}
            </option>
        }
    });
    view! {
        <div class="field">
            <label for="sort">{words.say("sort-label")}</label>
            <select id="sort" name="sort">
                {options.to_vec()}
            </select>
        </div>
    }
}

fn prices(words: Words, page: &CategoryPage) -> impl IntoView + use<> {
    let currency = [("currency", page.currency.to_string().into())];
    let span = page.facets.price.as_ref();
    let field = |name: &'static str, label: &str, value: &str, hint: Option<Money>| {
        let wrong = page.wrong.iter().any(|field| field == name);
        let message = format!("{name}-wrong");
        view! {
            <div class="field">
                <label for=name>{words.say(label)}</label>
                <input
                    id=name
                    name=name
                    inputmode="decimal"
                    maxlength="20"
                    value=value.to_owned()
                    placeholder=hint.map(Money::to_decimal)
                    aria-invalid=wrong.then_some("true")
                    aria-describedby=wrong.then(|| message.clone())
                />
                {wrong
                    .then(|| {
                        view! {
                            <p class="wrong" id=message>
                                {words.say("filter-price-wrong")}
                            </p>
                        }
                    })}
            </div>
        }
    };
    let filter = &page.filter;
    view! {
        <fieldset>
            <legend>{words.say_with("filter-price", &currency)}</legend>
            <div class="pair">
                {field("min", "filter-min", &filter.min, span.map(|span| span.from))}
                {field("max", "filter-max", &filter.max, span.map(|span| span.to))}
            </div>
        </fieldset>
    }
}

fn availability(words: Words, page: &CategoryPage) -> impl IntoView + use<> {
    let boxes = Availability::ALL.map(|it| {
        let name = words.say(&format!("availability-{}", it.word()));
        check(
            "availability",
            it.word(),
            name,
            page.filter.availability.contains(&it),
            None,
        )
    });
    view! {
        <fieldset>
            <legend>{words.say("filter-availability")}</legend>
            {Vec::from(boxes)}
        </fieldset>
    }
}

fn brands(words: Words, page: &CategoryPage) -> impl IntoView + use<> {
    let boxes = page.facets.brands.iter().map(|brand| {
        let chosen = page.filter.brand.contains(&brand.slug);
        check(
            "brand",
            &brand.slug,
            brand.name.clone(),
            chosen,
            Some(brand.product_count),
        )
    });
    let boxes = boxes.collect::<Vec<_>>();
    (!boxes.is_empty()).then(|| {
        view! {
            <fieldset class="long">
                <legend>{words.say("filter-brand")}</legend>
                {boxes}
            </fieldset>
        }
    })
}

fn check(
    name: &'static str,
    value: &str,
    label: String,
    checked: bool,
    count: Option<u64>,
) -> AnyView {
    view! {
        <label class="check">
            <input type="checkbox" name=name value=value.to_owned() checked=checked />
            <span>{label}</span>
            {count.map(|count| view! { <span class="quiet">{count.to_string()}</span> })}
        </label>
    }
    .into_any()
}

/// What the list is narrowed to, each with a link that widens it again.
fn active(shell: &Shell, page: &CategoryPage) -> impl IntoView + use<> {
    let words = Words::of(shell.locale);
    let filter = &page.filter;
    let mut chosen: Vec<(String, CategoryFilter)> = Vec::new();
    let without = |change: &dyn Fn(&mut CategoryFilter)| {
        let mut wider = CategoryFilter {
            cursor: None,
            ..filter.clone()
        };
        change(&mut wider);
        wider
    };
    for slug in &filter.brand {
        let known = page.facets.brands.iter().find(|brand| brand.slug == *slug);
        let name = known.map_or_else(|| slug.clone(), |brand| brand.name.clone());
        chosen.push((name, without(&|wider| wider.brand.retain(|it| it != slug))));
    }
    for it in &filter.availability {
        let name = words.say(&format!("availability-{}", it.word()));
        chosen.push((
            name,
            without(&|wider| wider.availability.retain(|other| other != it)),
        ));
    }
    let money = |text: &str| {
        let price = Money::parse(text, page.currency);
        price.map_or_else(|_| text.to_owned(), |price| price.display(shell.locale))
    };
    if !filter.min.is_empty() {
        let name = words.say_with("filter-from", &[("price", money(&filter.min).into())]);
        chosen.push((name, without(&|wider| wider.min.clear())));
    }
    if !filter.max.is_empty() {
        let name = words.say_with("filter-to", &[("price", money(&filter.max).into())]);
        chosen.push((name, without(&|wider| wider.max.clear())));
    }
    let here = shell.locale.path(&category_path(&page.category.slug));
    let items = chosen
        .iter()
        .map(|(name, wider)| {
            let label = words.say_with("filter-remove", &[("name", name.clone().into())]);
            let href = format!("{here}{}", wider.to_query());
            view! {
                <li>
                    <a class="chip chosen" href=href aria-label=label>
                        {name.clone()}
                        <span aria-hidden="true">" ×"</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    let all = CategoryFilter {
        sort: filter.sort,
        ..CategoryFilter::default()
    };
    let all = format!("{here}{}", all.to_query());
    let count = words.product_count(page.facets.product_count);
    if chosen.is_empty() {
        return view! { <p class="quiet">{count}</p> }.into_any();
    }
    view! {
        <ul class="chips" aria-label=words.say("filter-active")>
            {items}
            <li>
                <a class="chip" href=all>
                    {words.say("filter-clear")}
                </a>
            </li>
        </ul>
    }
    .into_any()
}

fn list(shell: &Shell, page: &CategoryPage) -> impl IntoView + use<> {
    let words = Words::of(shell.locale);
    let here = shell.locale.path(&category_path(&page.category.slug));
    if page.list.items.is_empty() {
        let name = [("name", page.category.name.clone().into())];
        return view! {
            <div class="empty">
                <p>{words.say("list-empty")}</p>
                <a class="button" href=here>
                    {words.say_with("list-empty-clear", &name)}
                </a>
            </div>
        }
        .into_any();
    }
    let link = |cursor: Option<shared::cursor::Cursor>, rel: &'static str, key: &str| {
        let name = words.say(key);
        cursor.map(|cursor| {
            let filter = CategoryFilter {
                cursor: Some(cursor),
                ..page.filter.clone()
            };
            let href = format!("{here}{}", filter.to_query());
            view! {
                <a class="button quiet-button" rel=rel href=href>
                    {name}
                </a>
            }
        })
    };
    let (previous, next) = (page.list.previous, page.list.next);
    let pages = (previous.is_some() || next.is_some()).then(|| {
        view! {
            <nav class="pages" aria-label=words.say("list-pages")>
                {link(previous, "prev", "list-previous")} {link(next, "next", "list-next")}
            </nav>
        }
    });
    view! {
        {grid(shell, &page.list.items, true)}
        {pages}
    }
    .into_any()
}
