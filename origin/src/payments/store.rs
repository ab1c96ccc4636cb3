//! All SQL of payments, refunds and events.

use shared::{
    id::OrderId,
    money::{Currency, Money},
    payment::PaymentState,
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::db::{self, Tx};

use super::{ChargeReference, card_limits::CardNetworks};

/// A payment as stored in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredPayment {
    pub(super) id: i64,
    pub(super) order: OrderId,
    pub(super) provider: String,
    pub(super) state: PaymentState,
    pub(super) amount: Money,
    pub(super) reason: Option<String>,
    pub(super) external: Option<String>,
    /// The client's network, until the payment has ended.
    pub(super) networks: CardNetworks,
    pub(super) updated_at: Timestamp,
}

impl StoredPayment {
    /// The reference for calls to its provider.
    pub(super) fn charge_reference(&self) -> ChargeReference {
        ChargeReference {
            reference: self.id,
            external: self.external.clone(),
        }
    }
}

const COLUMNS: &str = "
    select id, order_id, provider, state, amount_minor, currency, reason, external_id,
           network, site, updated_at
      from payments";

/// Finds a payment by id; `lock` is the locking clause, or empty.
pub(super) async fn find(
    conn: &mut AnyConnection,
    id: i64,
    lock: &'static str,
) -> Result<Option<StoredPayment>, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(COLUMNS);
    query.push(" where id = ").push_bind(id).push(lock);
    let row = query.build().fetch_optional(conn).await?;
    row.as_ref().map(payment).transpose()
}

/// Lists the payments of an order, the oldest first.
pub(super) async fn list_by_order(
    conn: &mut AnyConnection,
    order: OrderId,
) -> Result<Vec<StoredPayment>, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(COLUMNS);
    query.push(" where order_id = ").push_bind(order.get());
    query.push(" order by id");
    let rows = query.build().fetch_all(conn).await?;
    rows.iter().map(payment).collect()
}

/// Finds the last payment of the order with this number.
pub(super) async fn find_last(
    conn: &mut AnyConnection,
    number: &str,
) -> Result<Option<StoredPayment>, db::Error> {
    let find = "
        select id
          from orders
         where number = ?";
    let order: Option<i64> = sqlx::query_scalar(find)
        .bind(number)
        .fetch_optional(&mut *conn)
        .await?;
    match order {
        Some(order) => Ok(list_by_order(conn, OrderId::new(order)).await?.pop()),
        None => Ok(None),
    }
}

/// Lists payments whose status was last updated before `before`: those that are started, and those
/// that wait for the buyer and were created after `waits_since`.
pub(super) async fn list_unsettled(
    conn: &mut AnyConnection,
    (before, waits_since): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<StoredPayment>, db::Error> {
    let mut query = sqlx::QueryBuilder::<sqlx::Any>::new(COLUMNS);
    query
        .push(" where (state = 'started' or state = 'confirming' and created_at > ")
        .push_bind(waits_since.as_millis())
        .push(") and updated_at < ")
        .push_bind(before.as_millis())
        .push(" order by updated_at limit ");
    query.push_bind(limit);
    let rows = query.build().fetch_all(conn).await?;
    rows.iter().map(payment).collect()
}

fn payment(row: &AnyRow) -> Result<StoredPayment, db::Error> {
    let currency: String = row.try_get("currency")?;
    let currency: Currency = currency
        .parse()
        .map_err(|error| db::Error::Decode(Box::new(error)))?;
    let state: String = row.try_get("state")?;
    let state = PaymentState::from_name(&state);
    Ok(StoredPayment {
        id: row.try_get("id")?,
        order: OrderId::new(row.try_get("order_id")?),
        provider: row.try_get("provider")?,
        state: state.ok_or_else(|| db::Error::Decode("unknown state".into()))?,
        amount: Money::new(row.try_get("amount_minor")?, currency),
        reason: row.try_get("reason")?,
        external: row.try_get("external_id")?,
        networks: CardNetworks {
            network: row.try_get("network")?,
            site: row.try_get("site")?,
        },
        updated_at: Timestamp::from_millis(row.try_get("updated_at")?),
    })
}

/// Inserts a payment.
pub(super) async fn add(tx: &mut Tx, it: &StoredPayment, now: Timestamp) -> Result<(), db::Error> {
    let statement = "
        insert into payments (id, order_id, provider, state, amount_minor, currency, created_at,
                              updated_at, network, site)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(statement)
        .bind(it.id)
        .bind(it.order.get())
        .bind(&it.provider)
        .bind(it.state.as_str())
        .bind(it.amount.minor)
        .bind(it.amount.currency.code().to_owned())
        .bind(now.as_millis())
        .bind(now.as_millis())
        .bind(it.networks.network.as_deref())
        .bind(it.networks.site.as_deref())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Updates the status of a payment.
pub(super) async fn update(
    tx: &mut Tx,
    it: &StoredPayment,
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        update payments
           set state = ?, reason = ?, external_id = ?, network = ?, site = ?, updated_at = ?
         where id = ?";
    sqlx::query(statement)
        .bind(it.state.as_str())
        .bind(it.reason.as_deref())
        .bind(it.external.as_deref())
        .bind(it.networks.network.as_deref())
        .bind(it.networks.site.as_deref())
        .bind(now.as_millis())
        .bind(it.id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How long a payment that waits for the buyer protects its order from being replaced.
const BUYERS_TURN_MS: i64 = 5 * 60 * 1_000;

/// Whether a payment of this order is captured or may still be.
pub async fn is_in_progress(
    conn: &mut AnyConnection,
    order: OrderId,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let payments = list_by_order(conn, order).await?;
    Ok(payments.iter().any(|it| match it.state {
        PaymentState::Started | PaymentState::Captured => true,
        PaymentState::Confirming => now < it.updated_at.plus_millis(BUYERS_TURN_MS),
        PaymentState::Failed => false,
    }))
}

/// Records an event of a provider; returns false if it was recorded before.
pub(super) async fn record_event(
    tx: &mut Tx,
    provider: &str,
    event: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let statement = "
        select count(*)
          from payment_events
         where provider = ?
           and event_id = ?";
    let known: i64 = sqlx::query_scalar(statement)
        .bind(provider)
        .bind(event)
        .fetch_one(tx.conn())
        .await?;
    if known > 0 {
        return Ok(false);
    }
    let statement = "
        insert into payment_events (provider, event_id, created_at)
        values (?, ?, ?)";
    sqlx::query(statement)
        .bind(provider)
        .bind(event)
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    Ok(true)
}

/// Inserts a due refund.
pub(super) async fn add_refund(
    tx: &mut Tx,
    id: i64,
    payment: &StoredPayment,
    minor: i64,
    now: Timestamp,
) -> Result<(), db::Error> {
    let statement = "
        insert into refunds (id, payment_id, order_id, amount_minor, state, created_at, updated_at)
        values (?, ?, ?, ?, 'due', ?, ?)";
    sqlx::query(statement)
        .bind(id)
        .bind(payment.id)
        .bind(payment.order.get())
        .bind(minor)
        .bind(now.as_millis())
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The refunded amount of a payment, including due refunds.
pub(super) async fn sum_refunded(conn: &mut AnyConnection, payment: i64) -> Result<i64, db::Error> {
    let statement = "
        select cast(coalesce(sum(amount_minor), 0) as signed)
          from refunds
         where payment_id = ?";
    sqlx::query_scalar(statement)
        .bind(payment)
        .fetch_one(conn)
        .await
}

/// Lists due refunds: refund, payment, order number, minor units.
pub(super) async fn list_due_refunds(
    conn: &mut AnyConnection,
    limit: i64,
) -> Result<Vec<(i64, i64, String, i64)>, db::Error> {
    let statement = "
        select r.id, r.payment_id, o.number, r.amount_minor
          from refunds r
          join orders o on o.id = r.order_id
         where r.state = 'due'
         order by r.id
         limit ?";
    sqlx::query_as(statement).bind(limit).fetch_all(conn).await
}

/// Marks a refund as done; returns false if it was done before.
pub(super) async fn finish_refund(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool, db::Error> {
    let statement = "
        update refunds
           set state = 'done', updated_at = ?
         where id = ?
           and state = 'due'";
    let done = sqlx::query(statement)
        .bind(now.as_millis())
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether an order has due refunds.
pub(super) async fn has_due_refunds(
    conn: &mut AnyConnection,
    number: &str,
) -> Result<bool, db::Error> {
    let statement = "
        select count(*)
          from refunds r
          join orders o on o.id = r.order_id
         where o.number = ?
           and r.state = 'due'";
    let count: i64 = sqlx::query_scalar(statement)
        .bind(number)
        .fetch_one(conn)
        .await?;
    Ok(count > 0)
}
