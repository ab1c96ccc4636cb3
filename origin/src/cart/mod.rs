//! Carts: what shoppers mean to buy. Owns `carts` and `cart_lines`.
//!
//! What must stay true: a cart that has become an order (an order names it) does not change any more; a change costs the
//! same number of statements however full the cart is; changes that arrive together are written
//! together, each seeing those before it; what is kept for a cart ends with its time, its order or
//! itself; no token of a cart lies in the database in clear.

mod abandoned;
mod change;
mod error;
mod hold;
mod price;
mod store;
mod token;
mod view;
mod web;

pub use abandoned::delete_abandoned;
pub use change::{Change, Job, change};
pub use error::Error;
pub use hold::sweep;
pub use price::{Priced, price};
pub use store::{
    HeldFor, Stored, StoredLine, end_holds, erase_shopper, give, id_of, load, rename, with_email,
};
pub use token::{open_token, protect_tokens};
pub use view::{Surroundings, read, shipping_methods, surroundings};
pub use web::routes;
