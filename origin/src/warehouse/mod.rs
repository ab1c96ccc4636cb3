//! Stock as staff and warehouse systems see it: they read and change levels, and name locations.
//! Owns no tables; `inventory` owns the stock.
//!
//! Invariants: a request is applied completely or not at all, and is audited in its transaction;
//! what it changes is available in the catalogue once it is committed.

mod change_stock;
mod error;
mod locations;
mod state;
mod web;

pub use change_stock::{StockJob, change_stock};
pub use error::Error;
pub use state::{Warehouse, WarehouseState};
pub use web::routes;
