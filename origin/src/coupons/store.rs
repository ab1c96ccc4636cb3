//! All SQL of coupons and their uses.

use std::collections::HashMap;

use shared::{
    id::{CouponId, OrderId},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{
    checkout::{Coupon, Effect},
    db::{self, Rows, Tx, Upsert},
};

/// Finds the coupons with these codes, by code. `lock` is the locking clause, or empty.
pub async fn list_by_code(
    conn: &mut AnyConnection,
    codes: &[&str],
    lock: &'static str,
) -> Result<HashMap<String, Coupon>, db::Error> {
    let mut found = HashMap::new();
    for chunk in codes.chunks(Rows::MAX) {
        let head = "
            select id, code, kind, value, minimum_minor, starts_at, ends_at, limit_total,
                   limit_customer, used, stackable, active
              from coupons
             where code in ";
        let mut query = Rows::among(head, chunk.iter().map(|code| (*code).to_owned()));
        query.push(" order by id").push(lock);
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            let coupon = coupon(row)?;
            found.insert(coupon.code.clone(), coupon);
        }
    }
    Ok(found)
}

/// Lists a page of coupons, the newest first: those with ids below `before`.
pub async fn list(
    conn: &mut AnyConnection,
    before: i64,
    limit: i64,
) -> Result<Vec<Coupon>, db::Error> {
    let statement = "
        select id, code, kind, value, minimum_minor, starts_at, ends_at, limit_total,
               limit_customer, used, stackable, active
          from coupons
         where id < ?
         order by id desc
         limit ?";
    let statement = sqlx::query(statement).bind(before).bind(limit);
    let rows = statement.fetch_all(conn).await?;
    rows.iter().map(coupon).collect()
}

fn coupon(row: &AnyRow) -> Result<Coupon, db::Error> {
    let kind: String = row.try_get("kind")?;
    let effect = Effect::from_parts(&kind, row.try_get("value")?);
    let time = |column| -> Result<Option<Timestamp>, db::Error> {
        let ms: Option<i64> = row.try_get(column)?;
        Ok(ms.map(Timestamp::from_millis))
    };
    Ok(Coupon {
        id: CouponId::new(row.try_get("id")?),
        code: row.try_get("code")?,
        effect: effect.ok_or_else(|| db::Error::Decode("unknown kind of coupon".into()))?,
        minimum_minor: row.try_get("minimum_minor")?,
        starts_at: time("starts_at")?,
        ends_at: time("ends_at")?,
        limit_total: row.try_get("limit_total")?,
        limit_customer: row.try_get("limit_customer")?,
        used: row.try_get("used")?,
        used_by_customer: 0,
        stackable: row.try_get::<i64, _>("stackable")? != 0,
        active: row.try_get::<i64, _>("active")? != 0,
    })
}

const HEAD: &str = "
        insert into coupons (id, code, kind, value, minimum_minor, starts_at, ends_at, limit_total,
                             limit_customer, used, stackable, active) ";

/// Inserts a coupon. A concurrent insert of the same code violates the unique key.
pub async fn add(tx: &mut Tx, coupon: &Coupon) -> Result<(), db::Error> {
    write(tx, Rows::insert(HEAD), coupon).await
}

/// Inserts a coupon, or updates the one with its code; `used` stays.
pub async fn save(tx: &mut Tx, coupon: &Coupon) -> Result<(), db::Error> {
    let upsert = Upsert {
        key: "code",
        columns: &[
            "kind",
            "value",
            "minimum_minor",
            "starts_at",
            "ends_at",
            "limit_total",
            "limit_customer",
            "stackable",
            "active",
        ],
    };
    write(tx, Rows::upsert(HEAD, upsert), coupon).await
}

async fn write(tx: &mut Tx, rows: Rows, coupon: &Coupon) -> Result<(), db::Error> {
    let (kind, value) = coupon.effect.parts();
    rows.write(tx, std::slice::from_ref(coupon), |mut row, coupon| {
        row.push_bind(coupon.id.get())
            .push_bind(coupon.code.clone())
            .push_bind(kind)
            .push_bind(value)
            .push_bind(coupon.minimum_minor)
            .push_bind(coupon.starts_at.map(Timestamp::as_millis))
            .push_bind(coupon.ends_at.map(Timestamp::as_millis))
            .push_bind(coupon.limit_total)
            .push_bind(coupon.limit_customer)
            .push_bind(0_i64)
            .push_bind(i64::from(coupon.stackable))
            .push_bind(i64::from(coupon.active));
    })
    .await
}

/// Counts how often each customer has used these coupons.
pub async fn list_uses(
    conn: &mut AnyConnection,
    coupons: &[CouponId],
) -> Result<HashMap<(CouponId, String), i64>, db::Error> {
    let mut found = HashMap::new();
    for chunk in coupons.chunks(Rows::MAX) {
        let head = "
            select coupon_id, email, count(*) as uses
              from coupon_uses
             where coupon_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|coupon| coupon.get()));
        query.push(" group by coupon_id, email");
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            let key = (CouponId::new(row.try_get(0)?), row.try_get(1)?);
            found.insert(key, row.try_get("uses")?);
        }
    }
    Ok(found)
}

/// Records the uses of coupons by new orders. The caller holds the locks on the coupons and has
/// checked their limits.
pub async fn redeem(
    tx: &mut Tx,
    now: Timestamp,
    uses: &[(CouponId, OrderId, String)],
) -> Result<(), db::Error> {
    let head = "insert into coupon_uses (coupon_id, order_id, email, created_at) ";
    Rows::insert(head)
        .write(tx, uses, |mut row, (coupon, order, email)| {
            row.push_bind(coupon.get())
                .push_bind(order.get())
                .push_bind(email.clone())
                .push_bind(now.as_millis());
        })
        .await?;
    add_uses(tx, uses.iter().map(|(coupon, ..)| *coupon), 1).await
}

/// Releases the coupon uses of an order that was cancelled or expired.
pub async fn release_uses(tx: &mut Tx, order: OrderId) -> Result<(), db::Error> {
    let statement = "
        select coupon_id
          from coupon_uses
         where order_id = ?
         order by coupon_id";
    let coupons: Vec<i64> = sqlx::query_scalar(statement)
        .bind(order.get())
        .fetch_all(tx.conn())
        .await?;
    let statement = "
        delete from coupon_uses
         where order_id = ?";
    sqlx::query(statement)
        .bind(order.get())
        .execute(tx.conn())
        .await?;
    add_uses(tx, coupons.into_iter().map(CouponId::new), -1).await
}

async fn add_uses(
    tx: &mut Tx,
    coupons: impl Iterator<Item = CouponId>,
    each: i64,
) -> Result<(), db::Error> {
    let mut counts: HashMap<CouponId, i64> = HashMap::new();
    for coupon in coupons {
        *counts.entry(coupon).or_default() += each;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|(coupon, _)| *coupon);
    for (coupon, count) in counts {
        let statement = "
            update coupons
               set used = used + ?
             where id = ?";
        sqlx::query(statement)
            .bind(count)
            .bind(coupon.get())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Erases the e-mail address from the coupon uses of these orders.
pub async fn erase_customer(tx: &mut Tx, orders: &[OrderId]) -> Result<(), db::Error> {
    for chunk in orders.chunks(Rows::MAX) {
        let head = "
            update coupon_uses
               set email = ''
             where order_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|order| order.get()));
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}
