//! The edge's own endpoints: purge requests from the origin, and metrics for operators. Calls are
//! signed with the secret that edge and origin share; without a secret there are no endpoints.

use std::cell::Cell;

use shared::edge::{
    METRICS, PURGE, PURGE_BYTES_MAX, PURGE_TAGS_MAX, PurgeRequest, SIGNED_HEADER, is_signed,
};
use wasm_bindgen::JsValue;
use worker::js_sys::futures::JsFuture;

use crate::core::{
    collapsed_forwarding::CollapsedForwarding,
    generated_body::{self, GeneratedBody},
    headers::Headers,
    metrics::{Gauges, OriginEvent},
    stored_response::Millis,
};

use super::{
    COLLAPSED_FETCHES, COUNTERS, REVALIDATIONS, RequestHandler,
    bridge::{JsRequest, purge_front, respond},
    client_response, count_event, now, with_breakers, with_store,
};

/// The interval between log lines of the counters.
const LOG_EVERY_MS: Millis = 60_000;

/// Handles a call to one of the edge's own endpoints.
pub async fn handle(handler: &RequestHandler, incoming: &JsRequest) -> JsValue {
    let client_request = &handler.client_request;
    let path = client_request.path();
    let body = match read_text(
        client_request.cache_request.headers.get("content-length"),
        incoming,
    )
    .await
    {
        Ok(body) => body,
        Err(status) => {
            return plain_text(
                handler,
                status,
                "the body is too large, or has no content-length",
            );
        }
    };
    let Some(secret) = &handler.settings.secret else {
        return handler.respond_with(404, generated_body::not_found(path), "fwd=bypass");
    };
    let method = client_request.cache_request.method.as_str();
    let field = client_request
        .cache_request
        .headers
        .get(SIGNED_HEADER)
        .unwrap_or_default();
    let seconds = i64::try_from(now() / 1_000).unwrap_or(0);
    if !is_signed(secret, method, path, body.as_bytes(), field, seconds) {
        return plain_text(handler, 403, "the signature is invalid or has expired");
    }
    match (method, path) {
        ("POST", PURGE) => purge(handler, &body).await,
        ("GET", METRICS) => {
            let text = COUNTERS.with_borrow(|counters| counters.prometheus(gauges()));
            generated(
                handler,
                200,
                (text, "text/plain; version=0.0.4; charset=utf-8"),
            )
        }
        _ => plain_text(handler, 404, "no such endpoint"),
    }
}

async fn read_text(length: Option<&str>, incoming: &JsRequest) -> Result<String, u16> {
    if incoming.body().is_null() || incoming.body().is_undefined() {
        return Ok(String::new());
    }
    let length = length.and_then(|it| it.parse::<usize>().ok());
    if length.is_none_or(|it| it > PURGE_BYTES_MAX) {
        return Err(413);
    }
    let text = JsFuture::from(incoming.whole_text()).await;
    Ok(text.ok().and_then(|it| it.as_string()).unwrap_or_default())
}

/// Purges the memory store, and then the cache in front of the Worker, which would otherwise refill
/// itself from here. On an error the origin sends the purge again.
async fn purge(handler: &RequestHandler, body: &str) -> JsValue {
    let purge: PurgeRequest = match serde_json::from_str(body) {
        Ok(purge) => purge,
        Err(error) => return plain_text(handler, 400, &error.to_string()),
    };
    if purge.tags.len() > PURGE_TAGS_MAX {
        let error = format!("a purge may have at most {PURGE_TAGS_MAX} tags");
        return plain_text(handler, 413, &error);
    }
    count_event(OriginEvent::PurgeReceived);
    COLLAPSED_FETCHES.with_borrow_mut(CollapsedForwarding::stop_joining);
    REVALIDATIONS.with_borrow_mut(CollapsedForwarding::stop_joining);
    with_store(|store| store.purge(&purge, now()));
    let tags: Vec<&str> = purge.tags.iter().map(|tag| tag.name.as_str()).collect();
    if purge.everything || !tags.is_empty() {
        let tags = if purge.everything {
            String::new()
        } else {
            tags.join("\n")
        };
        let error = JsFuture::from(purge_front(&handler.raw_context, &tags)).await;
        let error = error.ok().and_then(|it| it.as_string()).unwrap_or_default();
        if !error.is_empty() {
            return plain_text(handler, 503, &error);
        }
    }
    let mut headers = Headers::new();
    headers.append("cache-control", "no-store");
    let fields = client_response::finish_headers(
        &handler.settings,
        &handler.client_request,
        headers,
        "fwd=bypass",
    );
    respond(204, &fields, None)
}

fn plain_text(handler: &RequestHandler, status: u16, text: &str) -> JsValue {
    generated(
        handler,
        status,
        (format!("{text}\n"), "text/plain; charset=utf-8"),
    )
}

fn generated(handler: &RequestHandler, status: u16, body: GeneratedBody) -> JsValue {
    client_response::generated(
        &handler.settings,
        &handler.client_request,
        status,
        body,
        "fwd=bypass",
    )
}

fn gauges() -> Gauges {
    let closed = !with_breakers(|breakers| breakers.is_open());
    with_store(|store| Gauges {
        keys: store.len() as u64,
        bytes: store.bytes(),
        evicted: store.evicted(),
        breaker_closed: closed,
    })
}

/// Logs the counters once a minute. There is no timer: without requests there is nothing to log.
pub fn log_counters_periodically(now: Millis) {
    thread_local!(static LAST: Cell<Millis> = const { Cell::new(0) });
    let last = LAST.get();
    if last == 0 || now < last + LOG_EVERY_MS {
        LAST.set(if last == 0 { now } else { last });
        return;
    }
    LAST.set(now);
    let line = COUNTERS.with_borrow(|counters| counters.log_line(gauges()));
    worker::console_log!("{line}");
}
