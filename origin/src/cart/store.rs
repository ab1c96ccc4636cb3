//! All SQL of carts and their lines.

use std::collections::{BTreeMap, HashMap};

use shared::{
    address::Address,
    id::{CartId, OrderId, UserId, VariantId},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{
    db::{self, Rows, Tx, Upsert},
    email::EmailAddress,
    seal::Sealer,
    secret,
};

use super::{Error, token::seal};

/// A cart as stored in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCart {
    /// Its id.
    pub id: CartId,
    /// The secret token, in clear; the database holds its hash.
    pub token: String,
    /// Incremented by every change.
    pub version: i64,
    /// A note from the shopper to the shop.
    pub note: String,
    /// The e-mail address of the order confirmation.
    pub email: Option<String>,
    /// The shipping address.
    pub shipping_address: Option<Address>,
    /// The code of the shipping method.
    pub shipping_method: Option<String>,
    /// The codes of its coupons.
    pub coupons: Vec<String>,
    /// The hold period, while the cart is in checkout.
    pub hold: Option<HoldPeriod>,
    /// The order that the cart has become.
    pub order: Option<OrderId>,
    /// The account that it belongs to, if any.
    pub user: Option<UserId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its lines, in the order in which they were added.
    pub lines: Vec<StoredCartLine>,
}

/// The period for which stock is held for a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldPeriod {
    /// When checkout began.
    pub since: Timestamp,
    /// When the hold expires, unless the shopper extends it.
    pub until: Timestamp,
}

/// A cart line as stored in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredCartLine {
    /// The variant.
    pub variant: VariantId,
    /// Units.
    pub quantity: i64,
    /// The price of one unit when its quantity was last changed, to detect price changes.
    pub price_minor: i64,
    /// The sort position.
    pub position: i64,
}

/// Finds the carts with these tokens, by token, with their lines and orders. `lock` is the locking
/// clause, or empty; rows are locked in the order of their ids.
pub async fn list_by_token(
    conn: &mut AnyConnection,
    tokens: &[&str],
    lock: &'static str,
) -> Result<HashMap<String, StoredCart>, Error> {
    let mut carts: Vec<StoredCart> = Vec::with_capacity(tokens.len());
    let hashes = tokens.iter().map(|token| (secret::hash(token), *token));
    let mut hashes: HashMap<String, &str> = hashes.collect();
    for chunk in tokens.chunks(Rows::MAX) {
        let head = "
            select c.id, c.token, c.version, c.note, c.email, c.shipping_address, c.shipping_method,
                   c.coupons, c.held_since, c.held_until, c.created_at, c.user_id, o.id as order_id,
                   l.variant_id, l.quantity, l.price_minor, l.position
              from carts c
              left join orders o on o.cart_id = c.id
              left join cart_lines l on l.cart_id = c.id
             where c.token in ";
        let mut query = Rows::among(head, chunk.iter().map(|token| secret::hash(token)));
        query
            .push(" order by c.id, l.position, l.variant_id")
            .push(lock);
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            let id = CartId::new(row.try_get("id")?);
            let known = carts.last_mut().filter(|cart| cart.id == id);
            let line = line(row)?;
            match known {
                Some(cart) => cart.lines.extend(line),
                None => carts.push(StoredCart {
                    lines: line.into_iter().collect(),
                    ..cart(row, id)?
                }),
            }
        }
    }
    let carts = carts.into_iter().filter_map(|cart| {
        let token = hashes.remove(&cart.token)?.to_owned();
        Some((token.clone(), StoredCart { token, ..cart }))
    });
    Ok(carts.collect())
}

/// Reads a line; the left join returns none for an empty cart.
fn line(row: &AnyRow) -> Result<Option<StoredCartLine>, Error> {
    let variant: Option<i64> = row.try_get("variant_id")?;
    let Some(variant) = variant else {
        return Ok(None);
    };
    Ok(Some(StoredCartLine {
        variant: VariantId::new(variant),
        quantity: row.try_get("quantity")?,
        price_minor: row.try_get("price_minor")?,
        position: row.try_get("position")?,
    }))
}

fn cart(row: &AnyRow, id: CartId) -> Result<StoredCart, Error> {
    let address: Option<String> = row.try_get("shipping_address")?;
    let coupons: String = row.try_get("coupons")?;
    let order: Option<i64> = row.try_get("order_id")?;
    // Older versions accepted addresses that cannot receive mail; the shopper is asked for another
    // one.
    let email: Option<String> = row.try_get("email")?;
    let since: Option<i64> = row.try_get("held_since")?;
    let until: Option<i64> = row.try_get("held_until")?;
    Ok(StoredCart {
        id,
        token: row.try_get("token")?,
        version: row.try_get("version")?,
        note: row.try_get("note")?,
        email: email.filter(|it| EmailAddress::parse(it).is_ok()),
        shipping_address: address.map(|it| serde_json::from_str(&it)).transpose()?,
        shipping_method: row.try_get("shipping_method")?,
        coupons: serde_json::from_str(&coupons)?,
        hold: since.zip(until).map(|(since, until)| HoldPeriod {
            since: Timestamp::from_millis(since),
            until: Timestamp::from_millis(until),
        }),
        order: order.map(OrderId::new),
        user: row.try_get::<Option<i64>, _>("user_id")?.map(UserId::new),
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        lines: Vec::new(),
    })
}

/// Increments the versions of carts of which only lines have changed, grouped by increment.
pub(super) async fn bump_versions(
    tx: &mut Tx,
    now: Timestamp,
    carts: &BTreeMap<i64, Vec<CartId>>,
) -> Result<(), Error> {
    for (by, carts) in carts {
        for chunk in carts.chunks(Rows::MAX) {
            let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
                "update carts
                    set version = version + ",
            );
            query.push_bind(*by).push(", updated_at = ");
            query.push_bind(now.as_millis()).push(" where id in ");
            Rows::push_list(&mut query, chunk.iter().map(|it| it.get()));
            query.build().execute(tx.conn()).await?;
        }
    }
    Ok(())
}

/// Inserts or updates carts, without their lines.
pub(super) async fn save(tx: &mut Tx, now: Timestamp, carts: &[&StoredCart]) -> Result<(), Error> {
    let head = "
        insert into carts (id, token, version, note, email, shipping_address, shipping_method,
                           coupons, held_since, held_until, created_at, updated_at) ";
    let upsert = Upsert {
        key: "id",
        columns: &[
            "version",
            "note",
            "email",
            "shipping_address",
            "shipping_method",
            "coupons",
            "held_since",
            "held_until",
            "updated_at",
        ],
    };
    let mut rows = Vec::with_capacity(carts.len());
    for cart in carts {
        let address = cart.shipping_address.as_ref();
        let address = address.map(serde_json::to_string).transpose()?;
        rows.push((*cart, address, serde_json::to_string(&cart.coupons)?));
    }
    Rows::upsert(head, upsert)
        .write(tx, &rows, |mut row, (cart, address, coupons)| {
            row.push_bind(cart.id.get())
                .push_bind(secret::hash(&cart.token))
                .push_bind(cart.version)
                .push_bind(cart.note.clone())
                .push_bind(cart.email.clone())
                .push_bind(address.clone())
                .push_bind(cart.shipping_method.clone())
                .push_bind(coupons.clone())
                .push_bind(cart.hold.map(|it| it.since.as_millis()))
                .push_bind(cart.hold.map(|it| it.until.as_millis()))
                .push_bind(cart.created_at.as_millis())
                .push_bind(now.as_millis());
        })
        .await?;
    Ok(())
}

/// Inserts or updates lines, and deletes the removed ones.
pub(super) async fn save_lines(
    tx: &mut Tx,
    lines: &[(CartId, StoredCartLine)],
    gone: &[(CartId, VariantId)],
) -> Result<(), Error> {
    let head = "
        insert into cart_lines (cart_id, variant_id, quantity, price_minor, position) ";
    let upsert = Upsert {
        key: "cart_id, variant_id",
        columns: &["quantity", "price_minor", "position"],
    };
    Rows::upsert(head, upsert)
        .write(tx, lines, |mut row, (cart, line)| {
            row.push_bind(cart.get())
                .push_bind(line.variant.get())
                .push_bind(line.quantity)
                .push_bind(line.price_minor)
                .push_bind(line.position);
        })
        .await?;
    for chunk in gone.chunks(Rows::MAX / 2) {
        let head = "
            delete from cart_lines
             where (cart_id, variant_id) in ";
        let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(head);
        query.push("(");
        if tx.dialect() == db::Dialect::Sqlite {
            query.push("values ");
        }
        let mut list = query.separated(", ");
        for (cart, variant) in chunk {
            list.push("(")
                .push_bind_unseparated(cart.get())
                .push_unseparated(", ")
                .push_bind_unseparated(variant.get())
                .push_unseparated(")");
        }
        query.push(")");
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Assigns a guest cart to an account and returns its id. The token is sealed as well, because the
/// account's other browsers need it.
pub async fn assign_to_account(
    tx: &mut Tx,
    sealer: &Sealer,
    token: &str,
    user: UserId,
) -> Result<Option<CartId>, db::Error> {
    let find = "
        select id
          from carts
         where token = ?
           and user_id is null";
    let id: Option<i64> = sqlx::query_scalar(find)
        .bind(secret::hash(token))
        .fetch_optional(tx.conn())
        .await?;
    let Some(cart) = id.map(CartId::new) else {
        return Ok(None);
    };
    let statement = "
        update carts
           set user_id = ?, token_sealed = ?
         where id = ?";
    sqlx::query(statement)
        .bind(user.get())
        .bind(seal(sealer, cart, token)?)
        .bind(cart.get())
        .execute(tx.conn())
        .await?;
    Ok(Some(cart))
}

/// Finds the id of the cart with this token.
pub async fn find_id(conn: &mut AnyConnection, token: &str) -> Result<Option<CartId>, db::Error> {
    let statement = "
        select id
          from carts
         where token = ?";
    let id: Option<i64> = sqlx::query_scalar(statement)
        .bind(secret::hash(token))
        .fetch_optional(conn)
        .await?;
    Ok(id.map(CartId::new))
}

/// Replaces the token of a cart, so that the old one gives no access any more.
pub async fn rotate_token(tx: &mut Tx, sealer: &Sealer, cart: CartId) -> Result<(), db::Error> {
    let token = secret::token();
    let sealed = seal(sealer, cart, &token)?;
    set_token(tx, cart, (secret::hash(&token), Some(sealed))).await
}

/// Finds the sealed token of a cart that has not become an order.
pub(super) async fn sealed_token(
    conn: &mut AnyConnection,
    cart: CartId,
) -> Result<Option<String>, db::Error> {
    let statement = "
        select c.token_sealed
          from carts c
         where c.id = ?
           and not exists (select 1 from orders o where o.cart_id = c.id)";
    let sealed: Option<Option<String>> = sqlx::query_scalar(statement)
        .bind(cart.get())
        .fetch_optional(conn)
        .await?;
    Ok(sealed.flatten())
}

/// The token columns of a cart.
pub(super) struct TokenRow {
    pub(super) id: i64,
    pub(super) token: String,
    pub(super) sealed: Option<String>,
    /// Whether the cart belongs to an account.
    pub(super) is_owned: bool,
}

/// Lists the stored tokens of carts after this id.
pub(super) async fn tokens_after(
    conn: &mut AnyConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<TokenRow>, db::Error> {
    let statement = "
        select id, token, token_sealed, user_id
          from carts
         where id > ?
         order by id
         limit ?";
    let rows = sqlx::query(statement)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    let row = |row: &AnyRow| {
        Ok(TokenRow {
            id: row.try_get("id")?,
            token: row.try_get("token")?,
            sealed: row.try_get("token_sealed")?,
            is_owned: row.try_get::<Option<i64>, _>("user_id")?.is_some(),
        })
    };
    rows.iter().map(row).collect()
}

/// Updates the stored token: its hash, and the sealed token if it has to be read again.
pub(super) async fn set_token(
    tx: &mut Tx,
    cart: CartId,
    (hash, sealed): (String, Option<String>),
) -> Result<(), db::Error> {
    let statement = "
        update carts
           set token = ?, token_sealed = ?
         where id = ?";
    sqlx::query(statement)
        .bind(hash)
        .bind(sealed)
        .bind(cart.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Erases a person's data from these carts.
pub async fn erase_shopper(tx: &mut Tx, carts: &[CartId], now: Timestamp) -> Result<(), db::Error> {
    for chunk in carts.chunks(Rows::MAX) {
        let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
            "update carts
                set email = null, shipping_address = null, note = '', user_id = null,
                    version = version + 1, updated_at = ",
        );
        query.push_bind(now.as_millis()).push(" where id in ");
        Rows::push_list(&mut query, chunk.iter().map(|it| it.get()));
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Lists the carts with this e-mail address that have not become an order.
pub async fn list_with_email(tx: &mut Tx, email: &str) -> Result<Vec<CartId>, db::Error> {
    let statement = "
        select id
          from carts
         where email = ?
           and not exists (select 1
                             from orders
                            where orders.cart_id = carts.id)";
    let ids: Vec<i64> = sqlx::query_scalar(statement)
        .bind(email)
        .fetch_all(tx.conn())
        .await?;
    Ok(ids.into_iter().map(CartId::new).collect())
}

/// Deletes guest carts that were not changed since this time and have not become an order, with
/// their lines, and returns how many.
pub(super) async fn delete_abandoned(
    tx: &mut Tx,
    since: Timestamp,
    limit: i64,
) -> Result<usize, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select id
           from carts
          where updated_at < ",
    );
    query.push_bind(since.as_millis()).push(
        " and user_id is null
          and held_until is null
          and not exists (select 1
                            from orders
                           where orders.cart_id = carts.id)
        order by id
        limit ",
    );
    query.push_bind(limit).push(tx.dialect().for_update());
    let ids: Vec<i64> = query.build_query_scalar().fetch_all(tx.conn()).await?;
    for chunk in ids.chunks(Rows::MAX) {
        for head in [
            "delete from cart_lines where cart_id in ",
            "delete from carts where id in ",
        ] {
            let mut query = Rows::among(head, chunk.iter().copied());
            query.build().execute(tx.conn()).await?;
        }
    }
    Ok(ids.len())
}

/// Lists the carts whose hold period is over, the earliest first.
pub(super) async fn list_overdue_holds(
    conn: &mut AnyConnection,
    now: Timestamp,
    limit: i64,
    lock: &'static str,
) -> Result<Vec<CartId>, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
        "select id
           from carts
          where held_until <= ",
    );
    query.push_bind(now.as_millis());
    query.push(" order by held_until, id limit ");
    query.push_bind(limit).push(lock);
    let ids: Vec<i64> = query.build_query_scalar().fetch_all(conn).await?;
    Ok(ids.into_iter().map(CartId::new).collect())
}

/// Clears the hold period of these carts.
pub async fn end_holds(tx: &mut Tx, now: Timestamp, carts: &[CartId]) -> Result<(), db::Error> {
    for chunk in carts.chunks(Rows::MAX) {
        let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(
            "update carts
                set held_since = null, held_until = null, version = version + 1, updated_at = ",
        );
        query.push_bind(now.as_millis()).push(" where id in ");
        Rows::push_list(&mut query, chunk.iter().map(|it| it.get()));
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}
