//! Buckets that origins share over Redis. Whoever decides there decides as `Rule::decide` does, in one
//! step. It is asked with a time limit; when it does not answer it is left alone for a moment.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use redis::{
    Client, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use super::{Rule, Verdict};

/// How long Redis is left alone after it has not answered.
const REST_US: i64 = 1_000_000;

/// `KEYS[1]` holds when the bucket is full again. Numbers of this size are exact in Lua.
const TAKE: &str = "
local now, share, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = tonumber(redis.call('get', KEYS[1]) or '0')
if full_at < now then full_at = now end
if full_at + share - now <= window then
  redis.call('set', KEYS[1], string.format('%.0f', full_at + share), 'px', math.ceil(window / 1000))
end
return string.format('%.0f', full_at)";

/// A Redis that several origins use.
pub(super) struct Shared {
    connection: ConnectionManager,
    take: Script,
    timeout: Duration,
    resting_until_us: AtomicI64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared { .. }")
    }
}

impl Shared {
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, String> {
        // The address may hold a password, so the error does not repeat it.
        let wrong = |error| format!("the Redis address: {error}");
        let client = Client::open(url).map_err(wrong)?;
        // It connects when it is asked first. Who does not wait for that leaves it to go on.
        let config = ConnectionManagerConfig::new().set_number_of_retries(1);
        let connection = ConnectionManager::new_lazy_with_config(client, config);
        Ok(Self {
            connection: connection.map_err(wrong)?,
            take: Script::new(TAKE),
            timeout,
            resting_until_us: AtomicI64::new(i64::MIN),
        })
    }

    /// Takes one request out of a bucket; nothing while Redis does not answer.
    pub(super) async fn take(&self, rule: Rule, bucket: [u8; 16], now_us: i64) -> Option<Verdict> {
        if now_us < self.resting_until_us.load(Ordering::Relaxed) {
            return None;
        }
        match tokio::time::timeout(self.timeout, self.ask(rule, bucket, now_us)).await {
            Ok(Ok(full_at)) => Some(rule.decide(full_at, now_us).0),
            failed => {
                self.resting_until_us
                    .store(now_us + REST_US, Ordering::Relaxed);
                let why = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "time limit".to_owned(),
                };
                tracing::warn!(
                    error = why,
                    "Redis does not answer: limits are this origin's own"
                );
                None
            }
        }
    }

    /// When the bucket was full again before this request.
    async fn ask(
        &self,
        rule: Rule,
        bucket: [u8; 16],
        now_us: i64,
    ) -> Result<i64, redis::RedisError> {
        let mut connection = self.connection.clone();
        let mut call = self
            .take
            .key(&[b"mallard:limit:".as_slice(), &bucket].concat()[..]);
        call.arg(now_us).arg(rule.share_us()).arg(rule.window_us());
        let full_at: String = call.invoke_async(&mut connection).await?;
        Ok(full_at.parse().unwrap_or(now_us))
    }
}
