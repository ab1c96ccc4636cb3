//! What the edge answers itself: purges from the origin, and counters for who runs it. Both are signed
//! with the secret that edge and origin share; without a secret there is neither.

use std::cell::Cell;

use shared::edge::{
    METRICS, PURGE, PURGE_BYTES_MAX, PURGE_TAGS_MAX, PurgeOrder, SIGNED_HEADER, is_signed,
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
    COUNTERS, Edge, FLIGHTS, RENEWALS, breakers,
    bridge::{Incoming, purge_front, respond},
    count, message, now, with_store,
};

/// How often the counters are logged.
const LOG_EVERY_MS: Millis = 60_000;

/// Answers a call to the edge itself.
pub async fn answer(edge: &Edge, incoming: &Incoming) -> JsValue {
    let asked = &edge.asked;
    let path = asked.path();
    let body = match body(asked.request.headers.get("content-length"), incoming).await {
        Ok(body) => body,
        Err(status) => return say(edge, status, "the request body is too large"),
    };
    let Some(secret) = &edge.settings.secret else {
        return edge.words(404, generated_body::not_found(path), "fwd=bypass");
    };
    let method = asked.request.method.as_str();
    let field = asked.request.headers.get(SIGNED_HEADER).unwrap_or_default();
    let seconds = i64::try_from(now() / 1_000).unwrap_or(0);
    if !is_signed(secret, method, path, body.as_bytes(), field, seconds) {
        return say(edge, 403, "the signature is not valid");
    }
    match (method, path) {
        ("POST", PURGE) => purge(edge, &body).await,
        ("GET", METRICS) => {
            let text = COUNTERS.with_borrow(|counters| counters.prometheus(gauges()));
            words_of(
                edge,
                200,
                (text, "text/plain; version=0.0.4; charset=utf-8"),
            )
        }
        _ => say(edge, 404, "there is nothing here"),
    }
}

async fn body(length: Option<&str>, incoming: &Incoming) -> Result<String, u16> {
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

/// Purges this memory, and then the cache in front, which would fill itself from here again. Whoever asks for
/// it asks again when that failed.
async fn purge(edge: &Edge, body: &str) -> JsValue {
    let order: PurgeOrder = match serde_json::from_str(body) {
        Ok(order) => order,
        Err(error) => return say(edge, 400, &error.to_string()),
    };
    if order.tags.len() > PURGE_TAGS_MAX {
        return say(edge, 413, "too many tags");
    }
    count(OriginEvent::PurgeReceived);
    FLIGHTS.with_borrow_mut(CollapsedForwarding::stop_joining);
    RENEWALS.with_borrow_mut(CollapsedForwarding::stop_joining);
    with_store(|store| store.purge(&order, now()));
    let tags: Vec<&str> = order.tags.iter().map(|tag| tag.name.as_str()).collect();
    if order.everything || !tags.is_empty() {
        let tags = if order.everything {
            String::new()
        } else {
            tags.join("\n")
        };
        let refused = JsFuture::from(purge_front(&edge.raw_context, &tags)).await;
        let refused = refused
            .ok()
            .and_then(|it| it.as_string())
            .unwrap_or_default();
        if !refused.is_empty() {
            return say(edge, 503, &refused);
        }
    }
    let mut headers = Headers::new();
    headers.append("cache-control", "no-store");
    let fields = message::finish(&edge.settings, &edge.asked, headers, "fwd=bypass");
    respond(204, &fields, None)
}

fn say(edge: &Edge, status: u16, text: &str) -> JsValue {
    words_of(
        edge,
        status,
        (format!("{text}\n"), "text/plain; charset=utf-8"),
    )
}

fn words_of(edge: &Edge, status: u16, words: GeneratedBody) -> JsValue {
    message::words(&edge.settings, &edge.asked, status, words, "fwd=bypass")
}

fn gauges() -> Gauges {
    let closed = !breakers(|breakers| breakers.is_open());
    with_store(|store| Gauges {
        keys: store.len() as u64,
        bytes: store.bytes(),
        evicted: store.evicted(),
        breaker_closed: closed,
    })
}

/// Writes the counters to the log when a minute has passed. There is no timer: where nobody asks, there
/// is nothing to say.
pub fn log_now_and_then(now: Millis) {
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
