//! Accounts: authentication, sessions, tokens, rights and address books. Owns `users`,
//! `user_addresses`, `sessions`, `known_devices`, `second_factors`, `recovery_codes`,
//! `account_links`, `user_carts`, `api_keys`, `token_families` and `refresh_tokens`.
//!
//! Invariants: secrets of clients (session, device and refresh tokens, keys, links, recovery codes)
//! are stored as hashes; neither a response nor its duration reveals whether an email address has
//! an account; an account exists once its address is verified, not before; changing a password or a
//! role ends every session.

mod addresses;
mod audit_log;
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
mod principal;
mod register;
mod reset;
mod second_factor;
mod session_cache;
mod sessions;
mod state;
mod store;
mod tokens;
mod users;
mod web;

pub use addresses::book as address_book;
pub use carts::{find as find_cart, open as open_cart};
pub use command::{UserArgs, run_user_command, set_role_by_command};
pub use devices::known_device;
pub use erase::{erase, export};
pub use error::Error;
pub use login::account;
pub use model::{Device, Person};
pub use pages::ask_to_sign_in;
pub use password::{Hasher, PasswordClient};
pub use principal::{
    AuthorizationError, CatalogueRight, CustomersRight, OrdersRight, Principal, RequireOwner,
    RequireReauthenticatedOwner, RequireReauthenticatedRight, RequireRight, RequireSignIn,
    SettingsRight, StockRight,
};
pub use register::{LinkMessage, account_mail};
pub use state::{Accounts, AccountsState};
pub use web::{has_session_cookie, routes};

use shared::{account::Session, id::UserId, time::Timestamp};
use sqlx::AnyConnection;

use crate::{
    db::{self, Db, Tx},
    platform::Platform,
};

/// Ends every session and token family of an account, and replaces the token of its cart.
async fn end_all(platform: &Platform, tx: &mut Tx, user: UserId) -> Result<(), Error> {
    // The row lock makes a concurrent sign-in wait; otherwise its session could be deleted here and
    // still be cached.
    store::lock(tx, user).await?;
    sessions::end_all(platform, tx, user).await?;
    tokens::end_all(tx, user).await?;
    Ok(carts::replace_token(platform, tx, user).await?)
}

/// The sessions and token families of a person, the most recently used first.
async fn list_sessions(
    conn: &mut AnyConnection,
    person: &Person,
    now: Timestamp,
) -> Result<Vec<Session>, db::Error> {
    let mut all = sessions::list(conn, person.user, person.session(), now).await?;
    all.extend(tokens::list(conn, person, now).await?);
    all.sort_by_key(|it| std::cmp::Reverse((it.seen_at, it.id)));
    Ok(all)
}

/// Deletes expired sessions, links, device tokens and refresh tokens.
pub async fn delete_expired(db: &Db, now: Timestamp) -> Result<(), db::Error> {
    sessions::delete_expired(db, now).await?;
    devices::delete_expired(db, now).await?;
    tokens::delete_expired(db, now).await
}
