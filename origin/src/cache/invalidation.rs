//! Invalidation messages over Redis: an origin that commits a change publishes its version, so that
//! the others read the change at once. A message that gets lost does no harm: each origin reads new
//! changes every fifth of a second anyway.

use ::redis::{AsyncCommands as _, RedisError};
use futures_util::StreamExt as _;

use crate::{
    db::{self, Db},
    redis_client::RedisClient,
};

use super::Changes;

/// Why publishing or subscribing has ended.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// A query failed.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// A Redis command failed.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Redis has closed the connection.
    #[error("the connection to Redis is lost")]
    Lost,
}

/// Publishes an invalidation message after each commit of this process. Runs until it fails.
pub async fn publish_invalidations(
    redis: &RedisClient,
    changes: &Changes,
    db: &Db,
) -> Result<(), SubscribeError> {
    let channel = channel(changes, db).await?;
    loop {
        changes.committed().await;
        changes.refresh(db).await?;
        let latest = changes.latest();
        redis
            .query(async |connection| connection.publish::<_, _, i64>(&channel, latest).await)
            .await;
    }
}

/// Reads new changes whenever another origin publishes a message. Runs until it fails.
pub async fn subscribe_to_invalidations(
    redis: &RedisClient,
    changes: &Changes,
    db: &Db,
) -> Result<(), SubscribeError> {
    let channel = channel(changes, db).await?;
    let mut messages = redis.subscribe(&channel).await?.into_on_message();
    // Messages from before the subscription are lost.
    changes.refresh(db).await?;
    while let Some(message) = messages.next().await {
        let number: Option<u64> = message.get_payload().ok();
        if number.is_none_or(|number| number > changes.latest()) {
            changes.refresh(db).await?;
        }
    }
    Err(SubscribeError::Lost)
}

async fn channel(changes: &Changes, db: &Db) -> Result<String, db::Error> {
    Ok(format!("mallard:{:x}:changes", changes.shop_id(db).await?))
}
