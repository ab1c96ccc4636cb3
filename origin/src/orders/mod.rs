//! Orders: placing them in batches, and the transitions of their state. Owns `orders`,
//! `order_lines`, `order_events`, `user_orders` and `idempotency`.
//!
//! Invariants: order, lines, stock ledger, coupon use, idempotency record and outbox rows
//! are written in one transaction; a cart becomes at most one order; every transition is one that
//! the table in `shared::order` allows, and what it returns to stock is returned once; the database
//! holds no order token in clear.

mod account_orders;
mod batch;
mod decider;
mod error;
mod expiry;
pub mod idempotency;
mod replace_unpaid;
mod returns;
mod state;
mod store;
mod token;
mod transitions;
mod unpaid_limits;
mod web;

pub use account_orders::{
    ErasedOrders, erase_buyer, find_account_order, has_open_orders, list_account_orders, list_all,
    list_whole_account,
};
pub use batch::{PlaceOrderOutcome, Placement, place_order};
pub use error::{Error, Obstacle};
pub use expiry::expire;
pub use idempotency::{IdempotencyKey, delete_expired_keys};
pub use returns::return_items;
pub use state::{Orders, OrdersState};
pub use store::{StoredOrder, find_number};
pub use token::protect_tokens;
pub use transitions::{
    advance_by_staff, begin_refund, cancel, check_token, find, find_by_cart, find_by_email,
    find_for_messages, find_for_staff, find_locked, finish_refund, record_payment,
};
pub use web::routes;
