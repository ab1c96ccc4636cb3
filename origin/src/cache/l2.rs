//! The second level of the response cache: origins share cached responses through Redis. An entry
//! carries its version, so it is validated like one in memory, and is never replaced by an older
//! one. It is authenticated, so that access to Redis alone does not allow anybody to plant a page.
//! Without Redis, or while it does not respond, each origin generates its own responses.
//!
//! A value is the version in 20 digits, then an authentication code of the key and the rest, then
//! (compressed) a line of JSON and the body.

use std::sync::Arc;

use ::redis::{AsyncCommands as _, Script};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use shared::time::Timestamp;

use crate::{redis_client::RedisClient, signer::Signer, telemetry::L2Outcome};

use super::{CachedResponse, Coding, EntryMetadata, Representation};

/// The digits of a version, and the bytes of the authentication code.
const VERSION_DIGITS: usize = 20;
const SEAL_BYTES: usize = 32;
/// The largest compressed value, and the largest entry in it. Larger ones are seldom requested.
const VALUE_MAX: usize = 1024 * 1024;
const ENTRY_MAX: usize = 8 * VALUE_MAX;
/// A fast level: entries are read more often than written, and the network is near.
const ZSTD_LEVEL: i32 = 3;

/// Stores `ARGV[1]` for `ARGV[3]` milliseconds, unless a version later than `ARGV[2]` is stored.
const PUT: &str = "
if redis.call('getrange', KEYS[1], 0, 19) > ARGV[2] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[3])
return 1";

/// The cached responses in Redis.
#[derive(Debug)]
pub struct L2 {
    redis: Arc<RedisClient>,
    put_script: Script,
    /// The build hash. Origins with another program or other settings generate other responses.
    build: String,
    /// Signs entries, so that nobody else who writes into Redis can forge one.
    signer: Arc<Signer>,
}

/// The stored metadata of an entry.
#[derive(Serialize, Deserialize)]
struct EntryHead {
    status: u16,
    made_at_ms: i64,
    lifetime_ms: i64,
    tags: Vec<String>,
    fields: Vec<(String, String)>,
}

impl L2 {
    /// The cache in this Redis, for responses of this build.
    pub fn new(redis: Arc<RedisClient>, build: String, signer: Arc<Signer>) -> Self {
        Self {
            redis,
            put_script: Script::new(PUT),
            build,
            signer,
        }
    }

    /// Finds an entry that is not due for a refresh, in the cache of the shop with this id.
    pub async fn find(
        &self,
        shop: i64,
        key: &str,
        now: Timestamp,
    ) -> (L2Outcome, Option<CachedResponse>) {
        let key = self.key(shop, key);
        let reply = self
            .redis
            .query(async |connection| connection.get::<_, Option<Vec<u8>>>(&key).await)
            .await;
        let Some(value) = reply else {
            return (L2Outcome::Unanswered, None);
        };
        let cached = value.and_then(|value| decode(&self.signer, &key, &value));
        match cached.filter(|cached| cached.is_before_refresh_ahead(now)) {
            Some(cached) => (L2Outcome::Hit, Some(cached)),
            None => (L2Outcome::Miss, None),
        }
    }

    /// Stores an entry for the other origins.
    pub async fn put(&self, shop: i64, key: &str, cached: &CachedResponse, now: Timestamp) {
        // A 404 is cheap to generate, and clients could fill Redis with them.
        if cached.status() != StatusCode::OK {
            return;
        }
        let (key, remaining_ms) = (self.key(shop, key), cached.remaining_ms(now));
        let (Some(value), true) = (encode(&self.signer, &key, cached), remaining_ms > 0) else {
            return;
        };
        let mut call = self.put_script.key(key);
        call.arg(value)
            .arg(version_digits(cached.version()))
            .arg(remaining_ms);
        self.redis
            .query(async |connection| call.invoke_async::<i64>(connection).await)
            .await;
    }

    /// Whether Redis is in use: its breaker is closed.
    pub fn is_available(&self) -> bool {
        self.redis.is_available()
    }

    /// The key in Redis. It contains the shop and the build.
    fn key(&self, shop: i64, key: &str) -> String {
        format!("mallard:{shop:x}:answer:{}:{key}", self.build)
    }
}

/// A version in a fixed width, so that versions compare as texts.
fn version_digits(it: u64) -> String {
    format!("{it:0VERSION_DIGITS$}")
}

fn encode(signer: &Signer, key: &str, cached: &CachedResponse) -> Option<Vec<u8>> {
    let metadata = cached.metadata();
    let (fields, body) = cached.plain().parts();
    let fields = fields.iter().map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let head = EntryHead {
        status: cached.status().as_u16(),
        made_at_ms: metadata.created_at.as_millis(),
        lifetime_ms: metadata.lifetime_ms,
        tags: metadata.tags.iter().map(ToString::to_string).collect(),
        fields: fields.collect::<Option<_>>()?,
    };
    let mut text = serde_json::to_vec(&head).ok()?;
    text.push(b'\n');
    text.extend_from_slice(body);
    let text = zstd::bulk::compress(&text, ZSTD_LEVEL).ok()?;
    let number = version_digits(metadata.version);
    let seal = signer.seal(&[key.as_bytes(), number.as_bytes(), &text]);
    let value = [number.as_bytes(), &seal, &text].concat();
    (value.len() <= VALUE_MAX).then_some(value)
}

/// Decodes a value; none unless an origin of this shop has stored it under this key.
fn decode(signer: &Signer, key: &str, value: &[u8]) -> Option<CachedResponse> {
    let (digits, rest) = value.split_at_checked(VERSION_DIGITS)?;
    let (seal, text) = rest.split_at_checked(SEAL_BYTES)?;
    if !signer.has_sealed(&[key.as_bytes(), digits, text], seal.try_into().ok()?) {
        return None;
    }
    let length = zstd::zstd_safe::get_frame_content_size(text).ok()??;
    let length = usize::try_from(length).ok().filter(|it| *it <= ENTRY_MAX)?;
    let text = zstd::bulk::decompress(text, length).ok()?;
    let end = text.iter().position(|it| *it == b'\n')?;
    let head: EntryHead = serde_json::from_slice(&text[..end]).ok()?;
    let mut fields = HeaderMap::with_capacity(head.fields.len());
    for (name, value) in &head.fields {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        fields.append(name, HeaderValue::from_str(value).ok()?);
    }
    let tags = head.tags.iter().map(|tag| tag.parse().ok());
    let metadata = EntryMetadata {
        tags: tags.collect::<Option<_>>()?,
        version: str::from_utf8(digits).ok()?.parse().ok()?,
        created_at: Timestamp::from_millis(head.made_at_ms),
        lifetime_ms: head.lifetime_ms,
    };
    let status = StatusCode::from_u16(head.status).ok()?;
    let body = Bytes::from(text).slice(end + 1..);
    Some(CachedResponse::new(
        status,
        Representation::from_parts(Coding::Identity, fields, body),
        metadata,
    ))
}

#[cfg(test)]
mod tests {
    use http::header;
    use proptest::prelude::*;
    use shared::cache::Tag;

    use super::*;

    fn cached(body: impl Into<Bytes>) -> CachedResponse {
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        fields.append(header::VARY, HeaderValue::from_static("Origin"));
        let metadata = EntryMetadata {
            tags: vec![Tag::Home, Tag::Product(7)],
            version: 41,
            created_at: Timestamp::from_millis(1_700_000_000_000),
            lifetime_ms: 60_000,
        };
        let plain = Representation::identity(fields, body.into(), true);
        CachedResponse::new(StatusCode::OK, plain, metadata)
    }

    const KEY: &str = "mallard:7:answer:0:/p/tea";

    fn signer() -> Signer {
        Signer::new(&format!("test:{}", "A".repeat(43))).unwrap()
    }

    #[test]
    fn an_entry_survives_a_round_trip() {
        let cached = cached("<p>\nquack</p>");
        let back = decode(&signer(), KEY, &encode(&signer(), KEY, &cached).unwrap()).unwrap();
        assert_eq!(back.plain().parts(), cached.plain().parts());
        assert_eq!(back.status(), cached.status());
        assert_eq!(
            format!("{:?}", back.metadata()),
            format!("{:?}", cached.metadata())
        );
    }

    #[test]
    fn oversized_truncated_and_foreign_values_are_rejected() {
        let mut noise = vec![0; VALUE_MAX];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert!(encode(&signer(), KEY, &cached(noise)).is_none());
        let value = encode(&signer(), KEY, &cached("quack")).unwrap();
        for length in 0..value.len() {
            assert!(
                decode(&signer(), KEY, &value[..length]).is_none(),
                "{length}"
            );
        }
        assert!(decode(&signer(), "mallard:7:answer:0:/p/cup", &value).is_none());
        let other = Signer::new(&format!("test:{}A", "B".repeat(42))).unwrap();
        assert!(decode(&other, KEY, &value).is_none());
    }

    #[test]
    fn versions_sort_as_texts() {
        assert!(
            version_digits(9) < version_digits(10) && version_digits(10) < version_digits(u64::MAX)
        );
        assert_eq!(version_digits(u64::MAX).len(), VERSION_DIGITS);
    }

    proptest! {
        /// Damaged or manipulated values are rejected.
        #[test]
        fn a_changed_byte_is_detected(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let whole = encode(&signer(), KEY, &cached("quack ".repeat(40))).unwrap();
            let mut value = whole.clone();
            *at.get_mut(&mut value) = byte;
            prop_assert_eq!(decode(&signer(), KEY, &value).is_some(), value == whole);
        }
    }
}
