//! The headers that keep browsers safe. Pages get a policy without `unsafe-inline`: their inline
//! scripts are known by hash, so that a page stays the same bytes for everybody.

use std::sync::LazyLock;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::app::App;

const CSP: HeaderName = header::CONTENT_SECURITY_POLICY;

/// What every answer says.
const COMMON_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(self)"),
    ),
];

/// What a page of a shop on HTTPS may load: its own files, pictures from anywhere that has HTTPS too
/// (imported ones stay where they are), and the islands' WebAssembly.
static PAGE_CSP: LazyLock<HeaderValue> = LazyLock::new(|| page_csp("https: data:"));
/// The same for a shop without HTTPS, as on the machine of a developer.
static PLAIN_HTTP_PAGE_CSP: LazyLock<HeaderValue> =
    LazyLock::new(|| page_csp("https: http: data:"));

fn page_csp(pictures: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {}; style-src 'self'; \
         img-src 'self' {pictures}; connect-src 'self'; font-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ui::csp_hashes().join(" ")
    );
    // Hashes are base64 between quotes, which is always a header value.
    HeaderValue::from_str(&policy).unwrap_or(DEFAULT_CSP)
}

/// What the page that tries the API may load: Swagger UI writes styles into its elements.
const DOCS_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// What everything else may load.
const DEFAULT_CSP: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Who has seen the shop over HTTPS asks for it no other way (RFC 6797).
const HSTS_TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Adds the headers; a policy that is there already stays.
pub async fn add_security_headers(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let docs = request.uri().path().starts_with("/docs");
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_MODIFIED {
        // Whoever has the body has its fields. One said anew here would replace the page's own in a
        // cache (RFC 9111 §3.2), and what it should be cannot be told without the body.
        return response;
    }
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let page = media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    headers.extend(COMMON_HEADERS);
    if app.config.is_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS_TWO_YEARS);
    }
    if !headers.contains_key(CSP) {
        let policy = match (docs, page) {
            (true, _) => DOCS_CSP,
            (_, true) if app.config.is_secure() => PAGE_CSP.clone(),
            (_, true) => PLAIN_HTTP_PAGE_CSP.clone(),
            _ => DEFAULT_CSP,
        };
        headers.insert(CSP, policy);
    }
    response
}
