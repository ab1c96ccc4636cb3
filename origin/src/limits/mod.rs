//! How often something may be asked. Each rule is a bucket that fills up again evenly (GCRA, ITU-T
//! I.371): one number a key, the time at which the bucket is full again. Origins share their buckets
//! over Redis where there is one; without it, or while it does not answer, each has its own, so that
//! nobody gets in more often than once for each origin.

mod layer;
mod network;
mod shared_buckets;

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use shared::{
    problem::{Problem, ProblemKind},
    time::Timestamp,
};

use crate::redis_client::RedisClient;

pub use layer::{check_network, coupon_rule, limit};
pub use network::Network;

/// How often something may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as clients see it.
    pub name: &'static str,
    /// How often in a window; 0 is as often as anybody likes.
    pub quota: u32,
    /// How long the window is.
    pub window: Duration,
}

/// Whose bucket it is. Each kind has keys of its own, so that no name of one thing empties the bucket of
/// another: an order's number is whatever somebody types, an address of somebody else for example.
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
    /// The account with this e-mail address, whether there is one or not.
    Account(&'k str),
    /// The same in one network: e-mail address and network.
    AccountIn(&'k str, &'k str),
    /// Whoever gets mail at this address.
    Recipient(&'k str),
    /// A cart, by its token.
    Cart(&'k str),
    /// An order, by its number.
    Order(&'k str),
    /// The link of a message, by its token.
    Link(&'k str),
}

impl<'k> LimitSubject<'k> {
    /// The kind's word, and the parts of the key.
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

/// What a rule says of one more request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may be done.
    pub allowed: bool,
    /// How many more may be asked just now.
    pub remaining: u32,
    /// When the bucket is full again.
    pub full_in: Duration,
    /// When to try again, if it may not be done.
    pub retry_in: Duration,
}

/// It was asked too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate limit exceeded")]
pub struct RateLimited {
    /// When to try again.
    pub retry_in: Duration,
}

impl From<RateLimited> for Problem {
    fn from(it: RateLimited) -> Self {
        Self::new(ProblemKind::TooManyRequests).retry_after(it.retry_in)
    }
}

impl Rule {
    /// So many a minute.
    pub const fn per_minute(name: &'static str, quota: u32) -> Self {
        Self {
            name,
            quota,
            window: Duration::from_secs(60),
        }
    }

    /// So many an hour.
    pub const fn per_hour(name: &'static str, quota: u32) -> Self {
        Self {
            name,
            quota,
            window: Duration::from_secs(60 * 60),
        }
    }

    /// So many a day.
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

    /// What one request takes out of the bucket.
    fn cost_us(self) -> i64 {
        self.window_us() / i64::from(self.quota.max(1))
    }

    /// Decides with the time at which the bucket is full again, and says when it is full afterwards.
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

/// Every bucket that this origin knows.
#[derive(Debug)]
pub struct Limits {
    /// When each bucket is full again, in microseconds.
    local: Cache<[u8; 16], i64>,
    shared: Option<shared_buckets::SharedBuckets>,
}

/// Buckets in memory, some 100 bytes each. Those that nobody asked about for longest are forgotten,
/// which is to say full.
const BUCKETS_MAX: usize = 100_000;

impl Limits {
    /// Buckets that are shared over this Redis, or not.
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
            // Whatever this origin knows by itself counts in any case.
            Some(shared) if local.allowed => {
                shared.take(rule, bucket, now_us).await.unwrap_or(local)
            }
            _ => local,
        }
    }

    /// Takes one request, or says that it was asked too often.
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
        // Reading and writing are one step, or two requests at once would be one.
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

/// The bucket of a rule and a subject. Nobody who reads the memory or Redis learns an address from it.
fn bucket_key(rule: Rule, subject: LimitSubject<'_>) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    let (kind, [one, two]) = subject.parts();
    for part in [rule.name, kind, one, two] {
        // With its length, so that no two lists of parts are the same bytes.
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

    /// Whoever empties the bucket of one thing leaves those of others as they are, however it is called.
    #[tokio::test]
    async fn each_kind_has_buckets_of_its_own() {
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
    async fn a_bucket_empties_and_fills_again() {
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
    async fn nothing_is_refused_where_there_is_no_limit() {
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
    async fn many_at_once_get_what_one_after_the_other_would() {
        let limits = Arc::new(limits());
        let rule = Rule::per_minute("hundred", 100);
        let asks = (0..8).map(|_| {
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
        for ask in asks.collect::<Vec<_>>() {
            allowed += ask.await.unwrap();
        }
        assert_eq!(allowed, 100);
    }
}
