//! What page handlers take from a request: the fields of a form, and the language of the page.

use std::convert::Infallible;

use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Request};
use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use shared::{
    cart::LINES_MAX,
    form::FormState,
    locale::Locale,
    problem::{Problem, ProblemKind},
};

use super::Refusal;

/// The fields of a form, as a browser sends them without scripts (`application/x-www-form-urlencoded`).
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, String)>);

/// The most fields that are looked at: a full cart has two for each of its lines.
const FIELDS_MAX: usize = 64 + 2 * LINES_MAX;

/// Fields whose names begin like this are never shown again.
const SECRET: [&str; 3] = ["password", "current", "otp"];

/// What a form asked for before its session ended begins like this while somebody signs in again.
const KEPT: &str = "kept_";

impl Fields {
    /// The text of a field without space around it; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The text of a field as it came.
    pub fn raw(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        fields
            .find(|(it, _)| it == name)
            .map_or("", |(_, value)| value)
    }

    /// Whether there is something in a field: a box is ticked, a button was pressed.
    pub fn has(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// Whether there is such a field, be it empty.
    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(it, _)| it == name)
    }

    /// A whole number of digits, wide ones included, as an input method may leave them. Anything else
    /// is none: nobody who types `1.5` or `1e2` means what another program would read there.
    pub fn number(&self, name: &str) -> Option<i64> {
        let digits: Option<String> = self.text(name).chars().map(narrow_digit).collect();
        digits?.parse().ok()
    }

    /// The form, to be kept while somebody signs in: its fields, but for what is secret.
    pub fn kept(&self) -> FormState {
        let shown = self.form().values;
        let kept = shown
            .iter()
            .map(|(name, value)| (format!("{KEPT}{name}"), value));
        let kept: Vec<(String, &String)> = kept.collect();
        FormState::with_values(kept.iter().map(|(name, value)| (&**name, value.as_str())))
    }

    /// What was kept; nothing when nothing was.
    pub fn resumed(&self) -> Option<Self> {
        let fields = self.0.iter();
        let kept = fields.filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?, value)));
        let kept: Vec<_> = kept
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        (!kept.is_empty()).then_some(Self(kept))
    }

    /// The form as it is shown again, without what is secret.
    pub fn form(&self) -> FormState {
        let shown = self
            .0
            .iter()
            .filter(|(name, _)| !SECRET.iter().any(|it| name.starts_with(it)));
        FormState::with_values(shown.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        if !is_form(request.headers()) {
            return Err(Refusal::of(ProblemKind::UnsupportedMediaType));
        }
        let body =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    http::StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemKind::TooLarge),
                    _ => Problem::new(ProblemKind::BadRequest),
                })?;
        let fields = form_urlencoded::parse(&body).into_owned();
        Ok(Self(fields.take(FIELDS_MAX).collect()))
    }
}

/// The digit that this is, whether it is as wide as a letter or as a Chinese character.
fn narrow_digit(letter: char) -> Option<char> {
    match letter {
        '0'..='9' => Some(letter),
        '０'..='９' => char::from_digit(u32::from(letter) - u32::from('０'), 10),
        _ => None,
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let essence = value
        .and_then(|it| it.to_str().ok())
        .and_then(|it| it.split(';').next());
    essence.is_some_and(|it| {
        it.trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// The language of a page, from the prefix of its path.
#[derive(Clone, Copy, Debug)]
pub struct Tongue(pub Locale);

impl<S: Send + Sync> FromRequestParts<S> for Tongue {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let OriginalUri(uri) = OriginalUri::from_request_parts(parts, state).await?;
        Ok(Self(Locale::split(uri.path()).0))
    }
}

/// What a form came to: the problem to show in it, or an error page where the shop itself failed.
pub fn problem_of<E: Into<Problem>>(error: E) -> Result<Problem, Refusal> {
    let problem = error.into();
    if problem.status < 500 {
        Ok(problem)
    } else {
        Err(problem.into())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn fields(media_type: &str, body: &'static str) -> Result<Fields, Refusal> {
        let request = Request::post("/").header("content-type", media_type);
        Fields::from_request(request.body(Body::from(body)).unwrap(), &()).await
    }

    #[tokio::test]
    async fn a_form_is_read_and_shown_again_without_its_secrets() {
        let media_type = "application/x-www-form-urlencoded; charset=UTF-8";
        let body = "email=+a%40b.c+&password=hush&current=hush&n=7&on=1";
        let fields = fields(media_type, body).await.unwrap();
        assert_eq!(fields.text("email"), "a@b.c");
        assert_eq!(fields.raw("password"), "hush");
        assert_eq!(
            (fields.number("n"), fields.number("email")),
            (Some(7), None)
        );
        assert!(fields.has("on") && !fields.has("off"));
        let kept = fields.kept();
        assert_eq!(kept.values.len(), 3);
        let again = Fields(kept.values.into_iter().collect());
        let again = again.resumed().unwrap();
        assert_eq!(
            (again.text("email"), again.has("password")),
            ("a@b.c", false)
        );
        assert!(fields.resumed().is_none());
        let form = fields.form();
        assert_eq!(form.value("email"), " a@b.c ");
        assert!(!format!("{form:?} {fields:?}").contains("hush"));
    }

    #[tokio::test]
    async fn numbers_are_whole_and_of_digits() {
        let body = "wide=%EF%BC%92&mixed=1%EF%BC%90&space=%E3%80%807+&zero=007";
        let media_type = "application/x-www-form-urlencoded";
        let fields = fields(media_type, body).await.unwrap();
        let numbers = ["wide", "mixed", "space", "zero"].map(|name| fields.number(name));
        assert_eq!(numbers, [Some(2), Some(10), Some(7), Some(7)]);
        for (body, typed) in [
            ("n=1e2", "1e2"),
            ("n=1.5", "1.5"),
            ("n=abc", "abc"),
            ("n=-1", "-1"),
            ("n=%2B1", "+1"),
            ("n=", ""),
            ("n=99999999999999999999", "too many digits"),
        ] {
            let fields = self::fields(media_type, body).await.unwrap();
            assert_eq!(fields.number("n"), None, "{typed}");
        }
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        for media_type in ["application/json", "text/plain", "multipart/form-data", ""] {
            assert!(fields(media_type, "a=b").await.is_err(), "{media_type}");
        }
    }
}
