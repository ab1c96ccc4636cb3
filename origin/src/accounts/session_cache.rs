//! The session cache: sessions in Redis, where one is configured, so that a request of a signed-in
//! browser needs no database read. The database stays the source of truth. An entry lives for a
//! minute. The commit that ends a session overwrites it with a tombstone, and the change number of
//! the account's tag invalidates it when a process without Redis has changed the account. Entries
//! are sealed, so that access to Redis alone is not enough to forge a session.

use std::sync::Arc;

use ::redis::{AsyncCommands as _, Cmd, ExistenceCheck, SetExpiry, SetOptions};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use shared::{
    account::{Right, Role},
    cache::Tag,
    id::{SessionId, UserId},
    time::Timestamp,
};

use crate::{db::Tx, platform::Platform, redis_client::RedisClient};

use super::{
    Error, links,
    model::{Credential, Person},
    sessions,
};

/// Lifetime of an entry, and of the tombstone that replaces an ended session.
const CACHE_TTL_MS: u64 = 60_000;
/// The value of an invalidated entry: the session must be read from the database.
const TOMBSTONE: &str = "";

/// A session as it is cached.
#[derive(Serialize, Deserialize)]
struct CachedSession {
    until_ms: i64,
    user: UserId,
    session: SessionId,
    role: Role,
    rights: Vec<Right>,
    second_factor: bool,
    proved_at: Timestamp,
    /// The latest change number that was known before the database was read.
    #[serde(rename = "as_of", default)]
    version: u64,
}

/// The person whose session has this token, from the cache or else from the database.
pub(super) async fn find(
    platform: &Platform,
    token: &str,
    now: Timestamp,
) -> Result<Option<Person>, Error> {
    let Some(redis) = &platform.redis else {
        return sessions::find(&platform.db, token, now).await;
    };
    let hash = links::hash(token);
    let key = key(platform.changes.shop_id(&platform.db).await?, &hash);
    let cached = redis
        .query(async |connection| connection.get::<_, Option<String>>(&key).await)
        .await;
    let known = cached.as_ref().and_then(Option::as_deref);
    if let Some(person) = known.and_then(|text| open(platform, &key, text, now)) {
        return Ok(Some(person));
    }
    let version = platform.changes.latest();
    let person = sessions::find(&platform.db, token, now).await?;
    if cached == Some(None)
        && let Some(text) = person
            .as_ref()
            .and_then(|it| seal(platform, &key, it, (now, version)))
    {
        // `NX`: a tombstone that was written meanwhile is newer than what was read.
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(CACHE_TTL_MS));
        redis
            .query(async |connection| connection.set_options(&key, text, options).await)
            .await
            .unwrap_or(());
    }
    Ok(person)
}

/// Invalidates the entries of these sessions, by token hash, once the transaction is committed.
pub(super) async fn invalidate(
    platform: &Platform,
    tx: &mut Tx,
    hashes: Vec<String>,
) -> Result<(), Error> {
    let Some(redis) = platform.redis.clone().filter(|_| !hashes.is_empty()) else {
        return Ok(());
    };
    let shop = platform.changes.shop_id(&platform.db).await?;
    tx.after_commit(write_tombstones(redis, shop, hashes));
    Ok(())
}

async fn write_tombstones(redis: Arc<RedisClient>, shop: i64, hashes: Vec<String>) {
    for hash in hashes {
        let key = key(shop, &hash);
        let command = Cmd::pset_ex(key, TOMBSTONE, CACHE_TTL_MS);
        let written = redis.retry(&command).await;
        if written != Some(()) {
            // One failure is enough: signing out of many sessions must not wait for a time-out
            // each.
            tracing::warn!("ended sessions may stay cached for up to a minute");
            return;
        }
    }
}

fn key(shop: i64, hash: &str) -> String {
    format!("mallard:{shop:x}:session:{hash}")
}

/// The entry as `SEAL TEXT`. The seal covers the key, so an entry is not valid under another one.
fn seal(
    platform: &Platform,
    key: &str,
    person: &Person,
    (now, version): (Timestamp, u64),
) -> Option<String> {
    let session = CachedSession {
        until_ms: now.as_millis() + i64::try_from(CACHE_TTL_MS).ok()?,
        user: person.user,
        session: person.session()?,
        role: person.role,
        rights: person.rights.clone(),
        second_factor: person.second_factor,
        proved_at: person.proved_at,
        version,
    };
    let text = serde_json::to_string(&session).ok()?;
    let seal = platform.signer.seal(&[key.as_bytes(), text.as_bytes()]);
    Some(format!("{} {text}", URL_SAFE_NO_PAD.encode(seal)))
}

fn open(platform: &Platform, key: &str, sealed: &str, now: Timestamp) -> Option<Person> {
    let (seal, text) = sealed.split_once(' ')?;
    let seal = URL_SAFE_NO_PAD.decode(seal).ok()?.try_into().ok()?;
    let parts = [key.as_bytes(), text.as_bytes()];
    if !platform.signer.has_sealed(&parts, seal) {
        return None;
    }
    let it: CachedSession = serde_json::from_str(text).ok()?;
    let is_valid = platform
        .changes
        .unchanged_since(&[Tag::Account(it.user.get())], it.version);
    (is_valid && now.as_millis() < it.until_ms).then_some(Person {
        user: it.user,
        credential: Credential::Session(it.session),
        role: it.role,
        rights: it.rights,
        second_factor: it.second_factor,
        proved_at: it.proved_at,
        withheld: false,
    })
}
