//! The answers that this process keeps: bounded in bytes. What is asked for once and never again pushes
//! out nothing that is asked for often (S3-FIFO, by `quick_cache`). Of those who miss the same answer at
//! the same time, one makes it.

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

/// What comes of making an answer that others wait for: the answer, if it may be kept.
pub type PendingResponse = Shared<BoxFuture<'static, Option<Arc<CachedResponse>>>>;

/// The answers that this process keeps.
#[derive(Debug)]
pub struct MemoryCache {
    entries: Cache<Arc<str>, Arc<CachedResponse>, ByteWeighter>,
    flights: Mutex<HashMap<Arc<str>, PendingResponse>>,
    lifetimes: Lifetimes,
}

/// How long answers live here, unless something changes.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// What is about a product or a category (`product_info`).
    pub product_info_ms: i64,
    /// What shows the best of the whole shop (`hot_products`).
    pub hot_products_ms: i64,
}

impl Lifetimes {
    /// For how long an answer with this policy is kept, a little less by chance: what was made together is
    /// not made again together. What is not told of changes lives no longer here than at the edge.
    pub fn of(self, policy: &CachePolicy, chance: u8) -> Option<i64> {
        let CachePolicy::Shared { fresh, tags, .. } = policy else {
            return None;
        };
        let tags = tags.as_slice();
        let lifetime_ms = match tags {
            [] => i64::from(*fresh) * 1_000,
            _ if tags.contains(&Tag::Home) => self.hot_products_ms,
            _ => self.product_info_ms,
        };
        Some(lifetime_ms - lifetime_ms * i64::from(chance) / 2_560)
    }
}

/// What is found under a key.
#[derive(Debug)]
pub enum Lookup {
    /// An answer, fresh or not.
    Hit(Arc<CachedResponse>),
    /// Nothing, but somebody has begun to make it before.
    InFlight(PendingResponse),
    /// Nothing, and whoever asked has begun to make it.
    Started(PendingResponse),
}

/// About what an answer takes, for the first guess of how many there will be.
const TYPICAL_BYTES: u64 = 8 * 1_024;

impl MemoryCache {
    /// Nothing yet, for so many bytes; none at all when they are zero.
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

    /// How long answers live here.
    pub const fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// What is kept under this key.
    pub fn get(&self, key: &str) -> Option<Arc<CachedResponse>> {
        self.entries.get(key)
    }

    /// Keeps an answer, unless a newer one is there.
    pub fn put(&self, key: Arc<str>, cached: Arc<CachedResponse>) {
        let existing = self.entries.peek(&key);
        if existing.is_none_or(|it| it.version() <= cached.version()) {
            self.entries.insert(key, cached);
        }
    }

    /// Begins to make an answer, or joins whoever has begun. `make` ends with the answer being put here.
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
        // It may have landed since this one looked.
        if let Some(cached) = self.get(key).filter(|it| usable(it)) {
            return Lookup::Hit(cached);
        }
        let key: Arc<str> = key.into();
        let guard = FlightGuard {
            memory: Arc::clone(self),
            key: Arc::clone(&key),
        };
        let make = make(Arc::clone(&key));
        // A task of its own: whoever began it may go away, others wait for it.
        let task = tokio::spawn(async move {
            let cached = make.await;
            drop(guard);
            cached
        });
        let pending = task.map(|task| task.ok().flatten()).boxed().shared();
        flights.insert(key, pending.clone());
        Lookup::Started(pending)
    }

    /// How many bytes it takes, and how many answers there are.
    pub fn size(&self) -> (u64, usize) {
        (self.entries.weight(), self.entries.len())
    }
}

/// Whoever asks from now on finds what was made, or makes it anew; also when making it has failed.
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
