//! Requests as they come in, and answers as they go out.

use shared::trace::TraceParent;
use worker::{EncodeBody, Response, ResponseBuilder};

use crate::core::{
    entry::{Entry, Millis},
    headers::Headers,
    key,
    plan::{self, Hit, Request},
    words::Words,
};

use super::random_uuid;

/// Fields that are between origin and edge, and no client's affair.
const INTERNAL: [&str; 4] = [
    "cache-tag",
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    super::origin::RAW_CODING,
];
const REQUEST_ID_MAX: usize = 64;

/// A request, read.
#[derive(Clone)]
pub struct Asked {
    /// What the core decides about.
    pub request: Request,
    /// The path as it came.
    pub path: String,
    /// The key, which is also what the origin is asked for.
    pub key: String,
    /// The request's id: the client's own if it is a harmless word.
    pub id: String,
    /// The trace, one step further than the client's.
    pub trace: TraceParent,
}

impl Asked {
    /// Reads what a client sent.
    pub fn read(request: &worker::Request) -> worker::Result<Self> {
        let mut headers = Headers::new();
        for (name, value) in request.headers().entries() {
            headers.append(&name, value);
        }
        headers.set("accept-encoding", plan::coding(&headers));
        headers.remove(super::origin::ASK_RAW);
        headers.remove(shared::edge::ADDRESS_HEADER);
        let url = request.url()?;
        let id = headers
            .get("x-request-id")
            .filter(|id| is_harmless(id))
            .map(str::to_owned);
        let trace = headers
            .get("traceparent")
            .and_then(|text| text.parse().ok());
        Ok(Self {
            key: key::key(url.path(), url.query()),
            path: url.path().to_owned(),
            id: id.unwrap_or_else(random_uuid),
            trace: next(trace),
            request: Request {
                method: request.method().to_string(),
                headers,
            },
        })
    }

    /// The same request as a GET: what is stored for it answers a HEAD too.
    pub fn as_get(&self) -> Request {
        let mut request = self.request.clone();
        if request.method == "HEAD" {
            "GET".clone_into(&mut request.method);
        }
        request
    }

    /// The same without the client's conditions, which are about its own copy.
    pub fn unconditional(&self) -> Self {
        let mut asked = self.clone();
        for name in [
            "if-none-match",
            "if-modified-since",
            "if-match",
            "if-unmodified-since",
        ] {
            asked.request.headers.remove(name);
        }
        asked
    }
}

fn is_harmless(id: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(word)
}

/// The caller's trace one step further, or a new one.
fn next(caller: Option<TraceParent>) -> TraceParent {
    let random = || u128::from_str_radix(&random_uuid().replace('-', ""), 16).unwrap_or(1);
    let span_id = u64::try_from(random() & u128::from(u64::MAX))
        .unwrap_or(1)
        .max(1);
    match caller {
        Some(caller) => caller.child(span_id),
        None => TraceParent {
            trace_id: random().max(1),
            span_id,
            sampled: true,
        },
    }
}

/// Answers with a stored entry.
pub fn stored(
    asked: &Asked,
    entry: &Entry,
    hit: Hit,
    now: Millis,
    cache_status: &str,
) -> worker::Result<Response> {
    let mut headers = entry.headers.clone();
    headers.set("age", entry.age(now).to_string());
    let builder = match hit {
        Hit::Whole => builder(asked, entry.status, headers, cache_status)?,
        Hit::NotModified => {
            for name in ["content-encoding", "content-length", "content-type"] {
                headers.remove(name);
            }
            return Ok(builder(asked, 304, headers, cache_status)?.empty());
        }
    };
    let builder = builder.with_encode_body(EncodeBody::Manual);
    if asked.request.method == "HEAD" || entry.body.is_empty() {
        return Ok(builder.empty());
    }
    Ok(builder.fixed(entry.body.to_vec()))
}

/// Answers with the edge's own words, which nobody stores.
pub fn words(
    asked: &Asked,
    status: u16,
    (text, media_type): Words,
    cache_status: &str,
) -> worker::Result<Response> {
    let mut headers = Headers::new();
    headers.append("content-type", media_type);
    headers.append("cache-control", "no-store");
    headers.append(
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    );
    headers.append("x-content-type-options", "nosniff");
    if status == 503 {
        headers.append("retry-after", "5");
    }
    let builder = builder(asked, status, headers, cache_status)?;
    if asked.request.method == "HEAD" {
        return Ok(builder.empty());
    }
    Ok(builder.fixed(text.into_bytes()))
}

/// An answer without its body: with what every answer says, and without what is internal.
pub fn builder(
    asked: &Asked,
    status: u16,
    mut headers: Headers,
    cache_status: &str,
) -> worker::Result<ResponseBuilder> {
    for name in INTERNAL {
        headers.remove(name);
    }
    headers.set("x-request-id", asked.id.clone());
    headers.append("cache-status", format!("Mallard; {cache_status}"));
    let hit = cache_status.starts_with("hit");
    let timing = if hit {
        "cache;desc=hit"
    } else {
        "cache;desc=fwd"
    };
    headers.append("server-timing", timing);
    let out = worker::Headers::new();
    for (name, value) in headers.end_to_end().iter() {
        out.append(name, value)?;
    }
    Ok(ResponseBuilder::new().with_status(status).with_headers(out))
}
