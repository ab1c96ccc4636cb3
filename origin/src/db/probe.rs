//! Whether anything can be written: found out by writing.

use std::time::Duration;

use super::{Db, Error, is_busy};

/// Whoever waits for longer waits for others who write, which is well.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Writes something. The error says that nothing can be written: the disk is full, or the database is only
/// to be read.
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
