//! All SQL of orders, lines and events.

use std::collections::{HashMap, HashSet};

use shared::{
    cart::Totals,
    id::{OrderId, UserId, VariantId},
    locale::Locale,
    money::{Currency, Money},
    order::{Order, OrderEvent, OrderLine, OrderState},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{
    cart,
    db::{self, Rows, Tx},
    inventory,
    seal::Sealer,
};

use super::{Error, token::StoredToken};

/// An order as stored in the database.
#[derive(Clone, Debug)]
pub struct StoredOrder {
    /// Its id.
    pub id: OrderId,
    /// The public representation, without the token.
    pub order: Order,
    /// The hashed and sealed token.
    pub token: StoredToken,
    /// The variants of its lines, in the same order.
    pub variants: Vec<VariantId>,
    /// The cart that it was placed from.
    pub cart: i64,
    /// The account that it belongs to, if any.
    pub user: Option<UserId>,
    /// The locale of its messages.
    pub locale: Locale,
    /// Whether its stock was taken. Bank-transfer orders may take it only when they are paid.
    pub reserved: bool,
}

/// Inserts new orders with their lines.
pub(super) async fn add(tx: &mut Tx, sealer: &Sealer, orders: &[StoredOrder]) -> Result<(), Error> {
    let mut rows = Vec::with_capacity(orders.len());
    let mut lines = Vec::new();
    for it in orders {
        let address = serde_json::to_string(&it.order.shipping_address)?;
        let token = StoredToken::new(sealer, it.id, &it.order.token)?;
        rows.push((
            it,
            token,
            address,
            serde_json::to_string(&it.order.coupons)?,
        ));
        for (position, (line, variant)) in (0_i64..).zip(it.order.lines.iter().zip(&it.variants)) {
            lines.push((
                it.id,
                position,
                *variant,
                line,
                serde_json::to_string(&line.options)?,
            ));
        }
    }
    let head = "
        insert into orders (id, number, token, cart_id, state, version, email, locale, currency,
                            items_minor, discount_minor, shipping_minor, tax_minor, tax_included,
                            total_minor, paid_minor, refunded_minor, shipping_address,
                            shipping_method, payment_method, coupons, note, pay_until, created_at,
                            updated_at, user_id, token_sealed, reserved) ";
    Rows::insert(head)
        .write(tx, &rows, |mut row, (it, token, address, coupons)| {
            let order = &it.order;
            let totals = &order.totals;
            row.push_bind(it.id.get())
                .push_bind(order.number.clone())
                .push_bind(token.hash.clone())
                .push_bind(it.cart)
                .push_bind(order.state.as_str())
                .push_bind(order.version)
                .push_bind(order.email.clone())
                .push_bind(it.locale.code())
                .push_bind(totals.total.currency.code().to_owned())
                .push_bind(totals.items.minor)
                .push_bind(totals.discount.minor)
                .push_bind(totals.shipping.minor)
                .push_bind(totals.tax.minor)
                .push_bind(i64::from(totals.tax_included))
                .push_bind(totals.total.minor)
                .push_bind(order.paid.minor)
                .push_bind(order.refunded.minor)
                .push_bind(address.clone())
                .push_bind(order.shipping_method.clone())
                .push_bind(order.payment_method.clone())
                .push_bind(coupons.clone())
                .push_bind(order.note.clone())
                .push_bind(order.pay_until.map(Timestamp::as_millis))
                .push_bind(order.created_at.as_millis())
                .push_bind(order.created_at.as_millis())
                .push_bind(it.user.map(UserId::get))
                .push_bind(token.sealed.clone())
                .push_bind(i64::from(it.reserved));
        })
        .await?;
    let head = "
        insert into order_lines (order_id, position, variant_id, sku, name, options, quantity,
                                 price_minor, discount_minor, tax_minor, total_minor) ";
    Rows::insert(head)
        .write(
            tx,
            &lines,
            |mut row, (order, position, variant, line, options)| {
                row.push_bind(order.get())
                    .push_bind(*position)
                    .push_bind(variant.get())
                    .push_bind(line.sku.clone())
                    .push_bind(line.name.clone())
                    .push_bind(options.clone())
                    .push_bind(line.quantity)
                    .push_bind(line.price.minor)
                    .push_bind(line.discount.minor)
                    .push_bind(line.tax.minor)
                    .push_bind(line.total.minor);
            },
        )
        .await?;
    let owned = orders.iter().filter_map(|it| Some((it.user?, it.id)));
    let owned: Vec<(UserId, OrderId)> = owned.collect();
    Rows::insert("insert into user_orders (user_id, order_id) ")
        .write(tx, &owned, |mut row, (user, order)| {
            row.push_bind(user.get()).push_bind(order.get());
        })
        .await?;
    Ok(())
}

/// Inserts an event of the order's history.
pub(super) async fn add_event(
    tx: &mut Tx,
    id: i64,
    (order, state): (OrderId, OrderState),
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        insert into order_events (id, order_id, state, created_at)
        values (?, ?, ?, ?)";
    sqlx::query(statement)
        .bind(id)
        .bind(order.get())
        .bind(state.as_str())
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Selects the columns of an order.
macro_rules! select_order {
    ($where:literal) => {
        concat!(
            "select id, number, token, cart_id, state, version, email, locale, currency,
                    items_minor, discount_minor, shipping_minor, tax_minor, tax_included,
                    total_minor, paid_minor, refunded_minor, shipping_address, shipping_method,
                    payment_method, coupons, note, pay_until, created_at, user_id, token_sealed,
                    reserved
               from orders
              where ",
            $where
        )
    };
}

/// Lists the orders with these numbers, by number, with lines and history.
pub(super) async fn list_by_number(
    conn: &mut AnyConnection,
    numbers: &[&str],
) -> Result<HashMap<String, StoredOrder>, Error> {
    let mut found = HashMap::with_capacity(numbers.len());
    for chunk in numbers.chunks(Rows::MAX) {
        let numbers = chunk.iter().map(|number| (*number).to_owned());
        let mut query = Rows::among(select_order!("number in "), numbers);
        let rows = query.build().fetch_all(&mut *conn).await?;
        let orders = with_lines_and_history(conn, &rows).await?;
        found.extend(orders.into_iter().map(|it| (it.order.number.clone(), it)));
    }
    Ok(found)
}

/// Finds an order by number, with lines and history.
pub(super) async fn find(
    conn: &mut AnyConnection,
    number: &str,
) -> Result<Option<StoredOrder>, Error> {
    Ok(list_by_number(conn, &[number]).await?.remove(number))
}

/// Finds an order by number and locks its row until the transaction ends.
pub(super) async fn find_locked(tx: &mut Tx, number: &str) -> Result<Option<StoredOrder>, Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new("select id from orders where number = ");
    query.push_bind(number).push(tx.dialect().for_update());
    query.build().fetch_optional(tx.conn()).await?;
    find(tx.conn(), number).await
}

/// Adds to the paid and refunded amounts.
pub(super) async fn add_money(
    tx: &mut Tx,
    order: OrderId,
    (paid, refunded): (i64, i64),
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        update orders
           set paid_minor = paid_minor + ?, refunded_minor = refunded_minor + ?, updated_at = ?
         where id = ?";
    sqlx::query(statement)
        .bind(paid)
        .bind(refunded)
        .bind(now.as_millis())
        .bind(order.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Adds returned quantities by variant, and whether they were restocked.
pub(super) async fn add_returned(
    tx: &mut Tx,
    order: OrderId,
    back: &HashMap<VariantId, i64>,
    restocked: bool,
) -> Result<(), db::Error> {
    let statement = "
        update order_lines
           set returned = returned + ?, restocked = restocked + ?
         where order_id = ?
           and variant_id = ?";
    for (variant, quantity) in back {
        sqlx::query(statement)
            .bind(quantity)
            .bind(if restocked { *quantity } else { 0 })
            .bind(order.get())
            .bind(variant.get())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Records that the stock of an order was taken.
pub(super) async fn mark_reserved(tx: &mut Tx, order: OrderId) -> Result<(), db::Error> {
    let statement = "
        update orders
           set reserved = 1
         where id = ?";
    sqlx::query(statement)
        .bind(order.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Lists those of these accounts that have paid for an order and were not fully refunded.
pub(super) async fn list_paying_accounts(
    conn: &mut AnyConnection,
    users: &[UserId],
) -> Result<HashSet<UserId>, db::Error> {
    let mut found = HashSet::new();
    for chunk in users.chunks(Rows::MAX) {
        let head = "
            select distinct u.user_id
              from user_orders u
              join orders o on o.id = u.order_id
             where o.paid_minor > o.refunded_minor
               and u.user_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|user| user.get()));
        let users: Vec<i64> = query.build_query_scalar().fetch_all(&mut *conn).await?;
        found.extend(users.into_iter().map(UserId::new));
    }
    Ok(found)
}

/// Increments the version of an order.
pub(super) async fn bump_version(
    tx: &mut Tx,
    order: OrderId,
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        update orders
           set version = version + 1, updated_at = ?
         where id = ?";
    sqlx::query(statement)
        .bind(now.as_millis())
        .bind(order.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Finds the order that was placed from this cart.
pub(super) async fn find_by_cart(
    conn: &mut AnyConnection,
    cart: i64,
) -> Result<Option<StoredOrder>, Error> {
    let row = sqlx::query(select_order!("cart_id = ?"))
        .bind(cart)
        .fetch_optional(&mut *conn)
        .await?;
    Ok(with_lines_and_history(conn, row.as_slice()).await?.pop())
}

/// Finds the order that was placed from the cart with this token.
pub(super) async fn find_by_cart_token(
    conn: &mut AnyConnection,
    token: &str,
) -> Result<Option<StoredOrder>, Error> {
    match cart::find_id(conn, token).await? {
        Some(cart) => find_by_cart(conn, cart.get()).await,
        None => Ok(None),
    }
}

/// Finds the number of an order.
pub async fn find_number(
    conn: &mut AnyConnection,
    order: OrderId,
) -> Result<Option<String>, db::Error> {
    let statement = "
        select number
          from orders
         where id = ?";
    sqlx::query_scalar(statement)
        .bind(order.get())
        .fetch_optional(conn)
        .await
}

/// Reads the lines and the history of these order rows, [`Rows::MAX`] at most.
async fn with_lines_and_history(
    conn: &mut AnyConnection,
    rows: &[AnyRow],
) -> Result<Vec<StoredOrder>, Error> {
    let mut orders = rows.iter().map(order).collect::<Result<Vec<_>, _>>()?;
    if orders.is_empty() {
        return Ok(orders);
    }
    let indexes: HashMap<i64, usize> = (0..)
        .zip(&orders)
        .map(|(at, it)| (it.id.get(), at))
        .collect();
    let head = "
        select order_id, variant_id, sku, name, options, quantity, returned, price_minor,
               discount_minor, tax_minor, total_minor
          from order_lines
         where order_id in ";
    let mut query = Rows::among(head, indexes.keys().copied());
    query.push(" order by order_id, position");
    let rows = query.build().fetch_all(&mut *conn).await?;
    for row in &rows {
        let stored = &mut orders[indexes[&row.try_get("order_id")?]];
        let currency = stored.order.totals.total.currency;
        stored
            .variants
            .push(VariantId::new(row.try_get("variant_id")?));
        stored.order.lines.push(line(row, currency)?);
    }
    let ids: Vec<OrderId> = orders.iter().map(|it| it.id).collect();
    let backorders = inventory::list_backorders(&mut *conn, &ids).await?;
    for it in &mut orders {
        for (line, variant) in it.order.lines.iter_mut().zip(&it.variants) {
            line.backordered = backorders.get(&(it.id, *variant)).copied().unwrap_or(0);
        }
    }
    let head = "
        select order_id, state, created_at
          from order_events
         where order_id in ";
    let mut query = Rows::among(head, indexes.keys().copied());
    query.push(" order by id");
    let rows = query.build().fetch_all(&mut *conn).await?;
    for row in &rows {
        let stored = &mut orders[indexes[&row.try_get("order_id")?]];
        stored.order.history.push(OrderEvent {
            state: state(row)?,
            at: Timestamp::from_millis(row.try_get("created_at")?),
        });
    }
    Ok(orders)
}

fn order(row: &AnyRow) -> Result<StoredOrder, Error> {
    let currency = currency(row)?;
    let money =
        |column| -> Result<Money, db::Error> { Ok(Money::new(row.try_get(column)?, currency)) };
    let (address, coupons): (String, String) =
        (row.try_get("shipping_address")?, row.try_get("coupons")?);
    let locale: String = row.try_get("locale")?;
    let pay_until: Option<i64> = row.try_get("pay_until")?;
    let created_at = Timestamp::from_millis(row.try_get("created_at")?);
    Ok(StoredOrder {
        id: OrderId::new(row.try_get("id")?),
        variants: Vec::new(),
        cart: row.try_get("cart_id")?,
        user: row.try_get::<Option<i64>, _>("user_id")?.map(UserId::new),
        locale: Locale::from_code(&locale).unwrap_or_default(),
        token: StoredToken {
            hash: row.try_get("token")?,
            sealed: row.try_get("token_sealed")?,
        },
        reserved: row.try_get::<i64, _>("reserved")? != 0,
        order: Order {
            number: row.try_get("number")?,
            token: String::new(),
            state: state(row)?,
            version: row.try_get("version")?,
            lines: Vec::new(),
            totals: Totals {
                items: money("items_minor")?,
                discount: money("discount_minor")?,
                shipping: money("shipping_minor")?,
                tax: money("tax_minor")?,
                tax_included: row.try_get::<i64, _>("tax_included")? != 0,
                total: money("total_minor")?,
            },
            paid: money("paid_minor")?,
            refunded: money("refunded_minor")?,
            email: row.try_get("email")?,
            shipping_address: serde_json::from_str(&address)?,
            shipping_method: row.try_get("shipping_method")?,
            payment_method: row.try_get("payment_method")?,
            coupons: serde_json::from_str(&coupons)?,
            note: row.try_get("note")?,
            pay_until: pay_until.map(Timestamp::from_millis),
            created_at,
            history: vec![OrderEvent {
                state: OrderState::Pending,
                at: created_at,
            }],
        },
    })
}

/// Reads the currency column.
pub(super) fn currency(row: &AnyRow) -> Result<Currency, db::Error> {
    let currency: String = row.try_get("currency")?;
    currency
        .parse()
        .map_err(|error| db::Error::Decode(Box::new(error)))
}

/// Reads the state column.
pub(super) fn state(row: &AnyRow) -> Result<OrderState, db::Error> {
    let name: String = row.try_get("state")?;
    OrderState::from_name(&name).ok_or_else(|| db::Error::Decode("unknown state".into()))
}

fn line(row: &AnyRow, currency: Currency) -> Result<OrderLine, Error> {
    let money =
        |column| -> Result<Money, db::Error> { Ok(Money::new(row.try_get(column)?, currency)) };
    let options: String = row.try_get("options")?;
    Ok(OrderLine {
        sku: row.try_get("sku")?,
        name: row.try_get("name")?,
        options: serde_json::from_str(&options)?,
        quantity: row.try_get("quantity")?,
        backordered: 0,
        returned: row.try_get("returned")?,
        price: money("price_minor")?,
        discount: money("discount_minor")?,
        tax: money("tax_minor")?,
        total: money("total_minor")?,
    })
}

/// Changes the state, if the version is still the expected one; otherwise returns false.
pub(super) async fn transition(
    tx: &mut Tx,
    (order, version): (OrderId, i64),
    next: OrderState,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let statement = "
        update orders
           set state = ?, version = version + 1, pay_until = null, updated_at = ?
         where id = ?
           and version = ?";
    let done = sqlx::query(statement)
        .bind(next.as_str())
        .bind(now.as_millis())
        .bind(order.get())
        .bind(version)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Lists the numbers of pending orders that are past their payment deadline, the oldest first.
pub(super) async fn list_overdue(
    conn: &mut AnyConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<String>, db::Error> {
    let statement = "
        select number
          from orders
         where state = 'pending'
           and pay_until <= ?
         order by pay_until
         limit ?";
    sqlx::query_scalar(statement)
        .bind(now.as_millis())
        .bind(limit)
        .fetch_all(conn)
        .await
}
