//! Expires orders that were not paid in time and returns their stock.

use shared::order::OrderState;

use crate::{db, platform::Platform};

use super::{Error, store, transitions::close_unpaid};

/// Orders per query; each expires in a transaction of its own, so that other writers are not
/// blocked.
const BATCH: i64 = 100;

/// Expires overdue orders and returns how many. Several processes may run it at the same time.
pub async fn expire(platform: &Platform) -> Result<u64, Error> {
    let mut expired = 0;
    loop {
        let mut reader = platform.db.read().await?;
        let numbers = store::list_overdue(&mut reader, platform.clock.now(), BATCH).await?;
        drop(reader);
        let mut progress = 0;
        for number in &numbers {
            let expire = async || expire_one(platform, number).await;
            match db::retry_on_conflict(expire, Error::is_conflict).await {
                Ok(()) => progress += 1,
                // Another transaction has paid, cancelled or expired the order meanwhile.
                Err(Error::IllegalStep) => {}
                Err(error) => return Err(error),
            }
        }
        expired += progress;
        if progress == 0 {
            return Ok(expired);
        }
    }
}

async fn expire_one(platform: &Platform, number: &str) -> Result<(), Error> {
    let mut tx = platform.db.write().await?;
    let stored = store::find(tx.conn(), number).await?;
    let stored = stored.ok_or(Error::NoSuchOrder)?;
    close_unpaid(platform, &mut tx, stored, OrderState::Expired).await?;
    Ok(tx.commit().await?)
}
