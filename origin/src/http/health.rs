//! For those who run the shop: is it alive, can it serve, what does it count.

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
    db,
    web::{Answer, Refusal},
};

/// What a load balancer may ask where shoppers do: whether the process answers, and nothing else.
pub fn routes() -> Router<App> {
    Router::new().route(HEALTH, get(is_alive))
}

/// The operators' routes. They have a listener of their own, so no spelling of an address leads here.
pub fn operator_routes() -> Router<App> {
    routes()
        .route(READY, get(is_ready))
        .route(METRICS, get(metrics))
}

/// The process runs and answers.
async fn is_alive() -> Answer {
    text("ok\n".to_owned())
}

#[derive(Serialize)]
struct Readiness {
    database: &'static str,
    migrations: &'static str,
}

/// The database answers and has every migration.
async fn is_ready(State(app): State<App>) -> Response {
    let readiness = match db::migrations(&app.db).await {
        Ok(migrations) if migrations.complete() => Readiness {
            database: "ok",
            migrations: "ok",
        },
        Ok(_) => Readiness {
            database: "ok",
            migrations: "missing: run `origin migrate`",
        },
        Err(error) => {
            tracing::warn!(error = %error, "not ready: the database does not answer");
            Readiness {
                database: "does not answer",
                migrations: "unknown",
            }
        }
    };
    let ready = (readiness.database, readiness.migrations) == ("ok", "ok");
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Answer::json(&readiness, CachePolicy::Private)
        .status(status)
        .into_response()
}

/// What is counted, as Prometheus reads it.
async fn metrics(State(app): State<App>) -> Result<Answer, Refusal> {
    let (memory, l2) = (app.memory.as_deref(), app.l2.as_ref());
    match app.metrics.render(&app.db, memory, l2) {
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
