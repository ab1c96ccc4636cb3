//! Orders that are not paid in time give back what they took.

use shared::order::OrderState;

use crate::{app::App, db};

use super::{Error, steps::give_up, store};

/// Orders in one go; each is a transaction of its own, so that a shop with many of them goes on.
const BATCH: i64 = 100;

/// Expires what is overdue, and says how many. Two processes may do it at the same time.
pub async fn expire(app: &App) -> Result<u64, Error> {
    let mut expired = 0;
    loop {
        let mut reader = app.db.read().await?;
        let numbers = store::overdue(&mut reader, app.clock.now(), BATCH).await?;
        drop(reader);
        let mut progress = 0;
        for number in &numbers {
            let expire = async || expire_one(app, number).await;
            match db::retry_on_conflict(expire, Error::is_conflict).await {
                Ok(()) => progress += 1,
                // Somebody was faster: it is paid, given up, or expired.
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

async fn expire_one(app: &App, number: &str) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    let stored = store::find(tx.conn(), number).await?;
    let stored = stored.ok_or(Error::NoSuchOrder)?;
    give_up(app, &mut tx, stored, OrderState::Expired).await?;
    Ok(tx.commit().await?)
}
