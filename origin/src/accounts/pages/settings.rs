//! The settings of an account: profile, password, email address, sessions and personal data.

use axum::{
    Router,
    extract::{RawQuery, State},
    routing::{get, post},
};
use http::{HeaderValue, header};
use shared::{
    account::{ChangeEmail, ChangePassword, UpdateAccount},
    cache::CachePolicy,
    form::FormState,
    id::SessionId,
    locale::Locale,
    page::{AccountContent, AccountSection, EXPORT, HOME, OWN_DATA, PROFILE, SESSIONS, action},
};

use crate::{
    app::App,
    platform::Platform,
    web::{Answer, FormFields, HandlerResult, PageLocale, problem_of},
};

use super::{
    super::{
        Device, Error, Person, login, register, reset,
        web::{all_sessions, cleared_session_cookies, session_cookies},
    },
    AccountView, SignedInVisitor,
    overview::done,
    status,
};

/// The routes of the settings, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(PROFILE.path), get(show_profile).post(save_profile))
        .route(&at(action::PASSWORD), post(change_password))
        .route(&at(action::EMAIL), post(change_email))
        .route(&at(SESSIONS.path), get(show_sessions).post(end_session))
        .route(&at(OWN_DATA.path), get(show_data))
        .route(&at(EXPORT.path), get(export_data))
        .route(&at(action::ERASE), post(erase))
}

async fn show_profile(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let account = login::account(&app, person.user).await?;
    AccountView::new(AccountSection::Profile, AccountContent::Forms)
        .with(FormState::with_values([("name", account.name.as_str())]))
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, PROFILE.path)
        .await
}

/// Shows the profile or the personal data with an error.
async fn show_with_error(
    app: &App,
    person: &Person,
    locale: Locale,
    section: AccountSection,
    fields: &FormFields,
    why: Error,
) -> HandlerResult {
    // The only credential on these pages is the current password.
    let why = match why {
        Error::WrongCredentials => Error::field("current", "The password is incorrect."),
        why => why,
    };
    let problem = problem_of(why)?;
    let path = match section {
        AccountSection::Data => OWN_DATA.path,
        _ => PROFILE.path,
    };
    let answer = AccountView::new(section, AccountContent::Forms)
        .with(fields.form().with_problem(&problem))
        .answer(app, person, locale, path)
        .await?;
    Ok(answer.status(status(&problem)))
}

/// Redirects to the profile with a confirmation.
fn profile(locale: Locale, done: &str) -> Answer {
    Answer::see(&format!("{}?done={done}", locale.path(PROFILE.path)))
}

async fn save_profile(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    fields: FormFields,
) -> HandlerResult {
    let request = UpdateAccount {
        name: Some(fields.text("name").to_owned()),
        locale: Locale::from_code(fields.text("locale")),
    };
    match login::update(&app, person.user, &request).await {
        Ok(_) => Ok(profile(locale, "name")),
        Err(error) => {
            show_with_error(
                &app,
                &person,
                locale,
                AccountSection::Profile,
                &fields,
                error,
            )
            .await
        }
    }
}

async fn change_password(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    let request = ChangePassword {
        current: fields.raw("current").to_owned(),
        password: fields.raw("password").to_owned(),
    };
    match reset::change_password(&app, &person, request, &device).await {
        Ok(session) => Ok(profile(locale, "password").cookies(session_cookies(&app, &session))),
        Err(error) => {
            show_with_error(
                &app,
                &person,
                locale,
                AccountSection::Profile,
                &fields,
                error,
            )
            .await
        }
    }
}

async fn change_email(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    let request = ChangeEmail {
        email: fields.text("email").to_owned(),
        password: fields.raw("current").to_owned(),
    };
    match register::change_email(&app, person.user, request, &device).await {
        Ok(()) => Ok(profile(locale, "email")),
        Err(error) => {
            show_with_error(
                &app,
                &person,
                locale,
                AccountSection::Profile,
                &fields,
                error,
            )
            .await
        }
    }
}

async fn show_sessions(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let sessions = all_sessions(&app, &person).await?.sessions;
    AccountView::new(AccountSection::Sessions, AccountContent::Sessions(sessions))
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, SESSIONS.path)
        .await
}

async fn end_session(
    State(platform): State<Platform>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    fields: FormFields,
) -> HandlerResult {
    let session: SessionId = fields
        .text("session")
        .parse()
        .map_err(|_| Error::NotFound)?;
    match login::end_session(&platform, person.user, session).await {
        // Ending a session that has expired meanwhile succeeds.
        Ok(()) | Err(Error::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Answer::see(&format!(
        "{}?done=session",
        locale.path(SESSIONS.path)
    )))
}

async fn show_data(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
) -> HandlerResult {
    AccountView::new(AccountSection::Data, AccountContent::Forms)
        .answer(&app, &person, locale, OWN_DATA.path)
        .await
}

async fn export_data(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
) -> HandlerResult {
    const AS_A_FILE: HeaderValue =
        HeaderValue::from_static("attachment; filename=\"account.json\"");
    let export = super::super::export(&app, &person).await?;
    let answer = Answer::json(&export, CachePolicy::Private);
    Ok(answer.header(header::CONTENT_DISPOSITION, AS_A_FILE))
}

async fn erase(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    device: Device,
    fields: FormFields,
) -> HandlerResult {
    match super::super::erase(&app, &person, fields.raw("current").to_owned(), &device).await {
        Ok(()) => Ok(Answer::see(&locale.path(HOME.path)).cookies(cleared_session_cookies(&app))),
        Err(error) => {
            show_with_error(&app, &person, locale, AccountSection::Data, &fields, error).await
        }
    }
}
