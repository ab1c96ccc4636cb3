//! The address book. All SQL of `user_addresses`.

use shared::{
    account::{ADDRESSES_MAX, Addresses, SaveAddress, SavedAddress},
    address::Address,
    id::{AddressId, UserId},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _};

use crate::{
    db::{self, Tx},
    platform::Platform,
};

use super::Error;

/// The address book of an account, the preferred address first.
pub async fn book(platform: &Platform, user: UserId) -> Result<Vec<SavedAddress>, Error> {
    let mut reader = platform.db.read().await?;
    list(&mut reader, user).await
}

/// The addresses of an account, the preferred one first.
pub(super) async fn list(
    conn: &mut AnyConnection,
    user: UserId,
) -> Result<Vec<SavedAddress>, Error> {
    let statement = "
        select id, address, preferred
          from user_addresses
         where user_id = ?
         order by preferred desc, id";
    let rows = sqlx::query(statement)
        .bind(user.get())
        .fetch_all(conn)
        .await?;
    let mut addresses = Vec::with_capacity(rows.len());
    for row in &rows {
        let address: String = row.try_get("address")?;
        addresses.push(SavedAddress {
            id: AddressId::new(row.try_get("id")?),
            address: serde_json::from_str(&address)?,
            preferred: row.try_get::<i64, _>("preferred")? != 0,
        });
    }
    Ok(addresses)
}

/// Adds or changes an address and returns the address book.
pub(super) async fn save(
    platform: &Platform,
    user: UserId,
    id: Option<AddressId>,
    request: SaveAddress,
) -> Result<Addresses, Error> {
    let address = checked(&request.address)?;
    let save = async || {
        let now = platform.clock.now();
        let mut tx = platform.db.write().await?;
        let known = list(tx.conn(), user).await?;
        if id.is_none() && known.len() >= ADDRESSES_MAX {
            let why = format!("An address book holds at most {ADDRESSES_MAX} addresses.");
            return Err(Error::field("address", why));
        }
        if request.preferred {
            prefer_none(&mut tx, user).await?;
        }
        let text = serde_json::to_string(&address)?;
        match id {
            Some(id) => change(&mut tx, (user, id), &text, request.preferred).await?,
            None => {
                let id = AddressId::new(platform.ids.next(now));
                add(&mut tx, (user, id), &text, request.preferred, now).await?;
            }
        }
        let addresses = list(tx.conn(), user).await?;
        tx.commit().await?;
        Ok(Addresses { addresses })
    };
    db::retry_on_conflict(save, Error::is_conflict).await
}

/// Validates an address and normalizes it for storage.
fn checked(address: &Address) -> Result<Address, Error> {
    let address = Address::normalized(address);
    let faults = address.validate();
    if faults.is_empty() {
        return Ok(address);
    }
    let faults = faults.into_iter();
    let named = faults.map(|(field, why)| (format!("address.{field}"), why.to_owned()));
    Err(Error::Invalid(named.collect()))
}

async fn add(
    tx: &mut Tx,
    (user, id): (UserId, AddressId),
    text: &str,
    preferred: bool,
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        insert into user_addresses (id, user_id, address, preferred, created_at)
        values (?, ?, ?, ?, ?)";
    sqlx::query(statement)
        .bind(id.get())
        .bind(user.get())
        .bind(text)
        .bind(i64::from(preferred))
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn change(
    tx: &mut Tx,
    (user, id): (UserId, AddressId),
    text: &str,
    preferred: bool,
) -> Result<(), Error> {
    let exists = "
        select id
          from user_addresses
         where id = ?
           and user_id = ?";
    let known: Option<i64> = sqlx::query_scalar(exists)
        .bind(id.get())
        .bind(user.get())
        .fetch_optional(tx.conn())
        .await?;
    if known.is_none() {
        return Err(Error::NotFound);
    }
    let statement = "
        update user_addresses
           set address = ?, preferred = ?
         where id = ?
           and user_id = ?";
    sqlx::query(statement)
        .bind(text)
        .bind(i64::from(preferred))
        .bind(id.get())
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn prefer_none(tx: &mut Tx, user: UserId) -> Result<(), db::Error> {
    let statement = "
        update user_addresses
           set preferred = 0
         where user_id = ?";
    sqlx::query(statement)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes an address and returns the address book.
pub(super) async fn remove(
    platform: &Platform,
    user: UserId,
    id: AddressId,
) -> Result<Addresses, Error> {
    let mut tx = platform.db.write().await?;
    let statement = "
        delete from user_addresses
         where id = ?
           and user_id = ?";
    let done = sqlx::query(statement)
        .bind(id.get())
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    let addresses = list(tx.conn(), user).await?;
    tx.commit().await?;
    Ok(Addresses { addresses })
}

/// Removes all addresses of an account.
pub(super) async fn remove_all(tx: &mut Tx, user: UserId) -> Result<(), db::Error> {
    let statement = "
        delete from user_addresses
         where user_id = ?";
    sqlx::query(statement)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}
