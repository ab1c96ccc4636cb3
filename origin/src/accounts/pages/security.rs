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
    web::{Answer, Answered, Fields, Tongue, problem_of},
};

use super::{
    super::{Device, Error, Person, second_factor, web::cookies_of},
    Member, Shown,
    own::done,
    status,
};

/// The page of the second factor and its forms, in this language.
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
    Member(person): Member,
    Tongue(locale): Tongue,
    RawQuery(query): RawQuery,
) -> Answered {
    let content = content(&app, &person, Vec::new()).await?;
    Shown::new(AccountSection::Security, content)
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, SECURITY.path)
        .await
}

async fn content(app: &App, person: &Person, codes: Vec<String>) -> Result<AccountContent, Error> {
    let factor = second_factor::read(app, person.user).await?;
    let secret = match factor.state {
        SecondFactorState::Pending => Some(second_factor::pending(app, person.user).await?),
        SecondFactorState::Off | SecondFactorState::On => None,
    };
    let qr = secret.as_ref().and_then(|it| drawn(&it.uri));
    Ok(AccountContent::Security(Box::new(SecurityPage {
        factor,
        secret,
        qr,
        codes,
    })))
}

/// A QR code with the margin of four units that scanners need (ISO/IEC 18004). An address that is too
/// long for one is typed.
fn drawn(text: &str) -> Option<QrCode> {
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

/// The page with what was wrong.
async fn refused(
    app: &App,
    person: &Person,
    locale: Locale,
    fields: &Fields,
    why: Error,
) -> Answered {
    let why = match why {
        Error::WrongCredentials => Error::field("current", "The password is incorrect."),
        why => why,
    };
    let problem = problem_of(why)?;
    let content = content(app, person, Vec::new()).await?;
    let answer = Shown::new(AccountSection::Security, content)
        .with(fields.form().with_problem(&problem))
        .answer(app, person, locale, SECURITY.path)
        .await?;
    Ok(answer.status(status(&problem)))
}

async fn enrol(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    device: Device,
    fields: Fields,
) -> Answered {
    let request = EnrolSecondFactor {
        password: fields.raw("current").to_owned(),
    };
    match second_factor::enrol(&app, &person, request, &device).await {
        Ok(_) => Ok(Answer::see(&locale.path(SECURITY.path))),
        Err(error) => refused(&app, &person, locale, &fields, error).await,
    }
}

async fn confirm(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    device: Device,
    fields: Fields,
) -> Answered {
    let request = ConfirmSecondFactor {
        code: fields.text("otp").to_owned(),
    };
    match second_factor::confirm(&app, &person, &request, &device).await {
        Ok((entered, codes)) => {
            let answer = codes_once(&app, &person, locale, codes.codes).await?;
            Ok(answer.cookies(cookies_of(&app, &entered)))
        }
        Err(error) => refused(&app, &person, locale, &fields, error).await,
    }
}

/// The page with recovery codes. It is the answer to a form: nobody can come back to it.
async fn codes_once(app: &App, person: &Person, locale: Locale, codes: Vec<String>) -> Answered {
    let content = content(app, person, codes).await?;
    Shown::new(AccountSection::Security, content)
        .with(FormState::default())
        .answer(app, person, locale, SECURITY.path)
        .await
}

fn proof(fields: &Fields) -> ProveSecondFactor {
    ProveSecondFactor {
        password: fields.raw("current").to_owned(),
        code: fields.text("otp").to_owned(),
    }
}

async fn renew_codes(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    device: Device,
    fields: Fields,
) -> Answered {
    match second_factor::renew_codes(&app, &person, proof(&fields), &device).await {
        Ok(codes) => codes_once(&app, &person, locale, codes.codes).await,
        Err(error) => refused(&app, &person, locale, &fields, error).await,
    }
}

async fn disable(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    device: Device,
    fields: Fields,
) -> Answered {
    match second_factor::disable(&app, &person, proof(&fields), &device).await {
        Ok(entered) => {
            let to = format!("{}?done=factor-off", locale.path(SECURITY.path));
            Ok(Answer::see(&to).cookies(cookies_of(&app, &entered)))
        }
        Err(error) => refused(&app, &person, locale, &fields, error).await,
    }
}
