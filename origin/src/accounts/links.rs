//! Single-use links in mails. All SQL of `account_links`.

use serde::{Serialize, de::DeserializeOwned};
use shared::time::Timestamp;
use sqlx::{AnyConnection, Row as _};

use crate::db::{self, Tx};

use super::Error;

/// The purpose of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Creating an account.
    Register,
    /// Setting a new password.
    Reset,
    /// Changing the email address.
    Email,
    /// The second step of a sign-in: the password was correct, a code is required.
    Code,
}

impl Purpose {
    /// The value in the table.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Reset => "reset",
            Self::Email => "email",
            Self::Code => "code",
        }
    }

    /// How long the link is valid. One that sets a password is the most dangerous.
    const fn lifetime_ms(self) -> i64 {
        const HOUR: i64 = 60 * 60 * 1_000;
        match self {
            Self::Register | Self::Email => 24 * HOUR,
            Self::Reset => HOUR,
            Self::Code => HOUR / 6,
        }
    }
}

/// A valid link with its content.
#[derive(Clone, Debug)]
pub struct Link<T> {
    /// The email address that it was sent to.
    pub email: String,
    /// The payload that was stored with it.
    pub content: T,
}

/// The form in which a secret is stored.
pub(super) fn hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// Adds a link and returns its token. A link that sets a password voids earlier ones: a client that
/// requests another has lost the first, perhaps to someone else.
pub(super) async fn add<T: Serialize>(
    tx: &mut Tx,
    purpose: Purpose,
    email: &str,
    content: &T,
    now: Timestamp,
) -> Result<String, Error> {
    if purpose == Purpose::Reset {
        delete_older(tx, purpose, email).await?;
    }
    let token = crate::secret::token();
    let statement = "
        insert into account_links (token_hash, purpose, email, content, created_at, expires_at)
        values (?, ?, ?, ?, ?, ?)";
    sqlx::query(statement)
        .bind(hash(&token))
        .bind(purpose.as_str())
        .bind(email)
        .bind(serde_json::to_string(content)?)
        .bind(now.as_millis())
        .bind(now.as_millis() + purpose.lifetime_ms())
        .execute(tx.conn())
        .await?;
    Ok(token)
}

async fn delete_older(tx: &mut Tx, purpose: Purpose, email: &str) -> Result<(), db::Error> {
    let statement = "
        delete from account_links
         where email = ?
           and purpose = ?";
    sqlx::query(statement)
        .bind(email)
        .bind(purpose.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The link with this token, if it is valid.
pub(super) async fn find<T: DeserializeOwned>(
    conn: &mut AnyConnection,
    purpose: Purpose,
    token: &str,
    now: Timestamp,
) -> Result<Option<Link<T>>, Error> {
    let statement = "
        select email, content
          from account_links
         where token_hash = ?
           and purpose = ?
           and expires_at > ?";
    let row = sqlx::query(statement)
        .bind(hash(token))
        .bind(purpose.as_str())
        .bind(now.as_millis())
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let content: String = row.try_get("content")?;
    Ok(Some(Link {
        email: row.try_get("email")?,
        content: serde_json::from_str(&content)?,
    }))
}

/// Consumes a link. Of two concurrent uses, one finds nothing.
pub(super) async fn take<T: DeserializeOwned>(
    tx: &mut Tx,
    purpose: Purpose,
    token: &str,
    now: Timestamp,
) -> Result<Option<Link<T>>, Error> {
    let Some(link) = find(tx.conn(), purpose, token, now).await? else {
        return Ok(None);
    };
    let delete = "
        delete from account_links
         where token_hash = ?";
    let done = sqlx::query(delete)
        .bind(hash(token))
        .execute(tx.conn())
        .await?;
    Ok((done.rows_affected() == 1).then_some(link))
}

/// Deletes all links that were sent to this email address.
pub(super) async fn delete_all(tx: &mut Tx, email: &str) -> Result<(), db::Error> {
    let statement = "
        delete from account_links
         where email = ?";
    sqlx::query(statement)
        .bind(email)
        .execute(tx.conn())
        .await?;
    Ok(())
}
