//! What is kept for carts in checkout, and for how long.

use std::collections::HashMap;

use shared::{
    id::{CartId, VariantId},
    time::Timestamp,
};

use crate::{
    app::App,
    catalog,
    db::{self, Tx},
    inventory::{self, Claim, Claimant, Claims, Hold, Moves},
};

use super::{
    Change, Error, HeldFor, Stored, Surroundings,
    change::Job,
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
        let begin = matches!(change, Change::Hold(_));
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

/// How much is held for the networks whose carts change.
#[derive(Default)]
pub(super) struct Held {
    /// How many units one network may hold; 0 is as many as there are.
    units_max: i64,
    claims: Claims,
    /// For which network each cart holds, where that is known.
    networks: HashMap<CartId, Claimant>,
    changed: Vec<Claim>,
    over: Vec<i64>,
}

impl Held {
    /// What the networks hold whose carts are in checkout or begin it. Locked after the stock.
    pub(super) async fn of(
        app: &App,
        tx: &mut Tx,
        carts: &HashMap<String, Stored>,
        jobs: &[Job],
    ) -> Result<Self, db::Error> {
        let units_max = app.config.buying.limit_held_units;
        let held = carts.values().filter(|cart| cart.hold.is_some());
        let held: Vec<i64> = held.map(|cart| cart.id.get()).collect();
        let begun = jobs.iter().filter_map(Job::network);
        let mut claimants: Vec<Claimant> = begun.map(Claimant::holding).collect();
        if units_max == 0 || held.is_empty() && claimants.is_empty() {
            return Ok(Self::default());
        }
        claimants.extend(inventory::claimants_of(tx.conn(), &held).await?);
        let lock = tx.dialect().for_update();
        let claims = inventory::claims(tx.conn(), claimants, lock).await?;
        let networks = held.into_iter().filter_map(|cart| {
            let claimant = claims.claimant(cart)?;
            Some((CartId::new(cart), claimant))
        });
        Ok(Self {
            units_max,
            networks: networks.collect(),
            claims,
            ..Self::default()
        })
    }

    /// Notes for which network a cart holds from now on: the one where its checkout began.
    pub(super) fn note(&mut self, cart: &Stored, change: &Change) {
        if let Change::Hold(network) = change
            && let Some(network) = network.holder().filter(|_| self.units_max > 0)
        {
            let claimant = Claimant::holding(network);
            self.networks.entry(cart.id).or_insert(claimant);
        }
    }

    /// How many units may be held for this cart.
    fn allowed(&self, cart: CartId) -> i64 {
        match self.networks.get(&cart) {
            Some(network) => {
                let others = self.claims.besides(network, cart.get());
                (self.units_max - others.units).max(0)
            }
            None => i64::MAX,
        }
    }

    /// What a cart holds now counts for its network, until its checkout ends.
    fn set(&mut self, cart: &Stored, holds: &[Hold]) {
        let Some(network) = self.networks.get(&cart.id) else {
            return;
        };
        let owner = cart.id.get();
        let units = cart.hold.map(|_| holds.iter().map(|it| it.quantity).sum());
        if units == self.claims.units(network, owner) {
            return;
        }
        self.over.push(owner);
        match units {
            Some(units) => self.changed.push(self.claims.put(network, owner, units, 0)),
            None => self.claims.remove(owner),
        }
    }

    /// Writes what has changed.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<(), db::Error> {
        inventory::end_claims(tx, &self.over).await?;
        inventory::add_claims(tx, &self.changed).await
    }
}

/// Keeps for each of these carts what is in it now, as far as it is there and its network may hold it.
/// Says which carts hold something else than before: what they held, and what they hold.
pub(super) fn renewed(
    carts: Vec<&Stored>,
    around: &mut Surroundings,
    held: &mut Held,
) -> Vec<(CartId, Vec<Hold>, Vec<Hold>)> {
    let mut changed = Vec::new();
    for cart in carts {
        let before = around.holds.remove(&cart.id).unwrap_or_default();
        if cart.hold.is_none() && before.is_empty() {
            held.set(cart, &[]);
            continue;
        }
        inventory::release(&mut around.shelves, &before);
        let mut left = held.allowed(cart.id);
        let wanted: Vec<(VariantId, i64)> = match cart.hold {
            Some(_) => wanted(cart, around).collect(),
            None => Vec::new(),
        };
        let wanted = wanted.into_iter().map(|(variant, quantity)| {
            let quantity = quantity.min(left);
            left -= quantity;
            (variant, quantity)
        });
        let now = inventory::promise(&mut around.shelves, wanted);
        around.holds.insert(cart.id, now.clone());
        held.set(cart, &now);
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
        swept += db::retry_on_conflict(|| sweep_batch(app), Error::is_conflict).await?;
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
    let owners: Vec<i64> = carts.iter().map(|cart| cart.get()).collect();
    inventory::end_claims(&mut tx, &owners).await?;
    tx.commit().await?;
    Ok(carts.len())
}
