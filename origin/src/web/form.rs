//! Extractors for page handlers: the fields of a form, and the locale of the page.

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

/// The fields of a form, as a browser sends them without scripts
/// (`application/x-www-form-urlencoded`).
#[derive(Clone, Default)]
pub struct FormFields(Vec<(String, String)>);

/// The most fields that are read: a full cart has two for each line.
const FIELDS_MAX: usize = 64 + 2 * LINES_MAX;

/// Fields whose names begin like this contain secrets and are never rendered again.
const SECRET: [&str; 3] = ["password", "current", "otp"];

/// The name prefix of fields that are carried through a new sign-in after the session has expired.
const CARRIED_PREFIX: &str = "kept_";

impl FormFields {
    /// The trimmed text of a field; empty if it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The untrimmed text of a field.
    pub fn raw(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        fields
            .find(|(it, _)| it == name)
            .map_or("", |(_, value)| value)
    }

    /// Whether a field is not blank: a checkbox is checked, a button was pressed.
    pub fn has(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// Whether the form contains this field, even if it is empty.
    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(it, _)| it == name)
    }

    /// A whole number in decimal digits, including full-width ones from Chinese input methods. None
    /// for anything else, such as `1.5` or `1e2`.
    pub fn number(&self, name: &str) -> Option<i64> {
        let digits: Option<String> = self.text(name).chars().map(narrow_digit).collect();
        digits?.parse().ok()
    }

    /// The form to carry through a sign-in: its fields without secrets.
    pub fn carried_over(&self) -> FormState {
        let shown = self.form().values;
        let carried = shown
            .iter()
            .map(|(name, value)| (format!("{CARRIED_PREFIX}{name}"), value));
        let carried: Vec<(String, &String)> = carried.collect();
        FormState::with_values(
            carried
                .iter()
                .map(|(name, value)| (&**name, value.as_str())),
        )
    }

    /// The form that was carried through a sign-in, if there is one.
    pub fn carried_over_form(&self) -> Option<Self> {
        let fields = self.0.iter();
        let carried =
            fields.filter_map(|(name, value)| Some((name.strip_prefix(CARRIED_PREFIX)?, value)));
        let carried: Vec<_> = carried
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        (!carried.is_empty()).then_some(Self(carried))
    }

    /// The form to render again, without secrets.
    pub fn form(&self) -> FormState {
        let shown = self
            .0
            .iter()
            .filter(|(name, _)| !SECRET.iter().any(|it| name.starts_with(it)));
        FormState::with_values(shown.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl std::fmt::Debug for FormFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for FormFields {
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

/// An ASCII or full-width digit as an ASCII digit.
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

/// The locale of a page, from the prefix of its path.
#[derive(Clone, Copy, Debug)]
pub struct PageLocale(pub Locale);

impl<S: Send + Sync> FromRequestParts<S> for PageLocale {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let OriginalUri(uri) = OriginalUri::from_request_parts(parts, state).await?;
        Ok(Self(Locale::split(uri.path()).0))
    }
}

/// The problem to show in a form; a server error becomes an error page instead.
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

    async fn fields(media_type: &str, body: &'static str) -> Result<FormFields, Refusal> {
        let request = Request::post("/").header("content-type", media_type);
        FormFields::from_request(request.body(Body::from(body)).unwrap(), &()).await
    }

    #[tokio::test]
    async fn a_form_is_rendered_again_without_its_secrets() {
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
        let carried = fields.carried_over();
        assert_eq!(carried.values.len(), 3);
        let again = FormFields(carried.values.into_iter().collect());
        let again = again.carried_over_form().unwrap();
        assert_eq!(
            (again.text("email"), again.has("password")),
            ("a@b.c", false)
        );
        assert!(fields.carried_over_form().is_none());
        let form = fields.form();
        assert_eq!(form.value("email"), " a@b.c ");
        assert!(!format!("{form:?} {fields:?}").contains("hush"));
    }

    #[tokio::test]
    async fn numbers_are_decimal_digits() {
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
    async fn other_media_types_are_refused() {
        for media_type in ["application/json", "text/plain", "multipart/form-data", ""] {
            assert!(fields(media_type, "a=b").await.is_err(), "{media_type}");
        }
    }
}
