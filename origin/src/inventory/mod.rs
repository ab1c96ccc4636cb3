//! Inventory: how much there is of each variant, and where. Owns `locations`, `stock`, `stock_ledger`,
//! `stock_holds`, `stock_claims` and `backorders`.
//!
//! What must stay true: `on_hand` of a row equals the sum of its ledger's deltas, and `held` the sum of
//! its holds; all of them change only in `store::move_stock`; what is sold was
//! there, or its order waits for it and is the first to get it; what somebody has without having paid is
//! within their limits, which claims are counted for.

mod backorders;
mod change_stock;
mod claims;
mod error;
mod holds;
mod locations;
mod store;
mod web;

pub use backorders::{Backorder, list_backorders};
pub use change_stock::{StockJob, change_stock};
pub use claims::{
    Claim, ClaimTotals, Claimant, Claims, add_claims, delete_claims, list_claimants, list_claims,
};
pub use error::Error;
pub use holds::{Hold, Holds, list_holds, release, reserve};
pub use locations::save_location;
pub use store::{
    InventoryLevel, StockMoveResult, StockMovement, StockMovements, ledger_accuracy, list_levels,
    list_taken, move_stock, record_count,
};
pub use web::routes;

use shared::{
    id::{IdGenerator, LocationId},
    time::Timestamp,
};

use crate::cache::Changes;

/// What writing needs beside the transaction.
#[derive(Clone, Copy, Debug)]
pub struct WriteContext<'a> {
    /// Makes the identities.
    pub ids: &'a IdGenerator,
    /// The time of the change.
    pub now: Timestamp,
    /// Below how many units only a few are left.
    pub low_stock: u32,
    /// Counts what changes.
    pub changes: &'a Changes,
}

/// The location that a shop has from the start.
pub const MAIN: LocationId = LocationId::new(1);
