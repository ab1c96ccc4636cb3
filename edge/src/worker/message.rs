//! Requests as they come in, and answers as they go out.

use std::{borrow::Cow, cell::Cell};

use shared::{
    key::{self, Target, Whose},
    trace::TraceParent,
};
use wasm_bindgen::JsValue;
use worker::js_sys::Uint8Array;

use crate::core::{
    admit::Rules,
    control::TARGETED,
    entry::{Entry, Millis},
    headers::Headers,
    invalidate,
    plan::{Hit, Request},
    select,
    words::Words,
};

use super::{
    bridge::{self, random_uuid, respond},
    origin,
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
    pub request: Request,
    /// The whole address.
    pub url: String,
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
        headers.set("accept-encoding", select::coding(&headers));
        for name in [origin::ASK_RAW, shared::edge::ADDRESS_HEADER] {
            headers.remove(name);
        }
        let id = headers.get("x-request-id").filter(|id| is_harmless(id));
        let id = id.map_or_else(new_id, str::to_owned);
        let (path, query) = invalidate::path_and_query(invalidate::split(&url).1);
        Self {
            target: key::target(path, query),
            request: Request { method, headers },
            at: now,
            url,
            id,
        }
    }

    /// The path as it came.
    pub fn path(&self) -> &str {
        invalidate::path_and_query(invalidate::split(&self.url).1).0
    }

    /// Path and query as they came.
    pub fn as_it_came(&self) -> &str {
        let target = invalidate::split(&self.url).1;
        if target.is_empty() { "/" } else { target }
    }

    /// The request that fills the cache: a GET without the client's conditions, which are about its own
    /// copy, and for what is everybody's without anything about the client.
    pub fn to_keep(&self) -> Request {
        const CONDITIONS: [&str; 4] = ["if-none-match", "if-modified-since", "if-range", "range"];
        let everybodys = self.target.whose == Whose::Everybodys;
        let goes_on = |name: &str| match everybodys {
            true => OF_EVERYBODY.contains(&name),
            false => !(CONDITIONS.contains(&name) || MISLEADING.contains(&name)),
        };
        Request {
            method: "GET".to_owned(),
            headers: self.request.headers.only(goes_on),
        }
    }

    /// The request as it came, without what misleads.
    pub fn to_pass(&self) -> Headers {
        self.request
            .headers
            .only(|name| !MISLEADING.contains(&name))
    }

    /// Whether the answer may be for nobody else, so that nobody else waits for it.
    pub fn is_alone(&self) -> bool {
        let headers = &self.request.headers;
        self.target.whose != Whose::Everybodys
            && (headers.contains("authorization") || headers.contains("cookie"))
    }

    /// Under which name others find the question while it is under way.
    pub fn flight(&self) -> String {
        let coding = self.request.headers.get("accept-encoding");
        format!("{} {}", coding.unwrap_or_default(), self.target.key)
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

/// What is made of an entry when it is first answered with: its fields, as the runtime has them.
struct Made(JsValue);

/// Answers with a stored entry.
pub fn stored(
    settings: &Settings,
    asked: &Asked,
    entry: &Entry,
    hit: Hit,
    now: Millis,
    cache_status: &str,
) -> JsValue {
    let length = entry.body.len();
    let bytes = entry.body.content::<Uint8Array>();
    let bytes = bytes.filter(|_| length > 0 && asked.request.method != "HEAD");
    let (status, range, part) = match hit {
        Hit::Whole => (entry.status, None, bytes.cloned()),
        Hit::NotModified => (304, None, None),
        Hit::Part(first, last) => {
            let cut = |it: &Uint8Array| it.slice(first as u32, last as u32 + 1);
            let range = format!("bytes {first}-{last}/{length}");
            (206, Some((range, last - first + 1)), bytes.map(cut))
        }
        Hit::Beyond => (416, Some((format!("bytes */{length}"), 0)), None),
    };
    let age = entry.age(now);
    let Some((range, length)) = range else {
        let make = || {
            let headers = outward(settings, entry.headers.clone());
            Made(bridge::fields(&headers.to_lines()))
        };
        let made = entry
            .memo
            .get_or_make(make)
            .map_or(JsValue::NULL, |made| made.0.clone());
        let said = format!("Mallard; {cache_status}");
        let timing = timing(asked, cache_status);
        return bridge::hit(&made, status, part.as_ref(), age, &said, &timing, &asked.id);
    };
    let mut headers = entry.headers.clone();
    headers.set("age", age.to_string());
    headers.set("content-range", range);
    headers.set("content-length", length.to_string());
    respond(
        status,
        &finish(settings, asked, headers, cache_status),
        part,
    )
}

/// Answers with the edge's own words, which nobody stores.
pub fn words(
    settings: &Settings,
    asked: &Asked,
    status: u16,
    (text, media_type): Words,
    cache_status: &str,
) -> JsValue {
    let mut headers = Headers::new();
    for (name, value) in [
        ("content-type", media_type),
        ("cache-control", "no-store"),
        ("content-security-policy", crate::core::words::POLICY),
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

/// The fields without what is between origin and edge. Other caches further down are told nothing that
/// only a purge could take back; a general cache leaves that to whoever runs them (RFC 9213 §3.1).
fn outward(settings: &Settings, headers: Headers) -> Headers {
    let shop = settings.rules == Rules::Shop;
    let inner = |name: &str| shop && (name == "cache-tag" || TARGETED.contains(&name));
    let between = [origin::RAW_CODING, shared::edge::AS_OF_HEADER];
    headers
        .end_to_end()
        .only(|name| !between.contains(&name) && !inner(name))
}
