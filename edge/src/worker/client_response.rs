//! Responses to clients.

use std::borrow::Cow;

use wasm_bindgen::JsValue;
use worker::js_sys::Uint8Array;

use crate::core::{
    admission::CacheRules,
    cache_control::TARGETED,
    generated_body::{CONTENT_SECURITY_POLICY, GeneratedBody},
    headers::Headers,
    plan::HitResponse,
    stored_response::{Millis, StoredResponse},
};

use super::{
    bridge::{self, respond},
    client_request::{ClientRequest, is_internal_field},
    settings::Settings,
};

/// The header fields of a stored response as a JavaScript `Headers` object, built at the first hit.
struct PreparedHeaders(JsValue);

/// A response from the cache.
pub fn from_cache(
    settings: &Settings,
    client_request: &ClientRequest,
    response: &StoredResponse,
    hit: HitResponse,
    now: Millis,
    cache_status: &str,
) -> JsValue {
    let length = response.body.len();
    let bytes = response.body.content::<Uint8Array>();
    let bytes = bytes.filter(|_| length > 0 && client_request.cache_request.method != "HEAD");
    let (status, range, part) = match hit {
        HitResponse::Full => (response.status, None, bytes.cloned()),
        HitResponse::NotModified => (304, None, None),
        HitResponse::Partial(cut) => {
            let slice = |it: &Uint8Array| it.slice(cut.start as u32, cut.end as u32 + 1);
            (206, Some(cut.content_range.field_value()), bytes.map(slice))
        }
        HitResponse::RangeNotSatisfiable => (416, Some(format!("bytes */{length}")), None),
        HitResponse::PreconditionFailed => (412, Some(String::new()), None),
    };
    let age = response.age(now);
    let Some(range) = range else {
        let make = || {
            let headers = public_headers(settings, response.headers.clone());
            PreparedHeaders(bridge::headers_from_lines(&headers.to_lines()))
        };
        let made = response
            .memo
            .get_or_init(make)
            .map_or(JsValue::NULL, |made| made.0.clone());
        let said = format!("Mallard; {cache_status}");
        let timing = server_timing(client_request, cache_status);
        return bridge::respond_from_cache(
            &made,
            status,
            part.as_ref(),
            age,
            &said,
            &timing,
            &client_request.id,
        );
    };
    let mut headers = response.headers.clone();
    headers.set("age", age.to_string());
    headers.remove("content-range");
    if !range.is_empty() {
        headers.append("content-range", range);
    }
    let length = part.as_ref().map_or(0, Uint8Array::length);
    headers.set("content-length", length.to_string());
    if status != 206 {
        // Such a response concerns this request only, and must not be stored by other caches.
        headers = headers.only(|name| name != "cache-tag" && !TARGETED.contains(&name));
        headers.set("cache-control", "no-store");
    }
    respond(
        status,
        &finish_headers(settings, client_request, headers, cache_status),
        part,
    )
}

/// A redirect to the canonical URL.
pub fn redirect(settings: &Settings, client_request: &ClientRequest, to: &str) -> JsValue {
    let mut headers = Headers::new();
    headers.append("location", to);
    headers.append("cache-control", "no-store");
    let detail = "fwd=request; detail=spelling";
    respond(
        308,
        &finish_headers(settings, client_request, headers, detail),
        None,
    )
}

/// A response that the edge generates. No cache stores it.
pub fn generated(
    settings: &Settings,
    client_request: &ClientRequest,
    status: u16,
    (text, media_type): GeneratedBody,
    cache_status: &str,
) -> JsValue {
    let mut headers = Headers::new();
    for (name, value) in [
        ("content-type", media_type),
        ("cache-control", "no-store"),
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.append(name, value);
    }
    if status == 503 {
        headers.append("retry-after", "5");
    }
    let empty = client_request.cache_request.method == "HEAD";
    let body = (!empty).then(|| Uint8Array::from(text.as_bytes()));
    respond(
        status,
        &finish_headers(settings, client_request, headers, cache_status),
        body,
    )
}

/// The final header fields as lines, including those that every response carries.
pub fn finish_headers(
    settings: &Settings,
    client_request: &ClientRequest,
    headers: Headers,
    status: &str,
) -> String {
    let mut headers = public_headers(settings, headers);
    headers.set("x-request-id", &client_request.id);
    headers.append("cache-status", format!("Mallard; {status}"));
    headers.append("server-timing", server_timing(client_request, status));
    headers.to_lines()
}

/// The value of `Server-Timing`: a hit, or how long the client waited for the origin.
fn server_timing(client_request: &ClientRequest, status: &str) -> Cow<'static, str> {
    let hit = status.starts_with("hit");
    if hit
        && !["; collapsed", "=origin-"]
            .iter()
            .any(|it| status.contains(it))
    {
        return "cache;desc=hit".into();
    }
    let waited = super::now().saturating_sub(client_request.received_at);
    let description = if hit { "stale" } else { "fwd" };
    format!("cache;desc={description}, origin;dur={waited}").into()
}

/// Keeps the CDN in front from storing a response that the edge does not store. A CDN does not know
/// the shop's contract, and stores responses without explicit freshness for hours.
pub fn forbid_cdn_storage(settings: &Settings, mut headers: Headers) -> Headers {
    if settings.cdn_in_front {
        headers.set(TARGETED[0], "no-store");
    }
    headers
}

/// The header fields without those of the protocol between edge and origin. Targeted fields and
/// tags that grant freshness are removed too, since caches further down cannot be purged, unless a
/// CDN in front is purged with this cache. A general cache forwards them (RFC 9213 §3.1).
fn public_headers(settings: &Settings, headers: Headers) -> Headers {
    let purged = settings.cdn_in_front || settings.cache_rules == CacheRules::Standard;
    let grants = |line: &str| ["max-age", "stale-"].iter().any(|it| line.contains(it));
    let granted = |name| TARGETED.contains(&name) && headers.lines(name).any(grants);
    let inner: Vec<&str> = [TARGETED[0], TARGETED[1], "cache-tag"]
        .into_iter()
        .filter(|name| !purged && (*name == "cache-tag" || granted(name)))
        .collect();
    headers
        .end_to_end()
        .only(|name| !is_internal_field(name) && !inner.contains(&name))
}
