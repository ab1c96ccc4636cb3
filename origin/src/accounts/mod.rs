//! Accounts: who somebody is, how they prove it, and what is theirs. Owns `users`, `user_addresses`,
//! `sessions`, `known_devices`, `second_factors`, `recovery_codes`, `account_links`, `user_carts`,
//! `api_keys`, `token_families` and `refresh_tokens`.
//!
//! What must stay true: whatever opens something is kept as its hash; nobody learns from an answer,
//! or from how long it takes, whether there is an account with some address; an account is there once
//! its address was proved, and not before; whoever changes a password or a role ends every session.

mod addresses;
mod caller;
mod carts;
mod command;
mod devices;
mod erase;
mod error;
mod keys;
mod links;
mod login;
mod model;
mod pages;
mod password;
mod register;
mod remembered;
mod reset;
mod second_factor;
mod sessions;
mod signer;
mod store;
mod tokens;
mod users;
mod web;

pub use addresses::book as address_book;
pub use caller::{
    Actor, Caller, Catalogue, Customers, Denied, May, MayNow, Me, Orders, Owner, OwnerNow,
    Settings, Stock,
};
pub use carts::{find as find_cart, open as open_cart};
pub use command::{UserArgs, set_role_by_command, user};
pub use devices::known_device;
pub use erase::{erase, export};
pub use error::Error;
pub use login::account;
pub use model::{Device, Person};
pub use pages::ask_to_sign_in;
pub use password::{Asker, Hasher};
pub use register::{LinkMessage, letter_for};
pub use signer::Signer;
pub use web::{names_session, routes};

use shared::{account::Session, id::UserId, time::Timestamp};
use sqlx::AnyConnection;

use crate::{
    app::App,
    db::{self, Db, Tx},
};

/// Ends whatever somebody has in their browsers and programs: sessions, tokens, and the name of the cart.
async fn end_all(app: &App, tx: &mut Tx, user: UserId) -> Result<(), Error> {
    // Whoever signs in meanwhile waits, or their session would be ended and remembered.
    store::lock(tx, user).await?;
    sessions::end_all(app, tx, user).await?;
    tokens::end_all(tx, user).await?;
    Ok(carts::rename(app, tx, user).await?)
}

/// The browsers and programs that somebody is signed in with, the last used one first.
async fn signed_in(
    conn: &mut AnyConnection,
    person: &Person,
    now: Timestamp,
) -> Result<Vec<Session>, db::Error> {
    let mut all = sessions::list(conn, person.user, person.session(), now).await?;
    all.extend(tokens::list(conn, person, now).await?);
    all.sort_by_key(|it| std::cmp::Reverse((it.seen_at, it.id)));
    Ok(all)
}

/// Forgets sessions, links, known browsers and tokens whose time is over.
pub async fn forget(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    sessions::forget(db, now).await?;
    devices::forget(db, now).await?;
    tokens::forget(db, now).await
}
