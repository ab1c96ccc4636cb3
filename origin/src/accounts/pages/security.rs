//! The second factor: setting it up, new recovery codes, and turning it off.

use axum::{
    Router,
    extract::{RawQuery, State},
    routing::{get, post},
};
use qrcode::{Color, QrCode as Code};
use shared::{
    account::{ConfirmSecondFactor, EnrolSecondFactor, ProveSecondFactor, SecondFactorState},
    form::FormState,
    locale::Locale,
    page::{AccountContent, AccountSection, QrCode, SECURITY, SecurityPage, action},
};

use crate::{
    app::App,
    platform::Platform,
    web::{Answer, FormFields, HandlerResult, PageLocale, problem_of},
};

use super::{
    super::{Device, Error, Person, second_factor, web::session_cookies},
    AccountView, SignedInVisitor,
    overview::done,
    status,
};

/// The routes of the second factor's page and forms, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(SECURITY.path), get(show_security))
        .route(&at(action::ENROL), post(enrol))
        .route(&at(action::CONFIRM), post(confirm))
        .route(&at(action::RECOVERY_CODES), post(renew_codes))
        .route(&at(action::DISABLE), post(disable))
}

async fn show_security(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let content = content(&app, &person, Vec::new()).await?;
    AccountView::new(AccountSection::Security, content)
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, SECURITY.path)
        .await
}

async fn content(
    platform: &Platform,
    person: &Person,
    codes: Vec<String>,
) -> Result<AccountContent, Error> {
    let factor = second_factor::read(platform, person.user).await?;
    let secret = match factor.state {
        SecondFactorState::Pending => Some(second_factor::pending(platform, person.user).await?),
        SecondFactorState::Off | SecondFactorState::On => None,
    };
    let qr = secret.as_ref().and_then(|it| qr_code(&it.uri));
    Ok(AccountContent::Security(Box::new(SecurityPage {
        factor,
        secret,
        qr,
        codes,
    })))
}

/// A QR code with the quiet zone of four modules that ISO/IEC 18004 requires. None if the text is
/// too long for a code; its secret is typed then.
fn qr_code(text: &str) -> Option<QrCode> {
    const MARGIN: usize = 4;
    let code = Code::new(text).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (at, color) in code.into_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % width + MARGIN, at / width + MARGIN);
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    Some(QrCode {
        width: width + 2 * MARGIN,
        path,
    })
}

/// Shows the page with an error.
async fn show_with_error(
    app: &App,
    person: &Person,
    locale: Locale,
    fields: &FormFields,
    why: Error,
) -> HandlerResult {
    let why = match why {
        Error::WrongCredentials => Error::field("current", "The password is incorrect."),
        why => why,
    };
    let problem = problem_of(why)?;
    let content = content(app, person, Vec::new()).await?;
    let answer = AccountView::new(AccountSection::Security, content)
        .with(fields.form().with_problem(&problem))
        .answer(app, person, locale, SECURITY.path)
        .await?;
    Ok(answer.status(status(&problem)))
}

async fn enrol(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    let request = EnrolSecondFactor {
        password: fields.raw("current").to_owned(),
    };
    match second_factor::enrol(&app, &person, request, &device).await {
        Ok(_) => Ok(Answer::see(&locale.path(SECURITY.path))),
        Err(error) => show_with_error(&app, &person, locale, &fields, error).await,
    }
}

async fn confirm(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    let request = ConfirmSecondFactor {
        code: fields.text("otp").to_owned(),
    };
    match second_factor::confirm(&app, &person, &request, &device).await {
        Ok((session, codes)) => {
            let answer = show_codes_once(&app, &person, locale, codes.codes).await?;
            Ok(answer.cookies(session_cookies(&app, &session)))
        }
        Err(error) => show_with_error(&app, &person, locale, &fields, error).await,
    }
}

/// Shows the page with recovery codes. It is the response to a POST and cannot be revisited.
async fn show_codes_once(
    app: &App,
    person: &Person,
    locale: Locale,
    codes: Vec<String>,
) -> HandlerResult {
    let content = content(app, person, codes).await?;
    AccountView::new(AccountSection::Security, content)
        .with(FormState::default())
        .answer(app, person, locale, SECURITY.path)
        .await
}

fn proof(fields: &FormFields) -> ProveSecondFactor {
    ProveSecondFactor {
        password: fields.raw("current").to_owned(),
        code: fields.text("otp").to_owned(),
    }
}

async fn renew_codes(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    match second_factor::renew_codes(&app, &person, proof(&fields), &device).await {
        Ok(codes) => show_codes_once(&app, &person, locale, codes.codes).await,
        Err(error) => show_with_error(&app, &person, locale, &fields, error).await,
    }
}

async fn disable(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    match second_factor::disable(&app, &person, proof(&fields), &device).await {
        Ok(session) => {
            let to = format!("{}?done=factor-off", locale.path(SECURITY.path));
            Ok(Answer::see(&to).cookies(session_cookies(&app, &session)))
        }
        Err(error) => show_with_error(&app, &person, locale, &fields, error).await,
    }
}
