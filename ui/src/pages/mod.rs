//! The pages, each a function from its struct to the whole document.

mod category;
mod error;
mod home;
mod narrow;
mod product;
mod search;

pub use category::category;
pub use error::error;
pub use home::home;
pub use product::product;
pub use search::search;

#[cfg(test)]
mod tests;
