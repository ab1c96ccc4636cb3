//! Tokens of programs that act for a person: a short-lived access token (JWT, RFC 7519, signed with
//! Ed25519 only) and single-use refresh tokens (rotation, RFC 9700 §4.14.2). A refresh token that
//! is used twice was stolen, so its whole family is revoked. All SQL of `token_families` and
//! `refresh_tokens`.

use serde::{Deserialize, Serialize};
use shared::{
    account::{Login, Session, Tokens},
    id::{FamilyId, SessionId, UserId},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _};

use crate::{
    db::{self, Db, Tx},
    platform::Platform,
    signer::ValidityPeriod,
};

use super::{
    Accounts, Error,
    links::hash,
    login,
    model::{Credential, Device, Person, role_of},
};

/// Lifetime of an access token.
const ACCESS_MS: i64 = 10 * 60 * 1_000;
/// Lifetime of a refresh token.
const REFRESH_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// The claims of an access token.
#[derive(Debug, Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: UserId,
    /// The token family: one per sign-in.
    fam: FamilyId,
    nbf: i64,
    iat: i64,
    exp: i64,
}

impl ValidityPeriod for AccessClaims {
    fn is_valid_at(&self, now: i64) -> bool {
        self.nbf <= now && now < self.exp
    }
}

/// Signs in with a password and issues the first tokens of a family.
pub(super) async fn begin(
    accounts: &Accounts,
    request: Login,
    device: &Device,
) -> Result<Tokens, Error> {
    let code = request.code.clone();
    let proof = login::verify_password(accounts, &request.email, request.password, device).await?;
    proof.check_code_limit(accounts, code.as_deref()).await?;
    let begin = async || {
        let now = accounts.clock.now();
        let family = FamilyId::new(accounts.ids.next(now));
        let mut tx = accounts.db.write().await?;
        let user = proof.lock_if_unchanged(&mut tx).await?.account.id;
        login::accept_code(accounts, &mut tx, user, code.as_deref()).await?;
        login::record_sign_in(accounts, &mut tx, user, "program").await?;
        let statement = "
            insert into token_families (id, user_id, agent, created_at, expires_at, proved_at)
            values (?, ?, ?, ?, ?, ?)";
        sqlx::query(statement)
            .bind(family.get())
            .bind(user.get())
            .bind(&device.agent)
            .bind(now.as_millis())
            .bind(now.as_millis() + REFRESH_MS)
            .bind(now.as_millis())
            .execute(tx.conn())
            .await?;
        let refresh = add_refresh_token(&mut tx, family, now).await?;
        tx.commit().await?;
        token_response(accounts, user, family, refresh)
    };
    let begun = db::retry_on_conflict(begin, Error::is_conflict).await;
    login::record_wrong_code(accounts, proof.user(), "program", begun).await
}

/// Records that the password was checked for this token family.
pub(super) async fn record_reauthentication(
    tx: &mut Tx,
    family: FamilyId,
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        update token_families
           set proved_at = ?
         where id = ?";
    sqlx::query(statement)
        .bind(now.as_millis())
        .bind(family.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn add_refresh_token(
    tx: &mut Tx,
    family: FamilyId,
    now: Timestamp,
) -> Result<String, db::Error> {
    let token = crate::secret::token();
    let statement = "
        insert into refresh_tokens (token_hash, family_id, used, created_at)
        values (?, ?, 0, ?)";
    sqlx::query(statement)
        .bind(hash(&token))
        .bind(family.get())
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    Ok(token)
}

fn token_response(
    platform: &Platform,
    user: UserId,
    family: FamilyId,
    refresh_token: String,
) -> Result<Tokens, Error> {
    let now = platform.clock.now().as_millis() / 1_000;
    let claims = AccessClaims {
        iss: platform.config.base_url.clone(),
        aud: platform.config.base_url.clone(),
        sub: user,
        fam: family,
        nbf: now,
        iat: now,
        exp: now + ACCESS_MS / 1_000,
    };
    Ok(Tokens {
        access_token: platform.signer.sign(&claims)?,
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS_MS / 1_000,
        refresh_token,
    })
}

/// Exchanges a refresh token for new tokens.
pub(super) async fn refresh(platform: &Platform, token: &str) -> Result<Tokens, Error> {
    let refresh = async || {
        let now = platform.clock.now();
        let mut tx = platform.db.write().await?;
        let Some((family, user, used)) = find(&mut tx, token, now).await? else {
            return Err(Error::WrongCredentials);
        };
        if used || !mark_used(&mut tx, token).await? {
            // The rightful client and the thief cannot be told apart.
            end_family(&mut tx, family).await?;
            tx.commit().await?;
            tracing::warn!(
                family = family.get(),
                "a refresh token was reused; its sessions are ended"
            );
            return Err(Error::WrongCredentials);
        }
        let next = add_refresh_token(&mut tx, family, now).await?;
        let statement = "
            update token_families
               set expires_at = ?
             where id = ?";
        sqlx::query(statement)
            .bind(now.as_millis() + REFRESH_MS)
            .bind(family.get())
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        token_response(platform, user, family, next)
    };
    db::retry_on_conflict(refresh, Error::is_conflict).await
}

async fn find(
    tx: &mut Tx,
    token: &str,
    now: Timestamp,
) -> Result<Option<(FamilyId, UserId, bool)>, db::Error> {
    let statement = "
        select f.id, f.user_id, r.used
          from refresh_tokens r
          join token_families f on f.id = r.family_id
         where r.token_hash = ?
           and f.expires_at > ?";
    let row: Option<(i64, i64, i64)> = sqlx::query_as(statement)
        .bind(hash(token))
        .bind(now.as_millis())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|(family, user, used)| (FamilyId::new(family), UserId::new(user), used != 0)))
}

/// Marks a refresh token as used. Of two concurrent uses, one gets false.
async fn mark_used(tx: &mut Tx, token: &str) -> Result<bool, db::Error> {
    let statement = "
        update refresh_tokens
           set used = 1
         where token_hash = ?
           and used = 0";
    let done = sqlx::query(statement)
        .bind(hash(token))
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a token family.
pub(super) async fn end_family(tx: &mut Tx, family: FamilyId) -> Result<(), db::Error> {
    for statement in [
        "delete from refresh_tokens
          where family_id = ?",
        "delete from token_families
          where id = ?",
    ] {
        sqlx::query(statement)
            .bind(family.get())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// The token families of a person.
pub(super) async fn list(
    conn: &mut AnyConnection,
    person: &Person,
    now: Timestamp,
) -> Result<Vec<Session>, db::Error> {
    let statement = "
        select id, agent, created_at, expires_at
          from token_families
         where user_id = ?
           and expires_at > ?";
    let rows = sqlx::query_as(statement)
        .bind(person.user.get())
        .bind(now.as_millis())
        .fetch_all(conn);
    let rows: Vec<(i64, String, i64, i64)> = rows.await?;
    let session = |(id, agent, created_at, expires_at): (i64, String, i64, i64)| Session {
        id: SessionId::new(id),
        current: person.credential == Credential::TokenFamily(FamilyId::new(id)),
        program: true,
        agent,
        created_at: Timestamp::from_millis(created_at),
        // Each use extends the family by the whole lifetime.
        seen_at: Timestamp::from_millis(expires_at - REFRESH_MS),
    };
    Ok(rows.into_iter().map(session).collect())
}

/// Ends a token family of this account. False if it has no such family.
pub(super) async fn end_family_of(
    tx: &mut Tx,
    user: UserId,
    family: FamilyId,
) -> Result<bool, db::Error> {
    let statement = "
        select count(*)
          from token_families
         where id = ?
           and user_id = ?";
    let count: i64 = sqlx::query_scalar(statement)
        .bind(family.get())
        .bind(user.get())
        .fetch_one(tx.conn())
        .await?;
    if count == 0 {
        return Ok(false);
    }
    end_family(tx, family).await?;
    Ok(true)
}

/// Ends every token family of an account.
pub(super) async fn end_all(tx: &mut Tx, user: UserId) -> Result<(), db::Error> {
    for statement in [
        "delete from refresh_tokens
          where family_id in (select id from token_families where user_id = ?)",
        "delete from token_families
          where user_id = ?",
    ] {
        sqlx::query(statement)
            .bind(user.get())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Revokes the family of a refresh token (RFC 7009 §2). An unknown token is not an error.
pub(super) async fn revoke(platform: &Platform, token: &str) -> Result<(), Error> {
    let mut tx = platform.db.write().await?;
    if let Some((family, ..)) = find(&mut tx, token, platform.clock.now()).await? {
        end_family(&mut tx, family).await?;
    }
    Ok(tx.commit().await?)
}

/// Deletes expired token families.
pub(super) async fn delete_expired(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let mut tx = db.write().await?;
    for statement in [
        "delete from refresh_tokens
          where family_id in (select id from token_families where expires_at <= ?)",
        "delete from token_families
          where expires_at <= ?",
    ] {
        sqlx::query(statement)
            .bind(now.as_millis())
            .execute(tx.conn())
            .await?;
    }
    tx.commit().await
}

/// The person of an access token, unless its family has ended.
pub(super) async fn find_person(platform: &Platform, token: &str) -> Result<Option<Person>, Error> {
    let now = platform.clock.now();
    let Some(claims) =
        platform
            .signer
            .verify::<AccessClaims>(token, &platform.config.base_url, now)
    else {
        return Ok(None);
    };
    let statement = "
        select u.role, u.rights, f.proved_at, s.confirmed_at
          from token_families f
          join users u on u.id = f.user_id
          left join second_factors s on s.user_id = f.user_id
         where f.id = ?
           and f.user_id = ?
           and f.expires_at > ?";
    let mut reader = platform.db.read().await?;
    let row = sqlx::query(statement)
        .bind(claims.fam.get())
        .bind(claims.sub.get())
        .bind(now.as_millis())
        .fetch_optional(&mut *reader)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (role, rights): (String, String) = (row.try_get("role")?, row.try_get("rights")?);
    let (role, rights) = role_of(&role, &rights)?;
    let confirmed_at: Option<i64> = row.try_get("confirmed_at")?;
    Ok(Some(Person {
        user: claims.sub,
        credential: Credential::TokenFamily(claims.fam),
        role,
        rights,
        second_factor: confirmed_at.is_some(),
        proved_at: Timestamp::from_millis(row.try_get("proved_at")?),
        withheld: false,
    }))
}
