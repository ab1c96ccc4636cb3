//! All SQL of stock levels, ledger and locations.

use std::collections::{BTreeMap, HashMap};

use shared::{
    id::{CartId, IdGenerator, LocationId, OrderId, VariantId},
    stock::Location,
    time::Timestamp,
};
use sqlx::{AnyConnection, Row};

use crate::{
    db::{self, Rows, Tx, Upsert},
    outbox::{self, OutboxMessage},
    platform::WriteContext,
};

use super::{
    Backorder, MAIN, StockHold,
    backorders::{add_backorders, delete_backorders, fill_backorders},
    holds::replace_holds,
};

/// The inventory level of a variant at one location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InventoryLevel {
    /// The location.
    pub location: LocationId,
    /// Physical units.
    pub on_hand: i64,
    /// Units of these that are reserved by holds.
    pub held: i64,
    /// Incremented by every change of `on_hand`.
    pub version: i64,
}

impl InventoryLevel {
    /// The level of a location without a stock row.
    pub fn empty(location: LocationId) -> Self {
        Self {
            location,
            on_hand: 0,
            held: 0,
            version: 0,
        }
    }

    /// Units that can be sold.
    pub fn available(&self) -> i64 {
        (self.on_hand - self.held).max(0)
    }
}

/// A change of `on_hand`, with its reason; a row of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockMovement {
    /// The variant.
    pub variant: VariantId,
    /// The location.
    pub location: LocationId,
    /// Units added, or removed when negative.
    pub delta: i64,
    /// The reason: `count`, `change`, `sale` or `return`.
    pub reason: &'static str,
    /// The order that caused it, if any.
    pub order: Option<OrderId>,
}

/// Lists the levels of these variants by location. `lock` is the locking clause, or empty; rows are
/// locked in the order of their ids.
pub async fn list_levels(
    conn: &mut AnyConnection,
    variants: &[VariantId],
    lock: &'static str,
) -> Result<HashMap<VariantId, Vec<InventoryLevel>>, db::Error> {
    let mut found: HashMap<VariantId, Vec<InventoryLevel>> = HashMap::with_capacity(variants.len());
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
            found.entry(variant).or_default().push(InventoryLevel {
                location: LocationId::new(row.try_get(1)?),
                on_hand: row.try_get(2)?,
                held: row.try_get(3)?,
                version: row.try_get(4)?,
            });
        }
    }
    Ok(found)
}

/// Sets `on_hand` at the main location to a counted quantity, as imports and stock-takes do. The
/// ledger records the difference; an unchanged quantity writes nothing.
pub async fn record_count(
    tx: &mut Tx,
    context: WriteContext<'_>,
    counted: &[(VariantId, i64)],
) -> Result<(), db::Error> {
    let variants: Vec<_> = counted.iter().map(|(variant, _)| *variant).collect();
    let lock = tx.dialect().for_update();
    let mut levels = list_levels(tx.conn(), &variants, lock).await?;
    let mut movements = Vec::new();
    for &(variant, quantity) in counted {
        let of_variant = levels.entry(variant).or_default();
        let main = of_variant.iter_mut().find(|it| it.location == MAIN);
        let (before, new) = match &main {
            Some(level) => (level.on_hand, false),
            None => (0, true),
        };
        if quantity != before || new {
            movements.push(StockMovement {
                variant,
                location: MAIN,
                delta: quantity - before,
                reason: "count",
                order: None,
            });
        }
    }
    let moves = StockMovements {
        movements,
        ..StockMovements::default()
    };
    move_stock(tx, context, &levels, &moves).await?;
    Ok(())
}

/// All stock changes of one transaction.
#[derive(Clone, Debug, Default)]
pub struct StockMovements {
    /// Changes of `on_hand`, one ledger row each.
    pub movements: Vec<StockMovement>,
    /// Carts whose holds change: the holds before, and the holds after.
    pub holds: Vec<(CartId, Vec<StockHold>, Vec<StockHold>)>,
    /// New backorders.
    pub backorders: Vec<Backorder>,
    /// Orders whose backorders are deleted.
    pub closed_orders: Vec<OrderId>,
}

/// The consequences of stock movements that callers have to handle.
#[derive(Clone, Debug, Default)]
pub struct StockMoveResult {
    /// Variants whose displayed availability changed between in stock, low stock and sold out.
    pub availability_changed: Vec<VariantId>,
    /// Whether units went to backorders, so that the levels are lower than requested.
    pub backorders_filled: bool,
}

impl StockMovements {
    /// The variants whose stock changes.
    pub fn variants(&self) -> Vec<VariantId> {
        let held = self.holds.iter();
        let held = held.flat_map(|(_, before, after)| before.iter().chain(after));
        let moved = self.movements.iter().map(|it| it.variant);
        moved.chain(held.map(|hold| hold.variant)).collect()
    }

    /// Computes the new levels, of the rows that change.
    fn applied(
        &self,
        levels: &HashMap<VariantId, Vec<InventoryLevel>>,
    ) -> BTreeMap<(VariantId, LocationId), InventoryLevel> {
        let mut after = BTreeMap::new();
        let mut change = |variant, location, (on_hand, held, version): (i64, i64, i64)| {
            let before = || {
                let of_variant = levels.get(&variant).into_iter().flatten();
                let mut of_variant = of_variant.copied();
                let level = of_variant.find(|it: &InventoryLevel| it.location == location);
                level.unwrap_or(InventoryLevel::empty(location))
            };
            let level = after.entry((variant, location)).or_insert_with(before);
            level.on_hand += on_hand;
            level.held += held;
            level.version += version;
        };
        for it in &self.movements {
            change(it.variant, it.location, (it.delta, 0, 1));
        }
        for (_, before, after) in &self.holds {
            for hold in before {
                change(hold.variant, hold.location, (0, -hold.quantity, 0));
            }
            for hold in after {
                change(hold.variant, hold.location, (0, hold.quantity, 0));
            }
        }
        after
    }
}

/// Writes levels, ledger and holds, and a `stock.low` message for each variant that falls below the
/// threshold. New units fill backorders before they become available to others. `levels` are those
/// that the caller has read under its lock.
pub async fn move_stock(
    tx: &mut Tx,
    context: WriteContext<'_>,
    levels: &HashMap<VariantId, Vec<InventoryLevel>>,
    moves: &StockMovements,
) -> Result<StockMoveResult, db::Error> {
    delete_backorders(tx, &moves.closed_orders).await?;
    let mut after = moves.applied(levels);
    let more = available(levels, &after).into_iter();
    let more = more.filter(|(_, before, now)| now > before);
    let more: Vec<VariantId> = more.map(|(variant, ..)| variant).collect();
    let filled = fill_backorders(tx, &more, &mut after).await?;
    let rows: Vec<_> = after.iter().collect();
    let head = "insert into stock (variant_id, location_id, on_hand, held, version) ";
    let upsert = Upsert {
        key: "variant_id, location_id",
        columns: &["on_hand", "held", "version"],
    };
    Rows::upsert(head, upsert)
        .write(tx, &rows, |mut row, ((variant, location), level)| {
            row.push_bind(variant.get())
                .push_bind(location.get())
                .push_bind(level.on_hand)
                .push_bind(level.held)
                .push_bind(level.version);
        })
        .await?;
    add_to_ledger(tx, context.ids, context.now, &moves.movements).await?;
    add_to_ledger(tx, context.ids, context.now, &filled).await?;
    add_backorders(tx, &moves.backorders).await?;
    let carts: Vec<CartId> = moves.holds.iter().map(|(cart, ..)| *cart).collect();
    let holds = moves.holds.iter();
    let holds = holds.flat_map(|(cart, _, after)| after.iter().map(|hold| (*cart, *hold)));
    replace_holds(tx, &carts, &holds.collect::<Vec<_>>()).await?;
    let few = i64::from(context.low_stock);
    let changes = available(levels, &after);
    let low: Vec<OutboxMessage> = changes
        .iter()
        .filter(|(_, before, now)| *before >= few && *now < few)
        .map(|(variant, _, now)| OutboxMessage::stock_low(*variant, *now))
        .collect();
    outbox::add(tx, context.ids, context.now, &low).await?;
    let class = |available: i64| (available > 0, available >= few);
    let changes = changes.into_iter();
    let changed = changes.filter(|(_, before, now)| class(*before) != class(*now));
    Ok(StockMoveResult {
        availability_changed: changed.map(|(variant, ..)| variant).collect(),
        backorders_filled: !filled.is_empty(),
    })
}

/// The available units of each changed variant, before and after.
fn available(
    levels: &HashMap<VariantId, Vec<InventoryLevel>>,
    after: &BTreeMap<(VariantId, LocationId), InventoryLevel>,
) -> Vec<(VariantId, i64, i64)> {
    let mut changes: Vec<(VariantId, i64, i64)> = Vec::new();
    for ((variant, location), level) in after {
        let known = levels.get(variant).map_or(&[][..], Vec::as_slice);
        let before = known.iter().find(|it| it.location == *location);
        let before = before.map_or(0, InventoryLevel::available);
        match changes.last_mut() {
            Some(last) if last.0 == *variant => {
                last.1 += before;
                last.2 += level.available();
            }
            _ => {
                // Levels that do not change count on both sides.
                let elsewhere = known
                    .iter()
                    .filter(|it| !after.contains_key(&(*variant, it.location)))
                    .map(InventoryLevel::available)
                    .sum::<i64>();
                changes.push((*variant, elsewhere + before, elsewhere + level.available()));
            }
        }
    }
    changes
}

async fn add_to_ledger(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    movements: &[StockMovement],
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

/// Counts the stock rows, and those that differ from the sum of their ledger, which should be none.
pub async fn ledger_accuracy(conn: &mut AnyConnection) -> Result<(i64, i64), db::Error> {
    let rows = "
        select count(*)
          from stock";
    let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut *conn).await?;
    let differs = "
        select count(*)
          from stock s
         where s.on_hand <> (select coalesce(sum(l.delta), 0)
                               from stock_ledger l
                              where l.variant_id = s.variant_id
                                and l.location_id = s.location_id)";
    let differs: i64 = sqlx::query_scalar(differs).fetch_one(conn).await?;
    Ok((rows, differs))
}

/// Lists the units that an order has taken and not returned, by variant and location.
pub async fn list_taken(
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

/// Lists the locations in the order in which stock is taken from them.
pub async fn list_locations(conn: &mut AnyConnection) -> Result<Vec<Location>, db::Error> {
    let statement = "
        select code, name
          from locations
         order by id";
    let rows: Vec<(String, String)> = sqlx::query_as(statement).fetch_all(conn).await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(code, name)| Location { code, name }).collect())
}

/// Creates a location, or renames it.
pub async fn save_location(
    tx: &mut Tx,
    id: LocationId,
    location: &Location,
) -> Result<(), db::Error> {
    let head = "insert into locations (id, code, name) ";
    let upsert = Upsert {
        key: "code",
        columns: &["name"],
    };
    Rows::upsert(head, upsert)
        .write(tx, &[location], |mut row, it| {
            row.push_bind(id.get())
                .push_bind(it.code.clone())
                .push_bind(it.name.clone());
        })
        .await
}

/// Finds the ids of all locations, by code.
pub async fn find_location_ids(
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
