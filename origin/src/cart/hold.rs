//! What is kept for carts in checkout, and for how long.

use shared::{
    id::{CartId, VariantId},
    time::Timestamp,
};

use crate::{
    app::App,
    catalog, db,
    inventory::{self, Hold, Moves},
};

use super::{
    Change, Error, HeldFor, Stored, Surroundings,
    store::{end_holds, overdue},
};

/// However busy a shopper is, after so many times the limit others have their turn.
const EXTENSIONS_MAX: i64 = 4;

/// The moment of a change, and how long things are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) now: Timestamp,
    pub(super) hold_ms: i64,
}

impl Context {
    /// Begins, extends or ends the time for which things are kept, as a change of the cart asks for.
    pub(super) fn renew(self, cart: &mut Stored, change: &Change) {
        let begin = matches!(change, Change::Hold);
        let since = match (cart.hold, change) {
            (_, Change::Release) | (None, _) if !begin => {
                cart.hold = None;
                return;
            }
            (Some(held), _) => held.since,
            (None, _) => self.now,
        };
        let last = since.as_millis() + self.hold_ms * EXTENSIONS_MAX;
        let until = last.min(self.now.as_millis() + self.hold_ms);
        cart.hold = Some(HeldFor {
            since,
            until: Timestamp::from_millis(until),
        });
    }
}

/// Keeps for each of these carts what is in it now, as far as it is there. Says which carts hold
/// something else than before: what they held, and what they hold.
pub(super) fn renewed(
    carts: Vec<&Stored>,
    around: &mut Surroundings,
) -> Vec<(CartId, Vec<Hold>, Vec<Hold>)> {
    let mut changed = Vec::new();
    for cart in carts {
        let before = around.holds.remove(&cart.id).unwrap_or_default();
        if cart.hold.is_none() && before.is_empty() {
            continue;
        }
        inventory::release(&mut around.shelves, &before);
        let wanted: Vec<(VariantId, i64)> = match cart.hold {
            Some(_) => wanted(cart, around).collect(),
            None => Vec::new(),
        };
        let now = inventory::promise(&mut around.shelves, wanted.into_iter());
        around.holds.insert(cart.id, now.clone());
        if now != before {
            changed.push((cart.id, before, now));
        }
    }
    changed
}

/// What of a cart there is a count of.
fn wanted(cart: &Stored, around: &Surroundings) -> impl Iterator<Item = (VariantId, i64)> {
    cart.lines.iter().filter_map(|line| {
        let offer = around.offers.get(&line.variant)?;
        (offer.active && offer.tracked).then_some((line.variant, line.quantity))
    })
}

/// Carts in one transaction, so that a shop with many of them goes on.
const BATCH: i64 = 100;

/// Gives back what was kept for carts whose time is over, and says how many carts that were. Two
/// processes may do it at the same time.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let mut swept = 0;
    loop {
        let mut reader = app.db.read().await?;
        let due = overdue(&mut reader, app.clock.now(), 1, "").await?;
        drop(reader);
        if due.is_empty() {
            return Ok(swept);
        }
        swept += db::retried(|| sweep_batch(app), Error::is_conflict).await?;
    }
}

async fn sweep_batch(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let lock = tx.dialect().for_update();
    let carts = overdue(tx.conn(), now, BATCH, lock).await?;
    let held = inventory::holds(tx.conn(), &carts).await?;
    let moves = Moves {
        holds: held
            .into_iter()
            .map(|(cart, before)| (cart, before, Vec::new()))
            .collect(),
        ..Moves::default()
    };
    let variants = moves.variants();
    let levels = inventory::levels(tx.conn(), &variants, lock).await?;
    let moved = inventory::move_stock(&mut tx, app.context(), &levels, &moves).await?;
    catalog::stock_changed(&mut tx, &moved.told, app.context()).await?;
    end_holds(&mut tx, now, &carts).await?;
    tx.commit().await?;
    Ok(carts.len())
}
