//! That something has changed, told to the other origins over Redis, so that they look at once and not
//! only at the next fifth of a second. Whatever is not heard is found then.

use ::redis::{AsyncCommands as _, RedisError};
use futures_util::StreamExt as _;

use crate::{app::App, db};

use super::shop_id;

/// Why somebody hears no more.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// Redis does not.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// It has hung up.
    #[error("the connection to Redis is lost")]
    Lost,
}

/// Tells of every commit here that changes something, for ever.
pub async fn publish_invalidations(app: &App) -> Result<(), SubscribeError> {
    let Some(redis) = &app.redis else {
        return Ok(());
    };
    let channel = channel(app).await?;
    loop {
        app.changes.committed().await;
        app.changes.refresh(&app.db).await?;
        let latest = app.changes.latest();
        redis
            .query(async |connection| connection.publish::<_, _, i64>(&channel, latest).await)
            .await;
    }
}

/// Looks whenever another origin tells of a change.
pub async fn subscribe_to_invalidations(app: &App) -> Result<(), SubscribeError> {
    let Some(redis) = &app.redis else {
        return Ok(());
    };
    let channel = channel(app).await?;
    let mut messages = redis.subscribe(&channel).await?.into_on_message();
    // What was told before somebody listened.
    app.changes.refresh(&app.db).await?;
    while let Some(message) = messages.next().await {
        let number: Option<u64> = message.get_payload().ok();
        if number.is_none_or(|number| number > app.changes.latest()) {
            app.changes.refresh(&app.db).await?;
        }
    }
    Err(SubscribeError::Lost)
}

async fn channel(app: &App) -> Result<String, db::Error> {
    Ok(format!("mallard:{:x}:changes", shop_id(app).await?))
}
