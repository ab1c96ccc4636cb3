//! The cart.

use leptos::prelude::*;
use shared::{
    cart::{Cart, CartCoupon, CartLine, LineProblem, QUANTITY_MAX, Totals},
    form::Form,
    page::{CART, CHECKOUT, CartPage, Shell, action, product_path},
};

use crate::{
    document::{About, render},
    form,
    parts::{Loading, Slot, picture},
    words::Words,
};

/// The cart's page.
pub fn cart(shell: &Shell, page: &CartPage) -> String {
    let words = Words::of(shell.locale);
    let about = About::private(shell, &words.say("cart"));
    render(shell, &about, || {
        let filled = page.cart.as_ref().filter(|cart| !cart.lines.is_empty());
        let inside = match filled {
            Some(cart) => full(shell, cart, &page.form).into_any(),
            None => empty(shell, &page.form).into_any(),
        };
        let (items, said) = in_words(shell, page.cart.as_ref());
        view! {
            <div class="wrap page">
                <h1 tabindex="-1">{words.say("cart")}</h1>
                <div class="inside" data-cart data-items=items.to_string() data-said=said>
                    {inside}
                </div>
            </div>
        }
    })
}

/// How many things are in a cart, and what scripts say when it has changed.
fn in_words(shell: &Shell, cart: Option<&Cart>) -> (i64, String) {
    let words = Words::of(shell.locale);
    match cart.filter(|cart| !cart.lines.is_empty()) {
        Some(cart) => {
            let total = cart.totals.total.display(shell.locale);
            let items = cart.lines.iter().map(|line| line.quantity).sum();
            let values = [
                ("items", words.item_count(cart).into()),
                ("total", total.into()),
            ];
            (items, words.say_with("cart-said", &values))
        }
        None => (0, words.say("cart-empty")),
    }
}

fn empty(shell: &Shell, form: &Form) -> AnyView {
    let words = Words::of(shell.locale);
    view! {
        {form::faults(words, form)}
        <div class="empty">
            <p class="lead">{words.say("cart-empty")}</p>
            <a class="button" href=shell.locale.path("/")>
                {words.say("cart-empty-browse")}
            </a>
        </div>
    }
    .into_any()
}

fn full(shell: &Shell, cart: &Cart, form: &Form) -> AnyView {
    let words = Words::of(shell.locale);
    let lines = cart.lines.iter().map(|it| line(shell, it));
    let lines = lines.collect::<Vec<_>>();
    let stuck = cart.lines.iter().any(|line| {
        let mut problems = line.problems.iter();
        problems.any(|it| !matches!(it, LineProblem::PriceChanged { .. }))
    });
    let on = if stuck {
        view! { <p class="wrong">{words.say("cart-mend")}</p> }.into_any()
    } else {
        let href = shell.locale.path(CHECKOUT.path);
        view! { <a class="button wide" href=href>{words.say("cart-checkout")}</a> }.into_any()
    };
    view! {
        {form::faults(words, form)}
        <div class="with-summary">
            <ul class="lines" id="lines">
                {lines}
            </ul>
            <section class="summary" aria-labelledby="summary">
                <h2 id="summary">{words.say("summary")}</h2>
                {coupons(shell, cart, form)}
                {sums(shell, &cart.totals, cart.shipping_method.is_some())}
                {on}
            </section>
        </div>
    }
    .into_any()
}

fn line(shell: &Shell, line: &CartLine) -> AnyView {
    let words = Words::of(shell.locale);
    let locale = shell.locale;
    let href = format!(
        "{}?variant={}",
        locale.path(&product_path(&line.slug)),
        line.variant_id
    );
    let gone = line.problems.contains(&LineProblem::Gone);
    let name = line.name.clone();
    let of = [("name", name.clone().into())];
    let id = format!("quantity-{}", line.variant_id);
    let quantity = (!gone).then(|| {
        view! {
            <form
                class="quantity"
                method="post"
                action=locale.path(CART.path)
                data-less=words.say_with("cart-less", &of)
                data-more=words.say_with("cart-more", &of)
            >
                {form::hidden("sku", &line.sku)}
                <label class="unseen" for=id.clone()>
                    {words.say_with("cart-quantity", &of)}
                </label>
                <input
                    id=id
                    name="quantity"
                    type="number"
                    inputmode="numeric"
                    min="0"
                    max=QUANTITY_MAX.to_string()
                    value=line.quantity.to_string()
                    required
                />
                <button class="button quiet-button small">{words.say("cart-update")}</button>
            </form>
        }
    });
    view! {
        <li class="line" data-sku=line.sku.clone()>
            <div class="frame">{picture(line.image.as_ref(), "", Slot::Line, Loading::Eager)}</div>
            <div class="about">
                <h2>
                    <a href=href>{name}</a>
                </h2>
                {chosen(&line.options)}
                <p class="quiet">{line.price.display(locale)}</p>
                {problems(words, locale, line)}
                <div class="handles">
                    {quantity}
                    <form method="post" action=locale.path(CART.path)>
                        {form::hidden("sku", &line.sku)} {form::hidden("quantity", "0")}
                        <button class="link" aria-label=words.say_with("cart-remove-it", &of)>
                            {words.say("cart-remove")}
                        </button>
                    </form>
                </div>
            </div>
            <p class="sum">{line.total.display(locale)}</p>
        </li>
    }
    .into_any()
}

/// What was chosen of a product, in one line.
pub(super) fn chosen(options: &[String]) -> Option<AnyView> {
    let text = options.join(" · ");
    (!text.is_empty()).then(|| view! { <p class="quiet">{text}</p> }.into_any())
}

/// What is to be said about a line.
pub(super) fn problems(
    words: Words,
    locale: shared::locale::Locale,
    line: &CartLine,
) -> impl IntoView + use<> {
    let mut said: Vec<(&str, String)> = Vec::new();
    for problem in &line.problems {
        said.push(match problem {
            LineProblem::Gone => ("wrong", words.say("cart-gone")),
            LineProblem::Short { available } => {
                let count = [("count", (*available).into())];
                ("wrong", words.say_with("cart-short", &count))
            }
            LineProblem::PriceChanged { before } => {
                let before = [("before", before.display(locale).into())];
                ("note", words.say_with("cart-price-changed", &before))
            }
        });
    }
    if line.backordered > 0 {
        let count = [("count", line.backordered.into())];
        said.push(("note", words.say_with("cart-backordered", &count)));
    }
    said.into_iter()
        .map(|(class, text)| view! { <p class=class>{text}</p> })
        .collect::<Vec<_>>()
}

fn coupons(shell: &Shell, cart: &Cart, form: &Form) -> AnyView {
    let words = Words::of(shell.locale);
    let action = shell.locale.path(action::COUPONS);
    let used = cart.coupons.iter().map(|it| coupon(shell, it));
    let used = used.collect::<Vec<_>>();
    let wrong = form.is_wrong("coupons");
    view! {
        <ul class="coupons">{used}</ul>
        <details class="coupon" open=wrong>
            <summary>{words.say("coupon-add")}</summary>
            <form class="inline" method="post" action=action>
                <div class="field">
                    <label for="code">{words.say("field-code")}</label>
                    <input
                        id="code"
                        name="code"
                        type="text"
                        autocomplete="off"
                        autocapitalize="characters"
                        maxlength="64"
                        required
                        value=form.value("code").to_owned()
                        aria-invalid=wrong.then_some("true")
                    />
                </div>
                <button class="button quiet-button">{words.say("coupon-use")}</button>
            </form>
        </details>
    }
    .into_any()
}

fn coupon(shell: &Shell, coupon: &CartCoupon) -> AnyView {
    let words = Words::of(shell.locale);
    let code = [("code", coupon.code.clone().into())];
    let effect = match coupon.refused {
        Some(refused) => {
            let word = serde_json::to_value(refused).unwrap_or_default();
            let key = format!("coupon-refused-{}", word.as_str().unwrap_or_default());
            view! { <span class="wrong">{words.say(&key)}</span> }.into_any()
        }
        None => view! { <span>"−" {coupon.discount.display(shell.locale)}</span> }.into_any(),
    };
    view! {
        <li>
            <strong>{coupon.code.clone()}</strong>
            " "
            {effect}
            <form method="post" action=shell.locale.path(action::COUPONS)>
                {form::hidden("remove", &coupon.code)}
                <button class="link" aria-label=words.say_with("coupon-remove-it", &code)>
                    {words.say("cart-remove")}
                </button>
            </form>
        </li>
    }
    .into_any()
}

/// What it comes to.
pub(super) fn sums(shell: &Shell, totals: &Totals, shipped: bool) -> AnyView {
    let words = Words::of(shell.locale);
    let locale = shell.locale;
    let row = |key: &str, value: String, name: &'static str| {
        view! {
            <div data-sum=name>
                <dt>{words.say(key)}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let discount = (totals.discount.minor != 0).then(|| {
        let less = format!("−{}", totals.discount.display(locale));
        row("sum-discount", less, "discount")
    });
    let shipping = match (shipped, totals.shipping.minor) {
        (false, _) => words.say("sum-shipping-later"),
        (true, 0) => words.say("sum-free"),
        (true, _) => totals.shipping.display(locale),
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
                <dt>{words.say("sum-total")}</dt>
                <dd>{totals.total.display(locale)}</dd>
            </div>
            {after}
        </dl>
    }
    .into_any()
}
