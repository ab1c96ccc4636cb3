//! The probe of the edge's circuit breaker: an edge that has stopped sending requests polls it
//! until the origin can serve again. It exists for the edge only; operators have `/readyz`.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode};
use shared::{
    cache::CachePolicy,
    edge::{ADDRESS_HEADER, READY},
    problem::ProblemKind,
};

use crate::{
    app::App,
    db,
    web::{Answer, Refusal},
};

/// A database that takes longer is busy, which is no reason to keep the breaker open.
const DATABASE_MAX: Duration = Duration::from_millis(500);

/// The route of the probe.
pub fn routes() -> Router<App> {
    Router::new().route(READY, get(check_origin))
}

/// 204 when requests are served, 503 without `Retry-After` when they would fail.
async fn check_origin(State(app): State<App>, headers: HeaderMap) -> Response {
    // `edge_fields` leaves this field in signed requests only.
    if !headers.contains_key(ADDRESS_HEADER) {
        return Refusal::of(ProblemKind::NotFound).into_response();
    }
    let checked = tokio::time::timeout(DATABASE_MAX, db::migration_status(&app.db)).await;
    let status = match checked {
        Ok(Ok(migrations)) if migrations.is_complete() => StatusCode::NO_CONTENT,
        Ok(_) => StatusCode::SERVICE_UNAVAILABLE,
        Err(_) => StatusCode::NO_CONTENT,
    };
    let media_type = http::HeaderValue::from_static("text/plain; charset=utf-8");
    Answer::new(media_type, "", CachePolicy::Private)
        .status(status)
        .into_response()
}
