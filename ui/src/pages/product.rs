//! The product page.

use leptos::prelude::*;
use shared::{
    catalog::{Availability, PriceRange, Variant},
    page::{ProductPage, Shell, action, product_path},
};

use crate::{
    components::{breadcrumb_data, breadcrumbs, discount_text, grid, price},
    document::{PageMetadata, render},
    form,
    messages::Messages,
};

use super::{gallery::gallery, product_data::data, variant_picker::variant_picker};

/// The product page, with a selected variant.
pub fn product(shell: &Shell, page: &ProductPage) -> String {
    let product = &page.product;
    let first_sentence: String = product.description.chars().take(155).collect();
    let here = (product.name.as_str(), product_path(&product.slug));
    let metadata = PageMetadata {
        title: format!("{} · {}", product.name, shell.shop_name),
        description: first_sentence.replace('\n', " "),
        image: product.images.first().cloned(),
        kind: "product",
        price: Some(product.price.from),
        data: vec![
            data(shell, page),
            breadcrumb_data(shell, &product.categories, here),
        ],
    };
    let messages = Messages::of(shell.locale);
    render(shell, &metadata, || {
        let related = (!page.related.is_empty()).then(|| {
            view! {
                <section class="wrap section">
                    <h2>{messages.text("product-related")}</h2>
                    {grid(shell, &page.related, false)}
                </section>
            }
        });
        view! {
            <div class="wrap">
                {breadcrumbs(shell, &product.categories, &product.name)}
                <div class="product">
                    {gallery(messages, page)} <div class="buy">{buy(shell, page)}</div>
                </div>
            </div>
            {related}
        }
    })
}

pub(super) fn selected_variant(page: &ProductPage) -> Option<&Variant> {
    page.product.variants.get(page.variant)
}

fn buy(shell: &Shell, page: &ProductPage) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let product = &page.product;
    let brand = product
        .brand
        .as_ref()
        .map(|brand| messages.text_with("product-by", &[("brand", brand.name.clone().into())]));
    let variant = selected_variant(page).map(|variant| {
        let range = PriceRange {
            from: variant.price,
            to: variant.price,
            compare_at: variant.compare_at,
        };
        let less = discount_text(messages, &range);
        let state = variant.availability.as_str();
        view! {
            <div class="offer">
                {price(shell.locale, &range)}
                {less.map(|less| view! { <span class="badge">{less}</span> })}
            </div>
            <p class=format!("availability availability-{state}")>
                {messages.text(&format!("availability-{state}"))}
            </p>
        }
    });
    let paragraphs = product
        .description
        .split("\n\n")
        .filter(|text| !text.trim().is_empty())
        .map(|text| view! { <p dir="auto">{text.to_owned()}</p> })
        .collect_view();
    view! {
        {brand.map(|brand| view! { <p class="brand" dir="auto">{brand}</p> })}
        <h1 dir="auto">{product.name.clone()}</h1>
        {variant}
        {variant_picker(shell, page)}
        {add(shell, page)}
        <div class="prose">{paragraphs}</div>
        {facts(messages, page)}
    }
}

/// The form that adds the variant to the cart.
fn add(shell: &Shell, page: &ProductPage) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let action = shell.locale.path(action::ADD_TO_CART);
    let wrong = page.form.is_invalid("quantity");
    let typed = if wrong {
        page.form.value("quantity")
    } else {
        "1"
    }
    .to_owned();
    selected_variant(page).map(|variant| {
        let out = variant.availability == Availability::Out;
        let say = if out { "cart-sold-out" } else { "cart-add" };
        let fault = messages.text("cart-add-wrong");
        view! {
            <form
                class="add"
                method="post"
                action=action
                data-name=page.product.name.clone()
                novalidate
            >
                {form::hidden("product", &page.product.slug)} {form::hidden("sku", &variant.sku)}
                <div class="field">
                    <label for="quantity">{messages.text("cart-add-quantity")}</label>
                    <input
                        id="quantity"
                        name="quantity"
                        type="text"
                        inputmode="numeric"
                        autocomplete="off"
                        maxlength="12"
                        pattern=AT_LEAST_ONE
                        value=typed
                        required
                        disabled=out
                        autofocus=wrong
                        aria-invalid=wrong.then_some("true")
                        aria-describedby=wrong.then_some("quantity-wrong")
                        data-fault=fault.clone()
                    />
                </div>
                <button class="button" disabled=out>
                    {messages.text(say)}
                </button>
                {wrong.then(|| view! { <p class="wrong" id="quantity-wrong">{fault}</p> })}
            </form>
        }
    })
}

/// Digits, including full-width ones, that are not all zeros.
const AT_LEAST_ONE: &str = r"\s*[0-9０-９]*[1-9１-９][0-9０-９]*\s*";

fn facts(messages: Messages, page: &ProductPage) -> impl IntoView + use<> {
    let sku =
        selected_variant(page).map(|variant| (messages.text("product-sku"), variant.sku.clone()));
    let tags = (!page.product.tags.is_empty())
        .then(|| (messages.text("product-tags"), page.product.tags.join(", ")));
    let facts = page
        .product
        .attributes
        .iter()
        .map(|it| (it.name.clone(), it.value.clone()));
    let rows = facts.chain(sku).chain(tags).map(|(name, value)| {
        view! {
            <div>
                <dt dir="auto">{name}</dt>
                <dd dir="auto">{value}</dd>
            </div>
        }
    });
    view! {
        <section class="facts">
            <h2>{messages.text("product-facts")}</h2>
            <dl>{rows.collect_view()}</dl>
        </section>
    }
}
