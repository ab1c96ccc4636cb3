//! The pages: each is a function from its struct to the document.

mod account;
mod cart;
mod category;
mod checkout;
mod error;
mod filters;
mod gallery;
mod home;
mod info;
mod order;
mod product;
mod product_data;
mod search;
mod security;
mod sign_in;
mod variant_picker;

pub use account::account;
pub use cart::cart;
pub use category::category;
pub use checkout::checkout;
pub use error::error;
pub use home::home;
pub use info::info;
pub use order::{find_order, order};
pub use product::product;
pub use search::search;
pub use sign_in::sign_in;

#[cfg(test)]
mod tests;
