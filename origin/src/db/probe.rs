//! A probe that checks by writing whether the database accepts writes.

use std::time::Duration;

use super::{Db, Error, is_busy};

/// A longer wait means contention with other writers, which counts as success.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Writes a row. An error means that the database accepts no writes: the disk is full, or the
/// database is read-only.
pub async fn check_writes(db: &Db) -> Result<(), Error> {
    let written = async {
        let mut tx = db.write().await?;
        let statement = "
            update versions
               set version = version + 1
             where name = 'write_probe'";
        sqlx::query(statement).execute(tx.conn()).await?;
        tx.commit().await
    };
    match tokio::time::timeout(WAIT_MAX, written).await {
        Err(_) => Ok(()),
        Ok(Err(error)) if is_busy(&error) => Ok(()),
        Ok(written) => written,
    }
}
