//! Well-known URIs: `security.txt` (RFC 9116), the page to change a password (W3C, "A Well-Known
//! URL for Changing Passwords"), and `favicon.ico`.

use axum::{Router, extract::State, routing::get};
use http::HeaderValue;
use shared::{
    cache::CachePolicy,
    page::{CONTACT, PROFILE},
    problem::ProblemKind,
    time::Timestamp,
};

use crate::{
    app::App,
    media,
    web::{Answer, HandlerResult, Refusal},
};

/// How long `security.txt` is valid; RFC 9116 §2.5.5 recommends less than a year.
const EXPIRES_MS: i64 = 180 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The side of the picture in `favicon.ico`.
const FAVICON_SIDE: u8 = 48;

/// The routes of these URIs.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/.well-known/security.txt", get(get_security))
        .route("/.well-known/change-password", get(change_password))
        .route("/favicon.ico", get(get_favicon))
}

async fn get_security(State(app): State<App>) -> HandlerResult {
    let email = app.config.contact_email.as_deref();
    let email = email.ok_or_else(|| Refusal::of(ProblemKind::NotFound))?;
    // Rounded to the day, so that the response is the same all day.
    let today = app.clock.now().as_millis() / DAY_MS * DAY_MS;
    let expires = Timestamp::from_millis(today + EXPIRES_MS);
    let base = &app.config.base_url;
    let text = format!(
        "Contact: mailto:{email}\n\
         Contact: {base}{}\n\
         Expires: {expires}\n\
         Canonical: {base}/.well-known/security.txt\n\
         Preferred-Languages: en, zh\n",
        CONTACT.path
    );
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(Answer::new(media_type, text, CachePolicy::release()))
}

async fn change_password() -> Answer {
    Answer::see(PROFILE.path)
}

async fn get_favicon(State(app): State<App>) -> HandlerResult {
    let png = super::icons::draw(&app, u32::from(FAVICON_SIDE)).await?;
    let media_type = HeaderValue::from_static("image/x-icon");
    let icon = media::ico(FAVICON_SIDE, &png);
    Ok(Answer::new(media_type, icon, CachePolicy::release()))
}
