//! The one place that writes cache headers: policy, strong ETag, conditional requests, compression
//! and the headers that keep browsers safe.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use shared::cache::CachePolicy;

use crate::{
    cache::{Negotiation, Representation},
    web::FinishedBody,
};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Finishes an answer.
pub async fn finish_response(request: Request, next: Next) -> Response {
    let negotiation = Negotiation::of(request.method(), request.headers());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<FinishedBody>() {
        Some(finished) => {
            let status = response.status();
            let plain = identity(response, finished);
            if status == StatusCode::SERVICE_UNAVAILABLE {
                // Whoever is told to come back is told so at once.
                return plain.respond(status, &negotiation);
            }
            let representation = plain.encoded(negotiation.coding(&plain));
            representation.respond(status, &negotiation)
        }
        None => response,
    }
}

/// A finished answer as it is, with all of its fields.
pub fn identity(response: Response, FinishedBody { body, policy }: FinishedBody) -> Representation {
    let (mut parts, _) = response.into_parts();
    apply(&policy, &mut parts.headers);
    let tagged = policy != CachePolicy::Private && parts.status == StatusCode::OK;
    Representation::identity(parts.headers, body, tagged)
}

/// Writes what a policy says.
pub fn apply(policy: &CachePolicy, headers: &mut HeaderMap) {
    let control = HeaderValue::from_static(policy.cache_control());
    headers.insert(header::CACHE_CONTROL, control);
    let mut put = |name, text: Option<String>| {
        let value = text.and_then(|text| HeaderValue::from_str(&text).ok());
        headers.extend(value.map(|value| (name, value)));
    };
    put(CDN_CACHE_CONTROL, policy.cdn_cache_control());
    put(CACHE_TAG, policy.cache_tag());
}
