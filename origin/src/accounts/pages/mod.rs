//! The pages and forms of accounts: signing in, and the account area.

mod overview;
mod security;
mod settings;
mod sign_in;

pub use sign_in::ask_to_sign_in;

use axum::{Router, extract::FromRequestParts, response::IntoResponse as _, response::Response};
use http::{StatusCode, request::Parts};
use shared::{
    cache::CachePolicy,
    endpoint::encode_segment,
    form::FormState,
    locale::Locale,
    page::{AccountContent, AccountPage, AccountSection, LOGIN},
    problem::Problem,
};

use crate::{
    app::App,
    pages::personal_shell,
    web::{Answer, HandlerResult, Refusal},
};

use super::{Person, Principal, login};

/// The routes of the account pages, in every language.
pub fn routes() -> Router<App> {
    let mut router = Router::new();
    for locale in Locale::ALL {
        router = router
            .merge(sign_in::routes(locale))
            .merge(overview::routes(locale))
            .merge(security::routes(locale))
            .merge(settings::routes(locale));
    }
    router
}

/// Extracts the signed-in person. Other clients are redirected to the sign-in page and back.
struct SignedInVisitor(Person);

impl FromRequestParts<App> for SignedInVisitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let principal = Principal::from_request_parts(parts, app).await;
        if let Principal::Person(person) = principal.map_err(Refusal::into_response)? {
            return Ok(Self(person));
        }
        let (locale, path) = Locale::split(parts.uri.path());
        let mut to = format!("{}?next=", locale.path(LOGIN.path));
        encode_segment(path, &mut to);
        Err(Answer::see(&to).into_response())
    }
}

/// A page of the account area, without its account.
struct AccountView {
    section: AccountSection,
    content: AccountContent,
    form: FormState,
    done: Option<String>,
}

impl AccountView {
    fn new(section: AccountSection, content: AccountContent) -> Self {
        Self {
            section,
            content,
            form: FormState::default(),
            done: None,
        }
    }

    /// Adds a form.
    fn with(self, form: FormState) -> Self {
        Self { form, ..self }
    }

    /// Adds the confirmation of what was just done.
    fn after(self, done: Option<String>) -> Self {
        Self { done, ..self }
    }

    async fn answer(self, app: &App, person: &Person, locale: Locale, path: &str) -> HandlerResult {
        let account = login::account(app, person.user).await?;
        let shell = personal_shell(app, locale, path).await?;
        let page = AccountPage {
            account,
            section: self.section,
            content: self.content,
            form: self.form,
            done: self.done,
        };
        Ok(Answer::html(
            ui::account(&shell, &page),
            CachePolicy::Private,
        ))
    }
}

/// The status of a page that shows a form again.
fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST)
}
