//! Checkout: what shipping costs, what the tax is, what coupons take off, and what it all comes to.
//! It is arithmetic only and knows no database: everything it needs is handed to it.
//!
//! What must stay true: the parts of [`Sum`] add up exactly, whatever is rounded on the way, and
//! nothing that is to be paid is below zero.

mod coupon;
mod rules;
mod sum;
#[cfg(test)]
mod tests;

pub use coupon::{Coupon, Effect};
pub use rules::{Parcel, Rules, percent};
pub use sum::{LineSum, Sum, SumLine, sum};
