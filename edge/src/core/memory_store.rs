//! The store in memory: bounded in bytes. What is asked for once and never again pushes out nothing that is
//! asked for often (S3-FIFO, by `quick_cache`). Purges are looked at when an answer is next asked for.

use std::{cell::Cell, rc::Rc};

use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter, unsync::Cache};
use shared::edge::PurgeOrder;

use super::{
    headers::Headers,
    purge_log::{PurgeEpoch, PurgeLog, PurgeVerdict},
    stored_response::{Millis, StoredResponse},
};

/// Stored answers by key; of one key, those for different request fields.
pub struct MemoryStore {
    variants_by_key:
        Cache<Rc<str>, Variants, VariantsWeighter, DefaultHashBuilder, EvictionCounter>,
    purge_log: PurgeLog,
    bytes_max: usize,
    evicted: u64,
    purge_checks: Cell<u64>,
}

type Variants = Vec<StoredVariant>;

/// A stored answer, and what is known of it and purges.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StoredVariant {
    response: Rc<StoredResponse>,
    /// Which purges it is no older than.
    valid_in: PurgeEpoch,
    /// Which purges it has been compared with.
    checked_in: Cell<PurgeEpoch>,
}

/// How many answers one key may have. More variants than codings and languages are a mistake of the
/// origin.
const VARIANTS_MAX: usize = 8;
/// About what a response takes with its key, for the first guess of how many there will be.
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

    /// The response that fits, and whether there are others.
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

    /// What has been purged so far: to be read when the origin is asked, and given to [`Self::put`].
    pub const fn epoch(&self) -> PurgeEpoch {
        self.purge_log.epoch()
    }

    /// The last change of the catalogue that this edge was told of.
    pub const fn newest_version(&self) -> u64 {
        self.purge_log.newest_version()
    }

    /// Stores a response in the place of one for the same request fields, and says whether it did. What
    /// was asked for before a purge of one of its tags may be older than the purge, and is left out. So
    /// is a response larger than an eighth of the store, which would push out too much.
    pub fn put(
        &mut self,
        key: &str,
        response: Rc<StoredResponse>,
        requested_in: PurgeEpoch,
    ) -> bool {
        let old = self.is_outdated(key, &response, requested_in);
        !old && self.insert(key, response, requested_in)
    }

    /// Stores a response of the cache behind, which does not say which purges it is older than, and says
    /// whether it did. `asked` is when that cache was asked.
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

    /// Whether an answer to what was asked in this epoch may be older than a purge.
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
        if response.size() > self.bytes_max / 8 {
            return false;
        }
        variants.retain(|old| !replaces(&response, &old.response));
        let variant = StoredVariant {
            response,
            valid_in: requested_in,
            checked_in: Cell::new(requested_in),
        };
        variants.insert(0, variant);
        variants.truncate(VARIANTS_MAX);
        self.write(Rc::from(key), variants);
        true
    }

    /// Forgets everything of a key.
    pub fn remove(&mut self, key: &str) {
        self.variants_by_key.remove(key);
    }

    /// Forgets everything of a key whose answer has changed: what is on its way here is too old, too.
    pub fn invalidate(&mut self, key: &str, now: Millis) {
        self.remove(key);
        self.purge_log.record_key(key);
        self.limit_purge_log(now);
    }

    /// Does what a purge orders.
    pub fn purge(&mut self, purge: &PurgeOrder, now: Millis) {
        self.purge_log.record(purge, now);
        self.limit_purge_log(now);
    }

    /// When too much has been purged to remember, compares everything with it, once.
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

    /// Whether something of a key is no longer right. It is compared with each purge once.
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

    /// Makes of a key's entries what purges have made of them.
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

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.variants_by_key.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.variants_by_key.is_empty()
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> u64 {
        self.variants_by_key.weight()
    }

    /// How many keys were pushed out so far.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How often a response was compared with purges so far.
    pub const fn purge_checks(&self) -> u64 {
        self.purge_checks.get()
    }
}

/// Whether the new one of two entries is instead of the old one: it is for the same request fields, unless
/// both are different parts of the same whole, or one is a part of it.
fn replaces(new: &StoredResponse, old: &StoredResponse) -> bool {
    let beside = new.content_range.is_some()
        && new.content_range != old.content_range
        && new.headers.get("etag") == old.headers.get("etag");
    new.vary_values == old.vary_values && !beside
}

/// The same, stale since then.
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

/// Counts what is pushed out.
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
