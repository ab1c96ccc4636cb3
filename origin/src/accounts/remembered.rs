//! Who has signed in with which cookie, remembered in Redis, where there is one, so that the database is
//! not asked at every click. The database decides: what is remembered is for a minute, and is forgotten by
//! the commit that ends a session, or by what was counted where a process without Redis has changed an account. What is signed nobody can put there who only reaches Redis.

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

use crate::{app::App, cache, db::Tx, redis_client::RedisClient};

use super::{
    Error, links,
    model::{Person, Via},
    sessions,
};

/// For how long a session is remembered; and for how long it is not, after it was to be forgotten.
const REMEMBERED_MS: u64 = 60_000;
/// In the place of somebody: the database is to be asked.
const FORGOTTEN: &str = "";

/// What is remembered.
#[derive(Serialize, Deserialize)]
struct Remembered {
    until_ms: i64,
    user: UserId,
    session: SessionId,
    role: Role,
    rights: Vec<Right>,
    second_factor: bool,
    proved_at: Timestamp,
    /// The last change that was known before the database was asked.
    #[serde(default)]
    as_of: u64,
}

/// Who has signed in with this cookie.
pub(super) async fn find(app: &App, token: &str, now: Timestamp) -> Result<Option<Person>, Error> {
    let Some(redis) = &app.redis else {
        return sessions::find(&app.db, token, now).await;
    };
    let hash = links::hash(token);
    let key = key(cache::shop_id(app).await?, &hash);
    let asked = redis
        .query(async |connection| connection.get::<_, Option<String>>(&key).await)
        .await;
    let known = asked.as_ref().and_then(Option::as_deref);
    if let Some(person) = known.and_then(|text| opened(app, &key, text, now)) {
        return Ok(Some(person));
    }
    let as_of = app.changes.latest();
    let person = sessions::find(&app.db, token, now).await?;
    if asked == Some(None)
        && let Some(text) = person
            .as_ref()
            .and_then(|it| closed(app, &key, it, (now, as_of)))
    {
        // Not in the place of what says that it is to be forgotten: that is newer than what was read.
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(REMEMBERED_MS));
        redis
            .query(async |connection| connection.set_options(&key, text, options).await)
            .await
            .unwrap_or(());
    }
    Ok(person)
}

/// Forgets these sessions, by their hashes, when what ends them is committed.
pub(super) async fn forget(app: &App, tx: &mut Tx, hashes: Vec<String>) -> Result<(), Error> {
    let Some(redis) = app.redis.clone().filter(|_| !hashes.is_empty()) else {
        return Ok(());
    };
    let shop = cache::shop_id(app).await?;
    tx.after_commit(forget_now(redis, shop, hashes));
    Ok(())
}

async fn forget_now(redis: Arc<RedisClient>, shop: i64, hashes: Vec<String>) {
    for hash in hashes {
        let key = key(shop, &hash);
        let command = Cmd::pset_ex(key, FORGOTTEN, REMEMBERED_MS);
        let forgotten = redis.retry(&command).await;
        if forgotten != Some(()) {
            // Whoever signs out of many waits once, not for each.
            tracing::warn!("ended sessions may stay cached for up to a minute");
            return;
        }
    }
}

fn key(shop: i64, hash: &str) -> String {
    format!("mallard:{shop:x}:session:{hash}")
}

/// `SEAL TEXT`; the seal is for this key alone.
fn closed(app: &App, key: &str, person: &Person, (now, as_of): (Timestamp, u64)) -> Option<String> {
    let remembered = Remembered {
        until_ms: now.as_millis() + i64::try_from(REMEMBERED_MS).ok()?,
        user: person.user,
        session: person.session()?,
        role: person.role,
        rights: person.rights.clone(),
        second_factor: person.second_factor,
        proved_at: person.proved_at,
        as_of,
    };
    let text = serde_json::to_string(&remembered).ok()?;
    let seal = app.signer.seal(&[key.as_bytes(), text.as_bytes()]);
    Some(format!("{} {text}", URL_SAFE_NO_PAD.encode(seal)))
}

fn opened(app: &App, key: &str, sealed: &str, now: Timestamp) -> Option<Person> {
    let (seal, text) = sealed.split_once(' ')?;
    let seal = URL_SAFE_NO_PAD.decode(seal).ok()?.try_into().ok()?;
    let parts = [key.as_bytes(), text.as_bytes()];
    if !app.signer.has_sealed(&parts, seal) {
        return None;
    }
    let it: Remembered = serde_json::from_str(text).ok()?;
    let is_right = app
        .changes
        .unchanged_since(&[Tag::Account(it.user.get())], it.as_of);
    (is_right && now.as_millis() < it.until_ms).then_some(Person {
        user: it.user,
        via: Via::Browser(it.session),
        role: it.role,
        rights: it.rights,
        second_factor: it.second_factor,
        proved_at: it.proved_at,
        withheld: false,
    })
}
