//! Protects secrets in the database. Secrets that an older version stored in clear are hashed or
//! encrypted before the shop is served. `origin migrate` re-encrypts those of an older key.

use sqlx::AnyConnection;

use crate::{cart, command_error::CommandError, db, orders, platform::Platform, webhooks};

/// Protects secrets that an older version stored in clear, once for each database.
pub async fn protect_once(platform: &Platform) -> Result<(), CommandError> {
    let mut reader = platform.db.read().await?;
    let done = is_done(&mut reader).await?;
    drop(reader);
    if done {
        Ok(())
    } else {
        protect(platform).await
    }
}

/// Protects all secrets that are in clear or encrypted with an older key.
pub async fn protect(platform: &Platform) -> Result<(), CommandError> {
    let failed = |error: orders::Error| CommandError(format!("the orders' tokens: {error}"));
    let mut after = Some(0);
    while let Some(last) = after {
        after = orders::protect_tokens(platform, last)
            .await
            .map_err(failed)?;
    }
    let mut after = Some(0);
    while let Some(last) = after {
        after = cart::protect_tokens(platform, last).await?;
    }
    webhooks::protect_secrets(platform).await?;
    let mut tx = platform.db.write().await?;
    let statement = "
        update versions
           set version = 1
         where name = 'secrets'";
    sqlx::query(statement).execute(tx.conn()).await?;
    Ok(tx.commit().await?)
}

async fn is_done(conn: &mut AnyConnection) -> Result<bool, db::Error> {
    let statement = "
        select version
          from versions
         where name = 'secrets'";
    let version: Option<i64> = sqlx::query_scalar(statement).fetch_optional(conn).await?;
    Ok(version == Some(1))
}
