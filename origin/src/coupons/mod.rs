//! Coupons. Owns `coupons` and `coupon_uses`.
//!
//! What must stay true: `used` of a coupon equals its rows in `coupon_uses` and is never above its
//! limit; it changes only in [`redeem`] and [`give_back`], in the transaction that orders. A limit is
//! not set below what was used already.

mod edit;
mod error;
mod model;
mod store;
mod web;

pub use error::Error;
pub use model::{may_be_code, upper};
pub use store::{erase_customer, find, give_back, redeem, save, uses};
pub use web::routes;
