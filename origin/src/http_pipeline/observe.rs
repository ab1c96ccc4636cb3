//! Request id, trace, log and metrics of each request. A request is logged once, after its
//! response.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use shared::trace::TraceParent;
use tracing::{Instrument, info_span};

use crate::{app::App, telemetry::RequestLabels};

/// The header that carries a request's id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that carries a request's trace (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_MAX: usize = 64;

/// The id of a request, for its handler.
#[derive(Clone, Debug)]
pub struct RequestId(pub HeaderValue);

/// Assigns the request its ids, and counts and logs its response.
pub async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let trace = trace(&app, request.headers());
    let id = request_id(&app, request.headers());
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(String::new, |route| route.as_str().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    // Outgoing requests of the handler are children of this span.
    if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
        request.headers_mut().insert(TRACEPARENT, value);
    }
    let span = info_span!(
        "request",
        trace_id = format!("{:032x}", trace.trace_id),
        span_id = format!("{:016x}", trace.span_id),
        request.id = id.to_str().unwrap_or_default(),
    );
    app.metrics.in_flight.inc();
    let in_flight = InFlight(&app);
    let mut response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);
    response.headers_mut().insert(X_REQUEST_ID, id);
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    let labels = RequestLabels {
        method,
        route,
        status,
    };
    app.metrics.count_response(&labels, seconds);
    tracing::info!(
        parent: &span,
        http.method = labels.method,
        http.route = labels.route,
        http.status = status,
        http.duration_ms = (seconds * 1_000_000.0).round() / 1_000.0,
        "request answered",
    );
    response
}

/// Decrements the gauge also when the client disconnects.
struct InFlight<'a>(&'a App);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics.in_flight.dec();
    }
}

/// A child span of the client's trace, or a new trace.
fn trace(app: &App, headers: &HeaderMap) -> TraceParent {
    let parent = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let span = app.ids.next(app.clock.now());
    let span_id = u64::try_from(span).unwrap_or(1);
    parent.map_or_else(
        || TraceParent {
            trace_id: new_trace(span_id),
            span_id,
            sampled: true,
        },
        |parent: TraceParent| parent.child(span_id),
    )
}

/// A trace id: unique because the id is, and evenly distributed because it is hashed.
fn new_trace(id: u64) -> u128 {
    let hash = blake3::hash(&id.to_be_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    u128::from_be_bytes(half).max(1)
}

/// The client's request id if it contains only safe characters, or a new one.
fn request_id(app: &App, headers: &HeaderMap) -> HeaderValue {
    let harmless = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let allowed =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=REQUEST_ID_MAX).contains(&bytes.len()) && bytes.iter().all(allowed)
    };
    let given = headers.get(X_REQUEST_ID).filter(harmless).cloned();
    given.unwrap_or_else(|| HeaderValue::from(app.ids.next(app.clock.now())))
}

/// The method as a label. Unknown methods share one, so that clients cannot create labels.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
