//! Who has signed in with which cookie, remembered in Redis, where there is one, so that the database is
//! not asked at every click. The database decides: what is remembered is for a minute, and is forgotten by
//! the commit that ends a session. What is signed nobody can put there who only reaches Redis.

use std::sync::Arc;

use ::redis::{AsyncCommands as _, ExistenceCheck, SetExpiry, SetOptions};
use serde::{Deserialize, Serialize};
use shared::{
    account::{Right, Role},
    id::{SessionId, UserId},
    time::Timestamp,
};

use crate::{app::App, cache, db::Tx, redis::Redis};

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
    /// Of which session, so that nothing is passed off as another one's.
    of: String,
    until_ms: i64,
    user: UserId,
    session: SessionId,
    role: Role,
    rights: Vec<Right>,
}

/// Who has signed in with this cookie.
pub(super) async fn find(app: &App, token: &str, now: Timestamp) -> Result<Option<Person>, Error> {
    let Some(redis) = &app.redis else {
        return sessions::find(&app.db, token, now).await;
    };
    let hash = links::hash(token);
    let key = key(cache::shop(app).await?, &hash);
    let asked = redis
        .ask(async |connection| connection.get::<_, Option<String>>(&key).await)
        .await;
    let known = asked.as_ref().and_then(Option::as_deref);
    if let Some(person) = known.and_then(|text| opened(app, text, &hash, now)) {
        return Ok(Some(person));
    }
    let person = sessions::find(&app.db, token, now).await?;
    if asked == Some(None)
        && let Some(text) = person.as_ref().and_then(|it| closed(app, it, hash, now))
    {
        // Not in the place of what says that it is to be forgotten: that is newer than what was read.
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(REMEMBERED_MS));
        redis
            .ask(async |connection| connection.set_options(&key, text, options).await)
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
    let shop = cache::shop(app).await?;
    tx.after_commit(forget_now(redis, shop, hashes));
    Ok(())
}

async fn forget_now(redis: Arc<Redis>, shop: i64, hashes: Vec<String>) {
    for hash in hashes {
        let key = key(shop, &hash);
        let forgotten = redis
            .ask(async |connection| connection.pset_ex(&key, FORGOTTEN, REMEMBERED_MS).await)
            .await;
        if forgotten != Some(()) {
            tracing::warn!("a session that has ended is remembered for up to a minute");
        }
    }
}

fn key(shop: i64, hash: &str) -> String {
    format!("mallard:{shop:x}:session:{hash}")
}

fn closed(app: &App, person: &Person, hash: String, now: Timestamp) -> Option<String> {
    let remembered = Remembered {
        of: hash,
        until_ms: now.as_millis() + i64::try_from(REMEMBERED_MS).ok()?,
        user: person.user,
        session: person.session()?,
        role: person.role,
        rights: person.rights.clone(),
    };
    Some(app.signer.seal(&serde_json::to_string(&remembered).ok()?))
}

fn opened(app: &App, text: &str, hash: &str, now: Timestamp) -> Option<Person> {
    let it: Remembered = serde_json::from_str(app.signer.unseal(text)?).ok()?;
    (it.of == hash && now.as_millis() < it.until_ms).then_some(Person {
        user: it.user,
        via: Via::Browser(it.session),
        role: it.role,
        rights: it.rights,
    })
}
