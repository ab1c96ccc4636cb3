//! The one place that writes cache headers. It turns a [`CachePolicy`] into headers, adds a strong
//! ETag, answers conditional requests and compresses bodies.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use shared::cache::CachePolicy;

use crate::{
    cache::{Negotiation, Representation},
    web::FinishedBody,
};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Writes the headers of a response that carries a [`FinishedBody`].
pub async fn finish_response(request: Request, next: Next) -> Response {
    let negotiation = Negotiation::of(request.method(), request.headers());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<FinishedBody>() {
        Some(finished) => {
            let status = response.status();
            let plain = identity(response, finished);
            if status == StatusCode::SERVICE_UNAVAILABLE {
                // Load shedding must be cheap: no compression.
                return plain.respond(status, &negotiation);
            }
            let representation = plain.encoded(negotiation.coding(&plain));
            representation.respond(status, &negotiation)
        }
        None => response,
    }
}

/// The identity representation of a response, with its complete fields.
pub fn identity(response: Response, FinishedBody { body, policy }: FinishedBody) -> Representation {
    let (mut parts, _) = response.into_parts();
    apply(&policy, &mut parts.headers);
    let tagged = policy != CachePolicy::Private && parts.status == StatusCode::OK;
    Representation::identity(parts.headers, body, tagged)
}

/// Writes the cache headers of a policy.
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
