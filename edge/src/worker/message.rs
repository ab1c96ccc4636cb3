//! Requests as they come in, and answers as they go out.

use std::{borrow::Cow, cell::Cell};

use shared::{
    edge::{FIELD_PREFIX, SIGNED_HEADER},
    key::{self, Target, Whose},
    trace::TraceParent,
};
use wasm_bindgen::JsValue;
use worker::js_sys::Uint8Array;

use crate::core::{
    admission::CacheRules,
    cache_control::TARGETED,
    generated_body::GeneratedBody,
    headers::Headers,
    invalidation, negotiation,
    plan::{CacheRequest, HitResponse},
    request_url::{self, RequestUrl, UrlForm},
    stored_response::{Millis, StoredResponse},
};

use super::{
    bridge::{self, random_uuid, respond},
    settings::Settings,
};

const REQUEST_ID_MAX: usize = 64;

/// Fields with which a client could have an origin or a framework see another address or method than
/// the one that is kept. They are in no key, so they go no further.
const MISLEADING: [&str; 12] = [
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-host",
    "x-http-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-method-override",
];

/// The fields that a request for what is everybody's takes to the origin; by all others it makes no
/// difference who asks.
const OF_EVERYBODY: [&str; 4] = ["accept", "accept-encoding", "accept-language", "tracestate"];

/// A request, read.
#[derive(Clone)]
pub struct Asked {
    /// What the core decides about.
    pub request: CacheRequest,
    /// The whole address, as it is sent on.
    pub url: String,
    /// How the client has written it.
    pub form: UrlForm,
    /// Under which key it is kept, and whose it is.
    pub target: Target,
    /// When it came.
    pub at: Millis,
    /// The request's id: the client's own if it is a harmless word.
    pub id: String,
}

impl Asked {
    /// Reads what a client sent; `fields` are lines.
    pub fn read(method: String, url: String, fields: &str, now: Millis) -> Self {
        let mut headers = Headers::from_lines(fields);
        headers.set("accept-encoding", negotiation::preferred_coding(&headers));
        // What stands between edge and origin, no client says; a call to the edge itself is signed.
        let mut headers = headers.only(|name| name == SIGNED_HEADER || !is_inner(name));
        let id = headers.get("x-request-id").filter(|id| is_harmless(id));
        let id = id.map_or_else(new_id, str::to_owned);
        if method != "GET" {
            // Ranges are of a GET, and of nothing else (RFC 9110 §14.2).
            headers.remove("range");
        }
        let RequestUrl { url, form } = request_url::parse(&url);
        let (path, query) = invalidation::path_and_query(invalidation::split_origin(&url).1);
        let target = key::target(path, query);
        let whose = target.whose;
        Self {
            form,
            target,
            request: CacheRequest {
                method,
                headers,
                whose,
            },
            at: now,
            url,
            id,
        }
    }

    /// The path as it is sent on.
    pub fn path(&self) -> &str {
        invalidation::path_and_query(invalidation::split_origin(&self.url).1).0
    }

    /// Path and query as they are sent on.
    pub fn as_it_came(&self) -> &str {
        invalidation::split_origin(&self.url).1
    }

    /// The request that fills the cache: a GET without the client's conditions, which are about its own
    /// copy, and for what is everybody's without anything about the client. A file of which nothing is
    /// `stored` but parts is asked for by the part, since it may be large.
    pub fn to_keep(&self, stored: Option<&StoredResponse>) -> CacheRequest {
        const CONDITIONS: [&str; 4] = [
            "if-match",
            "if-modified-since",
            "if-none-match",
            "if-unmodified-since",
        ];
        const OF_A_PART: [&str; 2] = ["if-range", "range"];
        let whose = self.target.whose;
        let part = stored.is_none_or(|response| response.content_range.is_some());
        let is_kept = |name: &str| match whose {
            Whose::Everybodys => OF_EVERYBODY.contains(&name),
            _ if OF_A_PART.contains(&name) => part,
            _ => !CONDITIONS.contains(&name) && goes_on(name),
        };
        CacheRequest {
            method: "GET".to_owned(),
            headers: self.request.headers.only(is_kept),
            whose,
        }
    }

    /// The request as it came, without what misleads or is for the edge alone.
    pub fn to_pass(&self) -> Headers {
        self.request.headers.only(goes_on)
    }

    /// Whether the answer may be for nobody else, so that nobody else waits for it.
    pub fn is_alone(&self) -> bool {
        let headers = &self.request.headers;
        self.target.whose != Whose::Everybodys
            && (headers.contains("authorization") || headers.contains("cookie"))
    }

    /// Under which name others find the question while it is under way.
    pub fn flight(&self) -> String {
        let field = |name| self.request.headers.get(name).unwrap_or_default();
        let range = match self.target.whose {
            Whose::Everybodys => "",
            _ => field("range"),
        };
        let coding = field("accept-encoding");
        format!("{coding} {} {range}", self.target.key)
    }

    /// The trace one step further than the client's, or a new one.
    pub fn trace(&self) -> TraceParent {
        let random = || u128::from_str_radix(&random_uuid().replace('-', ""), 16).unwrap_or(1);
        let number = random();
        let span_id = ((number >> 64) as u64 ^ number as u64).max(1);
        let caller = self.request.headers.get("traceparent");
        match caller.and_then(|text| text.parse::<TraceParent>().ok()) {
            Some(caller) => caller.child(span_id),
            None => TraceParent {
                trace_id: random().max(1),
                span_id,
                sampled: true,
            },
        }
    }
}

/// Whether a field is one between edge and origin.
fn is_inner(name: &str) -> bool {
    name.starts_with(FIELD_PREFIX)
}

/// Whether a client's field goes on to the origin.
fn goes_on(name: &str) -> bool {
    !(MISLEADING.contains(&name) || is_inner(name))
}

/// An id that no other request has: the isolate's own random part, and a number. A random one for each
/// request would cost as much as answering it from memory.
fn new_id() -> String {
    thread_local! {
        static ISOLATE: String = random_uuid().replace('-', "").split_off(12);
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    let number = NUMBER.get();
    NUMBER.set(number + 1);
    ISOLATE.with(|isolate| format!("{isolate}-{number:x}"))
}

fn is_harmless(id: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(word)
}

/// What is made of a response when it is first answered with: its fields, as the runtime has them.
struct Made(JsValue);

/// Answers with a stored response.
pub fn stored(
    settings: &Settings,
    asked: &Asked,
    response: &StoredResponse,
    hit: HitResponse,
    now: Millis,
    cache_status: &str,
) -> JsValue {
    let length = response.body.len();
    let bytes = response.body.content::<Uint8Array>();
    let bytes = bytes.filter(|_| length > 0 && asked.request.method != "HEAD");
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
            let headers = outward(settings, response.headers.clone());
            Made(bridge::fields(&headers.to_lines()))
        };
        let made = response
            .memo
            .get_or_init(make)
            .map_or(JsValue::NULL, |made| made.0.clone());
        let said = format!("Mallard; {cache_status}");
        let timing = timing(asked, cache_status);
        return bridge::hit(&made, status, part.as_ref(), age, &said, &timing, &asked.id);
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
        // It is about this request, and not about what is stored.
        headers = headers.only(|name| name != "cache-tag" && !TARGETED.contains(&name));
        headers.set("cache-control", "no-store");
    }
    respond(
        status,
        &finish(settings, asked, headers, cache_status),
        part,
    )
}

/// Says where the address is that was meant.
pub fn moved(settings: &Settings, asked: &Asked, to: &str) -> JsValue {
    let mut headers = Headers::new();
    headers.append("location", to);
    headers.append("cache-control", "no-store");
    let detail = "fwd=request; detail=spelling";
    respond(308, &finish(settings, asked, headers, detail), None)
}

/// Answers with the edge's own words, which nobody stores.
pub fn words(
    settings: &Settings,
    asked: &Asked,
    status: u16,
    (text, media_type): GeneratedBody,
    cache_status: &str,
) -> JsValue {
    let mut headers = Headers::new();
    for (name, value) in [
        ("content-type", media_type),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            crate::core::generated_body::CONTENT_SECURITY_POLICY,
        ),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.append(name, value);
    }
    if status == 503 {
        headers.append("retry-after", "5");
    }
    let empty = asked.request.method == "HEAD";
    let body = (!empty).then(|| Uint8Array::from(text.as_bytes()));
    respond(
        status,
        &finish(settings, asked, headers, cache_status),
        body,
    )
}

/// The fields of an answer as lines, with what every answer says.
pub fn finish(settings: &Settings, asked: &Asked, headers: Headers, status: &str) -> String {
    let mut headers = outward(settings, headers);
    headers.set("x-request-id", &asked.id);
    headers.append("cache-status", format!("Mallard; {status}"));
    headers.append("server-timing", timing(asked, status));
    headers.to_lines()
}

/// What `Server-Timing` says: whether it was in memory, and otherwise how long the client waited.
fn timing(asked: &Asked, status: &str) -> Cow<'static, str> {
    let hit = status.starts_with("hit");
    if hit
        && !["; collapsed", "=origin-"]
            .iter()
            .any(|it| status.contains(it))
    {
        return "cache;desc=hit".into();
    }
    let waited = super::now().saturating_sub(asked.at);
    let word = if hit { "stale" } else { "fwd" };
    format!("cache;desc={word}, origin;dur={waited}").into()
}

/// The fields of an answer that this cache has not kept, or may not: nor shall the cache in front of it, which
/// knows nothing of the shop's contract and keeps for hours what says nothing about it.
pub fn passing(settings: &Settings, mut headers: Headers) -> Headers {
    if settings.cdn_in_front {
        headers.set(TARGETED[0], "no-store");
    }
    headers
}

/// The fields without what is between origin and edge. Other caches further down are told nothing that
/// only a purge could take back, unless it is a cache that is purged like this one; a general cache leaves
/// that to whoever runs them (RFC 9213 §3.1).
fn outward(settings: &Settings, headers: Headers) -> Headers {
    let purged = settings.cdn_in_front || settings.rules == CacheRules::Standard;
    let grants = |line: &str| ["max-age", "stale-"].iter().any(|it| line.contains(it));
    let granted = |name| TARGETED.contains(&name) && headers.lines(name).any(grants);
    let inner: Vec<&str> = [TARGETED[0], TARGETED[1], "cache-tag"]
        .into_iter()
        .filter(|name| !purged && (*name == "cache-tag" || granted(name)))
        .collect();
    headers
        .end_to_end()
        .only(|name| !is_inner(name) && !inner.contains(&name))
}
