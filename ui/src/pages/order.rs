//! The order page, and the form with which a guest finds an order.

use leptos::prelude::*;
use shared::{
    order::{Order, OrderLine, OrderState},
    page::{CONTACT, FIND_ORDER, FindOrderPage, OrderPage, Shell, TimeLeft, action},
    payment::{Payment, PaymentState},
};

use crate::{
    document::{PageMetadata, render},
    form::{self, Input},
    messages::Messages,
};

use super::{
    cart::{option_list, totals_table},
    checkout::{cards, lines_of},
};

/// The order page.
pub fn order(shell: &Shell, page: &OrderPage) -> String {
    let messages = Messages::of(shell.locale);
    let order = &page.order;
    let number = [("number", order.number.clone().into())];
    let title = messages.text_with("order-title", &number);
    let metadata = PageMetadata::private(shell, &title);
    render(shell, &metadata, || {
        let unpaid = order.state == OrderState::Pending && order.payment_method != "manual";
        let heading = if page.thanks {
            let key = if unpaid {
                "order-waits"
            } else {
                "order-thanks"
            };
            let text = messages.text_with(&format!("{key}-text"), &number);
            view! {
                <h1>{messages.text(key)}</h1>
                <p class="lead">{text}</p>
            }
            .into_any()
        } else {
            view! { <h1>{title.clone()}</h1> }.into_any()
        };
        let note = (!order.note.is_empty())
            .then(|| view! { <p class="address" dir="auto">{order.note.clone()}</p> });
        let lines = order.lines.iter().map(|it| line(shell, it));
        let lines = lines.collect::<Vec<_>>();
        view! {
            <div class="wrap page">
                {heading} {form::error_summary(messages, &page.form)}
                <div class="with-summary">
                    <div class="step">
                        {progress(messages, order)} {payment_section(shell, page)}
                        <section aria-labelledby="items">
                            <h2 id="items">{messages.text("order-items")}</h2>
                            <ul class="lines">{lines}</ul>
                        </section>
                    </div>
                    <section class="summary" aria-labelledby="summary">
                        <h2 id="summary">{messages.text("summary")}</h2>
                        {totals_table(shell, &order.totals, None)} {quantities_shipped_and_returned(shell, order)}
                        <h3>{messages.text("checkout-to")}</h3>
                        {lines_of(messages, &order.shipping_address)}
                        <p class="quiet">{order.email.clone()}</p>
                        {note}
                    </section>
                </div>
            </div>
        }
    })
}

/// The states of an order that is completed normally.
const WAY: [OrderState; 4] = [
    OrderState::Pending,
    OrderState::Paid,
    OrderState::Shipped,
    OrderState::Delivered,
];

/// The progress of the order, with the date of each state.
fn progress(messages: Messages, order: &Order) -> AnyView {
    let reached = |state: OrderState| order.history.iter().find(|it| it.state == state);
    let ended = matches!(
        order.state,
        OrderState::Cancelled | OrderState::Expired | OrderState::Refunding | OrderState::Refunded
    );
    let mut steps: Vec<OrderState> = WAY.to_vec();
    if ended {
        steps.retain(|state| reached(*state).is_some());
        steps.push(order.state);
    }
    let last = steps.iter().rposition(|state| reached(*state).is_some());
    let items = steps.iter().enumerate().map(|(index, state)| {
        let at = reached(*state).map(|event| {
            let day = messages.day(event.at);
            view! { <time datetime=event.at.to_string()>{day}</time> }
        });
        let class = match (at.is_some(), ended && Some(index) == last) {
            (true, true) => "progress-step progress-ended",
            (true, false) => "progress-step progress-done",
            (false, _) => "progress-step progress-open",
        };
        let current = (Some(index) == last).then_some("step");
        view! {
            <li class=class aria-current=current>
                <span>{messages.text(&format!("state-{}", state.as_str()))}</span>
                " "
                {at}
            </li>
        }
    });
    view! {
        <section aria-labelledby="progress">
            <h2 class="unseen" id="progress">{messages.text("order-progress")}</h2>
            <ol class="progress">{items.collect::<Vec<_>>()}</ol>
        </section>
    }
    .into_any()
}

fn line(shell: &Shell, line: &OrderLine) -> AnyView {
    let messages = Messages::of(shell.locale);
    let locale = shell.locale;
    let note = |count: i64, key: &str| {
        let text = messages.text_with(key, &[("count", count.into())]);
        (count > 0).then(|| view! { <p class="note">{text}</p> })
    };
    view! {
        <li class="line plain">
            <div class="about">
                <p dir="auto">
                    <strong>{line.name.clone()}</strong>
                </p>
                {option_list(&line.options)}
                <p class="quiet">{format!("{} × {}", line.quantity, line.price.display(locale))}</p>
                {note(line.backordered, "cart-backordered")}
                {note(line.returned, "order-returned")}
            </div>
            <p class="sum">{line.total.display(locale)}</p>
        </li>
    }
    .into_any()
}

/// Shipped and returned quantities.
fn quantities_shipped_and_returned(shell: &Shell, order: &Order) -> AnyView {
    let messages = Messages::of(shell.locale);
    let row = |key: &str, money: shared::money::Money| {
        (money.minor != 0).then(|| {
            view! {
                <div>
                    <dt>{messages.text(key)}</dt>
                    <dd>{money.display(shell.locale)}</dd>
                </div>
            }
        })
    };
    view! {
        <dl class="sums">
            {row("order-paid", order.paid)} {row("order-refunded", order.refunded)}
        </dl>
    }
    .into_any()
}

/// The payment of the order: its state, instructions and forms.
fn payment_section(shell: &Shell, page: &OrderPage) -> Option<AnyView> {
    let order = &page.order;
    if order.state != OrderState::Pending {
        return None;
    }
    let messages = Messages::of(shell.locale);
    let waiting = page
        .payment
        .as_ref()
        .filter(|it| matches!(it.state, PaymentState::Started | PaymentState::Confirming));
    let inside = match (waiting, order.payment_method.as_str()) {
        (Some(payment), _) => pending_payment(shell, page, payment).into_any(),
        (None, "manual") => transfer(shell, page).into_any(),
        (None, _) => pay(shell, page).into_any(),
    };
    let until = page.time_left.map(|left| {
        let text = match left {
            TimeLeft::Days => {
                let day = order
                    .pay_until
                    .map_or_else(String::new, |at| messages.day(at));
                messages.text_with("order-pay-until", &[("day", day.into())])
            }
            TimeLeft::Hours(count) => {
                messages.text_with("order-pay-hours", &[("count", count.into())])
            }
            TimeLeft::Minutes(count) => {
                messages.text_with("order-pay-minutes", &[("count", count.into())])
            }
        };
        view! { <p class="quiet">{text}</p> }
    });
    Some(
        view! {
            <section class="pay" aria-labelledby="pay">
                <h2 id="pay">{messages.text("order-pay")}</h2>
                {inside}
                {until}
                {cancellation(shell, page)}
            </section>
        }
        .into_any(),
    )
}

/// A payment in progress, or one that waits for the buyer.
fn pending_payment(shell: &Shell, page: &OrderPage, payment: &Payment) -> AnyView {
    let messages = Messages::of(shell.locale);
    let confirming = payment.state == PaymentState::Confirming;
    let redirect = payment.next.as_ref().and_then(|it| it.redirect_url.clone());
    let hosted = page.order.payment_method == "stripe";
    let text = match (confirming, hosted && redirect.is_some()) {
        (true, true) => messages.text("order-go-on"),
        (true, false) => messages.text("order-confirm"),
        (false, _) => messages.text("order-on-its-way"),
    };
    let go_on = if hosted {
        "order-go-on-do"
    } else {
        "order-confirm-do"
    };
    let on = match (confirming, redirect) {
        (true, Some(href)) => view! {
            <a class="button" href=href>
                {messages.text(go_on)}
            </a>
        }
        .into_any(),
        (true, None) => view! {
            <form method="post" action=form_action(shell, page, action::PAY)>
                {form::hidden("confirm", &payment.id)}
                <button class="button">{messages.text("order-confirm-do")}</button>
            </form>
        }
        .into_any(),
        (false, _) => view! {
            <a class="button quiet-button" href=shell.locale.path(&shell.path)>
                {messages.text("order-look-again")}
            </a>
        }
        .into_any(),
    };
    view! {
        <p>{text}</p>
        {on}
    }
    .into_any()
}

fn transfer(shell: &Shell, page: &OrderPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let order = &page.order;
    let values = [
        ("total", order.totals.total.display(shell.locale).into()),
        ("number", order.number.clone().into()),
    ];
    let account = if page.transfer.is_empty() {
        // The shop has published no bank details, so the buyer must ask for them.
        view! {
            <p>
                {messages.text("order-transfer-ask")} " "
                <a href=shell.locale.path(CONTACT.path)>{messages.text("info-contact")}</a>
            </p>
        }
        .into_any()
    } else {
        view! { <p class="address">{page.transfer.clone()}</p> }.into_any()
    };
    view! {
        <p>{messages.text_with("order-transfer", &values)}</p>
        {account}
    }
    .into_any()
}

/// The form that pays, for the first time or again.
fn pay(shell: &Shell, page: &OrderPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let order = &page.order;
    let failed = page
        .payment
        .as_ref()
        .filter(|it| it.state == PaymentState::Failed);
    let failed = failed.map(|_| {
        view! {
            <div class="alert" role="alert" tabindex="-1" autofocus>
                <p>{messages.text("order-declined")}</p>
            </div>
        }
    });
    let total = [("total", order.totals.total.display(shell.locale).into())];
    let tests = order.payment_method == "test";
    view! {
        {failed}
        <form class="stack" method="post" action=form_action(shell, page, action::PAY)>
            {form::hidden("key", &page.key)}
            {tests.then(|| cards(messages, page.form.value("card")))}
            <button class="button">{messages.text_with("order-pay-do", &total)}</button>
        </form>
    }
    .into_any()
}

fn cancellation(shell: &Shell, page: &OrderPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    view! {
        <details>
            <summary>{messages.text("order-give-up")}</summary>
            <form method="post" action=form_action(shell, page, action::CANCEL)>
                <p>{messages.text("order-give-up-text")}</p>
                <button class="button quiet-button">{messages.text("order-give-up-do")}</button>
            </form>
        </details>
    }
    .into_any()
}

/// The action of a form about this order.
fn form_action(shell: &Shell, page: &OrderPage, action: &str) -> String {
    let path = action.replace("{number}", &page.order.number);
    format!("{}?token={}", shell.locale.path(&path), page.order.token)
}

/// The form with which a guest finds an order.
pub fn find_order(shell: &Shell, page: &FindOrderPage) -> String {
    let messages = Messages::of(shell.locale);
    let metadata = PageMetadata::private(shell, &messages.text("find-order"));
    render(shell, &metadata, || {
        view! {
            <div class="wrap page narrow">
                <h1>{messages.text("find-order")}</h1>
                <p class="lead">{messages.text("find-order-text")}</p>
                {form::error_summary(messages, &page.form)}
                <form class="stack" method="post" action=shell.locale.path(FIND_ORDER.path)>
                    {Input::required("number", "off").view(messages, &page.form)}
                    {Input::required("email", "email").kind("email").view(messages, &page.form)}
                    <button class="button">{messages.text("find-order-do")}</button>
                </form>
            </div>
        }
    })
}
