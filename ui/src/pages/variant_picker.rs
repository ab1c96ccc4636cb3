//! The variant picker. Each value of an option is a link to the variant that it selects, and says
//! in advance which other options change.

use leptos::prelude::*;
use shared::{
    catalog::{Availability, OptionValue, ProductOption, Variant},
    page::{ProductPage, Shell, product_path},
};

use crate::messages::Messages;

use super::product::selected_variant;

/// The options with their values.
pub(super) fn variant_picker(shell: &Shell, page: &ProductPage) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let groups = page.product.options.iter().map(|option| {
        let values = option.values.iter();
        let values = values.filter_map(|value| choice(shell, page, option, value));
        let values = values.collect::<Vec<_>>();
        let id = format!("option-{}", option.code);
        let label = id.clone();
        // The announcement when a choice has changed another option.
        let changed = [
            ("option", option.name.clone().into()),
            ("value", "#".into()),
        ];
        view! {
            <div
                class="option"
                role="group"
                aria-labelledby=label
                data-changed=messages.text_with("variant-changed", &changed)
            >
                <h2 id=id dir="auto">{option.name.clone()}</h2>
                <ul>{values}</ul>
            </div>
        }
    });
    groups.collect_view()
}

fn choice(
    shell: &Shell,
    page: &ProductPage,
    option: &ProductOption,
    value: &OptionValue,
) -> Option<AnyView> {
    let messages = Messages::of(shell.locale);
    let variant = selected_by(page, option, &value.code)?;
    let is_chosen = selected_variant(page).is_some_and(|it| has(it, &option.code, &value.code));
    let out = variant.availability == Availability::Out;
    let elsewhere = changed_values(page, option, variant);
    let with = (!elsewhere.is_empty()).then(|| {
        let values = elsewhere.join(messages.text("list-comma").as_str());
        let text = messages.text_with("variant-with", &[("values", values.into())]);
        view! { <span class="choice-with">{text}</span> }
    });
    let sold_out = out.then(|| {
        view! { <span class="unseen">{messages.text("availability-out")}</span> }
    });
    let swatch = value.swatch.clone().map(|colour| {
        view! {
            <svg class="swatch" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
                <circle cx="10" cy="10" r="9" fill=colour stroke="currentColor" stroke-opacity=".3" />
            </svg>
        }
    });
    let mut class = "choice".to_owned();
    for (is, word) in [(out, " choice-out"), (with.is_some(), " choice-elsewhere")] {
        class.push_str(if is { word } else { "" });
    }
    let href = shell.locale.path(&product_path(&page.product.slug));
    let choice = view! {
        <li>
            <a
                class=class
                href=format!("{href}?variant={}", variant.id)
                aria-current=is_chosen.then_some("true")
                rel="nofollow"
            >
                {swatch}
                <span class="choice-name" dir="auto">{value.name.clone()}</span>
                " "
                {with}
                " "
                {sold_out}
            </a>
        </li>
    };
    Some(choice.into_any())
}

/// The variant that a choice selects. If the variant with all other options unchanged exists, it is
/// that one, even if it is sold out. Otherwise it is an available variant before a sold-out one,
/// and among those the one that keeps most of the other options.
fn selected_by<'p>(
    page: &'p ProductPage,
    option: &ProductOption,
    value: &str,
) -> Option<&'p Variant> {
    let now = selected_variant(page);
    let kept = |variant: &Variant| {
        let others = variant.options.iter().filter(|it| it.option != option.code);
        let same = others.filter(|it| now.is_some_and(|now| has(now, &it.option, &it.value)));
        same.count()
    };
    let variants = page.product.variants.iter();
    let fitting = variants.filter(|variant| has(variant, &option.code, value));
    // The first of equal variants wins.
    fitting.rev().max_by_key(|variant| {
        let can_be_had = variant.availability != Availability::Out;
        let kept = kept(variant);
        let all_kept = kept + 1 == variant.options.len();
        (all_kept, can_be_had, kept)
    })
}

/// The names of the values that change in other options.
fn changed_values(page: &ProductPage, option: &ProductOption, to: &Variant) -> Vec<String> {
    let Some(now) = selected_variant(page) else {
        return Vec::new();
    };
    let others = to.options.iter().filter(|it| it.option != option.code);
    let changed = others.filter(|it| !has(now, &it.option, &it.value));
    let name = |choice: &shared::catalog::SelectedOption| {
        let mut options = page.product.options.iter();
        let option = options.find(|it| it.code == choice.option)?;
        let value = option.values.iter().find(|it| it.code == choice.value)?;
        Some(value.name.clone())
    };
    changed.filter_map(name).collect()
}

fn has(variant: &Variant, option: &str, value: &str) -> bool {
    let mut options = variant.options.iter();
    options.any(|it| it.option == option && it.value == value)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    /// A shirt with colours and sizes, and the availability of each variant.
    fn shirt(variants: &[(&str, &str, &str)], shown: usize) -> ProductPage {
        let money = json!({ "minor": 1_000, "currency": "USD" });
        let option = |code: &str, values: &[&str]| {
            let values = values.iter().map(|it| json!({ "code": it, "name": it }));
            json!({ "code": code, "name": code, "values": values.collect::<Vec<Value>>() })
        };
        let variants = variants
            .iter()
            .zip(1..)
            .map(|((colour, size, availability), id)| {
                json!({
                    "id": id.to_string(), "sku": format!("{colour}-{size}"), "price": money,
                    "availability": availability, "compare_at": null, "image": null, "weight_g": 1,
                    "options": [{ "option": "colour", "value": colour },
                                { "option": "size", "value": size }],
                })
            });
        from_value(json!({
            "variant": shown, "related": [],
            "product": {
                "id": "1", "slug": "shirt", "name": "Shirt", "description": "", "brand": null,
                "categories": [], "availability": "in_stock",
                "price": { "from": money, "to": money, "compare_at": null },
                "options": [option("colour", &["red", "blue"]), option("size", &["s", "m", "l"])],
                "variants": variants.collect::<Vec<Value>>(), "images": [], "attributes": [],
                "tags": [], "created_at": "2026-01-02T03:04:05Z",
                "updated_at": "2026-01-02T03:04:05Z", "version": 1,
            },
        }))
        .unwrap()
    }

    /// The variant that a choice selects, and the other values that change.
    fn selection_of(page: &ProductPage, option: usize, value: &str) -> (String, Vec<String>) {
        let option = &page.product.options[option];
        let variant = selected_by(page, option, value).unwrap();
        (variant.sku.clone(), changed_values(page, option, variant))
    }

    #[test]
    fn a_choice_keeps_the_other_options_if_possible() {
        let all = [
            ("red", "s", "in_stock"),
            ("red", "m", "out"),
            ("blue", "s", "in_stock"),
            ("blue", "m", "in_stock"),
        ];
        let page = shirt(&all, 0);
        assert_eq!(selection_of(&page, 0, "blue"), ("blue-s".into(), vec![]));
        // The variant exists and is sold out, which the link says.
        assert_eq!(selection_of(&page, 1, "m"), ("red-m".into(), vec![]));
        let page = shirt(&all, 3);
        assert_eq!(selection_of(&page, 1, "s"), ("blue-s".into(), vec![]));
    }

    #[test]
    fn otherwise_a_choice_prefers_available_variants_and_reports_changes() {
        let all = [
            ("red", "s", "in_stock"),
            ("blue", "m", "out"),
            ("blue", "l", "low"),
        ];
        let page = shirt(&all, 0);
        assert_eq!(
            selection_of(&page, 0, "blue"),
            ("blue-l".into(), vec!["l".into()])
        );
        assert_eq!(
            selection_of(&page, 1, "m"),
            ("blue-m".into(), vec!["blue".into()])
        );
    }
}
