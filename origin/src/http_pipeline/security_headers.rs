//! Security headers for browsers. The Content-Security-Policy of pages has no `unsafe-inline`:
//! inline scripts are allowed by their hash, which (unlike a nonce) is the same for every client,
//! so that pages can be cached.

use std::sync::LazyLock;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::app::App;

const CSP: HeaderName = header::CONTENT_SECURITY_POLICY;

/// The headers of every response.
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

/// The policy of pages in a shop on HTTPS: its own files, images from any HTTPS host (imported
/// products keep their image URLs), and the islands' WebAssembly.
static PAGE_CSP: LazyLock<HeaderValue> = LazyLock::new(|| page_csp("https: data:"));
/// The same for a shop without HTTPS, as on a developer's machine.
static PLAIN_HTTP_PAGE_CSP: LazyLock<HeaderValue> =
    LazyLock::new(|| page_csp("https: http: data:"));

fn page_csp(pictures: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {}; style-src 'self'; \
         img-src 'self' {pictures}; connect-src 'self'; font-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ui::csp_hashes().join(" ")
    );
    // Hashes are base64 in quotes, so this is always a valid header value.
    HeaderValue::from_str(&policy).unwrap_or(DEFAULT_CSP)
}

/// The policy of the API documentation: Swagger UI sets inline styles.
const DOCS_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// The policy of all other responses.
const DEFAULT_CSP: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Browsers that have visited the shop over HTTPS use nothing else (RFC 6797).
const HSTS_TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Adds the headers. A Content-Security-Policy that the handler has set stays.
pub async fn add_security_headers(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let docs = request.uri().path().starts_with("/docs");
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_MODIFIED {
        // A cache updates its stored headers from a 304 (RFC 9111 §3.2). The right policy depends
        // on the media type, which a 304 does not have, so a 304 must not contain one.
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
