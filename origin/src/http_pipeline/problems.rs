//! Renders problem details (RFC 9457): JSON under `/api`, an HTML page elsewhere. Errors from axum
//! or a layer, such as 405 or 413, become problems too.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use shared::{
    cache::CachePolicy,
    endpoint::{self, Caching},
    locale::Locale,
    page::{self, ErrorPage},
    problem::{MEDIA_TYPE, Problem, ProblemKind},
};

use crate::{
    app::App,
    pages,
    web::{Answer, FinishedBody, Refusal, ReportedProblem},
};

use super::observe::RequestId;

/// The default `Retry-After` of a 503, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// Prefixes of paths that are not pages.
const NON_PAGE_PREFIXES: [&str; 5] = ["/api", "/assets/", "/docs", "/media/", "/."];

/// Fields of the original response that the rendered problem preserves.
const PRESERVED_FIELDS: [HeaderName; 3] = [
    header::ALLOW,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

/// Renders the problem that a response reports, or that its status stands for.
pub async fn render_problems(State(app): State<App>, request: Request, next: Next) -> Response {
    let context = ProblemContext::of(&request);
    render_problem(&app, &context, next.run(request).await)
}

/// The parts of a request that rendering a problem depends on.
pub struct ProblemContext {
    path: String,
    query: Option<String>,
    /// Whether the method is `GET` or `HEAD`.
    is_read: bool,
    id: Option<RequestId>,
    route: Option<MatchedPath>,
}

impl ProblemContext {
    /// Takes the context from a request.
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

/// The response with its problem rendered, if it reports one.
pub fn render_problem(app: &App, context: &ProblemContext, mut response: Response) -> Response {
    let Some(reported) = reported(&mut response) else {
        return response;
    };
    let ReportedProblem {
        mut problem,
        mut policy,
    } = reported;
    if context.route.as_ref().is_some_and(is_personal) {
        policy = CachePolicy::Private;
    }
    if let Some(to) = canonical_path(&problem, context) {
        return Answer::moved(&to, policy).into_response();
    }
    if policy == CachePolicy::Private {
        // A shared response must not contain the id of one request.
        let id = context
            .id
            .as_ref()
            .and_then(|RequestId(id)| id.to_str().ok());
        problem.request_id = id.map(str::to_owned);
    }
    let preserved = PRESERVED_FIELDS.map(|name| (response.headers_mut().remove(&name), name));
    let status = response.status();
    let wait = problem.retry_after_s.map(HeaderValue::from);
    let mut answer = body(app, &context.path, &problem, policy).status(status);
    for (value, name) in preserved {
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

/// The canonical path to redirect a missing page to: lower case, single slashes, none at the end.
/// Percent-encoded octets are unchanged. The edge redirects ambiguous paths itself
/// (`edge/src/core/request_url.rs`); this is for shops without an edge.
fn canonical_path(problem: &Problem, context: &ProblemContext) -> Option<String> {
    let is_page = !NON_PAGE_PREFIXES
        .iter()
        .any(|it| context.path.starts_with(it));
    // Paths of personal pages may contain numbers, which are case-sensitive.
    let is_own = context.route.as_ref().is_some_and(is_personal);
    let is_missing = problem.status == StatusCode::NOT_FOUND.as_u16();
    if !(is_page && context.is_read && is_missing) || is_own {
        return None;
    }
    let segments = context.path.split('/').filter(|it| !it.is_empty());
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
    // The operators' endpoints are on another listener.
    if to == context.path || page::operator::ALL.contains(&&*to) {
        return None;
    }
    if let Some(query) = &context.query {
        to.push('?');
        to.push_str(query);
    }
    Some(to)
}

/// Whether the responses of a route are private. Then its 404 is private, too.
fn is_personal(route: &MatchedPath) -> bool {
    let (_, page) = Locale::split(route.as_str());
    let pages = page::ALL.iter().filter(|it| it.path == page);
    let endpoints = endpoint::all().filter(|it| it.path == route.as_str());
    let cachings = pages
        .map(|it| it.caching)
        .chain(endpoints.map(|it| it.caching));
    cachings.into_iter().any(|it| it == Caching::Private)
}

fn reported(response: &mut Response) -> Option<ReportedProblem> {
    if let Some(reported) = response.extensions_mut().remove::<ReportedProblem>() {
        return Some(reported);
    }
    let finished = response.extensions().get::<FinishedBody>().is_some();
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
    Some(ReportedProblem {
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
        return Answer::html(overload_page(app, locale, (rest, id)), policy);
    }
    let page = ErrorPage {
        status: problem.status,
        request_id: problem.request_id.clone(),
    };
    let shell = pages::shell_of_error(app, locale, rest);
    Answer::html(ui::error(&shell, &page), policy)
}

/// The page for 503, which is rendered once for each language and menu.
pub(super) fn overload_page(app: &App, locale: Locale, (path, id): (&str, &str)) -> String {
    let version = app.tree.last_known().version();
    app.overload_page
        .page((locale, version), (path, id), |here, id| {
            let page = ErrorPage {
                status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
                request_id: Some(id.to_owned()),
            };
            ui::error(&pages::shell_of_error(app, locale, here), &page)
        })
}

/// The fallback for unknown paths: 404.
pub async fn not_found() -> Refusal {
    Refusal::of(ProblemKind::NotFound)
}

/// The fallback for unknown methods of known paths: 405.
pub async fn method_not_allowed() -> Refusal {
    Refusal::of(ProblemKind::MethodNotAllowed)
}

/// The response after a panic: the client gets a plain 500, the log gets the message.
#[expect(
    clippy::needless_pass_by_value,
    reason = "CatchPanicLayer calls it with an owned payload"
)]
pub fn panic_response(payload: Box<dyn std::any::Any + Send>) -> Response {
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
        canonical_path(
            &Problem::new(ProblemKind::NotFound),
            &ProblemContext::of(&request),
        )
    }

    #[test]
    fn a_missing_page_is_redirected_to_its_canonical_path() {
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
