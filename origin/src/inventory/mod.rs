//! Inventory: how much there is of each variant, and where. Owns `locations`, `stock` and
//! `stock_ledger`.
//!
//! What must stay true: `on_hand` of a row equals the sum of its ledger's deltas; both change only
//! in `store::record`; what is sold was there.

mod change;
mod error;
mod store;
mod web;

pub use change::{Job, change};
pub use error::Error;
pub use store::{Movement, Shelf, count, levels, move_stock, movements_of};
pub use web::routes;

use shared::id::LocationId;

/// The location that a shop has from the start.
pub const MAIN: LocationId = LocationId::new(1);
