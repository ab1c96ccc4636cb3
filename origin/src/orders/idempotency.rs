//! Requests that a client may repeat (the IETF draft `Idempotency-Key`): the first answer is kept with
//! what it answered, and given again.

use std::collections::HashMap;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use shared::time::Timestamp;
use sqlx::Row as _;

use crate::{
    db::{self, Db, Rows, Tx},
    seal::Sealer,
};

use super::Error;

/// How long an answer is kept.
const RETENTION_MS: i64 = 24 * 60 * 60 * 1_000;

/// The longest key.
const KEY_MAX: usize = 255;

/// The status of an answer that is not there yet.
pub const IN_FLIGHT: u16 = 0;

/// A request's key, with what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// What the key belongs to: keys of different carts are different keys.
    pub scope: String,
    /// What the client calls it.
    pub key: String,
    /// The hash of what is asked for.
    pub fingerprint: String,
}

/// A kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The fingerprint of what it answered.
    pub fingerprint: String,
    /// The status.
    pub status: u16,
    /// The body, as it was sent.
    pub body: String,
}

impl IdempotencyKey {
    /// The key of a request, if it has one. The header is a structured string (RFC 9651); a bare
    /// word is taken too, as most clients send one.
    pub fn from_headers(
        headers: &HeaderMap,
        scope: &str,
        request: &[u8],
    ) -> Result<Option<Self>, Error> {
        let Some(value) = headers.get("idempotency-key") else {
            return Ok(None);
        };
        let text = value.to_str().map_err(|_| Error::KeyMalformed)?.trim();
        let key = text
            .strip_prefix('"')
            .and_then(|it| it.strip_suffix('"'))
            .unwrap_or(text);
        let printable = key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if key.is_empty() || key.len() > KEY_MAX || !printable {
            return Err(Error::KeyMalformed);
        }
        Ok(Some(Self {
            scope: scope.to_owned(),
            key: key.to_owned(),
            fingerprint: fingerprint(request),
        }))
    }

    /// The key of a form: what was written into it when it was shown.
    pub fn new<T: Serialize>(scope: &str, key: &str, request: &T) -> Result<Self, Error> {
        let printable = key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if key.is_empty() || key.len() > KEY_MAX || !printable {
            return Err(Error::KeyMalformed);
        }
        let request = serde_json::to_vec(request)?;
        Ok(Self {
            scope: scope.to_owned(),
            key: key.to_owned(),
            fingerprint: fingerprint(&request),
        })
    }

    /// The key of a request that must have one.
    pub fn required<T: Serialize>(
        headers: &HeaderMap,
        scope: &str,
        request: &T,
    ) -> Result<Self, Error> {
        let request = serde_json::to_vec(request)?;
        Self::from_headers(headers, scope, &request)?.ok_or(Error::KeyMissing)
    }
}

fn fingerprint(request: &[u8]) -> String {
    blake3::hash(request).to_hex()[..32].to_owned()
}

fn context(key: &IdempotencyKey) -> String {
    format!("idempotency/{}/{}", key.scope, key.key)
}

/// An order as an answer, as it is kept: its number is in clear, so that the answers about an order are
/// found when its buyer is erased.
#[derive(Serialize, Deserialize)]
struct SealedOrder {
    number: String,
    sealed: String,
}

/// The answer about an order, which holds its buyer's address and token, as it is kept.
pub(super) fn seal_body(
    sealer: &Sealer,
    key: &IdempotencyKey,
    body: &str,
) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Numbered {
        number: String,
    }
    let Numbered { number } = serde_json::from_str(body)?;
    let sealed = sealer.seal(&context(key), body.as_bytes());
    let sealed = sealed.map_err(|error| db::Error::Encode(error.into()))?;
    Ok(serde_json::to_string(&SealedOrder { number, sealed })?)
}

/// An answer of [`seal_body`]. For a day after an update there are some that were kept in clear.
pub(super) fn open_body(
    sealer: &Sealer,
    key: &IdempotencyKey,
    kept: &str,
) -> Result<String, Error> {
    let Ok(SealedOrder { sealed, .. }) = serde_json::from_str(kept) else {
        return Ok(kept.to_owned());
    };
    let opened = sealer.open(&context(key), &sealed);
    let opened = opened.map_err(|error| db::Error::Decode(error.into()))?;
    let body = String::from_utf8(opened).map_err(|error| db::Error::Decode(error.into()));
    Ok(body?)
}

/// The kept answers to these keys.
pub(super) async fn find(
    tx: &mut Tx,
    keys: &[&IdempotencyKey],
) -> Result<HashMap<(String, String), StoredResponse>, db::Error> {
    let mut found = HashMap::new();
    for chunk in keys.chunks(Rows::MAX) {
        let head = "
            select scope, idempotency_key, fingerprint, status, body
              from idempotency
             where idempotency_key in ";
        let mut query = Rows::among(head, chunk.iter().map(|key| key.key.clone()));
        let rows = query.build().fetch_all(tx.conn()).await?;
        for row in &rows {
            let status: i64 = row.try_get("status")?;
            let answer = StoredResponse {
                fingerprint: row.try_get("fingerprint")?,
                status: u16::try_from(status).unwrap_or(500),
                body: row.try_get("body")?,
            };
            found.insert((row.try_get(0)?, row.try_get(1)?), answer);
        }
    }
    // A key of another scope is another key.
    found.retain(|(scope, name), _| keys.iter().any(|it| it.scope == *scope && it.key == *name));
    Ok(found)
}

/// Keeps answers.
pub(super) async fn save(
    tx: &mut Tx,
    now: Timestamp,
    answers: &[(&IdempotencyKey, u16, String)],
) -> Result<(), db::Error> {
    let head = "
        insert into idempotency (scope, idempotency_key, fingerprint, status, body, created_at) ";
    Rows::insert(head)
        .write(tx, answers, |mut row, (key, status, body)| {
            row.push_bind(key.scope.clone())
                .push_bind(key.key.clone())
                .push_bind(key.fingerprint.clone())
                .push_bind(i64::from(*status))
                .push_bind(body.clone())
                .push_bind(now.as_millis());
        })
        .await
}

/// Begins to answer a request: nothing when it is new, and what is known of its answer when it is
/// not. `about` finds the answer should this process end before it is kept.
pub async fn begin(
    tx: &mut Tx,
    now: Timestamp,
    key: &IdempotencyKey,
    about: &str,
) -> Result<Option<StoredResponse>, Error> {
    let known = find(tx, &[key]).await?;
    match known.into_values().next() {
        Some(answer) if answer.fingerprint != key.fingerprint => Err(Error::KeyMismatch),
        Some(answer) => Ok(Some(answer)),
        None => {
            save(tx, now, &[(key, IN_FLIGHT, about.to_owned())]).await?;
            Ok(None)
        }
    }
}

/// Ends answering a request.
pub async fn end(
    tx: &mut Tx,
    key: &IdempotencyKey,
    status: u16,
    body: &str,
) -> Result<(), db::Error> {
    let statement = "
        update idempotency
           set status = ?, body = ?
         where scope = ?
           and idempotency_key = ?";
    sqlx::query(statement)
        .bind(i64::from(status))
        .bind(body)
        .bind(&key.scope)
        .bind(&key.key)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets the kept answers that show this order. A request that is repeated finds the order itself.
pub(super) async fn delete_for_order(tx: &mut Tx, number: &str) -> Result<(), db::Error> {
    let statement = "
        delete from idempotency
         where body like ?";
    sqlx::query(statement)
        .bind(format!("%\"number\":\"{number}\"%"))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets the answers that were kept long enough.
pub async fn delete_expired_keys(db: &Db, now: Timestamp) -> Result<u64, db::Error> {
    let mut tx = db.write().await?;
    let statement = "
        delete from idempotency
         where created_at < ?";
    let done = sqlx::query(statement)
        .bind(now.as_millis() - RETENTION_MS)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A key is what a client sent, without its quotes, or it is refused.
        #[test]
        fn a_key_is_read_whatever_it_is(text in prop_oneof!["[ -~]{0,300}", "\\PC{0,40}"]) {
            let mut headers = HeaderMap::new();
            let Ok(value) = http::HeaderValue::from_bytes(text.as_bytes()) else { return Ok(()) };
            headers.insert("idempotency-key", value);
            match IdempotencyKey::from_headers(&headers, "scope", b"asked") {
                Ok(Some(key)) => {
                    prop_assert!((1..=255).contains(&key.key.len()));
                    prop_assert!(text.contains(&key.key));
                }
                Ok(None) => prop_assert!(false, "there was a key"),
                Err(error) => prop_assert!(matches!(error, Error::KeyMalformed)),
            }
        }
    }
}
