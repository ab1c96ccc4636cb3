//! Responses of the origin, before they are stored or relayed.

use std::rc::Rc;

use shared::cache_key::Audience;
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Uint8Array, futures::JsFuture};

use crate::core::{
    circuit_breaker::RequestKind,
    generated_body,
    headers::Headers,
    stored_response::{Millis, StoredBody},
};

use super::{
    bridge::Exchange, client_request::ClientRequest, client_response, count_event,
    fetch_error::FetchError, now, settings::Settings, with_breakers,
};

/// Names the content coding of a body that the runtime must not decode.
const RAW_CODING_HEADER: &str = "mallard-coding";
/// The content codings that the runtime decodes by itself.
const DECODED_BY_RUNTIME: [&str; 3] = ["br", "deflate", "gzip"];

/// A response of the origin whose body may still be on its way.
pub struct OriginResponse {
    /// The status code.
    pub status: u16,
    /// The end-to-end header fields.
    pub headers: Headers,
    /// When the request was sent.
    pub requested_at: Millis,
    exchange: Exchange,
    raw: bool,
    limit_ms: u32,
    client_request: Rc<ClientRequest>,
}

impl OriginResponse {
    pub fn from_exchange(
        exchange: Exchange,
        requested_at: Millis,
        limit_ms: u32,
        client_request: Rc<ClientRequest>,
    ) -> Self {
        let mut headers = Headers::from_lines(&exchange.header_lines()).end_to_end();
        let raw = headers.get(RAW_CODING_HEADER).map(str::to_owned);
        if let Some(coding) = &raw {
            headers.remove(RAW_CODING_HEADER);
            headers.set("content-encoding", coding.clone());
        }
        Self {
            status: exchange.status(),
            headers,
            requested_at,
            exchange,
            raw: raw.is_some(),
            limit_ms,
            client_request,
        }
    }

    fn length(&self) -> Option<u64> {
        self.headers.get("content-length")?.trim().parse().ok()
    }

    /// Whether the body is small enough to be stored, judging by its `Content-Length`. A body
    /// without one is measured while it is read, and the runtime reports if it is incomplete.
    pub fn has_storable_size(&self, settings: &Settings) -> bool {
        let length = self.length();
        length.is_none_or(|length| length <= settings.body_bytes_max)
    }

    /// Whether the runtime has decoded the body, so that the bytes differ from those that the
    /// origin sent.
    fn is_decoded(&self) -> bool {
        let coding = self.headers.get("content-encoding").map(str::trim);
        !self.raw
            && coding.is_some_and(|it| {
                DECODED_BY_RUNTIME
                    .iter()
                    .any(|&name| it.eq_ignore_ascii_case(name))
            })
    }

    /// Reads the complete body; None if it is too large to be stored.
    pub async fn read_body(&self, settings: &Settings) -> Result<Option<StoredBody>, FetchError> {
        let whole = self
            .exchange
            .read_body(self.limit_ms, settings.body_bytes_max as f64);
        let body = JsFuture::from(whole)
            .await
            .map_err(|error| FetchError::from_js(&error));
        let expected = self.length().filter(|_| !self.is_decoded());
        let body = body.and_then(|body| {
            if body.is_null() {
                return Ok(None);
            }
            // The bytes stay outside of WebAssembly memory, so that they are sent without a copy.
            let bytes = body.unchecked_into::<Uint8Array>();
            let length = bytes.length() as usize;
            let whole = expected.is_none_or(|expected| expected == length as u64);
            let body = whole.then(|| Some(StoredBody::new(bytes, length)));
            body.ok_or(FetchError::Unreachable)
        });
        if let Err(error) = &body {
            count_event(error.event());
            if let Some(outcome) = error.outcome() {
                let request = cache_fill_kind(&self.client_request);
                with_breakers(|breakers| breakers.record(request, outcome, now()));
            }
        }
        body
    }

    /// The header fields that describe the body as it is stored.
    pub fn headers_for_body(&self, body: &StoredBody) -> Headers {
        let mut headers = self.headers.clone();
        if self.is_decoded() {
            headers.remove("content-encoding");
            headers.remove("content-length");
            if let Some(tag) = headers.get("etag").filter(|it| !it.starts_with("W/")) {
                // A decoded body has other bytes, so its entity tag is only a weak validator.
                let weak = format!("W/{tag}");
                headers.set("etag", weak);
            }
        }
        if self.status != 204 && !headers.contains("content-length") {
            headers.set("content-length", body.len().to_string());
        }
        headers
    }

    /// Streams the response to the client.
    pub fn relay(
        self,
        settings: &Settings,
        client_request: &ClientRequest,
        cache_status: &str,
    ) -> JsValue {
        let bodiless = matches!(self.status, 101 | 204 | 205 | 304);
        let empty = bodiless || client_request.cache_request.method == "HEAD";
        // A response that is too large for this memory may still be stored by the CDN.
        let headers = match cache_status.contains("too-large") {
            true => self.headers,
            false => client_response::forbid_cdn_storage(settings, self.headers),
        };
        let fields =
            client_response::finish_headers(settings, client_request, headers, cache_status);
        let relayed = self.exchange.relay(self.status, &fields, empty, self.raw);
        // The runtime cannot send every response, for example one with a status above 599.
        relayed.unwrap_or_else(|_| {
            let body = generated_body::unavailable(client_request.path());
            client_response::generated(settings, client_request, 502, body, cache_status)
        })
    }

    /// Cancels the response body.
    pub fn discard(&self) {
        self.exchange.discard();
    }
}

/// The request kind of a request that fills the cache.
pub fn cache_fill_kind(client_request: &ClientRequest) -> RequestKind<'_> {
    match client_request.target.audience {
        Audience::Public => RequestKind::Key(&client_request.target.key),
        Audience::Private | Audience::Unknown => RequestKind::Safe,
    }
}
