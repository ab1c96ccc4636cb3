//! All SQL of `second_factors` and `recovery_codes`.

use shared::{id::UserId, time::Timestamp};
use sqlx::{AnyConnection, Row as _};

use crate::db::{self, Rows, Tx};

/// A second factor as it is stored.
#[derive(Clone, Debug)]
pub(in crate::accounts) struct StoredFactor {
    /// The sealed secret.
    pub(super) secret: String,
    /// Whether a code has confirmed it.
    pub(super) confirmed: bool,
}

/// The second factor of an account.
pub(super) async fn find(
    conn: &mut AnyConnection,
    user: UserId,
) -> Result<Option<StoredFactor>, db::Error> {
    let statement = "
        select secret, confirmed_at
          from second_factors
         where user_id = ?";
    let row = sqlx::query(statement)
        .bind(user.get())
        .fetch_optional(conn)
        .await?;
    let stored = row.map(|row| {
        let confirmed_at: Option<i64> = row.try_get("confirmed_at")?;
        Ok(StoredFactor {
            secret: row.try_get("secret")?,
            confirmed: confirmed_at.is_some(),
        })
    });
    stored.transpose()
}

/// Whether an account has a confirmed second factor.
pub(in crate::accounts) async fn is_enabled(
    conn: &mut AnyConnection,
    user: UserId,
) -> Result<bool, db::Error> {
    Ok(find(conn, user).await?.is_some_and(|it| it.confirmed))
}

/// Saves an unconfirmed second factor and replaces an earlier unconfirmed one.
pub(super) async fn put(
    tx: &mut Tx,
    user: UserId,
    secret: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    let insert = "
        insert into second_factors (user_id, secret, last_step, confirmed_at, created_at)
        values (?, ?, 0, null, ?)";
    sqlx::query(insert)
        .bind(user.get())
        .bind(secret)
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Replaces the sealed secret after a key rotation.
pub(super) async fn reseal(tx: &mut Tx, user: UserId, secret: &str) -> Result<(), db::Error> {
    let statement = "
        update second_factors
           set secret = ?
         where user_id = ?";
    sqlx::query(statement)
        .bind(secret)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Marks the code of this time step as used. False if it or a later one was used before: each code
/// is accepted once, also under concurrency (RFC 6238 §5.2).
pub(super) async fn advance(tx: &mut Tx, user: UserId, step: i64) -> Result<bool, db::Error> {
    let statement = "
        update second_factors
           set last_step = ?
         where user_id = ?
           and last_step < ?";
    let done = sqlx::query(statement)
        .bind(step)
        .bind(user.get())
        .bind(step)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks the second factor as confirmed.
pub(super) async fn confirm(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<(), db::Error> {
    let statement = "
        update second_factors
           set confirmed_at = ?
         where user_id = ?";
    sqlx::query(statement)
        .bind(now.as_millis())
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes the second factor and the recovery codes of an account. False if it had none.
pub(in crate::accounts) async fn remove(tx: &mut Tx, user: UserId) -> Result<bool, db::Error> {
    let statement = "
        delete from second_factors
         where user_id = ?";
    let done = sqlx::query(statement)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    remove_codes(tx, user).await?;
    Ok(done.rows_affected() == 1)
}

async fn remove_codes(tx: &mut Tx, user: UserId) -> Result<(), db::Error> {
    let statement = "
        delete from recovery_codes
         where user_id = ?";
    sqlx::query(statement)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Replaces the recovery codes by new ones, given as hashes.
pub(super) async fn replace_codes(
    tx: &mut Tx,
    user: UserId,
    hashes: &[String],
    now: Timestamp,
) -> Result<(), db::Error> {
    remove_codes(tx, user).await?;
    let head = "
        insert into recovery_codes (code_hash, user_id, created_at) ";
    Rows::insert(head)
        .write(tx, hashes, |mut row, hash| {
            row.push_bind(hash.clone())
                .push_bind(user.get())
                .push_bind(now.as_millis());
        })
        .await
}

/// Consumes a recovery code. False if none has this hash.
pub(super) async fn use_code(tx: &mut Tx, user: UserId, hash: &str) -> Result<bool, db::Error> {
    let statement = "
        delete from recovery_codes
         where code_hash = ?
           and user_id = ?";
    let done = sqlx::query(statement)
        .bind(hash)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The number of unused recovery codes.
pub(super) async fn codes_left(conn: &mut AnyConnection, user: UserId) -> Result<i64, db::Error> {
    let statement = "
        select count(*)
          from recovery_codes
         where user_id = ?";
    sqlx::query_scalar(statement)
        .bind(user.get())
        .fetch_one(conn)
        .await
}
