//! All SQL of `second_factors` and `recovery_codes`.

use shared::{id::UserId, time::Timestamp};
use sqlx::{AnyConnection, Row as _};

use crate::db::{self, Rows, Tx};

/// A second factor as it is kept.
#[derive(Clone, Debug)]
pub(in crate::accounts) struct StoredFactor {
    /// The sealed secret.
    pub(super) secret: String,
    /// Whether its owner has shown a code of it.
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

/// Writes a second factor that waits for its first code, in the place of one that waited before.
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

/// Writes the same secret, sealed with another key.
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

/// Notes that the code of this time step was used. False when it was used before, or a later one: each
/// code opens once, whoever is faster.
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

/// Notes that the second factor works.
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

/// The account has no second factor and no recovery codes any more. False when it had none.
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

/// Writes new recovery codes, by their hashes, in the place of those before.
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

/// Uses a recovery code up; false when there is none with this hash.
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

/// How many recovery codes are left.
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
