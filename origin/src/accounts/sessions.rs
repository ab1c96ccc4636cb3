//! Browser sessions. The cookie holds 128 random bits, the table their hash. All SQL of `sessions`.

use shared::{
    account::Session,
    id::{SessionId, UserId},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{
    db::{self, Db, Tx},
    platform::Platform,
};

use super::{
    Error,
    links::hash,
    model::{Credential, Person, role_of},
    session_cache,
};

/// How long a session stays valid after its last recorded use.
const LIFETIME_MS: i64 = 2 * 60 * 60 * 1_000;
/// A use is recorded when the last recorded one is this old, so that reads seldom cause a write.
const RECORD_USE_AFTER_MS: i64 = 5 * 60 * 1_000;
/// The most sessions of one account. Beyond it the oldest sessions end.
const SESSIONS_MAX: i64 = 50;

/// Begins a session and returns its token.
pub(super) async fn begin(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
    agent: &str,
) -> Result<String, Error> {
    let now = platform.clock.now();
    let token = crate::secret::token();
    let statement = "
        insert into sessions (token_hash, id, user_id, agent, created_at, seen_at, expires_at,
                              proved_at)
        values (?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(statement)
        .bind(hash(&token))
        .bind(platform.ids.next(now))
        .bind(user.get())
        .bind(agent)
        .bind(now.as_millis())
        .bind(now.as_millis())
        .bind(now.as_millis() + LIFETIME_MS)
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    end_oldest(platform, tx, user).await?;
    Ok(token)
}

async fn end_oldest(platform: &Platform, tx: &mut Tx, user: UserId) -> Result<(), Error> {
    let statement = "
        select id
          from sessions
         where user_id = ?
         order by id desc
         limit 1000 offset ?";
    let ids: Vec<i64> = sqlx::query_scalar(statement)
        .bind(user.get())
        .bind(SESSIONS_MAX)
        .fetch_all(tx.conn())
        .await?;
    for id in ids {
        end(platform, tx, user, SessionId::new(id)).await?;
    }
    Ok(())
}

/// The person whose session has this token. Records the use of the session now and then.
pub(super) async fn find(db: &Db, token: &str, now: Timestamp) -> Result<Option<Person>, Error> {
    let mut reader = db.read().await?;
    let hash = hash(token);
    let statement = "
        select s.id, s.user_id, s.seen_at, s.proved_at, u.role, u.rights, f.confirmed_at
          from sessions s
          join users u on u.id = s.user_id
          left join second_factors f on f.user_id = s.user_id
         where s.token_hash = ?
           and s.expires_at > ?";
    let row = sqlx::query(statement)
        .bind(&hash)
        .bind(now.as_millis())
        .fetch_optional(&mut *reader)
        .await?;
    drop(reader);
    let Some(row) = row else { return Ok(None) };
    let seen_at: i64 = row.try_get("seen_at")?;
    if now.as_millis() - seen_at >= RECORD_USE_AFTER_MS {
        record_use(db, &hash, now).await?;
    }
    let (role, rights): (String, String) = (row.try_get("role")?, row.try_get("rights")?);
    let (role, rights) = role_of(&role, &rights)?;
    let confirmed_at: Option<i64> = row.try_get("confirmed_at")?;
    Ok(Some(Person {
        user: UserId::new(row.try_get("user_id")?),
        credential: Credential::Session(SessionId::new(row.try_get("id")?)),
        role,
        rights,
        second_factor: confirmed_at.is_some(),
        proved_at: Timestamp::from_millis(row.try_get("proved_at")?),
        withheld: false,
    }))
}

async fn record_use(db: &Db, hash: &str, now: Timestamp) -> Result<(), db::Error> {
    let statement = "
        update sessions
           set seen_at = ?, expires_at = ?
         where token_hash = ?";
    let mut tx = db.write().await?;
    sqlx::query(statement)
        .bind(now.as_millis())
        .bind(now.as_millis() + LIFETIME_MS)
        .bind(hash)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// The sessions of an account, the most recently used first.
pub(super) async fn list(
    conn: &mut AnyConnection,
    user: UserId,
    current: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<Session>, db::Error> {
    let statement = "
        select id, agent, created_at, seen_at
          from sessions
         where user_id = ?
           and expires_at > ?
         order by seen_at desc, id desc";
    let rows = sqlx::query(statement)
        .bind(user.get())
        .bind(now.as_millis())
        .fetch_all(conn)
        .await?;
    let session = |row: &AnyRow| -> Result<Session, db::Error> {
        let id = SessionId::new(row.try_get("id")?);
        Ok(Session {
            id,
            current: current == Some(id),
            program: false,
            agent: row.try_get("agent")?,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
            seen_at: Timestamp::from_millis(row.try_get("seen_at")?),
        })
    };
    rows.iter().map(session).collect()
}

/// Records that the password was checked in this session.
pub(super) async fn record_reauthentication(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
    session: SessionId,
) -> Result<(), Error> {
    let hashes = hashes_of(tx, user, Some(session)).await?;
    session_cache::invalidate(platform, tx, hashes).await?;
    let statement = "
        update sessions
           set proved_at = ?
         where user_id = ?
           and id = ?";
    sqlx::query(statement)
        .bind(platform.clock.now().as_millis())
        .bind(user.get())
        .bind(session.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The token hashes of one session of an account, or of all.
async fn hashes_of(
    tx: &mut Tx,
    user: UserId,
    session: Option<SessionId>,
) -> Result<Vec<String>, db::Error> {
    let statement = match session {
        Some(_) => {
            "select token_hash
               from sessions
              where user_id = ?
                and id = ?"
        }
        None => {
            "select token_hash
               from sessions
              where user_id = ?"
        }
    };
    let mut query = sqlx::query_scalar(statement).bind(user.get());
    if let Some(session) = session {
        query = query.bind(session.get());
    }
    query.fetch_all(tx.conn()).await
}

/// Ends one session of an account. False if it does not exist.
pub(super) async fn end(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
    session: SessionId,
) -> Result<bool, Error> {
    let hashes = hashes_of(tx, user, Some(session)).await?;
    session_cache::invalidate(platform, tx, hashes).await?;
    let statement = "
        delete from sessions
         where user_id = ?
           and id = ?";
    let done = sqlx::query(statement)
        .bind(user.get())
        .bind(session.get())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of an account.
pub(super) async fn end_all(platform: &Platform, tx: &mut Tx, user: UserId) -> Result<(), Error> {
    let hashes = hashes_of(tx, user, None).await?;
    session_cache::invalidate(platform, tx, hashes).await?;
    let statement = "
        delete from sessions
         where user_id = ?";
    sqlx::query(statement)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Deletes expired sessions and links.
pub(super) async fn delete_expired(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let mut tx = db.write().await?;
    for statement in [
        "delete from sessions
          where expires_at <= ?",
        "delete from account_links
          where expires_at <= ?",
    ] {
        sqlx::query(statement)
            .bind(now.as_millis())
            .execute(tx.conn())
            .await?;
    }
    tx.commit().await
}
