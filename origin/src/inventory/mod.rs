//! Inventory: how much there is of each variant. Owns `locations`, `stock` and `stock_ledger`.
//!
//! What must stay true: `on_hand` of a row equals the sum of its ledger's deltas, and it changes
//! only in [`count`], which writes both.

mod store;

pub use store::count;

use shared::id::LocationId;

/// The location that a shop has from the start.
pub const MAIN: LocationId = LocationId::new(1);
