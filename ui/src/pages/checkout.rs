//! Checkout: a page with a form for each step.

use leptos::prelude::*;
use shared::{
    address::Address,
    cart::{Cart, NOTE_MAX},
    page::{
        CART, CHECKOUT, CHECKOUT_PAYMENT, CHECKOUT_REVIEW, CHECKOUT_SHIPPING, CheckoutPage,
        CheckoutStep, Shell,
    },
    payment::TestCard,
};

use crate::{
    components::{Loading, Slot, picture},
    document::{PageMetadata, render},
    form::{self, Input},
    messages::Messages,
};

use super::cart::{coupon, option_list, problems, totals_table};

/// A checkout page.
pub fn checkout(shell: &Shell, page: &CheckoutPage) -> String {
    let messages = Messages::of(shell.locale);
    let title = messages.text(&format!("step-{}", page.step.as_str()));
    let metadata =
        PageMetadata::private(shell, &format!("{title} · {}", messages.text("checkout")));
    render(shell, &metadata, || {
        let step = match page.step {
            CheckoutStep::Address => address(shell, page).into_any(),
            CheckoutStep::Shipping => shipping(shell, page).into_any(),
            CheckoutStep::Payment => payment(shell, page).into_any(),
            CheckoutStep::Review => review(shell, page).into_any(),
        };
        let open = page.step == CheckoutStep::Review;
        view! {
            <div class="wrap page">
                {steps(shell, page.step)} <h1>{title.clone()}</h1>
                <div class="with-summary">
                    <div class="step">{form::error_summary(messages, &page.form)} {step}</div>
                    {order_summary(shell, page, open)}
                </div>
            </div>
        }
    })
}

/// The path of a step.
fn path_of(step: CheckoutStep) -> &'static str {
    match step {
        CheckoutStep::Address => CHECKOUT.path,
        CheckoutStep::Shipping => CHECKOUT_SHIPPING.path,
        CheckoutStep::Payment => CHECKOUT_PAYMENT.path,
        CheckoutStep::Review => CHECKOUT_REVIEW.path,
    }
}

/// The progress of checkout; completed steps can be changed.
fn steps(shell: &Shell, here: CheckoutStep) -> AnyView {
    let messages = Messages::of(shell.locale);
    let items = CheckoutStep::ALL.map(|step| {
        let name = messages.text(&format!("step-{}", step.as_str()));
        let item = if step < here {
            view! { <a href=shell.locale.path(path_of(step))>{name}</a> }.into_any()
        } else {
            let current = (step == here).then_some("step");
            view! { <span aria-current=current>{name}</span> }.into_any()
        };
        view! { <li>{item}</li> }
    });
    view! {
        <nav class="steps" aria-label=messages.text("checkout")>
            <ol>
                <li>
                    <a href=shell.locale.path(CART.path)>{messages.text("cart")}</a>
                </li>
                {Vec::from(items)}
            </ol>
        </nav>
    }
    .into_any()
}

fn address(shell: &Shell, page: &CheckoutPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let form = &page.form;
    let here = shell.locale.path(CHECKOUT.path);
    let login = (!page.signed_in).then(|| {
        let href = format!(
            "{}?next={}",
            shell.locale.path("/account/login"),
            CHECKOUT.path
        );
        view! {
            <p class="quiet">
                {messages.text("checkout-known")} " "
                <a href=href>{messages.text("checkout-login")}</a>
            </p>
        }
    });
    let book = page.book.iter().map(|saved| {
        let href = format!("{here}?saved={}", saved.id);
        let line = format!("{}, {}", saved.address.name, saved.address.line1);
        view! {
            <li>
                <a class="chip" href=href dir="auto">
                    {line}
                </a>
            </li>
        }
    });
    let book = book.collect::<Vec<_>>();
    let book = (!book.is_empty()).then(|| {
        view! {
            <section aria-labelledby="book">
                <h2 id="book">{messages.text("checkout-book")}</h2>
                <ul class="chips">{book}</ul>
            </section>
        }
    });
    view! {
        {login}
        {book}
        <form class="stack" method="post" action=here.clone() novalidate>
            {Input::required("email", "email").kind("email").view(messages, form)}
            {form::address(messages, form)}
            {form::text_area(messages, form, "note", NOTE_MAX)}
            <button class="button">{messages.text("checkout-to-shipping")}</button>
        </form>
    }
    .into_any()
}

fn shipping(shell: &Shell, page: &CheckoutPage) -> impl IntoView + use<> {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    let taken = page.form.value("shipping_method").to_owned();
    let first = page.methods.first().map(|it| it.code.clone());
    let known = page.methods.iter().any(|it| it.code == taken);
    let taken = if known { Some(taken) } else { first };
    let rows = page.methods.iter().map(|method| {
        let price = if method.price.minor == 0 {
            messages.text("sum-free")
        } else {
            method.price.display(locale)
        };
        let chosen = taken.as_ref() == Some(&method.code);
        let label = view! {
            <span>{method.name.clone()}</span>
            <span class="end">{price}</span>
        };
        form::choice("shipping_method", &method.code, chosen, label)
    });
    let rows = rows.collect::<Vec<_>>();
    if rows.is_empty() {
        let href = shell.locale.path(CHECKOUT.path);
        return view! {
            <p>{messages.text("shipping-none")}</p>
            <a class="button" href=href>
                {messages.text("checkout-change-address")}
            </a>
        }
        .into_any();
    }
    view! {
        {shipping_address(shell, page)}
        <form class="stack" method="post" action=shell.locale.path(CHECKOUT_SHIPPING.path)>
            <fieldset class="options">
                <legend>{messages.text("step-shipping")}</legend>
                {rows}
            </fieldset>
            <button class="button">{messages.text("checkout-to-payment")}</button>
        </form>
    }
    .into_any()
}

/// The shipping address, with a link to change it.
fn shipping_address(shell: &Shell, page: &CheckoutPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let address = page.cart.shipping_address.as_ref();
    let lines = address.map(|address| lines_of(messages, address));
    view! {
        <section class="said">
            <div>
                <h2>{messages.text("checkout-to")}</h2>
                {lines}
                <p class="quiet">{page.cart.email.clone()}</p>
            </div>
            <a href=shell.locale.path(CHECKOUT.path) aria-label=messages.text("checkout-change-address")>
                {messages.text("checkout-change")}
            </a>
        </section>
    }
    .into_any()
}

/// The lines of an address on a label.
pub(super) fn lines_of(messages: Messages, address: &Address) -> impl IntoView + use<> {
    let town = format!("{} {}", address.postcode, address.city);
    let country = format!("country-{}", address.country);
    let country = if messages.contains(&country) {
        messages.text(&country)
    } else {
        address.country.clone()
    };
    let lines = [
        address.name.clone(),
        address.company.clone(),
        address.line1.clone(),
        address.line2.clone(),
        town.trim().to_owned(),
        address.region.clone(),
        country,
        address.phone.clone(),
    ];
    let lines = lines.into_iter().filter(|line| !line.is_empty());
    let lines = lines.map(|line| view! { <span dir="auto">{line}</span> });
    view! { <p class="address">{lines.collect::<Vec<_>>()}</p> }
}

fn payment(shell: &Shell, page: &CheckoutPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let taken = page.form.value("payment").to_owned();
    let first = page.payments.first().cloned().unwrap_or_default();
    let known = page.payments.contains(&taken);
    let taken = if known { taken } else { first };
    let rows = page.payments.iter().map(|method| {
        let label = view! {
            <span>
                {messages.text(&format!("payment-{method}"))}
                <span class="hint">{messages.text(&format!("payment-{method}-hint"))}</span>
            </span>
        };
        form::choice("payment", method, *method == taken, label)
    });
    let rows = rows.collect::<Vec<_>>();
    let tests = page.payments.iter().any(|it| it == "test");
    view! {
        {shipping_address(shell, page)}
        <form class="stack" method="get" action=shell.locale.path(CHECKOUT_REVIEW.path)>
            <fieldset class="options">
                <legend>{messages.text("step-payment")}</legend>
                {rows}
            </fieldset>
            {tests.then(|| cards(messages, page.form.value("card")))}
            <button class="button">{messages.text("checkout-to-review")}</button>
        </form>
    }
    .into_any()
}

/// The choice of a test card, for the method `test`.
pub(super) fn cards(messages: Messages, chosen: &str) -> AnyView {
    let options = TestCard::ALL.map(|card| {
        let value = card.as_str();
        let selected = value == chosen;
        let name = messages.text(&format!("card-{value}"));
        view! { <option value=value selected=selected>{name}</option> }
    });
    view! {
        <div class="field">
            <label for="card">{messages.text("field-card")}</label>
            <select id="card" name="card" autocomplete="off">
                {Vec::from(options)}
            </select>
        </div>
    }
    .into_any()
}

fn review(shell: &Shell, page: &CheckoutPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    let cart = &page.cart;
    let payment = page.form.value("payment");
    let shipping = page
        .methods
        .iter()
        .find(|it| Some(&it.code) == cart.shipping_method.as_ref())
        .map(|it| it.name.clone());
    let said = |heading: &str, text: Option<String>, path: &str, label: &str| {
        view! {
            <section class="said">
                <div>
                    <h2>{messages.text(heading)}</h2>
                    <p>{text}</p>
                </div>
                <a href=locale.path(path) aria-label=messages.text(label)>
                    {messages.text("checkout-change")}
                </a>
            </section>
        }
    };
    let total = cart.totals.total.display(locale);
    let place_it = messages.text_with("checkout-place", &[("total", total.into())]);
    let may = cart.missing.is_empty();
    view! {
        {shipping_address(shell, page)}
        {said(
            "step-shipping",
            shipping,
            CHECKOUT_SHIPPING.path,
            "checkout-change-shipping",
        )}
        {said(
            "step-payment",
            Some(messages.text(&format!("payment-{payment}"))),
            CHECKOUT_PAYMENT.path,
            "checkout-change-payment",
        )}
        <form class="stack" method="post" action=locale.path(CHECKOUT_REVIEW.path)>
            {form::hidden("total", &cart.totals.total.minor.to_string())}
            {form::hidden("payment", payment)} {form::hidden("card", page.form.value("card"))}
            {form::hidden("key", &page.key)}
            <p class="quiet">
                {messages.text("checkout-terms")} " "
                <a href=locale.path("/terms")>{messages.text("info-terms")}</a> " · "
                <a href=locale.path("/returns")>{messages.text("info-returns")}</a> " · "
                <a href=locale.path("/privacy")>{messages.text("info-privacy")}</a>
            </p>
            {may.then(|| view! { <button class="button wide">{place_it}</button> })}
        </form>
    }
    .into_any()
}

/// The order summary beside the step.
fn order_summary(shell: &Shell, page: &CheckoutPage, open: bool) -> AnyView {
    let messages = Messages::of(shell.locale);
    let cart = &page.cart;
    // The shipping method may still change, or may not ship to a new address.
    let later = match page.step {
        CheckoutStep::Address => Some("sum-shipping-next"),
        CheckoutStep::Shipping => Some("sum-shipping-here"),
        CheckoutStep::Payment | CheckoutStep::Review => None,
    };
    let coupons = cart.coupons.iter().map(|it| coupon(shell, it, None));
    let coupons = coupons.collect::<Vec<_>>();
    view! {
        <section class="summary" aria-labelledby="summary">
            <h2 id="summary">{messages.text("summary")}</h2>
            {reservation(messages, cart)}
            <details open=open>
                <summary>{messages.item_count(cart)}</summary>
                {lines(shell, cart)}
            </details>
            <ul class="coupons">{coupons}</ul>
            {totals_table(shell, &cart.totals, later)}
            <a href=shell.locale.path(CART.path)>{messages.text("checkout-change-cart")}</a>
        </section>
    }
    .into_any()
}

/// Says until when the items are reserved.
fn reservation(messages: Messages, cart: &Cart) -> impl IntoView + use<> {
    cart.held_until
        .map(|_| view! { <p class="quiet">{messages.text("checkout-held")}</p> })
}

fn lines<'a>(shell: &Shell, cart: &'a Cart) -> impl IntoView + use<'a> {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    let lines = cart.lines.iter().map(|line| {
        view! {
            <li class="line">
                <div class="frame">{picture(line.image.as_ref(), "", Slot::Line, Loading::Eager)}</div>
                <div class="about">
                    <p dir="auto">{line.name.clone()}</p>
                    {option_list(&line.options)}
                    <p class="quiet">
                        {format!("{} × {}", line.quantity, line.price.display(locale))}
                    </p>
                    {problems(messages, locale, line)}
                </div>
                <p class="sum">{line.total.display(locale)}</p>
            </li>
        }
    });
    view! { <ul class="lines small">{lines.collect::<Vec<_>>()}</ul> }
}
