//! Checkout arithmetic: shipping costs, taxes, coupon discounts and totals. It reads no database;
//! everything is passed in.
//!
//! Invariants: the parts of [`Sum`] add up exactly despite rounding, and no amount to pay
//! is negative.

mod coupon;
mod rules;
mod sum;
#[cfg(test)]
mod tests;

pub use coupon::{Coupon, Effect};
pub use rules::{Parcel, Rules, percent};
pub use sum::{LineSum, Sum, SumLine, sum};
