//! Device cookies (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). Guessing an
//! account's password from many networks uses up the limit for unknown clients. A browser that has
//! signed in to the account before presents a device token and has limits of its own, so that its
//! owner is not locked out. A device token authenticates nobody. All SQL of `known_devices`.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use http::{HeaderMap, HeaderValue};
use shared::{id::UserId, time::Timestamp};
use sqlx::AnyConnection;

use crate::{
    config::Config,
    db::{self, Db, Rows, Tx},
    platform::Platform,
};

use super::{Error, links::hash, model::Device};

/// How long a device token is valid after the sign-in that issued it.
const LIFETIME_DAYS: i64 = 180;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The most accounts whose device tokens one browser keeps. The oldest tokens are dropped.
const ACCOUNTS_MAX: usize = 4;
/// The most device tokens of one account. The oldest are deleted.
const DEVICES_MAX: i64 = 20;

/// The device tokens of a browser, one for each account that it signed in to, the most recent
/// first. They are secrets and must not be logged.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct DeviceTokens(Vec<String>);

impl std::fmt::Debug for DeviceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} device tokens", self.0.len())
    }
}

fn cookie_name(config: &Config) -> &'static str {
    if config.is_secure() {
        "__Host-device"
    } else {
        "device"
    }
}

impl DeviceTokens {
    /// The device tokens in a request's cookie.
    pub(super) fn of(config: &Config, headers: &HeaderMap) -> Self {
        let jar = CookieJar::from_headers(headers);
        let text = jar.get(cookie_name(config));
        let tokens = text.map(|it| it.value().split('.')).into_iter().flatten();
        let shaped = tokens.filter(|it| it.len() == 32);
        Self(shaped.take(ACCOUNTS_MAX).map(str::to_owned).collect())
    }

    fn hashes(&self) -> Vec<String> {
        self.0.iter().map(|it| hash(it)).collect()
    }

    /// The `Set-Cookie` value that stores them.
    pub(super) fn cookie(&self, config: &Config) -> HeaderValue {
        let cookie = Cookie::build((cookie_name(config), self.0.join(".")))
            .path("/")
            .http_only(true)
            .secure(config.is_secure())
            .same_site(SameSite::Lax);
        // Tokens are hexadecimal, so the text is always a valid field value.
        let text = format!("{cookie}; Max-Age={}", LIFETIME_DAYS * DAY_MS / 1_000);
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The hash of the device token that this device has for the account with this email address.
pub(super) async fn find(
    conn: &mut AnyConnection,
    device: &Device,
    email: &str,
    now: Timestamp,
) -> Result<Option<String>, db::Error> {
    let statement = "
        select d.token_hash
          from known_devices d
          join users u on u.id = d.user_id
         where d.token_hash = ?
           and u.email = ?
           and d.expires_at > ?";
    for token in device.device_tokens.hashes() {
        let found = sqlx::query_scalar(statement)
            .bind(&token)
            .bind(email)
            .bind(now.as_millis())
            .fetch_optional(&mut *conn)
            .await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The hash of a valid device token in a request, whichever account it is for.
pub async fn known_device(
    platform: &Platform,
    headers: &HeaderMap,
) -> Result<Option<String>, Error> {
    let tokens = DeviceTokens::of(&platform.config, headers);
    if tokens.0.is_empty() {
        return Ok(None);
    }
    let statement = "
        select token_hash
          from known_devices
         where token_hash = ?
           and expires_at > ?";
    let mut reader = platform.db.read().await?;
    for token in tokens.hashes() {
        let found = sqlx::query_scalar(statement)
            .bind(&token)
            .bind(platform.clock.now().as_millis())
            .fetch_optional(&mut *reader)
            .await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Issues a device token to a browser that has just signed in. It always gets a new one, because a
/// token that an attacker has planted in the browser would be known to the attacker, too.
pub(super) async fn add(
    tx: &mut Tx,
    device: &Device,
    user: UserId,
    now: Timestamp,
) -> Result<DeviceTokens, db::Error> {
    let mut kept = Vec::with_capacity(ACCOUNTS_MAX);
    let delete = "
        delete from known_devices
         where token_hash = ?
           and user_id = ?";
    for token in &device.device_tokens.0 {
        let own = sqlx::query(delete)
            .bind(hash(token))
            .bind(user.get())
            .execute(tx.conn())
            .await?;
        if own.rows_affected() == 0 {
            kept.push(token.clone());
        }
    }
    kept.truncate(ACCOUNTS_MAX - 1);
    let token = crate::secret::token();
    let insert = "
        insert into known_devices (token_hash, user_id, created_at, expires_at)
        values (?, ?, ?, ?)";
    sqlx::query(insert)
        .bind(hash(&token))
        .bind(user.get())
        .bind(now.as_millis())
        .bind(now.as_millis() + LIFETIME_DAYS * DAY_MS)
        .execute(tx.conn())
        .await?;
    delete_oldest(tx, user).await?;
    kept.insert(0, token);
    Ok(DeviceTokens(kept))
}

async fn delete_oldest(tx: &mut Tx, user: UserId) -> Result<(), db::Error> {
    let statement = "
        select token_hash
          from known_devices
         where user_id = ?
         order by created_at desc, token_hash
         limit 1000 offset ?";
    let hashes: Vec<String> = sqlx::query_scalar(statement)
        .bind(user.get())
        .bind(DEVICES_MAX)
        .fetch_all(tx.conn())
        .await?;
    if hashes.is_empty() {
        return Ok(());
    }
    let head = "delete from known_devices where token_hash in ";
    Rows::among(head, hashes).build().execute(tx.conn()).await?;
    Ok(())
}

/// Deletes every device token of an account.
pub(super) async fn delete_all(tx: &mut Tx, user: UserId) -> Result<(), db::Error> {
    let statement = "
        delete from known_devices
         where user_id = ?";
    sqlx::query(statement)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Deletes expired device tokens.
pub(super) async fn delete_expired(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    let statement = "
        delete from known_devices
         where expires_at <= ?";
    let mut tx = db.write().await?;
    sqlx::query(statement)
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    tx.commit().await
}
