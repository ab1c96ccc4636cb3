//! All SQL of `users`.

use shared::{
    account::{Account, Right, Role},
    id::UserId,
    locale::Locale,
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::db::{self, Tx};

use super::{Error, model::role_of};

/// A new account.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The verified email address.
    pub email: String,
    /// The name; may be empty.
    pub name: String,
    /// The hash of the password.
    pub password_hash: String,
    /// Customer, staff or owner.
    pub role: Role,
    /// The rights of staff.
    pub rights: Vec<Right>,
    /// The language of messages.
    pub locale: Locale,
}

/// An account with its password hash.
#[derive(Clone, Debug)]
pub(super) struct StoredUser {
    pub(super) account: Account,
    pub(super) password_hash: String,
}

/// Adds an account. False if its email address is taken.
pub(super) async fn add(
    tx: &mut Tx,
    id: UserId,
    user: &NewUser,
    now: Timestamp,
) -> Result<bool, Error> {
    if find_by_email(tx.conn(), &user.email).await?.is_some() {
        return Ok(false);
    }
    let statement = "
        insert into users (id, email, name, password_hash, role, rights, locale, version, created_at,
                           updated_at)
        values (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)";
    let done = sqlx::query(statement)
        .bind(id.get())
        .bind(&user.email)
        .bind(&user.name)
        .bind(&user.password_hash)
        .bind(user.role.as_str())
        .bind(serde_json::to_string(&user.rights)?)
        .bind(user.locale.code())
        .bind(now.as_millis())
        .bind(now.as_millis())
        .execute(tx.conn())
        .await;
    match done {
        Ok(_) => Ok(true),
        // Another connection has added it meanwhile.
        Err(error)
            if error
                .as_database_error()
                .is_some_and(sqlx::error::DatabaseError::is_unique_violation) =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// The columns of an account.
macro_rules! select_user {
    ($where:literal) => {
        concat!(
            "select id, email, name, password_hash, role, rights, locale, version, created_at
               from users
              where email is not null
                and ",
            $where
        )
    };
}

/// The account with this email address.
pub(super) async fn find_by_email(
    conn: &mut AnyConnection,
    email: &str,
) -> Result<Option<StoredUser>, Error> {
    let row = sqlx::query(select_user!("email = ?"))
        .bind(email)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(stored).transpose()
}

/// The account with this id.
pub(super) async fn find(
    conn: &mut AnyConnection,
    id: UserId,
) -> Result<Option<StoredUser>, Error> {
    let row = sqlx::query(select_user!("id = ?"))
        .bind(id.get())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(stored).transpose()
}

/// The account with this id, locked until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<StoredUser>, Error> {
    let lock = tx.dialect().for_update();
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(select_user!("id = "));
    let query = query.push_bind(id.get()).push(lock);
    let row = query.build().fetch_optional(tx.conn()).await?;
    row.as_ref().map(stored).transpose()
}

/// The account with this email address, locked until the transaction ends.
pub(super) async fn lock_by_email(tx: &mut Tx, email: &str) -> Result<Option<StoredUser>, Error> {
    let lock = tx.dialect().for_update();
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(select_user!("email = "));
    let query = query.push_bind(email).push(lock);
    let row = query.build().fetch_optional(tx.conn()).await?;
    row.as_ref().map(stored).transpose()
}

/// Accounts below this id, the newest first.
pub(super) async fn page(
    conn: &mut AnyConnection,
    before: i64,
    limit: i64,
) -> Result<Vec<Account>, Error> {
    let rows = sqlx::query(select_user!("id < ? order by id desc limit ?"))
        .bind(before)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(stored(row)?.account)).collect()
}

/// The owners of the shop. `lock` is the locking clause.
pub(super) async fn owners(
    conn: &mut AnyConnection,
    lock: &'static str,
) -> Result<Vec<UserId>, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select id
           from users
          where role = 'owner'
          order by id",
    );
    let ids: Vec<i64> = query
        .push(lock)
        .build_query_scalar()
        .fetch_all(conn)
        .await?;
    Ok(ids.into_iter().map(UserId::new).collect())
}

fn stored(row: &AnyRow) -> Result<StoredUser, Error> {
    let (role, rights): (String, String) = (row.try_get("role")?, row.try_get("rights")?);
    let (role, rights) = role_of(&role, &rights)?;
    let locale: String = row.try_get("locale")?;
    Ok(StoredUser {
        account: Account {
            id: UserId::new(row.try_get("id")?),
            email: row.try_get("email")?,
            name: row.try_get("name")?,
            locale: Locale::from_code(&locale).unwrap_or_default(),
            role,
            rights,
            version: row.try_get("version")?,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
        },
        password_hash: row.try_get("password_hash")?,
    })
}

/// Saves an account and raises its version. Fails if it was changed since it was read.
pub(super) async fn save(tx: &mut Tx, stored: &StoredUser, now: Timestamp) -> Result<(), Error> {
    let account = &stored.account;
    let statement = "
        update users
           set email = ?, name = ?, password_hash = ?, role = ?, rights = ?, locale = ?,
               version = version + 1, updated_at = ?
         where id = ?
           and version = ?";
    let done = sqlx::query(statement)
        .bind(&account.email)
        .bind(&account.name)
        .bind(&stored.password_hash)
        .bind(account.role.as_str())
        .bind(serde_json::to_string(&account.rights)?)
        .bind(account.locale.code())
        .bind(now.as_millis())
        .bind(account.id.get())
        .bind(account.version)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Error::Raced)
    }
}

/// Erases the personal data of an account; its id stays.
pub(super) async fn erase(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<(), db::Error> {
    let statement = "
        update users
           set email = null, name = '', password_hash = '', role = 'customer', rights = '[]',
               version = version + 1, updated_at = ?
         where id = ?";
    sqlx::query(statement)
        .bind(now.as_millis())
        .bind(id.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}
