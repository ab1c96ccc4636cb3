//! Inventory: the stock of each variant at each location. Owns `locations`, `stock`,
//! `stock_ledger`, `stock_holds`, `stock_claims` and `backorders`.
//!
//! Invariants: `on_hand` of a row equals the sum of its ledger's deltas, and `held` the
//! sum of its holds; all of them change only in `store::move_stock`. A sale takes units that are in
//! stock, or its order has a backorder, which is filled before anything is sold to others. Unpaid
//! orders and held carts stay within the limits that claims are counted for.

mod backorders;
mod change_stock;
mod claims;
mod error;
mod holds;
mod locations;
mod state;
mod store;
mod web;

pub use backorders::{Backorder, list_backorders};
pub use change_stock::{StockJob, change_stock};
pub use claims::{
    ClaimTotals, Claimant, StockClaim, StockClaims, add_claims, delete_claims, list_claimants,
    list_claims,
};
pub use error::Error;
pub use holds::{StockHold, StockHolds, list_holds, release, reserve};
pub use locations::save_location;
pub use state::{Inventory, InventoryState};
pub use store::{
    InventoryLevel, StockMoveResult, StockMovement, StockMovements, ledger_accuracy, list_levels,
    list_taken, move_stock, record_count,
};
pub use web::routes;

use shared::id::LocationId;

/// The location that every shop starts with.
pub const MAIN: LocationId = LocationId::new(1);
