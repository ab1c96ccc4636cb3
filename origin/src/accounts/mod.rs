//! Accounts: who somebody is, how they prove it, and what is theirs. Owns `users`, `user_addresses`,
//! `sessions`, `account_links` and `user_carts`.
//!
//! What must stay true: whatever opens something is kept as its hash; nobody learns from an answer,
//! or from how long it takes, whether there is an account with some address; an account is there once
//! its address was proved, and not before; whoever changes a password or a role ends every session.

mod addresses;
mod carts;
mod command;
mod erase;
mod error;
mod links;
mod login;
mod model;
mod password;
mod register;
mod sessions;
mod store;
mod web;

pub use command::{UserArgs, user};
pub use erase::{erase, export};
pub use error::Error;
pub use model::Person;
pub use password::Hasher;
pub use register::{LinkMessage, letter_for};
pub use sessions::forget as forget_sessions;
pub use web::{Me, routes};
