//! API keys: credentials of programs that act for the shop. All SQL of `api_keys`.

use shared::{
    account::{ApiKey, CreateApiKey, NAME_MAX, Right},
    id::KeyId,
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _};

use crate::{
    audit::{self, Actor, Change},
    db::Db,
    platform::Platform,
};

use super::{Error, links::hash};

/// The prefix of every key, by which secret scanners recognize it.
pub(super) const PREFIX: &str = "mallard_";
/// The most keys.
const KEYS_MAX: usize = 100;

/// The id and rights of this key.
pub(super) async fn find(db: &Db, key: &str) -> Result<Option<(KeyId, Vec<Right>)>, Error> {
    let mut reader = db.read().await?;
    let statement = "
        select id, rights
          from api_keys
         where key_hash = ?";
    let row: Option<(i64, String)> = sqlx::query_as(statement)
        .bind(hash(key))
        .fetch_optional(&mut *reader)
        .await?;
    let Some((id, rights)) = row else {
        return Ok(None);
    };
    Ok(Some((KeyId::new(id), serde_json::from_str(&rights)?)))
}

/// All keys, without their secrets.
pub(super) async fn list(conn: &mut AnyConnection) -> Result<Vec<ApiKey>, Error> {
    let statement = "
        select id, name, rights, created_at
          from api_keys
         order by id";
    let rows = sqlx::query(statement).fetch_all(conn).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        let rights: String = row.try_get("rights")?;
        keys.push(ApiKey {
            id: KeyId::new(row.try_get("id")?),
            name: row.try_get("name")?,
            rights: serde_json::from_str(&rights)?,
            key: None,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
        });
    }
    Ok(keys)
}

/// Creates a key. Its secret is shown only in this response.
pub(super) async fn create(
    platform: &Platform,
    actor: &Actor,
    request: CreateApiKey,
) -> Result<ApiKey, Error> {
    let name = super::model::name(&request.name)?;
    if name.is_empty() {
        let why = format!("name must be 1 to {NAME_MAX} characters long.");
        return Err(Error::field("name", why));
    }
    let now = platform.clock.now();
    let secret = format!("{PREFIX}{}", crate::secret::token());
    let key = ApiKey {
        id: KeyId::new(platform.ids.next(now)),
        name,
        rights: request.rights,
        key: None,
        created_at: now,
    };
    let mut tx = platform.db.write().await?;
    if list(tx.conn()).await?.len() >= KEYS_MAX {
        let why = format!("At most {KEYS_MAX} keys may exist; delete one first.");
        return Err(Error::field("name", why));
    }
    let statement = "
        insert into api_keys (id, key_hash, name, rights, created_at)
        values (?, ?, ?, ?, ?)";
    sqlx::query(statement)
        .bind(key.id.get())
        .bind(hash(&secret))
        .bind(&key.name)
        .bind(serde_json::to_string(&key.rights)?)
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    let change = Change::new("key.create", format!("key:{}", key.id)).to(&key);
    audit::record(&mut tx, platform.context(), actor, &[change]).await?;
    tx.commit().await?;
    Ok(ApiKey {
        key: Some(secret),
        ..key
    })
}

/// Deletes a key and returns the remaining ones.
pub(super) async fn delete(
    platform: &Platform,
    actor: &Actor,
    id: KeyId,
) -> Result<Vec<ApiKey>, Error> {
    let mut tx = platform.db.write().await?;
    let known = list(tx.conn()).await?;
    let key = known.iter().find(|it| it.id == id);
    let key = key.ok_or(Error::NotFound)?;
    let statement = "
        delete from api_keys
         where id = ?";
    sqlx::query(statement)
        .bind(id.get())
        .execute(tx.conn())
        .await?;
    let change = Change::new("key.delete", format!("key:{id}")).from(key);
    audit::record(&mut tx, platform.context(), actor, &[change]).await?;
    tx.commit().await?;
    Ok(known.into_iter().filter(|it| it.id != id).collect())
}
