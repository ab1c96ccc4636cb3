//! Problems as the client can read them: JSON under `/api`, a page elsewhere. Errors that come from
//! axum or a layer, such as 405 or 413, get the same shape.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use quick_cache::sync::Cache;
use shared::{
    cache::CachePolicy,
    endpoint::{self, Caching},
    locale::Locale,
    page::{self, ErrorPage, HOME},
    problem::{MEDIA_TYPE, Problem, ProblemKind},
};

use crate::{
    app::App,
    pages,
    web::{Answer, Finished, Refusal, Reported},
};

use super::observe::RequestId;

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// Below these there are no pages.
const NO_PAGES: [&str; 5] = ["/api", "/assets/", "/docs", "/media/", "/."];

/// What an answer keeps when its body is written.
const KEPT: [HeaderName; 3] = [
    header::ALLOW,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

/// Writes the problem that a response reports, or that its status means.
pub async fn report(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    told(&app, &asked, next.run(request).await)
}

/// What is to be known of a request when its problem is written.
pub struct Asked {
    path: String,
    query: Option<String>,
    /// Whether it only reads: `GET` or `HEAD`.
    is_read: bool,
    id: Option<RequestId>,
    route: Option<MatchedPath>,
}

impl Asked {
    /// What this request says.
    pub fn of(request: &Request) -> Self {
        Self {
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            is_read: matches!(*request.method(), Method::GET | Method::HEAD),
            id: request.extensions().get().cloned(),
            route: request.extensions().get().cloned(),
        }
    }
}

/// The answer with its problem written, if it reports one.
pub fn told(app: &App, asked: &Asked, mut response: Response) -> Response {
    let Some(reported) = reported(&mut response) else {
        return response;
    };
    let Reported {
        mut problem,
        mut policy,
    } = reported;
    if asked.route.as_ref().is_some_and(is_personal) {
        policy = CachePolicy::Private;
    }
    if let Some(to) = usual_spelling(&problem, asked) {
        return Answer::moved(&to, policy).into_response();
    }
    if policy == CachePolicy::Private {
        // An answer that others may get too does not carry one's id.
        let id = asked.id.as_ref().and_then(|RequestId(id)| id.to_str().ok());
        problem.request_id = id.map(str::to_owned);
    }
    let kept = KEPT.map(|name| (response.headers_mut().remove(&name), name));
    let status = response.status();
    let wait = problem.retry_after_s.map(HeaderValue::from);
    let mut answer = body(app, &asked.path, &problem, policy).status(status);
    for (value, name) in kept {
        if let Some(value) = value {
            answer = answer.header(name, value);
        }
    }
    match wait {
        Some(wait) => answer = answer.header(header::RETRY_AFTER, wait),
        None if status == StatusCode::SERVICE_UNAVAILABLE => {
            answer = answer.header(header::RETRY_AFTER, RETRY_AFTER);
        }
        None => {}
    }
    answer.into_response()
}

/// Where a page is that is not at this address but may be at its usual spelling: lower case, single
/// slashes, none at the end. Octets that are percent-encoded stay as they are. An edge in front redirects
/// what could be read in two ways before it asks (`edge/src/core/request_url.rs`); a shop without one has this.
fn usual_spelling(problem: &Problem, asked: &Asked) -> Option<String> {
    let is_page = !NO_PAGES.iter().any(|it| asked.path.starts_with(it));
    // What is somebody's own may have a number in it that is spelled in one way only.
    let is_own = asked.route.as_ref().is_some_and(is_personal);
    let is_missing = problem.status == StatusCode::NOT_FOUND.as_u16();
    if !(is_page && asked.is_read && is_missing) || is_own {
        return None;
    }
    let segments = asked.path.split('/').filter(|it| !it.is_empty());
    let mut to = segments.fold(String::new(), |mut to, segment| {
        to.push('/');
        let mut encoded = 0;
        for letter in segment.chars() {
            encoded = if letter == '%' { 3_u8 } else { encoded };
            to.push(if encoded > 0 {
                letter
            } else {
                letter.to_ascii_lowercase()
            });
            encoded = encoded.saturating_sub(1);
        }
        to
    });
    if to.is_empty() {
        to.push('/');
    }
    // Those are at a listener of their own: here is nothing, however it is spelled.
    if to == asked.path || page::operator::ALL.contains(&&*to) {
        return None;
    }
    if let Some(query) = &asked.query {
        to.push('?');
        to.push_str(query);
    }
    Some(to)
}

/// Whether the answer depends on who asks: then it is nobody else's, even that something is missing.
fn is_personal(route: &MatchedPath) -> bool {
    let (_, page) = Locale::split(route.as_str());
    let pages = page::ALL.iter().filter(|it| it.path == page);
    let endpoints = endpoint::all().filter(|it| it.path == route.as_str());
    let cachings = pages
        .map(|it| it.caching)
        .chain(endpoints.map(|it| it.caching));
    cachings.into_iter().any(|it| it == Caching::Private)
}

fn reported(response: &mut Response) -> Option<Reported> {
    if let Some(reported) = response.extensions_mut().remove::<Reported>() {
        return Some(reported);
    }
    let finished = response.extensions().get::<Finished>().is_some();
    let status = response.status();
    if finished || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let kind = match status {
        StatusCode::NOT_FOUND => ProblemKind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemKind::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => ProblemKind::Timeout,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemKind::UnsupportedMediaType,
        StatusCode::SERVICE_UNAVAILABLE => ProblemKind::Unavailable,
        _ if status.is_client_error() => ProblemKind::BadRequest,
        _ => ProblemKind::Internal,
    };
    *response.status_mut() =
        StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Some(Reported {
        problem: Problem::new(kind),
        policy: CachePolicy::Private,
    })
}

fn body(app: &App, path: &str, problem: &Problem, policy: CachePolicy) -> Answer {
    if path.starts_with("/api/") || path == "/api" {
        let json = serde_json::to_vec(problem).unwrap_or_default();
        return Answer::new(HeaderValue::from_static(MEDIA_TYPE), json, policy);
    }
    let (locale, rest) = Locale::split(path);
    if problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
        let id = problem.request_id.as_deref().unwrap_or_default();
        return Answer::html(app.away.page(app, locale, (rest, id)), policy);
    }
    let page = ErrorPage {
        status: problem.status,
        request_id: problem.request_id.clone(),
    };
    let shell = pages::shell_of_error(app, locale, rest);
    Answer::html(ui::error(&shell, &page), policy)
}

/// The page that tells to come back, made once for each language and menu: when it is needed most, there
/// is no time to make it.
#[derive(Debug)]
pub struct Away(Cache<(Locale, i64, bool), Arc<[String]>>);

/// What stands in it for the address that was asked for, and for the request's id.
const HERE: &str = "/mallard-here";
const ID: &str = "mallard-id";

impl Default for Away {
    fn default() -> Self {
        Self(Cache::new(2 * Locale::ALL.len()))
    }
}

impl Away {
    pub(super) fn page(&self, app: &App, locale: Locale, (path, id): (&str, &str)) -> String {
        let tree = app.tree.last_known();
        // The front page's address is spelled in a way of its own.
        let here = if path == HOME.path { HOME.path } else { HERE };
        let key = (locale, tree.version(), here == HERE);
        let page = self.0.get(&key).unwrap_or_else(|| {
            let page = ErrorPage {
                status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
                request_id: Some(ID.to_owned()),
            };
            let shell = pages::shell_of_error(app, locale, here);
            // In pieces: the address belongs between them.
            let page = ui::error(&shell, &page);
            let page: Arc<[String]> = page.split(HERE).map(str::to_owned).collect();
            self.0.insert(key, Arc::clone(&page));
            page
        });
        let path = html_escape::encode_double_quoted_attribute(path);
        let pieces: Vec<_> = page.iter().map(|piece| piece.replacen(ID, id, 1)).collect();
        pieces.join(&*path)
    }
}

/// There is nothing at this address.
pub async fn nothing_here() -> Refusal {
    Refusal::of(ProblemKind::NotFound)
}

/// The address exists, the method does not.
pub async fn not_this_way() -> Refusal {
    Refusal::of(ProblemKind::MethodNotAllowed)
}

/// A handler panicked: the client is told that the server failed, the log what happened.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer gives the payload away"
)]
pub fn panicked(payload: Box<dyn std::any::Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        panic = text.unwrap_or("not a text"),
        "request handler panicked"
    );
    Refusal::of(ProblemKind::Internal).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, address: &str) -> Option<String> {
        let request = http::Request::builder().method(method).uri(address);
        let request = request.body(axum::body::Body::empty()).unwrap();
        usual_spelling(&Problem::new(ProblemKind::NotFound), &Asked::of(&request))
    }

    #[test]
    fn another_spelling_of_a_page_leads_to_the_usual_one() {
        for (address, usual) in [
            ("/c/tea/", Some("/c/tea")),
            ("//c//tea", Some("/c/tea")),
            (
                "/ZH/P/Moss-Mug?variant=1&A=B",
                Some("/zh/p/moss-mug?variant=1&A=B"),
            ),
            ("//", Some("/")),
            ("/p/%E8%8C%B6/", Some("/p/%E8%8C%B6")),
            ("/p/%E8%8C%B6", None),
            ("/c/tea", None),
            ("/api/v1/Products/", None),
        ] {
            assert_eq!(found("GET", address).as_deref(), usual, "{address}");
        }
        assert_eq!(found("POST", "/Cart"), None);
    }
}
