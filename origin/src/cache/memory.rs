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

use super::kept::Kept;

/// What comes of making an answer that others wait for: the answer, if it may be kept.
pub type Landing = Shared<BoxFuture<'static, Option<Arc<Kept>>>>;

/// The answers that this process keeps.
#[derive(Debug)]
pub struct Memory {
    slots: Cache<Arc<str>, Arc<Kept>, ByBytes>,
    flights: Mutex<HashMap<Arc<str>, Landing>>,
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
        let most = match tags {
            [] => i64::from(*fresh) * 1_000,
            _ if tags.contains(&Tag::Home) => self.hot_products_ms,
            _ => self.product_info_ms,
        };
        Some(most - most * i64::from(chance) / 2_560)
    }
}

/// What is found under a key.
#[derive(Debug)]
pub enum Found {
    /// An answer, fresh or not.
    Kept(Arc<Kept>),
    /// Nothing, but somebody has begun to make it before.
    UnderWay(Landing),
    /// Nothing, and whoever asked has begun to make it.
    Begun(Landing),
}

/// About what an answer takes, for the first guess of how many there will be.
const USUAL_BYTES: u64 = 8 * 1_024;

impl Memory {
    /// Nothing yet, for so many bytes; none at all when they are zero.
    pub fn new(bytes_max: u64, lifetimes: Lifetimes) -> Option<Self> {
        let guess = usize::try_from(bytes_max / USUAL_BYTES).unwrap_or(usize::MAX);
        (bytes_max > 0).then(|| Self {
            slots: Cache::with(
                guess.max(16),
                bytes_max,
                ByBytes,
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
    pub fn get(&self, key: &str) -> Option<Arc<Kept>> {
        self.slots.get(key)
    }

    /// Keeps an answer, unless a newer one is there.
    pub fn put(&self, key: Arc<str>, kept: Arc<Kept>) {
        let there = self.slots.peek(&key);
        if there.is_none_or(|it| it.as_of() <= kept.as_of()) {
            self.slots.insert(key, kept);
        }
    }

    /// Begins to make an answer, or joins whoever has begun. `make` ends with the answer being put here.
    pub fn join(
        self: &Arc<Self>,
        key: &str,
        usable: impl Fn(&Kept) -> bool,
        make: impl FnOnce(Arc<str>) -> BoxFuture<'static, Option<Arc<Kept>>>,
    ) -> Found {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(landing) = flights.get(key) {
            return Found::UnderWay(landing.clone());
        }
        // It may have landed since this one looked.
        if let Some(kept) = self.get(key).filter(|it| usable(it)) {
            return Found::Kept(kept);
        }
        let key: Arc<str> = key.into();
        let end = EndOfFlight {
            memory: Arc::clone(self),
            key: Arc::clone(&key),
        };
        let make = make(Arc::clone(&key));
        // A task of its own: whoever began it may go away, others wait for it.
        let made = tokio::spawn(async move {
            let kept = make.await;
            drop(end);
            kept
        });
        let landing = made.map(|made| made.ok().flatten()).boxed().shared();
        flights.insert(key, landing.clone());
        Found::Begun(landing)
    }

    /// How many bytes it takes, and how many answers there are.
    pub fn size(&self) -> (u64, usize) {
        (self.slots.weight(), self.slots.len())
    }
}

/// Whoever asks from now on finds what was made, or makes it anew; also when making it has failed.
struct EndOfFlight {
    memory: Arc<Memory>,
    key: Arc<str>,
}

impl Drop for EndOfFlight {
    fn drop(&mut self) {
        let flights = &self.memory.flights;
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Arc<str>, Arc<Kept>> for ByBytes {
    fn weight(&self, key: &Arc<str>, kept: &Arc<Kept>) -> u64 {
        (key.len() + kept.size()) as u64
    }
}
