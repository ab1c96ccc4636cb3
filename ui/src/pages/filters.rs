//! The filters of a list: the form, the selected filters and the pagination. Categories and
//! searches share it.

use leptos::prelude::*;
use shared::{
    catalog::{Availability, Facets, ProductList, Sort},
    cursor::Cursor,
    money::{Currency, Money},
    page::{CategoryFilter, FilterCounts, PAGES_MAX, PRICE_RANGE, Shell},
};

use crate::messages::{Messages, number};

/// A list with filters.
pub(crate) struct FilteredList<'a> {
    pub(crate) shell: &'a Shell,
    /// The action of the form, without the language prefix.
    pub(crate) action: String,
    /// The search query, which the form preserves.
    pub(crate) q: Option<&'a str>,
    /// The path of the list with other filters, without the language prefix.
    pub(crate) at: &'a dyn Fn(&CategoryFilter) -> String,
    pub(crate) filter: &'a CategoryFilter,
    pub(crate) facets: &'a Facets,
    pub(crate) counts: Option<&'a FilterCounts>,
    /// The number of matching products, where it is known exactly.
    pub(crate) total: Option<u64>,
    pub(crate) wrong: &'a [String],
    pub(crate) currency: Currency,
}

impl FilteredList<'_> {
    fn href(&self, filter: &CategoryFilter) -> String {
        self.shell.locale.path(&(self.at)(filter))
    }

    fn is_invalid(&self, field: &str) -> bool {
        self.wrong.iter().any(|it| it == field)
    }

    /// The announcement of a changed list: invalid fields and the number of products.
    pub(crate) fn announcement(&self, shown: usize) -> String {
        let messages = Messages::of(self.shell.locale);
        let wrong = if self.is_invalid(PRICE_RANGE) {
            Some("filter-range-wrong")
        } else {
            (!self.wrong.is_empty()).then_some("filter-price-wrong")
        };
        let shown = messages.text_with("list-shown", &[("count", number(shown as u64))]);
        let said = wrong
            .map(|key| messages.text(key))
            .into_iter()
            .chain([shown]);
        said.collect::<Vec<_>>().join(" ")
    }
}

/// The filter form.
pub(crate) fn form(list: &FilteredList<'_>) -> AnyView {
    let messages = Messages::of(list.shell.locale);
    let action = list.shell.locale.path(&list.action);
    let q = list.q.map(|q| {
        view! { <input type="hidden" name="q" value=q.to_owned() /> }
    });
    // Rendered one by one, because the compiler limits the depth of types.
    let fields = [
        sort(messages, list).into_any(),
        prices(messages, list).into_any(),
        availability(messages, list).into_any(),
        brands(messages, list).into_any(),
    ];
    let fields = Vec::from(fields);
    let apply = match list.total {
        Some(count) => messages.text_with("filter-apply-count", &[("count", number(count))]),
        None => messages.text("filter-apply"),
    };
    view! {
        <details class="filter">
            <summary>{messages.text("filter-heading")}</summary>
            <form method="get" action=action>
                <h2 class="filter-title">{messages.text("filter-heading")}</h2>
                {q}
                {fields}
                <button class="button filter-apply" type="submit">
                    {apply}
                </button>
            </form>
        </details>
    }
    .into_any()
}

/// The orders; a search also has relevance, its default.
fn sort(messages: Messages, list: &FilteredList<'_>) -> impl IntoView + use<> {
    let (own, chosen) = match list.q {
        Some(_) => (Some(messages.text("sort-best-match")), list.filter.sort),
        None => (None, Some(list.filter.sort.unwrap_or_default())),
    };
    let own = own.map(|name| {
        view! {
            <option value="" selected=chosen.is_none()>
                {name}
            </option>
        }
    });
    let options = Sort::ALL.map(|sort| {
        let name = messages.text(&format!("sort-{}", sort.as_str()));
        view! {
            <option value=sort.as_str() selected=Some(sort) == chosen>
                {name}
            </option>
        }
    });
    view! {
        <div class="field">
            <label for="sort">{messages.text("sort-label")}</label>
            <select id="sort" name="sort">
                {own} {options.to_vec()}
            </select>
        </div>
    }
}

fn prices(messages: Messages, list: &FilteredList<'_>) -> impl IntoView + use<> {
    let currency = [("currency", list.currency.to_string().into())];
    let span = list.facets.price.as_ref();
    let crossed = list.is_invalid(PRICE_RANGE);
    let field = |name: &'static str, label: &str, value: &str, hint: Option<Money>| {
        let misread = list.is_invalid(name);
        let wrong = misread || crossed;
        let message = format!("{}-wrong", if crossed { PRICE_RANGE } else { name });
        view! {
            <div class="field">
                <label for=name>{messages.text(label)}</label>
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
                {misread
                    .then(|| {
                        view! {
                            <p class="wrong" id=message>
                                {messages.text("filter-price-wrong")}
                            </p>
                        }
                    })}
            </div>
        }
    };
    let filter = list.filter;
    view! {
        <fieldset>
            <legend>{messages.text_with("filter-price", &currency)}</legend>
            <div class="pair">
                {field("min", "filter-min", &filter.min, span.map(|span| span.from))}
                {field("max", "filter-max", &filter.max, span.map(|span| span.to))}
            </div>
            {crossed
                .then(|| {
                    view! {
                        <p class="wrong" id=format!("{PRICE_RANGE}-wrong")>
                            {messages.text("filter-range-wrong")}
                        </p>
                    }
                })}
        </fieldset>
    }
}

fn availability(messages: Messages, list: &FilteredList<'_>) -> impl IntoView + use<> {
    let boxes = Availability::ALL.map(|it| {
        let name = messages.text(&format!("availability-{}", it.as_str()));
        check(
            "availability",
            it.as_str(),
            name,
            list.filter.availability.contains(&it),
            None,
        )
    });
    view! {
        <fieldset>
            <legend>{messages.text("filter-availability")}</legend>
            {Vec::from(boxes)}
        </fieldset>
    }
}

fn brands(messages: Messages, list: &FilteredList<'_>) -> impl IntoView + use<> {
    let boxes = list.facets.brands.iter().map(|brand| {
        let chosen = list.filter.brand.contains(&brand.slug);
        let count = match list.counts {
            Some(counts) => counts.brands.get(&brand.slug).copied().unwrap_or(0),
            None => brand.product_count,
        };
        check(
            "brand",
            &brand.slug,
            brand.name.clone(),
            chosen,
            Some(count),
        )
    });
    let boxes = boxes.collect::<Vec<_>>();
    (!boxes.is_empty()).then(|| {
        view! {
            <fieldset class="brands">
                <legend>{messages.text("filter-brand")}</legend>
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
            <span dir="auto">{label}</span>
            " "
            {count.map(|count| view! { <span class="quiet">{count.to_string()}</span> })}
        </label>
        " "
    }
    .into_any()
}

/// The selected filters, each with a link that removes it.
pub(crate) fn selected_filters(list: &FilteredList<'_>) -> impl IntoView + use<> {
    let (shell, filter) = (list.shell, list.filter);
    let messages = Messages::of(shell.locale);
    let mut chosen: Vec<(String, CategoryFilter)> = Vec::new();
    let without = |change: &dyn Fn(&mut CategoryFilter)| {
        let mut wider = CategoryFilter {
            cursor: None,
            page: None,
            ..filter.clone()
        };
        change(&mut wider);
        wider
    };
    for slug in &filter.brand {
        let known = list.facets.brands.iter().find(|brand| brand.slug == *slug);
        let name = known.map_or_else(|| slug.clone(), |brand| brand.name.clone());
        chosen.push((name, without(&|wider| wider.brand.retain(|it| it != slug))));
    }
    for it in &filter.availability {
        let name = messages.text(&format!("availability-{}", it.as_str()));
        chosen.push((
            name,
            without(&|wider| wider.availability.retain(|other| other != it)),
        ));
    }
    let money = |text: &str| {
        let price = Money::parse(text, list.currency);
        price.map_or_else(|_| text.to_owned(), |price| price.display(shell.locale))
    };
    // An invalid value filters nothing.
    if !filter.min.is_empty() && !list.is_invalid("min") && !list.is_invalid(PRICE_RANGE) {
        let name = messages.text_with("filter-from", &[("price", money(&filter.min).into())]);
        chosen.push((name, without(&|wider| wider.min.clear())));
    }
    if !filter.max.is_empty() && !list.is_invalid("max") && !list.is_invalid(PRICE_RANGE) {
        let name = messages.text_with("filter-to", &[("price", money(&filter.max).into())]);
        chosen.push((name, without(&|wider| wider.max.clear())));
    }
    let items = chosen
        .iter()
        .map(|(name, wider)| {
            let label = messages.text_with("filter-remove", &[("name", name.clone().into())]);
            let href = list.href(wider);
            view! {
                <li>
                    <a class="chip chip-chosen" dir="auto" href=href aria-label=label>
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
    let all = list.href(&all);
    (!chosen.is_empty()).then(|| {
        view! {
            <ul class="chips" aria-label=messages.text("filter-active")>
                {items}
                <li>
                    <a class="chip" href=all>
                        {messages.text("filter-clear")}
                    </a>
                </li>
            </ul>
        }
    })
}

/// The filters of the previous and the next page. The pages of a category are numbered up to
/// [`PAGES_MAX`]; later pages and searches use cursors.
fn neighbouring_pages(
    list: &FilteredList<'_>,
    page: &ProductList,
) -> (Option<CategoryFilter>, Option<CategoryFilter>) {
    let of = |number: Option<u32>, cursor: Option<Cursor>| CategoryFilter {
        page: number,
        cursor,
        ..list.filter.clone()
    };
    let by_cursor = |cursor: Option<Cursor>| cursor.map(|cursor| of(None, Some(cursor)));
    if list.q.is_some() || list.filter.cursor.is_some() {
        return (by_cursor(page.previous), by_cursor(page.next));
    }
    let here = list.filter.page.unwrap_or(1);
    let previous = (here > 1).then(|| of((here > 2).then(|| here - 1), None));
    let next = if here < PAGES_MAX {
        page.next.map(|_| of(Some(here + 1), None))
    } else {
        by_cursor(page.next)
    };
    (previous, next)
}

/// The pagination.
pub(crate) fn pages(list: &FilteredList<'_>, page: &ProductList) -> impl IntoView + use<> {
    let messages = Messages::of(list.shell.locale);
    let link = |filter: Option<CategoryFilter>, rel: &'static str, key: &str| {
        let name = messages.text(key);
        filter.map(|filter| {
            let href = list.href(&filter);
            view! {
                <a class="button quiet-button" rel=rel href=href>
                    {name}
                </a>
            }
        })
    };
    let (previous, next) = neighbouring_pages(list, page);
    (previous.is_some() || next.is_some()).then(|| {
        view! {
            <nav class="pages" aria-label=messages.text("list-pages")>
                {link(previous, "prev", "list-previous")} {link(next, "next", "list-next")}
            </nav>
        }
    })
}
