//! The first-level cache: stored responses in memory, bounded in bytes. Eviction is S3-FIFO (by
//! `quick_cache`), so that responses which are requested once do not evict popular ones. Purges are
//! applied lazily, when a key is next looked up.

use std::{cell::Cell, rc::Rc};

use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter, unsync::Cache};
use shared::edge::PurgeRequest;

use super::{
    headers::Headers,
    purge_log::{PurgeEpoch, PurgeLog, PurgeVerdict},
    stored_response::{Millis, StoredResponse},
};

/// Stored responses by cache key; a key has one variant for each combination of selecting header
/// fields.
pub struct MemoryStore {
    variants_by_key:
        Cache<Rc<str>, Variants, VariantsWeighter, DefaultHashBuilder, EvictionCounter>,
    purge_log: PurgeLog,
    bytes_max: usize,
    evicted: u64,
    purge_checks: Cell<u64>,
}

type Variants = Vec<StoredVariant>;

/// A stored response, and which purges it has been checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StoredVariant {
    response: Rc<StoredResponse>,
    /// The purge epoch in which the response was requested: earlier purges do not apply to it.
    valid_in: PurgeEpoch,
    /// The purge epoch up to which the response has been checked.
    checked_in: Cell<PurgeEpoch>,
}

/// The most variants of one key. An origin with more variants than codings and languages is
/// misconfigured.
const VARIANTS_MAX: usize = 8;
/// The typical size of an entry with its key, which estimates the capacity of the store.
const TYPICAL_ENTRY_BYTES: usize = 8 * 1_024;

impl MemoryStore {
    /// An empty store for this many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let variants_by_key = Cache::with(
            (bytes_max / TYPICAL_ENTRY_BYTES).max(16),
            bytes_max as u64,
            VariantsWeighter,
            DefaultHashBuilder::default(),
            EvictionCounter,
        );
        Self {
            variants_by_key,
            purge_log: PurgeLog::default(),
            bytes_max,
            evicted: 0,
            purge_checks: Cell::new(0),
        }
    }

    /// The stored response that matches the request's header fields, and whether the key has any
    /// variant.
    pub fn find(&mut self, key: &str, request: &Headers) -> (Option<Rc<StoredResponse>>, bool) {
        if self.has_unapplied_purge(key) {
            self.apply_purges(key);
        }
        let variants = self.variants_by_key.get(key).map_or(&[][..], Vec::as_slice);
        let fitting = variants
            .iter()
            .find(|variant| variant.response.matches_request(request));
        let fitting = fitting.map(|variant| Rc::clone(&variant.response));
        (fitting, !variants.is_empty())
    }

    /// The current purge epoch: read it before a request to the origin, and hand it to
    /// [`Self::put`].
    pub const fn epoch(&self) -> PurgeEpoch {
        self.purge_log.epoch()
    }

    /// The newest catalogue version that a purge has named.
    pub const fn newest_version(&self) -> u64 {
        self.purge_log.newest_version()
    }

    /// Stores a response, and replaces the variant for the same selecting fields. True if it was
    /// stored. A response that was requested before a purge of one of its tags may predate the
    /// purge, and is refused; so is one larger than an eighth of the store, which would evict too
    /// much.
    pub fn put(
        &mut self,
        key: &str,
        response: Rc<StoredResponse>,
        requested_in: PurgeEpoch,
    ) -> bool {
        let old = self.is_outdated(key, &response, requested_in);
        !old && self.insert(key, response, requested_in)
    }

    /// Stores a response from the second-level cache; true if it was stored. Such an entry does not
    /// say which purges it predates, so all purges apply to it. `requested_in` is the epoch in
    /// which the second-level cache was asked.
    pub fn put_from_second_level(
        &mut self,
        key: &str,
        response: Rc<StoredResponse>,
        requested_in: PurgeEpoch,
    ) -> bool {
        let old = self.purge_log.outdates(&response, PurgeEpoch::START);
        !(old || self.purge_log.outdates_key(key, requested_in))
            && self.insert(key, response, requested_in)
    }

    /// Whether a response that was requested in this epoch may predate a purge.
    pub fn is_outdated(
        &self,
        key: &str,
        response: &StoredResponse,
        requested_in: PurgeEpoch,
    ) -> bool {
        self.purge_log.outdates(response, requested_in)
            || self.purge_log.outdates_key(key, requested_in)
    }

    fn insert(
        &mut self,
        key: &str,
        response: Rc<StoredResponse>,
        requested_in: PurgeEpoch,
    ) -> bool {
        let mut variants = self
            .variants_by_key
            .remove(key)
            .map_or_else(Vec::new, |it| it.1);
        variants.retain(|old| !replaces(&response, &old.response));
        let is_stored = response.size() <= self.bytes_max / 8;
        if is_stored {
            let variant = StoredVariant {
                response,
                valid_in: requested_in,
                checked_in: Cell::new(requested_in),
            };
            variants.insert(0, variant);
            variants.truncate(VARIANTS_MAX);
        }
        if !variants.is_empty() {
            self.write(Rc::from(key), variants);
        }
        is_stored
    }

    /// Removes all variants of a key.
    pub fn remove(&mut self, key: &str) {
        self.variants_by_key.remove(key);
    }

    /// Invalidates a key: removes its variants, and refuses responses that are still on their way.
    pub fn invalidate(&mut self, key: &str, now: Millis) {
        self.remove(key);
        self.purge_log.record_key(key);
        self.limit_purge_log(now);
    }

    /// Records a purge, which is applied when a key is next looked up.
    pub fn purge(&mut self, purge: &PurgeRequest, now: Millis) {
        self.purge_log.record(purge, now);
        self.limit_purge_log(now);
    }

    /// When the purge log is full, applies it to everything that is stored, and compacts it.
    fn limit_purge_log(&mut self, now: Millis) {
        if self.purge_log.is_full() {
            let keys: Vec<Rc<str>> = self
                .variants_by_key
                .iter()
                .map(|(key, _)| Rc::clone(key))
                .collect();
            for key in keys {
                self.apply_purges(&key);
            }
            self.purge_log.compact(now);
        }
    }

    /// Whether a recorded purge concerns a variant of this key. Each variant is checked once per
    /// epoch.
    fn has_unapplied_purge(&self, key: &str) -> bool {
        let now = self.purge_log.epoch();
        let variants = self
            .variants_by_key
            .peek(key)
            .map_or(&[][..], Vec::as_slice);
        let mut unknown = variants
            .iter()
            .filter(|variant| variant.checked_in.get() < now);
        unknown.any(|variant| {
            let valid = self.verdict(variant) == PurgeVerdict::Valid;
            if valid {
                variant.checked_in.set(now);
            }
            !valid
        })
    }

    fn verdict(&self, variant: &StoredVariant) -> PurgeVerdict {
        self.purge_checks.set(self.purge_checks.get() + 1);
        self.purge_log.verdict(&variant.response, variant.valid_in)
    }

    /// Applies all recorded purges to the variants of a key.
    fn apply_purges(&mut self, key: &str) {
        let Some((key, variants)) = self.variants_by_key.remove(key) else {
            return;
        };
        let now = self.purge_log.epoch();
        let checked = |variant: StoredVariant| {
            let response = match self.verdict(&variant) {
                PurgeVerdict::Valid => variant.response,
                PurgeVerdict::Stale(since) => stale(&variant.response, since),
                PurgeVerdict::Removed => return None,
            };
            Some(StoredVariant {
                response,
                checked_in: Cell::new(now),
                ..variant
            })
        };
        let variants: Variants = variants.into_iter().filter_map(checked).collect();
        if !variants.is_empty() {
            self.write(key, variants);
        }
    }

    fn write(&mut self, key: Rc<str>, variants: Variants) {
        let mut evicted = 0;
        self.variants_by_key
            .insert_with_lifecycle(key, variants, &mut evicted);
        self.evicted += evicted;
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.variants_by_key.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.variants_by_key.is_empty()
    }

    /// The approximate memory size in bytes.
    pub fn bytes(&self) -> u64 {
        self.variants_by_key.weight()
    }

    /// The number of keys that were evicted so far.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The number of checks against the purge log so far.
    pub const fn purge_checks(&self) -> u64 {
        self.purge_checks.get()
    }
}

/// Whether a new response replaces an old one. It does if both have the same selecting fields,
/// unless the new one is another range of the same representation (equal entity tags).
fn replaces(new: &StoredResponse, old: &StoredResponse) -> bool {
    let beside = new.content_range.is_some()
        && new.content_range != old.content_range
        && new.headers.get("etag") == old.headers.get("etag");
    new.vary_values == old.vary_values && !beside
}

/// A copy of the response that is stale since then.
fn stale(response: &StoredResponse, since: Millis) -> Rc<StoredResponse> {
    Rc::new(StoredResponse {
        invalidated_at: Some(response.invalidated_at.unwrap_or(since)),
        ..response.clone()
    })
}

#[derive(Clone)]
struct VariantsWeighter;

impl Weighter<Rc<str>, Variants> for VariantsWeighter {
    fn weight(&self, key: &Rc<str>, variants: &Variants) -> u64 {
        (key.len()
            + variants
                .iter()
                .map(|variant| variant.response.size())
                .sum::<usize>()) as u64
    }
}

/// Counts evictions.
#[derive(Clone)]
struct EvictionCounter;

impl Lifecycle<Rc<str>, Variants> for EvictionCounter {
    type RequestState = u64;

    fn on_evict(&self, evicted: &mut u64, _: Rc<str>, _: Variants) {
        *evicted += 1;
    }
}

#[cfg(test)]
mod tests;
