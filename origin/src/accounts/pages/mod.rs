//! The pages of accounts and their forms: the ways in, and what is somebody's own.

mod entry;
mod own;
mod security;
mod settings;

pub use entry::ask_to_sign_in;

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
    web::{Answer, Answered, Refusal},
};

use super::{Caller, Person, login};

/// Every page of an account, in every language.
pub fn routes() -> Router<App> {
    let mut router = Router::new();
    for locale in Locale::ALL {
        router = router
            .merge(entry::routes(locale))
            .merge(own::routes(locale))
            .merge(security::routes(locale))
            .merge(settings::routes(locale));
    }
    router
}

/// Somebody who has signed in; everybody else is led to where one signs in, and back afterwards.
struct Member(Person);

impl FromRequestParts<App> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let caller = Caller::from_request_parts(parts, app).await;
        if let Caller::Person(person) = caller.map_err(Refusal::into_response)? {
            return Ok(Self(person));
        }
        let (locale, path) = Locale::split(parts.uri.path());
        let mut to = format!("{}?next=", locale.path(LOGIN.path));
        encode_segment(path, &mut to);
        Err(Answer::see(&to).into_response())
    }
}

/// What a page of an account shows, beside whose it is.
struct Shown {
    section: AccountSection,
    content: AccountContent,
    form: FormState,
    done: Option<String>,
}

impl Shown {
    fn new(section: AccountSection, content: AccountContent) -> Self {
        Self {
            section,
            content,
            form: FormState::default(),
            done: None,
        }
    }

    /// The same with a form.
    fn with(self, form: FormState) -> Self {
        Self { form, ..self }
    }

    /// The same, saying what was done just now.
    fn after(self, done: Option<String>) -> Self {
        Self { done, ..self }
    }

    async fn answer(self, app: &App, person: &Person, locale: Locale, path: &str) -> Answered {
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

/// The status of a form that is shown again.
fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST)
}
