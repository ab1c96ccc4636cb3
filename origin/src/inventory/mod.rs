//! Inventory: the stock of each variant at each location. Owns `locations`, `stock`,
//! `stock_ledger`, `stock_holds`, `stock_claims` and `backorders`.
//!
//! Invariants: `on_hand` of a row equals the sum of its ledger's deltas, and `held` the
//! sum of its holds; all of them change only in `store::move_stock`. A sale takes units that are in
//! stock, or its order has a backorder, which is filled before anything is sold to others. Unpaid
//! orders and held carts stay within the limits that claims are counted for.

mod backorders;
mod claims;
mod holds;
mod store;

pub use backorders::{Backorder, list_backorders};
pub use claims::{
    ClaimTotals, Claimant, StockClaim, StockClaims, add_claims, delete_claims, list_claimants,
    list_claims,
};
pub use holds::{StockHold, StockHolds, list_holds, release, reserve};
pub use store::{
    InventoryLevel, StockMoveResult, StockMovement, StockMovements, find_location_ids,
    ledger_accuracy, list_levels, list_locations, list_taken, move_stock, record_count,
    save_location,
};

use shared::id::LocationId;

/// The location that every shop starts with.
pub const MAIN: LocationId = LocationId::new(1);
