//! Whether this origin can serve, for an edge that has stopped sending requests and asks until it may go on.
//! Only the edge gets an answer; operators have `/readyz`.

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

/// A database that takes longer than this is busy, which is no reason to send no requests.
const DATABASE_MAX: Duration = Duration::from_millis(500);

/// The edge's probe.
pub fn routes() -> Router<App> {
    Router::new().route(READY, get(probe))
}

/// 204 when requests are served, 503 without `Retry-After` when they would fail.
async fn probe(State(app): State<App>, headers: HeaderMap) -> Response {
    // `inner` leaves this field in signed requests only.
    if !headers.contains_key(ADDRESS_HEADER) {
        return Refusal::of(ProblemKind::NotFound).into_response();
    }
    let asked = tokio::time::timeout(DATABASE_MAX, db::migration_status(&app.db)).await;
    let status = match asked {
        Ok(Ok(migrations)) if migrations.is_complete() => StatusCode::NO_CONTENT,
        Ok(_) => StatusCode::SERVICE_UNAVAILABLE,
        Err(_) => StatusCode::NO_CONTENT,
    };
    let media_type = http::HeaderValue::from_static("text/plain; charset=utf-8");
    Answer::new(media_type, "", CachePolicy::Private)
        .status(status)
        .into_response()
}
