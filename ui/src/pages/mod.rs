//! The pages, each a function from its struct to the whole document.

mod account;
mod cart;
mod category;
mod checkout;
mod entry;
mod error;
mod gallery;
mod home;
mod info;
mod narrow;
mod order;
mod picker;
mod product;
mod product_data;
mod search;
mod security;

pub use account::account;
pub use cart::cart;
pub use category::category;
pub use checkout::checkout;
pub use entry::entry;
pub use error::error;
pub use home::home;
pub use info::info;
pub use order::{find_order, order};
pub use product::product;
pub use search::search;

#[cfg(test)]
mod tests;
