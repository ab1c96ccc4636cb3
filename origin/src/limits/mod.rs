//! Rate limits. Each rule and subject has a bucket that refills evenly (GCRA, ITU-T I.371). Its
//! state is one number: the time at which it is full again. Origins share buckets through Redis.
//! Without Redis, or while it does not respond, each origin has its own buckets, so a client gets
//! at most its quota from each origin.

mod concurrency;
mod network;
mod network_limits;
mod shared_buckets;

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use shared::{
    problem::{Problem, ProblemKind},
    time::Timestamp,
};

use crate::redis_client::RedisClient;

pub use concurrency::{ConcurrencyLimit, ConcurrencyLimits, RequestPermit, WAIT_MAX};
pub use network::Network;
pub use network_limits::coupon_rule;

/// A rate limit: a quota of requests in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name in the response headers and the log.
    pub name: &'static str,
    /// Requests in a window; 0 is no limit.
    pub quota: u32,
    /// The length of the window.
    pub window: Duration,
}

/// The owner of a bucket. Each kind has its own key space, so that a key of one kind cannot drain a
/// bucket of another: an order number is whatever a client sends, for example the address of
/// another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSubject<'k> {
    /// One client's network: an IPv4 address, or an IPv6 /64.
    Network(&'k str),
    /// The networks of one site: an IPv4 /24, or an IPv6 /48.
    Site(&'k str),
    /// The networks of one provider: an IPv4 /16, or an IPv6 /32.
    Provider(&'k str),
    /// A browser that has signed in before, by the hash of its cookie.
    Device(&'k str),
    /// The account with this e-mail address, whether it exists or not.
    Account(&'k str),
    /// An account in one network: e-mail address and network.
    AccountIn(&'k str, &'k str),
    /// A recipient of mail, by address.
    Recipient(&'k str),
    /// A cart, by its token.
    Cart(&'k str),
    /// An order, by its number.
    Order(&'k str),
    /// The link of a message, by its token.
    Link(&'k str),
}

impl<'k> LimitSubject<'k> {
    /// The name of the kind, and the parts of the key.
    const fn parts(self) -> (&'static str, [&'k str; 2]) {
        match self {
            Self::Network(key) => ("network", [key, ""]),
            Self::Site(key) => ("site", [key, ""]),
            Self::Provider(key) => ("provider", [key, ""]),
            Self::Device(key) => ("device", [key, ""]),
            Self::Account(key) => ("account", [key, ""]),
            Self::AccountIn(key, network) => ("account-in", [key, network]),
            Self::Recipient(key) => ("recipient", [key, ""]),
            Self::Cart(key) => ("cart", [key, ""]),
            Self::Order(key) => ("order", [key, ""]),
            Self::Link(key) => ("link", [key, ""]),
        }
    }
}

/// The verdict of a rule on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request is within the limit.
    pub allowed: bool,
    /// How many more requests are allowed now.
    pub remaining: u32,
    /// When the bucket is full again.
    pub full_in: Duration,
    /// When to retry, if it is not allowed.
    pub retry_in: Duration,
}

/// The rate limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate limit exceeded")]
pub struct RateLimited {
    /// When to retry.
    pub retry_in: Duration,
}

impl From<RateLimited> for Problem {
    fn from(it: RateLimited) -> Self {
        Self::new(ProblemKind::TooManyRequests).retry_after(it.retry_in)
    }
}

impl Rule {
    /// So many requests a minute.
    pub const fn per_minute(name: &'static str, quota: u32) -> Self {
        Self {
            name,
            quota,
            window: Duration::from_secs(60),
        }
    }

    /// So many requests an hour.
    pub const fn per_hour(name: &'static str, quota: u32) -> Self {
        Self {
            name,
            quota,
            window: Duration::from_secs(60 * 60),
        }
    }

    /// So many requests a day.
    pub const fn per_day(name: &'static str, quota: u32) -> Self {
        Self {
            name,
            quota,
            window: Duration::from_secs(24 * 60 * 60),
        }
    }

    fn window_us(self) -> i64 {
        i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX)
    }

    /// The emission interval: the time in which one request refills.
    fn cost_us(self) -> i64 {
        self.window_us() / i64::from(self.quota.max(1))
    }

    /// Decides on a request by the time at which the bucket is full again, and returns the new
    /// time.
    fn decide(self, full_at_us: i64, now_us: i64) -> (Verdict, i64) {
        let (window, cost) = (self.window_us(), self.cost_us());
        let before = full_at_us.max(now_us);
        let after = before + cost;
        let allowed = after - now_us <= window;
        let full_at = if allowed { after } else { before };
        let left = window - (full_at - now_us);
        let micros = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or(0));
        let verdict = Verdict {
            allowed,
            remaining: u32::try_from(left / cost.max(1)).unwrap_or(0),
            full_in: micros(full_at - now_us),
            retry_in: micros(if allowed { 0 } else { after - now_us - window }),
        };
        (verdict, full_at)
    }
}

/// The buckets of this origin, and those that it shares.
#[derive(Debug)]
pub struct Limits {
    /// When each bucket is full again, in microseconds.
    local: Cache<[u8; 16], i64>,
    shared: Option<shared_buckets::SharedBuckets>,
}

/// The most buckets in memory, some 100 bytes each. The least used are dropped, and so count as
/// full.
const BUCKETS_MAX: usize = 100_000;

impl Limits {
    /// Limits whose buckets are shared through Redis, if given.
    pub fn new(redis: Option<Arc<RedisClient>>) -> Self {
        Self {
            local: Cache::new(BUCKETS_MAX),
            shared: redis.map(shared_buckets::SharedBuckets::new),
        }
    }

    /// Takes one request out of a bucket.
    pub async fn take(&self, rule: Rule, subject: LimitSubject<'_>, now: Timestamp) -> Verdict {
        if rule.quota == 0 {
            return Verdict {
                allowed: true,
                remaining: u32::MAX,
                full_in: Duration::ZERO,
                retry_in: Duration::ZERO,
            };
        }
        let bucket = bucket_key(rule, subject);
        let now_us = now.as_millis() * 1_000;
        let local = self.take_local(rule, bucket, now_us);
        match &self.shared {
            // The local bucket limits in any case.
            Some(shared) if local.allowed => {
                shared.take(rule, bucket, now_us).await.unwrap_or(local)
            }
            _ => local,
        }
    }

    /// Takes one request out of a bucket, or fails if the limit is exceeded.
    pub async fn check(
        &self,
        rule: Rule,
        subject: LimitSubject<'_>,
        now: Timestamp,
    ) -> Result<(), RateLimited> {
        let verdict = self.take(rule, subject, now).await;
        if verdict.allowed {
            return Ok(());
        }
        tracing::info!(limit = rule.name, "rate limit exceeded");
        Err(RateLimited {
            retry_in: verdict.retry_in,
        })
    }

    fn take_local(&self, rule: Rule, bucket: [u8; 16], now_us: i64) -> Verdict {
        let mut verdict = None;
        let mut decide = |full_at: i64| {
            let (decided, full_at) = rule.decide(full_at, now_us);
            verdict = Some(decided);
            full_at
        };
        // Read and write in one step, or two concurrent requests would count as one.
        let entry = self.local.entry(&bucket, None, |_, full_at| {
            *full_at = decide(*full_at);
            quick_cache::sync::EntryAction::Retain(())
        });
        if let quick_cache::sync::EntryResult::Vacant(guard) = entry {
            let _ = guard.insert(decide(i64::MIN));
        }
        verdict.unwrap_or_else(|| rule.decide(i64::MIN, now_us).0)
    }
}

/// The key of a bucket: a hash, so that memory and Redis contain no addresses in clear.
fn bucket_key(rule: Rule, subject: LimitSubject<'_>) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    let (kind, [one, two]) = subject.parts();
    for part in [rule.name, kind, one, two] {
        // Length-prefixed, so that different parts never hash the same bytes.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bucket = [0; 16];
    hasher.finalize_xof().fill(&mut bucket);
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Rule = Rule::per_minute("five", 5);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000)
    }

    fn limits() -> Limits {
        Limits::new(None)
    }

    const A: LimitSubject<'_> = LimitSubject::Network("a");
    const B: LimitSubject<'_> = LimitSubject::Network("b");

    /// Draining a bucket does not affect those of other kinds with the same key.
    #[tokio::test]
    async fn each_kind_of_subject_has_its_own_buckets() {
        let limits = limits();
        let once = Rule::per_minute("once", 1);
        let address = "192.0.2.1";
        for subject in [
            LimitSubject::Order(address),
            LimitSubject::Network(address),
            LimitSubject::Site(address),
            LimitSubject::Provider(address),
            LimitSubject::Device(address),
            LimitSubject::Account(address),
            LimitSubject::AccountIn(address, ""),
            LimitSubject::AccountIn("", address),
            LimitSubject::AccountIn("192.0.", "2.1"),
            LimitSubject::AccountIn("192.0.2", ".1"),
            LimitSubject::Recipient(address),
            LimitSubject::Cart(address),
            LimitSubject::Link(address),
        ] {
            assert!(
                limits.take(once, subject, at(0)).await.allowed,
                "{subject:?}"
            );
            assert!(
                !limits.take(once, subject, at(0)).await.allowed,
                "{subject:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_bucket_drains_and_refills() {
        let limits = limits();
        for left in (0..5).rev() {
            let verdict = limits.take(FIVE, A, at(0)).await;
            assert_eq!((verdict.allowed, verdict.remaining), (true, left));
        }
        let refused = limits.take(FIVE, A, at(0)).await;
        assert_eq!((refused.allowed, refused.remaining), (false, 0));
        assert_eq!(refused.retry_in, Duration::from_secs(12));
        assert_eq!(refused.full_in, Duration::from_secs(60));
        assert!(limits.take(FIVE, B, at(0)).await.allowed);
        assert!(!limits.take(FIVE, A, at(11)).await.allowed);
        assert!(limits.take(FIVE, A, at(12)).await.allowed);
        assert!(!limits.take(FIVE, A, at(12)).await.allowed);
        assert_eq!(limits.take(FIVE, A, at(600)).await.remaining, 4);
    }

    #[tokio::test]
    async fn a_quota_of_0_is_no_limit() {
        let limits = limits();
        for _ in 0..1_000 {
            assert!(
                limits
                    .check(Rule::per_minute("none", 0), A, at(0))
                    .await
                    .is_ok()
            );
        }
    }

    #[tokio::test]
    async fn concurrent_requests_do_not_exceed_the_quota() {
        let limits = Arc::new(limits());
        let rule = Rule::per_minute("hundred", 100);
        let requests = (0..8).map(|_| {
            let limits = Arc::clone(&limits);
            tokio::spawn(async move {
                let mut allowed = 0;
                for _ in 0..100 {
                    allowed += u32::from(limits.take(rule, A, at(0)).await.allowed);
                }
                allowed
            })
        });
        let mut allowed = 0;
        for request in requests.collect::<Vec<_>>() {
            allowed += request.await.unwrap();
        }
        assert_eq!(allowed, 100);
    }
}
