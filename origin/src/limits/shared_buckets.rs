//! Buckets that origins share through Redis. The script decides as `Rule::decide` does, in one
//! atomic step.

use std::sync::Arc;

use ::redis::Script;

use crate::redis_client::RedisClient;

use super::{Rule, Verdict};

/// `KEYS[1]` is the time at which the bucket is full again. Lua's numbers are exact at this size.
const TAKE: &str = "
local now, share, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = tonumber(redis.call('get', KEYS[1]) or '0')
if full_at < now then full_at = now end
if full_at + share - now <= window then
  redis.call('set', KEYS[1], string.format('%.0f', full_at + share), 'px', math.ceil(window / 1000))
end
return string.format('%.0f', full_at)";

/// The buckets in Redis.
#[derive(Debug)]
pub(super) struct SharedBuckets {
    redis: Arc<RedisClient>,
    take: Script,
}

impl SharedBuckets {
    pub(super) fn new(redis: Arc<RedisClient>) -> Self {
        Self {
            redis,
            take: Script::new(TAKE),
        }
    }

    /// Takes one request out of a bucket; none while Redis does not respond.
    pub(super) async fn take(&self, rule: Rule, bucket: [u8; 16], now_us: i64) -> Option<Verdict> {
        let key = [b"mallard:limit:".as_slice(), &bucket].concat();
        let mut call = self.take.key(&key[..]);
        call.arg(now_us).arg(rule.cost_us()).arg(rule.window_us());
        // The time at which the bucket was full before this request.
        let full_at: String = self
            .redis
            .query(async |connection| call.invoke_async(connection).await)
            .await?;
        Some(rule.decide(full_at.parse().unwrap_or(now_us), now_us).0)
    }
}
