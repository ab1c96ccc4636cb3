//! All SQL of the stock.

use std::collections::{BTreeMap, HashMap};

use shared::{
    id::{CartId, IdGenerator, LocationId, OrderId, VariantId},
    stock::Location,
    time::Timestamp,
};
use sqlx::{AnyConnection, Row};

use crate::{
    db::{self, Rows, Tx, Upsert},
    outbox::{self, Message},
};

use super::{
    Context, Hold, MAIN, Waiting,
    holds::replace_holds,
    waiting::{serve, stop_waiting, wait},
};

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
    /// Nothing at all.
    pub fn empty(location: LocationId) -> Self {
        Self {
            location,
            on_hand: 0,
            held: 0,
            version: 0,
        }
    }

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
    context: Context<'_>,
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
    let moves = Moves {
        movements,
        ..Moves::default()
    };
    move_stock(tx, context, &levels, &moves).await?;
    Ok(())
}

/// What a transaction does to the stock.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    /// What comes and goes, a ledger row for each.
    pub movements: Vec<Movement>,
    /// The carts whose holds change, with what they held before and what they hold now.
    pub holds: Vec<(CartId, Vec<Hold>, Vec<Hold>)>,
    /// What orders wait for from now on.
    pub waiting: Vec<Waiting>,
    /// The orders that wait for nothing any more.
    pub given_up: Vec<OrderId>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// The variants of which shoppers are told something else now: there were enough, a few or none,
    /// and now it is another of these.
    pub told: Vec<VariantId>,
    /// Whether something went on to orders that waited for it.
    pub served: bool,
}

impl Moves {
    /// The variants whose stock changes.
    pub fn variants(&self) -> Vec<VariantId> {
        let held = self.holds.iter();
        let held = held.flat_map(|(_, before, after)| before.iter().chain(after));
        let moved = self.movements.iter().map(|it| it.variant);
        moved.chain(held.map(|hold| hold.variant)).collect()
    }

    /// What becomes of the shelves; only those that change.
    fn applied(
        &self,
        levels: &HashMap<VariantId, Vec<Shelf>>,
    ) -> BTreeMap<(VariantId, LocationId), Shelf> {
        let mut after = BTreeMap::new();
        let mut change = |variant, location, (on_hand, held, version): (i64, i64, i64)| {
            let before = || {
                let shelves = levels.get(&variant).into_iter().flatten();
                let known = shelves.copied().find(|it: &Shelf| it.location == location);
                known.unwrap_or(Shelf::empty(location))
            };
            let shelf = after.entry((variant, location)).or_insert_with(before);
            shelf.on_hand += on_hand;
            shelf.held += held;
            shelf.version += version;
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

/// Writes what happens to the stock: the new levels, the ledger, the holds, and a message for each
/// variant of which only a few are left now. What orders wait for goes to them before anybody else
/// can have it. `levels` are those that the caller has read under its lock.
pub async fn move_stock(
    tx: &mut Tx,
    context: Context<'_>,
    levels: &HashMap<VariantId, Vec<Shelf>>,
    moves: &Moves,
) -> Result<Moved, db::Error> {
    stop_waiting(tx, &moves.given_up).await?;
    let mut after = moves.applied(levels);
    let more = available(levels, &after).into_iter();
    let more = more.filter(|(_, before, now)| now > before);
    let more: Vec<VariantId> = more.map(|(variant, ..)| variant).collect();
    let served = serve(tx, &more, &mut after).await?;
    let rows: Vec<_> = after.iter().collect();
    let head = "insert into stock (variant_id, location_id, on_hand, held, version) ";
    let upsert = Upsert {
        key: "variant_id, location_id",
        columns: &["on_hand", "held", "version"],
    };
    Rows::upsert(head, upsert)
        .write(tx, &rows, |mut row, ((variant, location), shelf)| {
            row.push_bind(variant.get())
                .push_bind(location.get())
                .push_bind(shelf.on_hand)
                .push_bind(shelf.held)
                .push_bind(shelf.version);
        })
        .await?;
    record(tx, context.ids, context.now, &moves.movements).await?;
    record(tx, context.ids, context.now, &served).await?;
    wait(tx, &moves.waiting).await?;
    let carts: Vec<CartId> = moves.holds.iter().map(|(cart, ..)| *cart).collect();
    let holds = moves.holds.iter();
    let holds = holds.flat_map(|(cart, _, after)| after.iter().map(|hold| (*cart, *hold)));
    replace_holds(tx, &carts, &holds.collect::<Vec<_>>()).await?;
    let few = i64::from(context.low_stock);
    let changes = available(levels, &after);
    let low: Vec<Message> = changes
        .iter()
        .filter(|(_, before, now)| *before >= few && *now < few)
        .map(|(variant, _, now)| Message::stock_low(*variant, *now))
        .collect();
    outbox::put(tx, context.ids, context.now, &low).await?;
    let told = |available: i64| (available > 0, available >= few);
    let changes = changes.into_iter();
    let told = changes.filter(|(_, before, now)| told(*before) != told(*now));
    Ok(Moved {
        told: told.map(|(variant, ..)| variant).collect(),
        served: !served.is_empty(),
    })
}

/// How many of each variant that changes could be sold before, and how many now.
fn available(
    levels: &HashMap<VariantId, Vec<Shelf>>,
    after: &BTreeMap<(VariantId, LocationId), Shelf>,
) -> Vec<(VariantId, i64, i64)> {
    let mut changes: Vec<(VariantId, i64, i64)> = Vec::new();
    for ((variant, location), shelf) in after {
        let known = levels.get(variant).map_or(&[][..], Vec::as_slice);
        let before = known.iter().find(|it| it.location == *location);
        let before = before.map_or(0, Shelf::available);
        match changes.last_mut() {
            Some(last) if last.0 == *variant => {
                last.1 += before;
                last.2 += shelf.available();
            }
            _ => {
                // What lies where nothing changes counts on both sides.
                let elsewhere = known
                    .iter()
                    .filter(|it| !after.contains_key(&(*variant, it.location)))
                    .map(Shelf::available)
                    .sum::<i64>();
                changes.push((*variant, elsewhere + before, elsewhere + shelf.available()));
            }
        }
    }
    changes
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

/// How many rows of stock there are, and how many of them differ from their ledger. None ever should.
pub async fn accuracy(conn: &mut AnyConnection) -> Result<(i64, i64), db::Error> {
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

/// The locations, in the order in which goods are taken from them.
pub(super) async fn list_locations(conn: &mut AnyConnection) -> Result<Vec<Location>, db::Error> {
    let statement = "
        select code, name
          from locations
         order by id";
    let rows: Vec<(String, String)> = sqlx::query_as(statement).fetch_all(conn).await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(code, name)| Location { code, name }).collect())
}

/// Makes a location, or gives it another name.
pub(super) async fn save_location(
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
