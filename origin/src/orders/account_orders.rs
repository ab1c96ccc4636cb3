//! Orders of customer accounts. Owns all SQL of `user_orders`, except for the insert of a new
//! order.

use shared::{
    account::{ListOrders, OrderList, OrderSummary},
    address::Address,
    cursor::{Cursor, Direction},
    id::{CartId, OrderId, UserId},
    money::Money,
    operator::ListAllOrders,
    order::Order,
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{
    coupons,
    db::{self, Tx},
    platform::Platform,
};

use super::{Error, idempotency, store, token::with_token};

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// Lists a page of an account's orders, the newest first.
pub async fn list_account_orders(
    platform: &Platform,
    user: UserId,
    query: &ListOrders,
) -> Result<OrderList, Error> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let why = format!("limit must be a whole number from 1 to {LIMIT_MAX}.");
        return Err(Error::invalid("limit", why));
    }
    let before = query.cursor.map_or(i64::MAX, |it| it.id);
    let statement = "
        select o.id, o.number, o.state, o.currency, o.total_minor, o.created_at
          from user_orders u
          join orders o on o.id = u.order_id
         where u.user_id = ?
           and u.order_id < ?
         order by u.order_id desc
         limit ?";
    let mut reader = platform.db.read().await?;
    let rows = sqlx::query(statement)
        .bind(user.get())
        .bind(before)
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *reader)
        .await?;
    page(rows, limit)
}

/// Builds a page from rows; one row more than `limit` means that there is a next page.
fn page(mut rows: Vec<AnyRow>, limit: u32) -> Result<OrderList, Error> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let last: Option<i64> = rows.last().map(|row| row.try_get("id")).transpose()?;
    Ok(OrderList {
        orders: rows.iter().map(summary).collect::<Result<_, _>>()?,
        next: last.filter(|_| more).map(|id| Cursor {
            order: 0,
            direction: Direction::After,
            key: id,
            id,
        }),
    })
}

fn summary(row: &AnyRow) -> Result<OrderSummary, Error> {
    let currency = store::currency(row)?;
    Ok(OrderSummary {
        number: row.try_get("number")?,
        state: store::state(row)?,
        total: Money::new(row.try_get("total_minor")?, currency),
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
    })
}

/// Lists a page of all orders, the newest first.
pub async fn list_all(platform: &Platform, query: &ListAllOrders) -> Result<OrderList, Error> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let why = format!("limit must be a whole number from 1 to {LIMIT_MAX}.");
        return Err(Error::invalid("limit", why));
    }
    let before = query.cursor.map_or(i64::MAX, |it| it.id);
    let statement = match query.state {
        Some(_) => {
            "select id, number, state, currency, total_minor, created_at
               from orders
              where id < ?
                and state = ?
              order by id desc
              limit ?"
        }
        None => {
            "select id, number, state, currency, total_minor, created_at
               from orders
              where id < ?
              order by id desc
              limit ?"
        }
    };
    let mut statement = sqlx::query(statement).bind(before);
    if let Some(state) = query.state {
        statement = statement.bind(state.as_str());
    }
    let mut reader = platform.db.read().await?;
    let rows = statement
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *reader)
        .await?;
    page(rows, limit)
}

/// Finds an order of this account.
pub async fn find_account_order(
    platform: &Platform,
    user: UserId,
    number: &str,
) -> Result<Order, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, number).await?;
    let own = stored.filter(|it| it.user == Some(user));
    Ok(with_token(platform, own.ok_or(Error::NoSuchOrder)?))
}

/// Lists all orders of an account for its data export, the oldest first, without their tokens.
pub async fn list_whole_account(
    conn: &mut AnyConnection,
    user: UserId,
) -> Result<Vec<Order>, Error> {
    let statement = "
        select o.number
          from user_orders u
          join orders o on o.id = u.order_id
         where u.user_id = ?
         order by u.order_id";
    let numbers: Vec<String> = sqlx::query_scalar(statement)
        .bind(user.get())
        .fetch_all(&mut *conn)
        .await?;
    let asked: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut found = store::list_by_number(conn, &asked).await?;
    let orders = numbers.iter().filter_map(|number| found.remove(number));
    Ok(orders.map(|it| it.order).collect())
}

/// Whether the account has orders that are not finished, for which the shop still needs its data.
pub async fn has_open_orders(conn: &mut AnyConnection, user: UserId) -> Result<bool, db::Error> {
    let statement = "
        select count(*)
          from user_orders u
          join orders o on o.id = u.order_id
         where u.user_id = ?
           and o.state in ('pending', 'paid', 'shipped', 'refunding')";
    let open: i64 = sqlx::query_scalar(statement)
        .bind(user.get())
        .fetch_one(conn)
        .await?;
    Ok(open > 0)
}

/// The carts and orders whose data an erasure has removed.
#[derive(Debug, Default)]
pub struct ErasedOrders {
    /// The carts of its orders.
    pub carts: Vec<CartId>,
    /// The numbers of its orders.
    pub numbers: Vec<String>,
}

/// Erases a person's data from their orders and from stored idempotent responses. Country and
/// region stay, because tax records need them.
pub async fn erase_buyer(tx: &mut Tx, user: UserId) -> Result<ErasedOrders, Error> {
    let find = "
        select o.id, o.number, o.cart_id, o.shipping_address
          from user_orders u
          join orders o on o.id = u.order_id
         where u.user_id = ?";
    let rows = sqlx::query(find)
        .bind(user.get())
        .fetch_all(tx.conn())
        .await?;
    let erase = "
        update orders
           set email = '', shipping_address = ?, note = '', user_id = null, version = version + 1
         where id = ?";
    let mut erased = ErasedOrders::default();
    let mut orders = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: i64 = row.try_get("id")?;
        let address: String = row.try_get("shipping_address")?;
        let address: Address = serde_json::from_str(&address)?;
        let rest = Address {
            country: address.country,
            region: address.region,
            ..Address::default()
        };
        sqlx::query(erase)
            .bind(serde_json::to_string(&rest)?)
            .bind(id)
            .execute(tx.conn())
            .await?;
        orders.push(OrderId::new(id));
        erased.carts.push(CartId::new(row.try_get("cart_id")?));
        let number: String = row.try_get("number")?;
        idempotency::delete_for_order(tx, &number).await?;
        erased.numbers.push(number);
    }
    let forget = "
        delete from user_orders
         where user_id = ?";
    sqlx::query(forget)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    coupons::erase_customer(tx, &orders).await?;
    Ok(erased)
}
