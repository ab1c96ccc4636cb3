//! Signing in, registering and resetting the password. Responses are the same whether the account
//! exists or not. A link of a mail has no effect before the button on its page is pressed, because
//! mail scanners follow links.

use axum::{
    Router,
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use shared::{
    account::{ForgotPassword, Login, Register, ResetPassword, UseLink},
    cache::CachePolicy,
    endpoint::encode_segment,
    form::FormState,
    locale::Locale,
    page::{
        ACCOUNT, FORGOT, HOME, LOGIN, PageRoute, REGISTER, RESET, SignInForm, SignInPage, VERIFY,
        action,
    },
};

use crate::{
    app::App,
    limits::Network,
    pages::{personal_shell, resume_checkout},
    platform::Platform,
    shopper::Shopper,
    web::{Answer, FormFields, HandlerResult, PageLocale, Refusal, problem_of},
};

use super::{
    super::{
        Device, Error, RequireSignIn,
        login::{self, FirstStep, NewSession},
        register, reset, session_cache,
        web::{cart_of, cleared_session_cookies, session_cookies},
    },
    status,
};

/// The hidden field that marks a signed-in client, whose link to change the email address needs no
/// password.
const SIGNED_IN: &str = "signed_in";

/// The routes of these pages, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(LOGIN.path), get(show_login).post(log_in))
        .route(&at(action::CODE), post(submit_code))
        .route(&at(REGISTER.path), get(show_register).post(open_account))
        .route(&at(VERIFY.path), get(show_verify).post(verify))
        .route(&at(FORGOT.path), get(show_forgot).post(forgot))
        .route(&at(RESET.path), get(show_reset).post(reset))
        .route(&at(action::LOGOUT), post(log_out))
}

const fn page_of(entry: SignInForm) -> PageRoute {
    match entry {
        SignInForm::Login | SignInForm::Code => LOGIN,
        SignInForm::Register => REGISTER,
        SignInForm::Verify => VERIFY,
        SignInForm::Forgot => FORGOT,
        SignInForm::Reset => RESET,
    }
}

async fn shown(
    app: &App,
    locale: Locale,
    entry: SignInForm,
    form: FormState,
    done: bool,
    status: StatusCode,
) -> HandlerResult {
    let shell = personal_shell(app, locale, page_of(entry).path).await?;
    let password = !form.invalid_fields.is_empty() || form.value(SIGNED_IN).is_empty();
    let code = match entry {
        SignInForm::Reset => reset::reset_requires_code(app, form.value("token")).await?,
        _ => false,
    };
    let page = SignInPage {
        kind: entry,
        form,
        password,
        code,
        done,
    };
    let answer = Answer::html(ui::sign_in(&shell, &page), CachePolicy::Private);
    Ok(answer.status(status))
}

/// Shows an empty form, filled from the query.
async fn first(app: &App, locale: Locale, entry: SignInForm, query: Option<&str>) -> HandlerResult {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned();
    let known = pairs.filter(|(name, _)| page_of(entry).query.contains(&name.as_str()));
    let known: Vec<(String, String)> = known.collect();
    let done = known.iter().any(|(name, _)| name == "done");
    let form = FormState::with_values(known.iter().map(|(name, value)| (&**name, &**value)));
    shown(app, locale, entry, form, done, StatusCode::OK).await
}

/// Shows a submitted form again, with its errors.
async fn show_with_error(
    app: &App,
    locale: Locale,
    entry: SignInForm,
    fields: &FormFields,
    why: Error,
) -> HandlerResult {
    let problem = problem_of(why)?;
    let form = fields.form().with_problem(&problem);
    shown(app, locale, entry, form, false, status(&problem)).await
}

async fn show_login(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    me: Result<RequireSignIn, Refusal>,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    if me.is_ok() {
        return Ok(Answer::see(&locale.path(ACCOUNT.path)));
    }
    let pairs = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let pairs: Vec<_> = pairs.collect();
    let next = pairs.iter().find(|(name, _)| name == "next");
    let mut form = FormState::with_values(next.map(|(name, value)| (&**name, &**value)));
    if pairs.iter().any(|(name, _)| name == "ended") {
        form.problem = Some(ENDED.to_owned());
    }
    shown(&app, locale, SignInForm::Login, form, false, StatusCode::OK).await
}

/// The message for a client whose session has ended.
const ENDED: &str = "session-ended";

/// Asks the client to sign in again because its session has ended. The submitted form is kept in
/// hidden fields, and `next` is the path to continue with.
pub async fn ask_to_sign_in(
    app: &App,
    locale: Locale,
    mut kept: FormState,
    next: &str,
) -> HandlerResult {
    let email = kept.value("kept_email").to_owned();
    let known = [("email", email.as_str()), ("next", next)];
    kept.values.extend(FormState::with_values(known).values);
    kept.problem = Some(ENDED.to_owned());
    let status = StatusCode::UNAUTHORIZED;
    shown(app, locale, SignInForm::Login, kept, false, status).await
}

async fn log_in(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    device: Device,
    headers: HeaderMap,
    fields: FormFields,
) -> Result<Response, Refusal> {
    let request = Login {
        email: fields.text("email").to_owned(),
        password: fields.raw("password").to_owned(),
        cart: None,
        code: None,
    };
    match login::begin(&app, request, &device).await {
        Ok(FirstStep::SignedIn(session)) => {
            continue_after_sign_in(&app, &session, (&headers, device.network), locale, &fields)
                .await
        }
        Ok(FirstStep::CodeNeeded(ticket)) => {
            let mut form = fields.form();
            form.values.insert("ticket".to_owned(), ticket);
            let shown = shown(&app, locale, SignInForm::Code, form, false, StatusCode::OK).await?;
            Ok(shown.into_response())
        }
        Err(error) => {
            let shown = show_with_error(&app, locale, SignInForm::Login, &fields, error).await?;
            Ok(shown.into_response())
        }
    }
}

async fn submit_code(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    device: Device,
    headers: HeaderMap,
    fields: FormFields,
) -> Result<Response, Refusal> {
    let (ticket, code) = (fields.text("ticket"), fields.text("otp"));
    match login::finish(&app, ticket, code, &device).await {
        Ok(session) => {
            continue_after_sign_in(&app, &session, (&headers, device.network), locale, &fields)
                .await
        }
        Err(error) => {
            // An expired ticket restarts the sign-in.
            let entry = match &error {
                Error::Invalid(_) => SignInForm::Login,
                _ => SignInForm::Code,
            };
            let shown = show_with_error(&app, locale, entry, &fields, error).await?;
            Ok(shown.into_response())
        }
    }
}

/// Signs the browser in and continues with the kept form of the checkout, or at the requested page.
async fn continue_after_sign_in(
    app: &App,
    session: &NewSession,
    (headers, network): (&HeaderMap, Network),
    locale: Locale,
    fields: &FormFields,
) -> Result<Response, Refusal> {
    let resumed = match fields.carried_over_form() {
        Some(kept) => {
            cart_of(app, session, Shopper::guest(headers, app)).await?;
            let now = app.clock.now();
            let person = session_cache::find(app, &session.token, now).await?;
            let shopper = Shopper::signed_in(person.ok_or(Error::NotSignedIn)?);
            Some(resume_checkout(app, (shopper, network), locale, &kept).await)
        }
        None => None,
    };
    match resumed {
        Some(mut response) => {
            for cookie in session_cookies(app, session) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        None => {
            let to = locale.path(next(fields.text("next")));
            Ok(sign_in(app, session, headers, &to).await?.into_response())
        }
    }
}

/// The path to continue with after a sign-in. Anything but a path of this shop is replaced, so that
/// there is no open redirect (`//evil.example`, `/\evil.example`).
fn next(wanted: &str) -> &str {
    let mut bytes = wanted.bytes();
    let own = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if own && wanted.bytes().all(plain) {
        wanted
    } else {
        ACCOUNT.path
    }
}

/// Signs the browser in, merges the guest's cart and redirects.
async fn sign_in(app: &App, session: &NewSession, headers: &HeaderMap, to: &str) -> HandlerResult {
    cart_of(app, session, Shopper::guest(headers, app)).await?;
    Ok(Answer::see(to).cookies(session_cookies(app, session)))
}

async fn log_out(
    State(platform): State<Platform>,
    PageLocale(locale): PageLocale,
    me: Result<RequireSignIn, Refusal>,
    fields: FormFields,
) -> HandlerResult {
    if let Ok(RequireSignIn(person)) = me {
        login::logout(&platform, &person, fields.has("everywhere")).await?;
    }
    Ok(Answer::see(&locale.path(HOME.path)).cookies(cleared_session_cookies(&platform)))
}

async fn show_register(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    first(&app, locale, SignInForm::Register, query.as_deref()).await
}

async fn open_account(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    let request = Register {
        email: fields.text("email").to_owned(),
        password: fields.raw("password").to_owned(),
        name: fields.text("name").to_owned(),
        locale,
    };
    match register::register(&app, request, &device).await {
        Ok(()) => Ok(link_sent(locale, REGISTER)),
        Err(error) => show_with_error(&app, locale, SignInForm::Register, &fields, error).await,
    }
}

/// Redirects to the page's confirmation that a mail is on its way.
fn link_sent(locale: Locale, page: PageRoute) -> Answer {
    Answer::see(&format!("{}?done=1", locale.path(page.path)))
}

async fn show_verify(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    me: Result<RequireSignIn, Refusal>,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let pairs = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let token = pairs.into_owned().find(|(name, _)| name == "token");
    let token = token.map(|(_, token)| token).unwrap_or_default();
    let signed_in = if me.is_ok() { "1" } else { "" };
    let form = FormState::with_values([("token", token.as_str()), (SIGNED_IN, signed_in)]);
    shown(
        &app,
        locale,
        SignInForm::Verify,
        form,
        false,
        StatusCode::OK,
    )
    .await
}

async fn verify(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    me: Result<RequireSignIn, Refusal>,
    device: Device,
    headers: HeaderMap,
    fields: FormFields,
) -> HandlerResult {
    let token = fields.text("token");
    let request = UseLink {
        token: token.to_owned(),
        password: fields
            .has("password")
            .then(|| fields.raw("password").to_owned()),
    };
    let person = me.ok().map(|RequireSignIn(person)| person);
    match register::verify(&app, request, person.as_ref(), &device).await {
        // Changing the email address requires a session: sign in first, then return to the link.
        Err(Error::NotSignedIn) => {
            let mut to = format!("{}?next=", locale.path(LOGIN.path));
            let back = format!("{}?token={token}", VERIFY.path);
            encode_segment(&back, &mut to);
            Ok(Answer::see(&to))
        }
        Ok(session) => {
            let to = format!("{}?done=welcome", locale.path(ACCOUNT.path));
            sign_in(&app, &session, &headers, &to).await
        }
        Err(error) => show_with_error(&app, locale, SignInForm::Verify, &fields, error).await,
    }
}

async fn show_forgot(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    first(&app, locale, SignInForm::Forgot, query.as_deref()).await
}

async fn forgot(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    fields: FormFields,
) -> HandlerResult {
    let request = ForgotPassword {
        email: fields.text("email").to_owned(),
        locale,
    };
    match register::forgot(&app, &request).await {
        Ok(()) => Ok(link_sent(locale, FORGOT)),
        Err(error) => show_with_error(&app, locale, SignInForm::Forgot, &fields, error).await,
    }
}

async fn show_reset(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    first(&app, locale, SignInForm::Reset, query.as_deref()).await
}

async fn reset(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    device: Device,
    headers: HeaderMap,
    fields: FormFields,
) -> HandlerResult {
    let request = ResetPassword {
        token: fields.text("token").to_owned(),
        password: fields.raw("password").to_owned(),
        code: fields.has("otp").then(|| fields.text("otp").to_owned()),
    };
    match reset::reset_password(&app, request, &device).await {
        Ok(session) => {
            let to = format!("{}?done=password", locale.path(ACCOUNT.path));
            sign_in(&app, &session, &headers, &to).await
        }
        Err(error) => show_with_error(&app, locale, SignInForm::Reset, &fields, error).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_continues_only_within_the_shop() {
        for good in ["/", "/checkout", "/account/orders?cursor=x", "/p/%2F"] {
            assert_eq!(next(good), good);
        }
        for bad in [
            "",
            "checkout",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\\b",
            "/a\r\nset-cookie: x",
            "/a b",
            "/ä",
        ] {
            assert_eq!(next(bad), "/account", "{bad:?}");
        }
    }
}
