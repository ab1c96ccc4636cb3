//! The operators' endpoints: liveness, readiness and metrics.

use std::sync::atomic::Ordering;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use shared::{
    cache::CachePolicy,
    page::operator::{HEALTH, METRICS, READY},
};

use crate::{
    app::App,
    cache::{L2, MemoryCache},
    db,
    web::{Answer, Refusal},
};

/// Liveness on the shop's own listener, for load balancers.
pub fn routes() -> Router<App> {
    Router::new().route(HEALTH, get(is_alive))
}

/// The operators' routes. They have a listener of their own, so no request to the shop can reach
/// them.
pub fn operator_routes() -> Router<App> {
    routes()
        .route(READY, get(is_ready))
        .route(METRICS, get(metrics))
}

/// Liveness: the process responds.
async fn is_alive() -> Answer {
    text("ok\n".to_owned())
}

#[derive(Serialize)]
struct Readiness {
    server: &'static str,
    database: &'static str,
    migrations: &'static str,
    writes: &'static str,
    node: &'static str,
    clock: &'static str,
}

/// Readiness: the process is not stopping, the database responds, has every migration and is
/// writable, and this process has a node id.
async fn is_ready(State(app): State<App>) -> Response {
    let readiness = readiness(&app).await;
    let Readiness {
        server,
        database,
        migrations,
        writes,
        node,
        // Clock skew suspends expiry, but requests are served.
        clock: _,
    } = readiness;
    let status = match [server, database, migrations, writes, node] == [OK; 5] {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    Answer::json(&readiness, CachePolicy::Private)
        .status(status)
        .into_response()
}

const OK: &str = "ok";

async fn readiness(app: &App) -> Readiness {
    let mut readiness = Readiness {
        server: OK,
        database: OK,
        migrations: OK,
        writes: "unknown",
        node: OK,
        clock: OK,
    };
    if app.stopping.load(Ordering::Acquire) {
        readiness.server = "stopping";
    }
    match db::migration_status(&app.db).await {
        Ok(migrations) if migrations.is_complete() => {}
        Ok(_) => readiness.migrations = "missing: run `origin migrate`",
        Err(error) => {
            tracing::warn!(error = %error, "not ready: the database does not respond");
            readiness.database = "does not respond";
            readiness.migrations = "unknown";
        }
    }
    if (readiness.database, readiness.migrations) == (OK, OK) {
        readiness.writes = writes(app).await;
    }
    // Read after the write check, which may have found that the lease is lost.
    if app.db.node().is_none() {
        readiness.node =
            "none: nothing can be written; another process may have the same --node-id";
    }
    if !app.clock.is_trusted() {
        readiness.clock = "this machine and the database disagree about the time; nothing expires";
    }
    readiness
}

async fn writes(app: &App) -> &'static str {
    match db::check_writes(&app.db).await {
        Ok(()) => OK,
        Err(_) if app.db.node().is_none() => "unknown",
        Err(error) => {
            tracing::warn!(error = %error, "not ready: nothing can be written");
            "fail: the disk is full, or the database is read-only"
        }
    }
}

/// The metrics in the OpenMetrics format.
async fn metrics(State(app): State<App>) -> Result<Answer, Refusal> {
    let l1_size = app.memory.as_deref().map(MemoryCache::size);
    let is_l2_available = app.l2.as_ref().is_some_and(L2::is_available);
    match app.metrics.render(&app.db, l1_size, is_l2_available) {
        Ok(text) => {
            let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            let media_type = HeaderValue::from_static(media_type);
            Ok(Answer::new(media_type, text, CachePolicy::Private))
        }
        Err(_) => Err(Refusal::of(shared::problem::ProblemKind::Internal)),
    }
}

fn text(text: String) -> Answer {
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Answer::new(media_type, text, CachePolicy::Private)
}
