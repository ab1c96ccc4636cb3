//! The one place that writes cache headers: policy, strong ETag, conditional requests, compression
//! and the headers that keep browsers safe.

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use shared::cache::CachePolicy;

use crate::{
    cache::{Coding, Wanted, etag},
    web::Finished,
};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Finishes an answer.
pub async fn finish(request: Request, next: Next) -> Response {
    let wanted = Wanted::of(request.method(), request.headers());
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Finished>() {
        Some(finished) => write(&wanted, is_read, response, finished),
        None => response,
    }
}

fn write(wanted: &Wanted, is_read: bool, response: Response, finished: Finished) -> Response {
    let (mut parts, _) = response.into_parts();
    let Finished { body, policy } = finished;
    apply(&policy, &mut parts.headers);
    let coding = wanted.coding(body.len());
    parts
        .headers
        .append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let kept = policy != CachePolicy::Private && parts.status == StatusCode::OK;
    let etag = kept.then(|| etag(&body, coding)).flatten();
    if let Some(etag) = &etag {
        parts.headers.insert(header::ETAG, etag.clone());
        if is_read && wanted.has(etag) {
            parts.status = StatusCode::NOT_MODIFIED;
            parts.headers.remove(header::CONTENT_TYPE);
            return Response::from_parts(parts, Body::empty());
        }
    }
    // Compression of what is in memory fails only for want of memory; the plain body is right too.
    let (coding, body) = match coding.encode(&body) {
        Ok(encoded) => (coding, encoded),
        Err(_) => (Coding::Identity, body),
    };
    if let Some(word) = coding.word() {
        parts
            .headers
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static(word));
    }
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let body = if wanted.head {
        Body::empty()
    } else {
        Body::from(body)
    };
    Response::from_parts(parts, body)
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
