//! The token that gives access to an order without an account. The database holds its hash, for
//! comparison, and the sealed token, for links in messages. Owns all SQL of these two columns,
//! except for the insert of a new order.

use shared::{id::OrderId, order::Order};
use sqlx::AnyConnection;

use crate::{
    db::{self, Tx},
    platform::Platform,
    seal::{SealError, Sealer},
    secret::{self, TOKEN_LENGTH},
};

use super::{Error, store::StoredOrder};

/// Orders per batch.
const BATCH: i64 = 500;

/// An order token as stored in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredToken {
    pub(super) hash: String,
    pub(super) sealed: Option<String>,
}

fn context(order: OrderId) -> String {
    format!("orders/{order}")
}

impl StoredToken {
    /// Hashes and seals a token.
    pub(super) fn new(sealer: &Sealer, order: OrderId, token: &str) -> Result<Self, db::Error> {
        let sealed = sealer.seal(&context(order), token.as_bytes());
        let sealed = sealed.map_err(|error| db::Error::Encode(error.into()))?;
        Ok(Self {
            hash: secret::hash(token),
            sealed: Some(sealed),
        })
    }

    /// Whether the token matches. Comparing hashes leaks nothing through timing.
    pub(super) fn is(&self, token: &str) -> bool {
        self.hash == secret::hash(token)
    }

    fn open(&self, sealer: &Sealer, order: OrderId) -> Result<String, SealError> {
        let sealed = self.sealed.as_deref().ok_or(SealError::Format)?;
        let token = sealer.open(&context(order), sealed)?;
        String::from_utf8(token).map_err(|_| SealError::Format)
    }
}

/// The public order with its token, for its buyer. If the token cannot be unsealed because its key
/// is gone, the order comes without one.
pub(super) fn with_token(platform: &Platform, stored: StoredOrder) -> Order {
    let mut order = stored.order;
    match stored.token.open(&platform.sealer, stored.id) {
        Ok(token) => order.token = token,
        Err(error) => {
            let number = &order.number;
            tracing::error!(order.number = number, error = %error, "the token of an order cannot be unsealed");
        }
    }
    order
}

/// Hashes and seals tokens that were written by an older version or with an older key, for the
/// orders after this id. Returns the last id of the batch.
pub async fn protect_tokens(platform: &Platform, after: i64) -> Result<Option<i64>, Error> {
    let mut tx = platform.db.write().await?;
    let rows = tokens_after(tx.conn(), after, BATCH).await?;
    for (order, stored) in &rows {
        let stale = |it: &String| !platform.sealer.is_current(it);
        let token = if stored.hash.len() == TOKEN_LENGTH {
            stored.hash.clone()
        } else if stored.sealed.as_ref().is_some_and(stale) {
            match stored.open(&platform.sealer, *order) {
                Ok(token) => token,
                Err(_) => continue,
            }
        } else {
            continue;
        };
        let protected = StoredToken::new(&platform.sealer, *order, &token)?;
        set_token(&mut tx, *order, &protected).await?;
    }
    tx.commit().await?;
    Ok(rows.last().map(|(order, _)| order.get()))
}

/// Lists the stored tokens of orders after this id.
async fn tokens_after(
    conn: &mut AnyConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<(OrderId, StoredToken)>, db::Error> {
    let statement = "
        select id, token, token_sealed
          from orders
         where id > ?
         order by id
         limit ?";
    let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(statement)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(id, hash, sealed)| (OrderId::new(id), StoredToken { hash, sealed }))
        .collect())
}

/// Updates the stored token of an order.
async fn set_token(tx: &mut Tx, order: OrderId, token: &StoredToken) -> Result<(), db::Error> {
    let statement = "
        update orders
           set token = ?, token_sealed = ?
         where id = ?";
    sqlx::query(statement)
        .bind(&token.hash)
        .bind(&token.sealed)
        .bind(order.get())
        .execute(tx.conn())
        .await?;
    Ok(())
}
