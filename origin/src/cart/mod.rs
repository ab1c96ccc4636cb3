//! Carts. Owns `carts` and `cart_lines`.
//!
//! Invariants: a cart that has become an order does not change any more; a change takes
//! the same number of statements whatever the number of lines; changes of a batch see those before
//! them; a hold ends with its period, with the order, or with the cart; the database holds no cart
//! token in clear.

mod abandoned;
mod change;
mod error;
mod holds;
mod merge;
mod price;
mod state;
mod store;
mod token;
mod view;
mod web;

pub use abandoned::delete_abandoned;
pub use change::{CartChange, CartJob, change_cart};
pub use error::Error;
pub use holds::release_expired_holds;
pub use price::{PricedCart, price};
pub use state::{Carts, CartsState};
pub use store::{
    HoldPeriod, StoredCart, StoredCartLine, assign_to_account, end_holds, erase_shopper, find_id,
    list_by_token, list_with_email, rotate_token,
};
pub use token::{open_token, protect_tokens};
pub use view::{PricingSnapshot, find, list_shipping_methods, load_pricing_snapshot};
pub use web::routes;
