//! The page of the second factor: set-up, recovery codes and turning it off.

use leptos::prelude::*;
use shared::{
    account::SecondFactorState,
    form::FormState,
    page::{SECURITY, SecurityPage, Shell, action},
};

use crate::{form::Input, messages::Messages};

use super::{
    account::{CURRENT, titled},
    sign_in::OTP,
};

/// The content of the page.
pub(super) fn security(shell: &Shell, page: &SecurityPage, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    if !page.codes.is_empty() {
        return codes(shell, &page.codes);
    }
    let required = page.factor.required && page.factor.state != SecondFactorState::On;
    let required =
        required.then(|| view! { <p class="wrong">{messages.text("factor-required")}</p> });
    let inside = match page.factor.state {
        SecondFactorState::Off => off(shell, form),
        SecondFactorState::Pending => pending(shell, page, form),
        SecondFactorState::On => on(shell, page, form),
    };
    view! {
        <p class="quiet">{messages.text("factor-text")}</p>
        {required}
        {inside}
    }
    .into_any()
}

fn off(shell: &Shell, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    view! {
        <form class="stack" method="post" action=shell.locale.path(action::ENROL)>
            {CURRENT.view(messages, form)}
            <button class="button">{messages.text("factor-enrol-do")}</button>
        </form>
    }
    .into_any()
}

fn pending(shell: &Shell, page: &SecurityPage, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let drawing = page.qr.as_ref().map(|qr| {
        let width = qr.width;
        view! {
            <svg
                class="qr"
                role="img"
                aria-label=messages.text("factor-qr")
                viewBox=format!("0 0 {width} {width}")
                width="240"
                height="240"
            >
                <path fill="#fff" d=format!("M0 0h{width}v{width}H0z")></path>
                <path fill="#000" d=qr.path.clone()></path>
            </svg>
        }
    });
    let secret = page.secret.as_ref().map(|it| {
        // In groups of four, for typing.
        let signs: Vec<char> = it.secret.chars().collect();
        let groups: Vec<String> = signs.chunks(4).map(|it| it.iter().collect()).collect();
        view! {
            <p>
                {messages.text("factor-secret")} " " <code class="secret">{groups.join(" ")}</code>
            </p>
        }
    });
    view! {
        <p>{messages.text("factor-scan")}</p>
        {drawing}
        {secret}
        <form class="stack" method="post" action=shell.locale.path(action::CONFIRM)>
            {OTP.view(messages, form)}
            <button class="button">{messages.text("factor-confirm-do")}</button>
        </form>
    }
    .into_any()
}

fn on(shell: &Shell, page: &SecurityPage, form: &FormState) -> AnyView {
    let messages = Messages::of(shell.locale);
    let left = [("count", page.factor.recovery_codes_left.into())];
    let proof = |current: &'static str, otp: &'static str| {
        let current = Input {
            id: current,
            ..CURRENT
        };
        let otp = Input { id: otp, ..OTP };
        (current.view(messages, form), otp.view(messages, form))
    };
    let renew = view! {
        <p>{messages.text_with("factor-codes-left", &left)}</p>
        <form class="stack" method="post" action=shell.locale.path(action::RECOVERY_CODES)>
            {proof("codes-current", "codes-otp")}
            <button class="button">{messages.text("factor-codes-do")}</button>
        </form>
    }
    .into_any();
    let disable = (!page.factor.required).then(|| {
        let form = view! {
            <form class="stack" method="post" action=shell.locale.path(action::DISABLE)>
                {proof("off-current", "off-otp")}
                <button class="button danger">{messages.text("factor-off-do")}</button>
            </form>
        }
        .into_any();
        titled(messages, "factor-off", form)
    });
    view! {
        <p class="note">{messages.text("factor-on")}</p>
        {titled(messages, "factor-codes", renew)}
        {disable}
    }
    .into_any()
}

/// New recovery codes, shown only once.
fn codes(shell: &Shell, codes: &[String]) -> AnyView {
    let messages = Messages::of(shell.locale);
    let items = codes.iter().map(|code| {
        view! {
            <li>
                <code class="secret">{code.clone()}</code>
            </li>
        }
    });
    let items = items.collect::<Vec<_>>();
    view! {
        <p class="lead" role="status">{messages.text("factor-codes-once")}</p>
        <ul class="rows">{items}</ul>
        <p>
            <a class="button" href=shell.locale.path(SECURITY.path)>
                {messages.text("factor-codes-kept")}
            </a>
        </p>
    }
    .into_any()
}
