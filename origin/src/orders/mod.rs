//! Orders: the desk where carts become orders, and the steps that an order takes. Owns `orders`,
//! `order_lines`, `order_events`, `user_orders` and `idempotency`.
//!
//! What must stay true: order, lines, stock ledger, coupon use, idempotency record and outbox are one
//! transaction; one cart makes one order; every step is one that the table in `shared::order` allows,
//! and what it gives back is given back once; no token of an order lies in the database in clear.

mod desk;
mod error;
mod expiry;
pub mod idempotency;
mod own;
mod place;
mod returns;
mod steps;
mod store;
mod take_over;
mod token;
mod unpaid;
mod web;

pub use desk::{Placed, Placement, place};
pub use error::{Error, Obstacle};
pub use expiry::expire;
pub use idempotency::{Key, forget};
pub use own::{Erased, all_of, any_open, erase_buyer, list_all, list_of, own};
pub use returns::take_back;
pub use steps::{
    cancel, find, find_locked, for_messages, of_buyer, of_cart, read, refund_done, refund_due,
    step_by_shop, take_money, whose,
};
pub use store::{Stored, number};
pub use token::protect_tokens;
pub use web::routes;
