//! Sends the coding of a body in `mallard-coding` instead of `Content-Encoding` when the edge
//! requests it, so that the edge's runtime does not decompress the body. See
//! docs/decisions/edge-compression.md.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderName, header};

const ASK_RAW: HeaderName = HeaderName::from_static("mallard-raw");
const RAW_CODING: HeaderName = HeaderName::from_static("mallard-coding");

/// Renames the header if the request has `mallard-raw`.
pub async fn rename_coding(request: Request, next: Next) -> Response {
    let is_requested = request.headers().contains_key(ASK_RAW);
    let mut response = next.run(request).await;
    if is_requested && let Some(coding) = response.headers_mut().remove(header::CONTENT_ENCODING) {
        response.headers_mut().insert(RAW_CODING, coding);
    }
    response
}
