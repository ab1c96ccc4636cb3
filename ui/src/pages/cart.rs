//! The cart page.

use leptos::prelude::*;
use shared::{
    cart::{Cart, CartCoupon, CartLine, CouponRefusal, LineProblem, QUANTITY_MAX, Totals},
    form::FormState,
    page::{CART, CartPage, Shell, action, product_path, quantity_field},
};

use crate::{
    components::{Loading, Slot, picture},
    document::{PageMetadata, render},
    form,
    messages::Messages,
};

/// The cart page.
pub fn cart(shell: &Shell, page: &CartPage) -> String {
    let messages = Messages::of(shell.locale);
    let metadata = PageMetadata::private(shell, &messages.text("cart"));
    render(shell, &metadata, || {
        let filled = page.cart.as_ref().filter(|cart| !cart.lines.is_empty());
        let inside = match filled {
            Some(cart) => full(shell, cart, &page.form).into_any(),
            None => empty(shell, &page.form).into_any(),
        };
        let (items, said) = announcement(shell, page);
        view! {
            <div class="wrap page">
                <h1 tabindex="-1">{messages.text("cart")}</h1>
                <div class="inside" data-cart data-items=items.to_string() data-said=said>
                    {inside}
                </div>
            </div>
        }
    })
}

/// The number of items in the cart, and the announcement after a change: errors come first.
fn announcement(shell: &Shell, page: &CartPage) -> (i64, String) {
    let messages = Messages::of(shell.locale);
    let cart = page.cart.as_ref();
    let (items, said) = match cart.filter(|cart| !cart.lines.is_empty()) {
        Some(cart) => {
            let total = cart.totals.total.display(shell.locale);
            let items = cart.lines.iter().map(|line| line.quantity).sum();
            let values = [
                ("items", messages.item_count(cart).into()),
                ("total", total.into()),
            ];
            (items, messages.text_with("cart-said", &values))
        }
        None => (0, messages.text("cart-empty")),
    };
    let refused = cart.into_iter().flat_map(|cart| &cart.coupons);
    let refused = refused.filter_map(|it| Some(refusal(messages, it.refused?)));
    let wrong = form::announcement(messages, &page.form)
        .into_iter()
        .chain(refused);
    (items, wrong.chain([said]).collect::<Vec<_>>().join(" "))
}

fn empty(shell: &Shell, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    view! {
        {form::error_summary(messages, form)}
        <div class="empty">
            <p class="lead">{messages.text("cart-empty")}</p>
            <a class="button" href=shell.locale.path("/")>
                {messages.text("cart-empty-browse")}
            </a>
        </div>
    }
    .into_any()
}

fn full(shell: &Shell, cart: &Cart, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let lines = cart.lines.iter().map(|it| line(shell, it, form));
    let lines = lines.collect::<Vec<_>>();
    let on = if cart.lines.iter().any(CartLine::blocks_order) {
        view! { <p class="wrong">{messages.text("cart-mend")}</p> }.into_any()
    } else {
        view! {
            <button class="button wide" name="next" value="checkout">
                {messages.text("cart-checkout")}
            </button>
        }
        .into_any()
    };
    let later = cart
        .shipping_method
        .is_none()
        .then_some("sum-shipping-later");
    // A single form, so that each button submits all fields. Enter presses the first button.
    view! {
        {form::error_summary(messages, form)}
        <form method="post" action=shell.locale.path(CART.path) novalidate>
            <button class="unseen" tabindex="-1" aria-hidden="true">
                {messages.text("cart-update")}
            </button>
            <div class="with-summary">
                <ul class="lines" id="lines">
                    {lines}
                </ul>
                <section class="summary" aria-labelledby="summary">
                    <h2 id="summary">{messages.text("summary")}</h2>
                    {coupons(shell, cart, form)} {totals_table(shell, &cart.totals, later)} {on}
                </section>
            </div>
        </form>
    }
    .into_any()
}

/// The quantity of a line. A hidden field has the quantity that was shown, so that an outdated page
/// reverts nothing.
fn quantity(messages: Messages, line: &CartLine, form: &FormState) -> AnyView {
    let of = [("name", line.name.clone().into())];
    let id = quantity_field(line.variant_id);
    let wrong = form.is_invalid(&id);
    let value = if wrong {
        form.value(&id).to_owned()
    } else {
        line.quantity.to_string()
    };
    view! {
        <div
            class="quantity"
            data-less=messages.text_with("cart-less", &of)
            data-more=messages.text_with("cart-more", &of)
        >
            {form::hidden_as(format!("was-{id}"), &line.quantity.to_string())}
            <label class="unseen" for=id.clone()>
                {messages.text_with("cart-quantity", &of)}
            </label>
            <input
                id=id.clone()
                name=id.clone()
                type="text"
                inputmode="numeric"
                autocomplete="off"
                maxlength="12"
                data-max=QUANTITY_MAX.to_string()
                value=value
                aria-invalid=wrong.then_some("true")
                aria-describedby=wrong.then(|| format!("{id}-wrong"))
            />
            <button
                class="button quiet-button small"
                aria-label=messages.text_with("cart-update-it", &of)
            >
                {messages.text("cart-update")}
            </button>
        </div>
    }
    .into_any()
}

fn fault(messages: Messages, line: &CartLine, form: &FormState) -> impl IntoView + use<> {
    let id = quantity_field(line.variant_id);
    form::field_error_of(messages, form, &id, &id)
}

fn line(shell: &Shell, line: &CartLine, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    let href = format!(
        "{}?variant={}",
        locale.path(&product_path(&line.slug)),
        line.variant_id
    );
    let gone = line.problems.contains(&LineProblem::Gone);
    let name = line.name.clone();
    let of = [("name", name.clone().into())];
    let quantity = (!gone).then(|| quantity(messages, line, form));
    let fault = fault(messages, line, form);
    view! {
        <li class="line" data-sku=line.sku.clone()>
            <div class="frame">{picture(line.image.as_ref(), "", Slot::Line, Loading::Eager)}</div>
            <div class="about">
                <h2 dir="auto">
                    <a href=href>{name}</a>
                </h2>
                {option_list(&line.options)}
                <p class="quiet">{line.price.display(locale)}</p>
                {problems(messages, locale, line)}
                {fault}
                <div class="handles">
                    {quantity}
                    <button
                        class="link"
                        name="remove"
                        value=line.sku.clone()
                        aria-label=messages.text_with("cart-remove-it", &of)
                    >
                        {messages.text("cart-remove")}
                    </button>
                </div>
            </div>
            <p class="sum">{line.total.display(locale)}</p>
        </li>
    }
    .into_any()
}

/// The chosen options of a product, on one line.
pub(super) fn option_list(options: &[String]) -> Option<AnyView> {
    let text = options.join(" · ");
    (!text.is_empty()).then(|| view! { <p class="quiet" dir="auto">{text}</p> }.into_any())
}

/// The problems of a line.
pub(super) fn problems(
    messages: Messages,
    locale: shared::locale::Locale,
    line: &CartLine,
) -> impl IntoView + use<> {
    let mut said: Vec<(&str, String)> = Vec::new();
    for problem in &line.problems {
        said.push(match problem {
            LineProblem::Gone => ("wrong", messages.text("cart-gone")),
            LineProblem::Short { available } => {
                let count = [("count", (*available).into())];
                ("wrong", messages.text_with("cart-short", &count))
            }
            LineProblem::PriceChanged { before } => {
                let before = [("before", before.display(locale).into())];
                ("note", messages.text_with("cart-price-changed", &before))
            }
        });
    }
    if line.backordered > 0 {
        let count = [("count", line.backordered.into())];
        said.push(("note", messages.text_with("cart-backordered", &count)));
    }
    said.into_iter()
        .map(|(class, text)| view! { <p class=class>{text}</p> })
        .collect::<Vec<_>>()
}

fn coupons(shell: &Shell, cart: &Cart, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let used = cart.coupons.iter().map(|it| {
        let code = [("code", it.code.clone().into())];
        let remove = view! {
            <button
                class="link"
                name="remove_coupon"
                value=it.code.clone()
                aria-label=messages.text_with("coupon-remove-it", &code)
            >
                {messages.text("cart-remove")}
            </button>
        };
        coupon(shell, it, Some(remove.into_any()))
    });
    let used = used.collect::<Vec<_>>();
    let wrong = form.is_invalid("coupons");
    view! {
        <ul class="coupons">{used}</ul>
        <details class="coupon" open=wrong>
            <summary>{messages.text("coupon-add")}</summary>
            <div class="inline">
                <div class="field">
                    <label for="code">{messages.text("field-code")}</label>
                    <input
                        id="code"
                        name="code"
                        type="text"
                        autocomplete="off"
                        autocapitalize="characters"
                        maxlength="64"
                        value=form.value("code").to_owned()
                        aria-invalid=wrong.then_some("true")
                        aria-describedby=wrong.then_some("code-wrong")
                    />
                    {form::field_error_of(messages, form, "code", "coupons")}
                </div>
                <button
                    class="button quiet-button"
                    formaction=shell.locale.path(action::COUPONS)
                >
                    {messages.text("coupon-use")}
                </button>
            </div>
        </details>
    }
    .into_any()
}

/// A coupon with its discount, or with the reason why it gives none.
pub(super) fn coupon(shell: &Shell, coupon: &CartCoupon, remove: Option<AnyView>) -> AnyView {
    let messages = Messages::of(shell.locale);
    let effect = match coupon.refused {
        Some(refused) => {
            view! { <span class="wrong">{refusal(messages, refused)}</span> }.into_any()
        }
        None => view! { <span>"−" {coupon.discount.display(shell.locale)}</span> }.into_any(),
    };
    view! {
        <li>
            <strong>{coupon.code.clone()}</strong>
            " "
            {effect}
            " "
            {remove}
        </li>
    }
    .into_any()
}

/// The reason why a coupon gives no discount.
fn refusal(messages: Messages, refused: CouponRefusal) -> String {
    let word = serde_json::to_value(refused).unwrap_or_default();
    messages.text(&format!(
        "coupon-refused-{}",
        word.as_str().unwrap_or_default()
    ))
}

/// The totals. While shipping is unknown, `later` says when it will be known.
pub(super) fn totals_table(shell: &Shell, totals: &Totals, later: Option<&str>) -> AnyView {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    let row = |key: &str, value: String, name: &'static str| {
        view! {
            <div data-sum=name>
                <dt>{messages.text(key)}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let discount = (totals.discount.minor != 0).then(|| {
        let less = format!("−{}", totals.discount.display(locale));
        row("sum-discount", less, "discount")
    });
    let shipping = match (later, totals.shipping.minor) {
        (Some(later), _) => messages.text(later),
        (None, 0) => messages.text("sum-free"),
        (None, _) => totals.shipping.display(locale),
    };
    let tax = (totals.tax.minor != 0).then(|| {
        let key = if totals.tax_included {
            "sum-tax-included"
        } else {
            "sum-tax"
        };
        row(key, totals.tax.display(locale), "tax")
    });
    let (before, after) = if totals.tax_included {
        (None, tax)
    } else {
        (tax, None)
    };
    view! {
        <dl class="sums">
            {row("sum-items", totals.items.display(locale), "items")}
            {discount}
            {row("sum-shipping", shipping, "shipping")}
            {before}
            <div class="total" data-sum="total">
                <dt>{messages.text("sum-total")}</dt>
                <dd>{totals.total.display(locale)}</dd>
            </div>
            {after}
        </dl>
    }
    .into_any()
}
