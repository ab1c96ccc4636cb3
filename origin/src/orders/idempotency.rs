//! Idempotent requests (IETF draft "The Idempotency-Key HTTP Header Field"): the response to the
//! first request is stored with its key and replayed for repeated ones.

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

/// How long a response is stored.
const RETENTION_MS: i64 = 24 * 60 * 60 * 1_000;

/// The maximum length of a key.
const KEY_MAX: usize = 255;

/// The stored status of a request that is still in progress.
pub const IN_FLIGHT: u16 = 0;

/// An idempotency key, with a fingerprint of the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The scope of the key: the same key in another scope is another key.
    pub scope: String,
    /// The key, as the client sent it.
    pub key: String,
    /// A hash of the request body.
    pub fingerprint: String,
}

/// A stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The fingerprint of the request that it answered.
    pub fingerprint: String,
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl IdempotencyKey {
    /// Parses the `Idempotency-Key` header, if there is one. The draft wants a structured string
    /// (RFC 9651); a bare token is accepted too, because most clients send one.
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

    /// The key of an HTML form, which was written into the form when it was rendered.
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

    /// Parses the key of a request that must have one.
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

/// A stored response with an order. The number is in clear, so that the responses with an order are
/// found when its buyer is erased.
#[derive(Serialize, Deserialize)]
struct SealedOrder {
    number: String,
    sealed: String,
}

/// Seals a response with an order, because it contains the buyer's address and the order's token.
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

/// Opens a body of [`seal_body`]. Rows of an older version are in clear.
pub(super) fn open_body(
    sealer: &Sealer,
    key: &IdempotencyKey,
    stored: &str,
) -> Result<String, Error> {
    let Ok(SealedOrder { sealed, .. }) = serde_json::from_str(stored) else {
        return Ok(stored.to_owned());
    };
    let opened = sealer.open(&context(key), &sealed);
    let opened = opened.map_err(|error| db::Error::Decode(error.into()))?;
    let body = String::from_utf8(opened).map_err(|error| db::Error::Decode(error.into()));
    Ok(body?)
}

/// Finds the stored responses of these keys.
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
    // The query matches keys of every scope.
    found.retain(|(scope, name), _| keys.iter().any(|it| it.scope == *scope && it.key == *name));
    Ok(found)
}

/// Stores responses.
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

/// Begins a request: returns `None` if the key is new, otherwise what is stored. `about` is stored
/// as the body meanwhile, so that the result is found if this process ends before it stores a
/// response.
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

/// Stores the response of a request that was begun.
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

/// Deletes the stored responses that contain this order. Repeated requests then find the order
/// itself.
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

/// Deletes responses that are older than the retention time.
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
        /// A key is parsed as the client sent it, without its quotes, or refused.
        #[test]
        fn a_key_is_parsed_or_refused(text in prop_oneof!["[ -~]{0,300}", "\\PC{0,40}"]) {
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
