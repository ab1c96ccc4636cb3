//! Coupons. Owns `coupons` and `coupon_uses`.
//!
//! What must stay true: `used` of a coupon equals its rows in `coupon_uses` and is never above its
//! limit; both change only in [`redeem`] and [`give_back`], in the transaction that orders.

mod store;

pub use store::{erase_customer, find, give_back, redeem, save, uses};
