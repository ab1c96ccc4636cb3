//! Inventory: how much there is of each variant, and where. Owns `locations`, `stock` and
//! `stock_ledger`.
//!
//! What must stay true: `on_hand` of a row equals the sum of its ledger's deltas; both change only
//! in `store::record`; what is sold was there.

mod store;

pub use store::{Movement, Shelf, count, levels, move_stock, movements_of};

use shared::id::LocationId;

/// The location that a shop has from the start.
pub const MAIN: LocationId = LocationId::new(1);
