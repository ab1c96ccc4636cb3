//! The audit log over HTTP, for those who may change settings.

use axum::{
    Router,
    extract::{FromRef, State},
};
use shared::{
    account::ListAudit,
    cache::CachePolicy,
    endpoint::LIST_AUDIT,
    problem::{Problem, ProblemKind},
};

use crate::{
    audit, db,
    platform::Platform,
    web::{Answer, HandlerResult, Query, RouterExt},
};

use super::{RequireRight, SettingsRight};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// The endpoint of the log.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Platform: FromRef<S>,
{
    Router::new().endpoint(&LIST_AUDIT, list_audit)
}

async fn list_audit(
    State(platform): State<Platform>,
    _: RequireRight<SettingsRight>,
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
        let mut reader = platform.db.read().await?;
        audit::list(&mut reader, &query, limit).await
    };
    let log = read().await.map_err(|error| db::problem(&error))?;
    Ok(Answer::json(&log, CachePolicy::Private))
}
