//! Stock holds of carts in checkout, and how long they last.

use std::collections::HashMap;

use shared::{
    id::{CartId, VariantId},
    time::Timestamp,
};

use crate::{
    catalog,
    db::{self, Tx},
    inventory::{self, Claimant, StockClaim, StockClaims, StockHold, StockMovements},
    platform::Platform,
};

use super::{
    CartChange, Error, HoldPeriod, PricingSnapshot, StoredCart,
    change::CartJob,
    store::{end_holds, list_overdue_holds},
};

/// A hold can be extended up to this multiple of its duration, so that an active shopper cannot
/// keep stock from others indefinitely.
const EXTENSIONS_MAX: i64 = 4;

/// The current time and the duration of a hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct HoldTimer {
    pub(super) now: Timestamp,
    pub(super) hold_ms: i64,
}

impl HoldTimer {
    /// Begins, extends or ends the hold period of a cart, depending on the change.
    pub(super) fn renew(self, cart: &mut StoredCart, change: &CartChange) {
        let begin = matches!(change, CartChange::Hold(_));
        let since = match (cart.hold, change) {
            (_, CartChange::Release) | (None, _) if !begin => {
                cart.hold = None;
                return;
            }
            (Some(held), _) => held.since,
            (None, _) => self.now,
        };
        let last = since.as_millis() + self.hold_ms * EXTENSIONS_MAX;
        let until = last.min(self.now.as_millis() + self.hold_ms);
        cart.hold = Some(HoldPeriod {
            since,
            until: Timestamp::from_millis(until),
        });
    }
}

/// The units that networks hold, checked against their limit.
#[derive(Default)]
pub(super) struct NetworkHolds {
    /// The limit of units per network; 0 means unlimited.
    units_max: i64,
    claims: StockClaims,
    /// The network that each cart's holds are counted for, if known.
    networks: HashMap<CartId, Claimant>,
    changed: Vec<StockClaim>,
    ended: Vec<i64>,
}

impl NetworkHolds {
    /// Reads the claims of the networks whose carts are in checkout or begin it. Locked after the
    /// stock rows.
    pub(super) async fn load(
        platform: &Platform,
        tx: &mut Tx,
        carts: &HashMap<String, StoredCart>,
        jobs: &[CartJob],
    ) -> Result<Self, db::Error> {
        let units_max = platform.config.buying.limit_held_units;
        let held = carts.values().filter(|cart| cart.hold.is_some());
        let held: Vec<i64> = held.map(|cart| cart.id.get()).collect();
        let begun = jobs.iter().filter_map(CartJob::network);
        let mut claimants: Vec<Claimant> = begun.map(Claimant::holding).collect();
        if units_max == 0 || held.is_empty() && claimants.is_empty() {
            return Ok(Self::default());
        }
        claimants.extend(inventory::list_claimants(tx.conn(), &held).await?);
        let lock = tx.dialect().for_update();
        let claims = inventory::list_claims(tx.conn(), claimants, lock).await?;
        let networks = held.into_iter().filter_map(|cart| {
            let claimant = claims.claimant_of(cart)?;
            Some((CartId::new(cart), claimant))
        });
        Ok(Self {
            units_max,
            networks: networks.collect(),
            claims,
            ..Self::default()
        })
    }

    /// Records the network of a cart that begins checkout; a cart stays with its first network.
    pub(super) fn record(&mut self, cart: &StoredCart, change: &CartChange) {
        if let CartChange::Hold(network) = change
            && let Some(network) = network.holder().filter(|_| self.units_max > 0)
        {
            let claimant = Claimant::holding(network);
            self.networks.entry(cart.id).or_insert(claimant);
        }
    }

    /// The units that this cart may hold.
    fn allowed(&self, cart: CartId) -> i64 {
        match self.networks.get(&cart) {
            Some(network) => {
                let others = self.claims.total_excluding(network, cart.get());
                (self.units_max - others.units).max(0)
            }
            None => i64::MAX,
        }
    }

    /// Updates the claim of a cart's network to the units that the cart holds now.
    fn set(&mut self, cart: &StoredCart, holds: &[StockHold]) {
        let Some(network) = self.networks.get(&cart.id) else {
            return;
        };
        let owner = cart.id.get();
        let units = cart.hold.map(|_| holds.iter().map(|it| it.quantity).sum());
        if units == self.claims.units(network, owner) {
            return;
        }
        self.ended.push(owner);
        match units {
            Some(units) => self.changed.push(self.claims.set(network, owner, units, 0)),
            None => self.claims.remove(owner),
        }
    }

    /// Writes the changed claims.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<(), db::Error> {
        inventory::delete_claims(tx, &self.ended).await?;
        inventory::add_claims(tx, &self.changed).await
    }
}

/// Reserves the current lines of each cart in checkout, as far as they are available and the limit
/// of its network allows. Returns the carts whose holds change, with the holds before and after.
pub(super) fn renew_holds(
    carts: Vec<&StoredCart>,
    snapshot: &mut PricingSnapshot,
    held: &mut NetworkHolds,
) -> Vec<(CartId, Vec<StockHold>, Vec<StockHold>)> {
    let mut changed = Vec::new();
    for cart in carts {
        let before = snapshot.holds.remove(&cart.id).unwrap_or_default();
        if cart.hold.is_none() && before.is_empty() {
            held.set(cart, &[]);
            continue;
        }
        inventory::release(&mut snapshot.levels, &before);
        let mut allowed = held.allowed(cart.id);
        let wanted: Vec<(VariantId, i64)> = match cart.hold {
            Some(_) => tracked_lines(cart, snapshot).collect(),
            None => Vec::new(),
        };
        let wanted = wanted.into_iter().map(|(variant, quantity)| {
            let quantity = quantity.min(allowed);
            allowed -= quantity;
            (variant, quantity)
        });
        let now = inventory::reserve(&mut snapshot.levels, wanted);
        snapshot.holds.insert(cart.id, now.clone());
        held.set(cart, &now);
        if now != before {
            changed.push((cart.id, before, now));
        }
    }
    changed
}

/// The lines of a cart whose stock is tracked.
fn tracked_lines(
    cart: &StoredCart,
    snapshot: &PricingSnapshot,
) -> impl Iterator<Item = (VariantId, i64)> {
    cart.lines.iter().filter_map(|line| {
        let offer = snapshot.offers.get(&line.variant)?;
        (offer.active && offer.tracked).then_some((line.variant, line.quantity))
    })
}

/// Carts per transaction, so that other writers are not blocked.
const BATCH: i64 = 100;

/// Releases the holds of carts whose hold period is over, and returns how many carts. Several
/// processes may run it at the same time.
pub async fn release_expired_holds(platform: &Platform) -> Result<usize, Error> {
    let mut released = 0;
    loop {
        let mut reader = platform.db.read().await?;
        let due = list_overdue_holds(&mut reader, platform.clock.now(), 1, "").await?;
        drop(reader);
        if due.is_empty() {
            return Ok(released);
        }
        released += db::retry_on_conflict(|| release_batch(platform), Error::is_conflict).await?;
    }
}

async fn release_batch(platform: &Platform) -> Result<usize, Error> {
    let now = platform.clock.now();
    let mut tx = platform.db.write().await?;
    let lock = tx.dialect().for_update();
    let carts = list_overdue_holds(tx.conn(), now, BATCH, lock).await?;
    let held = inventory::list_holds(tx.conn(), &carts).await?;
    let moves = StockMovements {
        holds: held
            .into_iter()
            .map(|(cart, before)| (cart, before, Vec::new()))
            .collect(),
        ..StockMovements::default()
    };
    let variants = moves.variants();
    let levels = inventory::list_levels(tx.conn(), &variants, lock).await?;
    let moved = inventory::move_stock(&mut tx, platform.context(), &levels, &moves).await?;
    catalog::update_availability(&mut tx, &moved.availability_changed, platform.context()).await?;
    end_holds(&mut tx, now, &carts).await?;
    let owners: Vec<i64> = carts.iter().map(|cart| cart.get()).collect();
    inventory::delete_claims(&mut tx, &owners).await?;
    tx.commit().await?;
    Ok(carts.len())
}
