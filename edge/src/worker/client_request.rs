//! Requests of clients, as the edge parses them.

use std::cell::Cell;

use shared::{
    cache_key::{self, Audience, RequestTarget},
    edge::{FIELD_PREFIX, SIGNED_HEADER},
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

/// Header fields that override URL or method in some frameworks. They are not part of the cache
/// key, so they are not forwarded: they would poison the cache.
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

/// The header fields of a request for a shared response that are forwarded to the origin. All
/// others must not influence it, because they are not part of the cache key.
const SHARED_REQUEST_FIELDS: [&str; 4] =
    ["accept", "accept-encoding", "accept-language", "tracestate"];

/// A parsed client request.
#[derive(Clone)]
pub struct ClientRequest {
    /// The parts that caching decisions depend on.
    pub cache_request: CacheRequest,
    /// The absolute URL that is forwarded.
    pub url: String,
    /// The form in which the client wrote the URL.
    pub url_form: UrlForm,
    /// The cache key, and whether the contract declares the response shared or personal.
    pub target: RequestTarget,
    /// When the request was received.
    pub received_at: Millis,
    /// The request id: the client's own if it is valid, and a new one otherwise.
    pub id: String,
}

impl ClientRequest {
    /// Parses a client request; `fields` holds names and values by turns, each on a line.
    pub fn read(method: String, url: String, fields: &str, now: Millis) -> Self {
        let mut headers = Headers::from_lines(fields);
        headers.set("accept-encoding", negotiation::preferred_coding(&headers));
        // Clients must not set fields of the protocol between edge and origin, except a call's
        // signature.
        let mut headers = headers.only(|name| name == SIGNED_HEADER || !is_internal_field(name));
        let id = headers
            .get("x-request-id")
            .filter(|id| is_valid_request_id(id));
        let id = id.map_or_else(new_request_id, str::to_owned);
        if method != "GET" {
            // Ranges are defined for GET only (RFC 9110 §14.2).
            headers.remove("range");
        }
        let RequestUrl {
            url,
            form: url_form,
        } = request_url::parse(&url);
        let (path, query) = invalidation::path_and_query(invalidation::split_origin(&url).1);
        let target = cache_key::target(path, query);
        let audience = target.audience;
        Self {
            url_form,
            target,
            cache_request: CacheRequest {
                method,
                headers,
                audience,
            },
            received_at: now,
            url,
            id,
        }
    }

    /// The path that is forwarded.
    pub fn path(&self) -> &str {
        invalidation::path_and_query(invalidation::split_origin(&self.url).1).0
    }

    /// The path and query that are forwarded.
    pub fn forwarded_target(&self) -> &str {
        invalidation::split_origin(&self.url).1
    }

    /// The request that fills the cache: a GET without the client's preconditions, which concern
    /// its own copy. For a shared response it carries nothing about the client. On routes outside
    /// the contract the range is kept if nothing but partial responses is `stored`, since the file
    /// may be large.
    pub fn cacheable_request(&self, stored: Option<&StoredResponse>) -> CacheRequest {
        const CONDITIONS: [&str; 4] = [
            "if-match",
            "if-modified-since",
            "if-none-match",
            "if-unmodified-since",
        ];
        const OF_A_PART: [&str; 2] = ["if-range", "range"];
        let audience = self.target.audience;
        let part = stored.is_none_or(|response| response.content_range.is_some());
        let is_kept = |name: &str| match audience {
            Audience::Public => SHARED_REQUEST_FIELDS.contains(&name),
            _ if OF_A_PART.contains(&name) => part,
            _ => !CONDITIONS.contains(&name) && is_forwarded(name),
        };
        CacheRequest {
            method: "GET".to_owned(),
            headers: self.cache_request.headers.only(is_kept),
            audience,
        }
    }

    /// The header fields of a request that bypasses the cache.
    pub fn forwarded_headers(&self) -> Headers {
        self.cache_request.headers.only(is_forwarded)
    }

    /// Whether the response may be personal, so that other requests must not wait for it.
    pub fn is_uncollapsible(&self) -> bool {
        let headers = &self.cache_request.headers;
        self.target.audience != Audience::Public
            && (headers.contains("authorization") || headers.contains("cookie"))
    }

    /// The key for collapsed forwarding: cache key, content coding and range.
    pub fn collapse_key(&self) -> String {
        let field = |name| self.cache_request.headers.get(name).unwrap_or_default();
        let range = match self.target.audience {
            Audience::Public => "",
            _ => field("range"),
        };
        let coding = field("accept-encoding");
        format!("{coding} {} {range}", self.target.key)
    }

    /// The trace context for the request to the origin: a child span of the client's, or a new
    /// trace.
    pub fn trace_parent(&self) -> TraceParent {
        let random = || u128::from_str_radix(&random_uuid().replace('-', ""), 16).unwrap_or(1);
        let number = random();
        let span_id = ((number >> 64) as u64 ^ number as u64).max(1);
        let parent = self.cache_request.headers.get("traceparent");
        match parent.and_then(|text| text.parse::<TraceParent>().ok()) {
            Some(parent) => parent.child(span_id),
            None => TraceParent {
                trace_id: random().max(1),
                span_id,
                sampled: true,
            },
        }
    }
}

/// Whether a header field belongs to the protocol between edge and origin.
pub fn is_internal_field(name: &str) -> bool {
    name.starts_with(FIELD_PREFIX)
}

/// Whether a client's header field is forwarded to the origin.
fn is_forwarded(name: &str) -> bool {
    !(OVERRIDE_FIELDS.contains(&name) || is_internal_field(name))
}

/// A unique request id: a random part for the isolate, and a number. A random id for each request
/// would cost as much as a cache hit.
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
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(allowed)
}
