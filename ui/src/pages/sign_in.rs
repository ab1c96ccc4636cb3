//! The forms for signing in and registering.

use leptos::prelude::*;
use shared::{
    account::{NAME_MAX, PASSWORD_MAX, PASSWORD_MIN},
    page::{
        FIND_ORDER, FORGOT, LOGIN, REGISTER, RESET, Shell, SignInForm, SignInPage, VERIFY, action,
    },
};

use crate::{
    document::{PageMetadata, render},
    form::{self, Input},
    messages::Messages,
};

/// The field for an email address.
pub(super) const EMAIL: Input = Input::required("email", "email").kind("email");
/// The field for an existing password.
const PASSWORD: Input = Input {
    max_length: PASSWORD_MAX,
    ..Input::required("password", "current-password").kind("password")
};
/// The field for a new password.
pub(super) const NEW_PASSWORD: Input = Input {
    max_length: PASSWORD_MAX,
    min_length: PASSWORD_MIN,
    hint: true,
    ..Input::required("password", "new-password").kind("password")
};
/// The field for the code of a second factor, or a recovery code.
pub(super) const OTP: Input = Input {
    max_length: 64,
    hint: true,
    ..Input::required("otp", "one-time-code")
};
/// The field for a name.
pub(super) const NAME: Input = Input {
    max_length: NAME_MAX,
    ..Input::optional("name", "name")
};

/// A page with a form for signing in or registering.
pub fn sign_in(shell: &Shell, page: &SignInPage) -> String {
    let messages = Messages::of(shell.locale);
    let kind = page.kind.as_str();
    let title = messages.text(&format!("entry-{kind}"));
    let metadata = PageMetadata::private(shell, &title);
    render(shell, &metadata, || {
        let inside = if page.done {
            let text = messages.text(&format!("entry-{kind}-done"));
            view! { <p class="lead" role="status">{text}</p> }.into_any()
        } else {
            sign_in_form(shell, page)
        };
        view! {
            <div class="wrap page narrow">
                <h1>{title.clone()}</h1>
                {form::error_summary(messages, &page.form)}
                {inside}
            </div>
        }
    })
}

fn sign_in_form(shell: &Shell, page: &SignInPage) -> AnyView {
    let messages = Messages::of(shell.locale);
    let form = &page.form;
    let (path, inputs): (&str, &[Input]) = match page.kind {
        SignInForm::Login => (LOGIN.path, &[EMAIL, PASSWORD]),
        SignInForm::Code => (action::CODE, &[OTP]),
        SignInForm::Register => (REGISTER.path, &[EMAIL, NAME, NEW_PASSWORD]),
        SignInForm::Verify if page.password => (VERIFY.path, &[PASSWORD]),
        SignInForm::Verify => (VERIFY.path, &[]),
        SignInForm::Forgot => (FORGOT.path, &[EMAIL]),
        SignInForm::Reset if page.code => (RESET.path, &[NEW_PASSWORD, OTP]),
        SignInForm::Reset => (RESET.path, &[NEW_PASSWORD]),
    };
    let inputs = inputs.iter().map(|it| it.view(messages, form).into_any());
    let inputs = inputs.collect::<Vec<_>>();
    let kept = form.values.iter().filter(|(name, value)| {
        let is_kept = matches!(name.as_str(), "next" | "token" | "ticket");
        (is_kept || name.starts_with("kept_")) && !value.is_empty()
    });
    let kept = kept.map(|(name, value)| {
        view! { <input type="hidden" name=name.clone() value=value.clone() /> }
    });
    let kept = kept.collect::<Vec<_>>();
    let kind = page.kind.as_str();
    let lead = messages.text(&format!("entry-{kind}-text"));
    view! {
        <p class="quiet">{lead}</p>
        <form class="stack" method="post" action=shell.locale.path(path)>
            {kept}
            {inputs}
            <button class="button">{messages.text(&format!("entry-{kind}-do"))}</button>
        </form>
        {other_forms(shell, page.kind)}
    }
    .into_any()
}

/// Links to the other forms.
fn other_forms(shell: &Shell, kind: SignInForm) -> AnyView {
    let messages = Messages::of(shell.locale);
    let ways: &[(&str, &str)] = match kind {
        SignInForm::Login => &[
            (REGISTER.path, "entry-to-register"),
            (FORGOT.path, "entry-to-forgot"),
            (FIND_ORDER.path, "find-order"),
        ],
        SignInForm::Register | SignInForm::Forgot | SignInForm::Code => {
            &[(LOGIN.path, "entry-to-login")]
        }
        SignInForm::Verify | SignInForm::Reset => &[(FORGOT.path, "entry-to-forgot")],
    };
    let links = ways.iter().map(|(path, key)| {
        view! {
            <li>
                <a href=shell.locale.path(path)>{messages.text(key)}</a>
            </li>
        }
    });
    view! { <ul class="ways">{links.collect::<Vec<_>>()}</ul> }.into_any()
}
