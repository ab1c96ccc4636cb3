//! All SQL of the stock.

use std::collections::HashMap;

use shared::{
    id::{IdGenerator, LocationId, OrderId, VariantId},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row};

use crate::db::{self, Rows, Tx, Upsert};

use super::MAIN;

/// What there is of a variant at one location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Where.
    pub location: LocationId,
    /// How many lie there.
    pub on_hand: i64,
    /// How many of them are promised to somebody.
    pub held: i64,
    /// Rises with every change.
    pub version: i64,
}

impl Shelf {
    /// How many can be sold.
    pub fn available(&self) -> i64 {
        (self.on_hand - self.held).max(0)
    }
}

/// A change of what lies at a location, with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Of what.
    pub variant: VariantId,
    /// Where.
    pub location: LocationId,
    /// How many more, or fewer.
    pub delta: i64,
    /// Why: `count`, `sale`, `return`.
    pub reason: &'static str,
    /// For which order.
    pub order: Option<OrderId>,
}

/// What there is of these variants, by location. `lock` locks the rows, in the order of their ids.
pub async fn levels(
    conn: &mut AnyConnection,
    variants: &[VariantId],
    lock: &'static str,
) -> Result<HashMap<VariantId, Vec<Shelf>>, db::Error> {
    let mut found: HashMap<VariantId, Vec<Shelf>> = HashMap::with_capacity(variants.len());
    let mut variants = variants.to_vec();
    variants.sort_unstable();
    variants.dedup();
    for chunk in variants.chunks(Rows::MAX) {
        let head = "
            select variant_id, location_id, on_hand, held, version
              from stock
             where variant_id in ";
        let mut query = Rows::among(head, chunk.iter().map(|variant| variant.get()));
        query.push(" order by variant_id, location_id").push(lock);
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            let variant = VariantId::new(row.try_get(0)?);
            found.entry(variant).or_default().push(Shelf {
                location: LocationId::new(row.try_get(1)?),
                on_hand: row.try_get(2)?,
                held: row.try_get(3)?,
                version: row.try_get(4)?,
            });
        }
    }
    Ok(found)
}

/// Sets how much there is at the main location, as an import or a stock-take says it. The ledger
/// gets the difference; what has not changed gets nothing.
pub async fn count(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    counted: &[(VariantId, i64)],
) -> Result<(), db::Error> {
    let variants: Vec<_> = counted.iter().map(|(variant, _)| *variant).collect();
    let lock = tx.dialect().for_update();
    let mut levels = levels(tx.conn(), &variants, lock).await?;
    let mut movements = Vec::new();
    for &(variant, quantity) in counted {
        let shelves = levels.entry(variant).or_default();
        let place = shelves.iter_mut().find(|shelf| shelf.location == MAIN);
        let (before, new) = match &place {
            Some(shelf) => (shelf.on_hand, false),
            None => (0, true),
        };
        if quantity != before || new {
            movements.push(Movement {
                variant,
                location: MAIN,
                delta: quantity - before,
                reason: "count",
                order: None,
            });
        }
    }
    move_stock(tx, ids, now, &levels, &movements).await
}

/// Writes movements: the new levels, and the ledger. `levels` are those that the caller has read
/// under its lock.
pub async fn move_stock(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    levels: &HashMap<VariantId, Vec<Shelf>>,
    movements: &[Movement],
) -> Result<(), db::Error> {
    let mut after: HashMap<(VariantId, LocationId), (i64, i64)> =
        HashMap::with_capacity(movements.len());
    for it in movements {
        let before = levels
            .get(&it.variant)
            .and_then(|shelves| shelves.iter().find(|shelf| shelf.location == it.location))
            .map_or((0, 0), |shelf| (shelf.on_hand, shelf.version));
        let entry = after.entry((it.variant, it.location)).or_insert(before);
        *entry = (entry.0 + it.delta, entry.1 + 1);
    }
    let mut after: Vec<_> = after.into_iter().collect();
    after.sort_unstable();
    let head = "insert into stock (variant_id, location_id, on_hand, held, version) ";
    let upsert = Upsert {
        key: "variant_id, location_id",
        columns: &["on_hand", "version"],
    };
    Rows::upsert(head, upsert)
        .write(
            tx,
            &after,
            |mut row, &((variant, location), (on_hand, version))| {
                row.push_bind(variant.get())
                    .push_bind(location.get())
                    .push_bind(on_hand)
                    .push_bind(0_i64)
                    .push_bind(version);
            },
        )
        .await?;
    record(tx, ids, now, movements).await
}

async fn record(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    movements: &[Movement],
) -> Result<(), db::Error> {
    let head = "
        insert into stock_ledger (id, variant_id, location_id, delta, reason, order_id,
                                  created_at) ";
    Rows::insert(head)
        .write(tx, movements, |mut row, it| {
            row.push_bind(ids.next(now))
                .push_bind(it.variant.get())
                .push_bind(it.location.get())
                .push_bind(it.delta)
                .push_bind(it.reason)
                .push_bind(it.order.map(OrderId::get))
                .push_bind(now.as_millis());
        })
        .await
}

/// What an order has taken and not given back: variant, location, how many.
pub async fn movements_of(
    tx: &mut Tx,
    order: OrderId,
) -> Result<Vec<(VariantId, LocationId, i64)>, db::Error> {
    let statement = "
        select variant_id, location_id, cast(-sum(delta) as signed) as taken
          from stock_ledger
         where order_id = ?
         group by variant_id, location_id
         order by variant_id, location_id";
    let rows = sqlx::query(statement)
        .bind(order.get())
        .fetch_all(tx.conn())
        .await?;
    let mut taken = Vec::with_capacity(rows.len());
    for row in &rows {
        let count: i64 = row.try_get("taken")?;
        if count > 0 {
            taken.push((
                VariantId::new(row.try_get(0)?),
                LocationId::new(row.try_get(1)?),
                count,
            ));
        }
    }
    Ok(taken)
}

/// The locations, by code.
pub(super) async fn locations(
    conn: &mut AnyConnection,
) -> Result<HashMap<String, LocationId>, db::Error> {
    let statement = "
        select code, id
          from locations";
    let rows: Vec<(String, i64)> = sqlx::query_as(statement).fetch_all(conn).await?;
    Ok(rows
        .into_iter()
        .map(|(code, id)| (code, LocationId::new(id)))
        .collect())
}
