//! The pages, each a function from its struct to the whole document.

mod cart;
mod category;
mod checkout;
mod error;
mod gallery;
mod home;
mod order;
mod product;

pub use cart::cart;
pub use category::category;
pub use checkout::checkout;
pub use error::error;
pub use home::home;
pub use order::{find_order, order};
pub use product::product;

#[cfg(test)]
mod tests;
