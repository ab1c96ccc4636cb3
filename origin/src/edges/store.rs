//! All SQL of the edges.

use shared::time::Timestamp;
use sqlx::{Row as _, error::DatabaseError};

use crate::db::{self, Tx};

/// The state of an edge's purges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EdgeCursor {
    /// Every change up to this version has been purged.
    pub version: u64,
    /// When it was purged or confirmed last; none for a new edge.
    pub acknowledged_at: Option<Timestamp>,
}

/// Leases the cursor of an edge until `until_ms`, unless another process has the lease.
pub(super) async fn lease_cursor(
    tx: &mut Tx,
    edge: &str,
    now: Timestamp,
    until_ms: i64,
) -> Result<Option<EdgeCursor>, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select version, told_at, leased_until
           from edge_cursors
          where edge = ",
    );
    query.push_bind(edge).push(tx.dialect().for_update());
    let Some(row) = query.build().fetch_optional(tx.conn()).await? else {
        return add_cursor(tx, edge, until_ms).await;
    };
    let leased_until: i64 = row.try_get("leased_until")?;
    if leased_until > now.as_millis() {
        return Ok(None);
    }
    let statement = "
        update edge_cursors
           set leased_until = ?
         where edge = ?";
    sqlx::query(statement)
        .bind(until_ms)
        .bind(edge)
        .execute(tx.conn())
        .await?;
    let acknowledged_at: i64 = row.try_get("told_at")?;
    Ok(Some(EdgeCursor {
        version: row.try_get::<i64, _>("version")?.unsigned_abs(),
        acknowledged_at: (acknowledged_at > 0).then_some(Timestamp::from_millis(acknowledged_at)),
    }))
}

async fn add_cursor(
    tx: &mut Tx,
    edge: &str,
    until_ms: i64,
) -> Result<Option<EdgeCursor>, db::Error> {
    let statement = "
        insert into edge_cursors (edge, version, told_at, leased_until)
        values (?, 0, 0, ?)";
    let done = sqlx::query(statement).bind(edge).bind(until_ms);
    match done.execute(tx.conn()).await {
        Ok(_) => Ok(Some(EdgeCursor::default())),
        // Another process has inserted the row at the same time.
        Err(error) if is_unique_violation(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_unique_violation(error: &db::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(DatabaseError::is_unique_violation)
}

/// Saves the version up to which an edge has been purged, and releases the lease.
pub(super) async fn save_cursor(
    tx: &mut Tx,
    edge: &str,
    version: u64,
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        update edge_cursors
           set version = ?, told_at = ?, leased_until = 0
         where edge = ?";
    sqlx::query(statement)
        .bind(i64::try_from(version).unwrap_or(i64::MAX))
        .bind(now.as_millis())
        .bind(edge)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Releases the lease.
pub(super) async fn release_cursor(tx: &mut Tx, edge: &str) -> Result<(), db::Error> {
    let statement = "
        update edge_cursors
           set leased_until = 0
         where edge = ?";
    sqlx::query(statement).bind(edge).execute(tx.conn()).await?;
    Ok(())
}
