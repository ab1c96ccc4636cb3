//! The audit log over HTTP.

use axum::{Router, extract::State};
use shared::{
    account::ListAudit,
    cache::CachePolicy,
    endpoint::LIST_AUDIT,
    problem::{Problem, ProblemKind},
};

use crate::{
    accounts::{RequireRight, Settings},
    app::App,
    db,
    web::{Answer, HandlerResult, Query, RouterExt},
};

use super::store;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// The endpoint of the log.
pub fn routes() -> Router<App> {
    Router::new().endpoint(&LIST_AUDIT, list_audit)
}

async fn list_audit(
    State(app): State<App>,
    _: RequireRight<Settings>,
    Query(query): Query<ListAudit>,
) -> HandlerResult {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let why = format!("limit must be a whole number from 1 to {LIMIT_MAX}.");
        return Err(Problem::new(ProblemKind::Invalid)
            .field("limit", why)
            .into());
    }
    let read = async || {
        let mut reader = app.db.read().await?;
        store::page(&mut reader, &query, limit).await
    };
    let log = read().await.map_err(|error| db::problem(&error))?;
    Ok(Answer::json(&log, CachePolicy::Private))
}
