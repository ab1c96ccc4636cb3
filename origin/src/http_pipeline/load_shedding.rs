//! Load shedding: limits how many requests run concurrently. Browsing and all other requests have a
//! concurrency limit each. A bounded number of requests waits for a permit for a short time; the
//! rest gets 503 with `Retry-After` at once, which costs almost nothing. Browsing has fewer permits
//! than there are database connections to read with, so that buying never waits behind it. While
//! carts or orders are written, browsing leaves a processor to them. Hits of the response cache
//! need no permit.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use shared::problem::{Problem, ProblemKind};

use crate::{
    app::App,
    db::Dialect,
    limits::{RequestPermit, WAIT_MAX},
    web::Refusal,
};

use super::response_cache;

/// The `Retry-After` of refused requests.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Runs a request when it gets a permit, and refuses it with 503 otherwise.
pub async fn shed_load(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let browses = route.is_some_and(|it| response_cache::is_shared_route(it.as_str()));
    let permit = if browses {
        acquire_browsing(&app).await
    } else {
        app.concurrency.other.take().await
    };
    let Some(_permit) = permit else {
        app.metrics
            .count_shed_request(if browses { "browsing" } else { "other" });
        let problem = Problem::new(ProblemKind::Unavailable).retry_after(RETRY_AFTER);
        return Refusal::from(problem).into_response();
    };
    next.run(request).await
}

async fn acquire_browsing(app: &App) -> Option<RequestPermit<'_>> {
    let began = Instant::now();
    let permit = app.concurrency.browsing.take().await;
    let waited = began.elapsed();
    app.db.record_wait(waited);
    // A database server does its work on other processors; SQLite needs ours.
    let writing = app.db.dialect() == Dialect::Sqlite
        && (app.orders.batcher.is_busy() || app.carts.batcher.is_busy());
    match permit {
        Some(permit) if writing => {
            let left = WAIT_MAX.saturating_sub(waited);
            app.concurrency.throttle_browsing(permit, left).await
        }
        permit => permit,
    }
}
