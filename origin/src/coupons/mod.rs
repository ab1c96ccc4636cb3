//! Coupons. Owns `coupons` and `coupon_uses`.
//!
//! Invariants: `used` of a coupon equals its rows in `coupon_uses` and never exceeds its
//! limit; it changes only in [`redeem`] and [`release_uses`], in the transaction of the order. A
//! limit cannot be set below the number of uses.

mod edit;
mod error;
mod model;
mod store;
mod web;

pub use error::Error;
pub use model::{has_code_length, normalize_code};
pub use store::{erase_customer, list_by_code, list_uses, redeem, release_uses, save};
pub use web::routes;
