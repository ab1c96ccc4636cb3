//! Requests of clients, as the edge reads them.

use std::cell::Cell;

use shared::{
    edge::{FIELD_PREFIX, SIGNED_HEADER},
    key::{self, Target, Whose},
    trace::TraceParent,
};

use crate::core::{
    headers::Headers,
    invalidation, negotiation,
    plan::CacheRequest,
    request_url::{self, RequestUrl, UrlForm},
    stored_response::{Millis, StoredResponse},
};

use super::bridge::random_uuid;

const REQUEST_ID_MAX: usize = 64;

/// Fields with which a client could have an origin or a framework see another address or method than
/// the one that is kept. They are in no key, so they go no further.
const OVERRIDE_FIELDS: [&str; 12] = [
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
const SHARED_REQUEST_FIELDS: [&str; 4] =
    ["accept", "accept-encoding", "accept-language", "tracestate"];

/// A request, read.
#[derive(Clone)]
pub struct ClientRequest {
    /// What the core decides about.
    pub cache_request: CacheRequest,
    /// The whole address, as it is sent on.
    pub url: String,
    /// How the client has written it.
    pub url_form: UrlForm,
    /// Under which key it is kept, and whose it is.
    pub target: Target,
    /// When it came.
    pub received_at: Millis,
    /// The request's id: the client's own if it is a harmless word.
    pub id: String,
}

impl ClientRequest {
    /// Reads what a client sent; `fields` are lines.
    pub fn read(method: String, url: String, fields: &str, now: Millis) -> Self {
        let mut headers = Headers::from_lines(fields);
        headers.set("accept-encoding", negotiation::preferred_coding(&headers));
        // What stands between edge and origin, no client says; a call to the edge itself is signed.
        let mut headers = headers.only(|name| name == SIGNED_HEADER || !is_internal_field(name));
        let id = headers
            .get("x-request-id")
            .filter(|id| is_valid_request_id(id));
        let id = id.map_or_else(new_request_id, str::to_owned);
        if method != "GET" {
            // Ranges are of a GET, and of nothing else (RFC 9110 §14.2).
            headers.remove("range");
        }
        let RequestUrl {
            url,
            form: url_form,
        } = request_url::parse(&url);
        let (path, query) = invalidation::path_and_query(invalidation::split_origin(&url).1);
        let target = key::target(path, query);
        let whose = target.whose;
        Self {
            url_form,
            target,
            cache_request: CacheRequest {
                method,
                headers,
                whose,
            },
            received_at: now,
            url,
            id,
        }
    }

    /// The path as it is sent on.
    pub fn path(&self) -> &str {
        invalidation::path_and_query(invalidation::split_origin(&self.url).1).0
    }

    /// Path and query as they are sent on.
    pub fn forwarded_target(&self) -> &str {
        invalidation::split_origin(&self.url).1
    }

    /// The request that fills the cache: a GET without the client's conditions, which are about its own
    /// copy, and for what is everybody's without anything about the client. A file of which nothing is
    /// `stored` but parts is asked for by the part, since it may be large.
    pub fn cacheable_request(&self, stored: Option<&StoredResponse>) -> CacheRequest {
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
            Whose::Everybodys => SHARED_REQUEST_FIELDS.contains(&name),
            _ if OF_A_PART.contains(&name) => part,
            _ => !CONDITIONS.contains(&name) && is_forwarded(name),
        };
        CacheRequest {
            method: "GET".to_owned(),
            headers: self.cache_request.headers.only(is_kept),
            whose,
        }
    }

    /// The request as it came, without what misleads or is for the edge alone.
    pub fn forwarded_headers(&self) -> Headers {
        self.cache_request.headers.only(is_forwarded)
    }

    /// Whether the answer may be for nobody else, so that nobody else waits for it.
    pub fn is_uncollapsible(&self) -> bool {
        let headers = &self.cache_request.headers;
        self.target.whose != Whose::Everybodys
            && (headers.contains("authorization") || headers.contains("cookie"))
    }

    /// Under which name others find the question while it is under way.
    pub fn collapse_key(&self) -> String {
        let field = |name| self.cache_request.headers.get(name).unwrap_or_default();
        let range = match self.target.whose {
            Whose::Everybodys => "",
            _ => field("range"),
        };
        let coding = field("accept-encoding");
        format!("{coding} {} {range}", self.target.key)
    }

    /// The trace one step further than the client's, or a new one.
    pub fn trace_parent(&self) -> TraceParent {
        let random = || u128::from_str_radix(&random_uuid().replace('-', ""), 16).unwrap_or(1);
        let number = random();
        let span_id = ((number >> 64) as u64 ^ number as u64).max(1);
        let caller = self.cache_request.headers.get("traceparent");
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
pub fn is_internal_field(name: &str) -> bool {
    name.starts_with(FIELD_PREFIX)
}

/// Whether a client's field goes on to the origin.
fn is_forwarded(name: &str) -> bool {
    !(OVERRIDE_FIELDS.contains(&name) || is_internal_field(name))
}

/// An id that no other request has: the isolate's own random part, and a number. A random one for each
/// request would cost as much as answering it from memory.
fn new_request_id() -> String {
    thread_local! {
        static ISOLATE: String = random_uuid().replace('-', "").split_off(12);
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    let number = NUMBER.get();
    NUMBER.set(number + 1);
    ISOLATE.with(|isolate| format!("{isolate}-{number:x}"))
}

fn is_valid_request_id(id: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(word)
}
