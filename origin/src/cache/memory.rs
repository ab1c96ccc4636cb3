//! The first level of the response cache: in memory, bounded in bytes. An entry that is requested
//! once does not evict entries that are requested often (S3-FIFO, by `quick_cache`). Of several
//! concurrent misses for one key, one generates the response (single flight).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use quick_cache::{DefaultHashBuilder, Weighter, sync::Cache};
use shared::cache::{CachePolicy, Tag};

use super::cached_response::CachedResponse;

/// A response that is being generated; none if it may not be cached.
pub type PendingResponse = Shared<BoxFuture<'static, Option<Arc<CachedResponse>>>>;

/// The cached responses of this process.
#[derive(Debug)]
pub struct MemoryCache {
    entries: Cache<Arc<str>, Arc<CachedResponse>, ByteWeighter>,
    flights: Mutex<HashMap<Arc<str>, PendingResponse>>,
    lifetimes: Lifetimes,
}

/// Freshness lifetimes of cache entries whose tags do not change.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Of responses about products or a category (`product_info`).
    pub product_info_ms: i64,
    /// Of responses that show the bestsellers of the shop (`hot_products`).
    pub hot_products_ms: i64,
}

impl Lifetimes {
    /// The lifetime of a response with this policy; none if it may not be cached. A random part is
    /// taken off, so that entries of the same age do not expire together. A response without tags
    /// is never invalidated, and one about something that does not exist is worth little memory, so
    /// they live no longer here than at the edge.
    pub fn of(self, policy: &CachePolicy, chance: u8) -> Option<i64> {
        let CachePolicy::Shared { fresh, tags, .. } = policy else {
            return None;
        };
        let tags = tags.as_slice();
        let lifetime_ms = match tags {
            [] => i64::from(*fresh) * 1_000,
            _ if tags.contains(&Tag::Missing) => i64::from(*fresh) * 1_000,
            _ if tags.contains(&Tag::Home) => self.hot_products_ms,
            _ => self.product_info_ms,
        };
        Some(lifetime_ms - lifetime_ms * i64::from(chance) / 2_560)
    }
}

/// The result of a lookup.
#[derive(Debug)]
pub enum Lookup {
    /// A usable entry.
    Hit(Arc<CachedResponse>),
    /// No usable entry, but an earlier request is generating one.
    InFlight(PendingResponse),
    /// No usable entry; this request has started to generate one.
    Started(PendingResponse),
}

/// The typical size of an entry, to estimate their number.
const TYPICAL_BYTES: u64 = 8 * 1_024;

impl MemoryCache {
    /// An empty cache of so many bytes; none for zero.
    pub fn new(bytes_max: u64, lifetimes: Lifetimes) -> Option<Self> {
        let guess = usize::try_from(bytes_max / TYPICAL_BYTES).unwrap_or(usize::MAX);
        (bytes_max > 0).then(|| Self {
            entries: Cache::with(
                guess.max(16),
                bytes_max,
                ByteWeighter,
                DefaultHashBuilder::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            flights: Mutex::default(),
            lifetimes,
        })
    }

    /// The freshness lifetimes.
    pub const fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// The entry of this key, fresh or stale.
    pub fn get(&self, key: &str) -> Option<Arc<CachedResponse>> {
        self.entries.get(key)
    }

    /// Stores an entry, unless a newer version is stored.
    pub fn put(&self, key: Arc<str>, cached: Arc<CachedResponse>) {
        let existing = self.entries.peek(&key);
        if existing.is_none_or(|it| it.version() <= cached.version()) {
            self.entries.insert(key, cached);
        }
    }

    /// Joins the request that is generating this response, or starts to generate it. `make` has to
    /// store the response before it ends.
    pub fn join(
        self: &Arc<Self>,
        key: &str,
        usable: impl Fn(&CachedResponse) -> bool,
        make: impl FnOnce(Arc<str>) -> BoxFuture<'static, Option<Arc<CachedResponse>>>,
    ) -> Lookup {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = flights.get(key) {
            return Lookup::InFlight(pending.clone());
        }
        // The response may have been stored since the caller's lookup.
        if let Some(cached) = self.get(key).filter(|it| usable(it)) {
            return Lookup::Hit(cached);
        }
        let key: Arc<str> = key.into();
        let guard = FlightGuard {
            memory: Arc::clone(self),
            key: Arc::clone(&key),
        };
        let make = make(Arc::clone(&key));
        // In its own task, because the first client may disconnect while others wait.
        let task = tokio::spawn(async move {
            let cached = make.await;
            drop(guard);
            cached
        });
        let pending = task.map(|task| task.ok().flatten()).boxed().shared();
        flights.insert(key, pending.clone());
        Lookup::Started(pending)
    }

    /// The size in bytes, and the number of entries.
    pub fn size(&self) -> (u64, usize) {
        (self.entries.weight(), self.entries.len())
    }
}

/// Ends the flight when it is dropped, also after a failure: later requests use the stored response
/// or generate a new one.
struct FlightGuard {
    memory: Arc<MemoryCache>,
    key: Arc<str>,
}

impl Drop for FlightGuard {
    fn drop(&mut self) {
        let flights = &self.memory.flights;
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
    }
}

#[derive(Clone, Debug)]
struct ByteWeighter;

impl Weighter<Arc<str>, Arc<CachedResponse>> for ByteWeighter {
    fn weight(&self, key: &Arc<str>, cached: &Arc<CachedResponse>) -> u64 {
        (key.len() + cached.size()) as u64
    }
}
