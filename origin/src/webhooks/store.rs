//! All SQL of webhooks.

use shared::time::Timestamp;
use sqlx::{AnyConnection, Row as _};

use crate::db::{self, Tx};

/// A webhook as stored in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWebhook {
    /// Its id.
    pub id: i64,
    /// The URL of the receiver.
    pub url: String,
    /// The subscribed topics; all when empty.
    pub topics: Vec<String>,
    /// The sealed signing secret.
    pub secret: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Lists all webhooks, the oldest first.
pub async fn list(conn: &mut AnyConnection) -> Result<Vec<StoredWebhook>, db::Error> {
    let statement = "
        select id, url, topics, secret_sealed, created_at
          from webhooks
         order by id";
    let rows = sqlx::query(statement).fetch_all(conn).await?;
    let mut webhooks = Vec::with_capacity(rows.len());
    for row in &rows {
        let topics: String = row.try_get("topics")?;
        let topics = serde_json::from_str(&topics);
        webhooks.push(StoredWebhook {
            id: row.try_get("id")?,
            url: row.try_get("url")?,
            topics: topics.map_err(|error| db::Error::Decode(error.into()))?,
            secret: row
                .try_get::<Option<String>, _>("secret_sealed")?
                .unwrap_or_default(),
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
        });
    }
    Ok(webhooks)
}

pub(super) async fn add(tx: &mut Tx, it: &StoredWebhook) -> Result<(), db::Error> {
    let statement = "
        insert into webhooks (id, url, topics, secret, created_at, secret_sealed)
        values (?, ?, ?, '', ?, ?)";
    let topics = serde_json::to_string(&it.topics);
    sqlx::query(statement)
        .bind(it.id)
        .bind(&it.url)
        .bind(topics.map_err(|error| db::Error::Encode(error.into()))?)
        .bind(it.created_at.as_millis())
        .bind(&it.secret)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Deletes a webhook; returns false if there was none.
pub(super) async fn delete(tx: &mut Tx, id: i64) -> Result<bool, db::Error> {
    let statement = "
        delete from webhooks
         where id = ?";
    let done = sqlx::query(statement).bind(id).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Lists the stored secrets: id, in clear by an older version, sealed.
pub(super) async fn list_secrets(
    conn: &mut AnyConnection,
) -> Result<Vec<(i64, String, Option<String>)>, db::Error> {
    let statement = "
        select id, secret, secret_sealed
          from webhooks
         order by id";
    sqlx::query_as(statement).fetch_all(conn).await
}

/// Stores a sealed secret and clears the one in clear.
pub(super) async fn set_secret(tx: &mut Tx, id: i64, sealed: &str) -> Result<(), db::Error> {
    let statement = "
        update webhooks
           set secret = '', secret_sealed = ?
         where id = ?";
    sqlx::query(statement)
        .bind(sealed)
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}
