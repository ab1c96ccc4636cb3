//! Tokens of carts. The database holds their hashes; tokens of account carts are also sealed, so
//! that every browser of the account finds the same cart.

use shared::id::CartId;
use sqlx::AnyConnection;

use crate::{
    db,
    platform::Platform,
    seal::{SealError, Sealer},
    secret::{self, TOKEN_LENGTH},
};

use super::store;

/// Carts per batch.
const BATCH: i64 = 500;

fn context(cart: CartId) -> String {
    format!("carts/{cart}")
}

/// Seals the token of a cart.
pub(super) fn seal(sealer: &Sealer, cart: CartId, token: &str) -> Result<String, db::Error> {
    let sealed = sealer.seal(&context(cart), token.as_bytes());
    sealed.map_err(|error| db::Error::Encode(error.into()))
}

fn open(sealer: &Sealer, cart: CartId, sealed: &str) -> Result<String, SealError> {
    let token = sealer.open(&context(cart), sealed)?;
    String::from_utf8(token).map_err(|_| SealError::Format)
}

/// Unseals the token of an account's cart that has not become an order. If its key is gone, there
/// is none, and the account gets a new cart.
pub async fn open_token(
    platform: &Platform,
    conn: &mut AnyConnection,
    cart: CartId,
) -> Result<Option<String>, db::Error> {
    let Some(sealed) = store::sealed_token(conn, cart).await? else {
        return Ok(None);
    };
    match open(&platform.sealer, cart, &sealed) {
        Ok(token) => Ok(Some(token)),
        Err(error) => {
            tracing::error!(cart.id = cart.get(), error = %error, "the token of a cart cannot be unsealed");
            Ok(None)
        }
    }
}

/// Hashes and seals tokens that were written by an older version or with an older key, for the
/// carts after this id. Returns the last id of the batch.
pub async fn protect_tokens(platform: &Platform, after: i64) -> Result<Option<i64>, db::Error> {
    let mut tx = platform.db.write().await?;
    let rows = store::tokens_after(tx.conn(), after, BATCH).await?;
    for row in &rows {
        let cart = CartId::new(row.id);
        let in_clear = row.token.len() == TOKEN_LENGTH;
        let stale = |sealed: &&String| !platform.sealer.is_current(sealed);
        let token = match row.sealed.as_ref().filter(stale) {
            _ if in_clear => row.token.clone(),
            Some(sealed) => match open(&platform.sealer, cart, sealed) {
                Ok(token) => token,
                Err(_) => continue,
            },
            None => continue,
        };
        let sealed = row.is_owned.then(|| seal(&platform.sealer, cart, &token));
        let protected = (secret::hash(&token), sealed.transpose()?);
        store::set_token(&mut tx, cart, protected).await?;
    }
    tx.commit().await?;
    Ok(rows.last().map(|it| it.id))
}
