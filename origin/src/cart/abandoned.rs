//! Deletes abandoned guest carts.

use shared::time::Timestamp;

use crate::{db, platform::Platform};

use super::store;

/// Carts per transaction, so that other writers get their turn.
const BATCH: i64 = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Deletes guest carts, with the addresses in them, after the lifetime of the cart cookie, and
/// returns how many. Carts of orders stay with their order, carts of accounts with their account.
pub async fn delete_abandoned(platform: &Platform) -> Result<usize, db::Error> {
    let kept_ms = i64::from(platform.config.cart_days) * DAY_MS;
    let since = Timestamp::from_millis(platform.clock.now().as_millis() - kept_ms);
    let mut deleted = 0;
    loop {
        let delete = async || {
            let mut tx = platform.db.write().await?;
            let count = store::delete_abandoned(&mut tx, since, BATCH).await?;
            tx.commit().await?;
            Ok(count)
        };
        let count = db::retry_on_conflict(delete, db::is_conflict).await?;
        deleted += count;
        if count == 0 {
            return Ok(deleted);
        }
    }
}
