//! The store in memory: bounded in bytes. What is asked for once and never again pushes out nothing that is
//! asked for often (S3-FIFO, by `quick_cache`). Purges are looked at when an answer is next asked for.

use std::{cell::Cell, rc::Rc};

use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter, unsync::Cache};
use shared::edge::PurgeOrder;

use super::{
    entry::{Entry, Millis},
    headers::Headers,
    purge::{Epoch, Purged, Verdict},
};

/// Stored answers by key; of one key, those for different request fields.
pub struct Store {
    slots: Cache<Rc<str>, Variants, ByBytes, DefaultHashBuilder, Evicted>,
    purged: Purged,
    bytes_max: usize,
    evicted: u64,
    judged: Cell<u64>,
}

type Variants = Vec<Kept>;

/// A stored answer, and what is known of it and purges.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    entry: Rc<Entry>,
    /// Which purges it is no older than.
    right_in: Epoch,
    /// Which purges it has been compared with.
    judged: Cell<Epoch>,
}

/// How many answers one key may have. More variants than codings and languages are a mistake of the
/// origin.
const VARIANTS_MAX: usize = 8;
/// About what an entry takes with its key, for the first guess of how many there will be.
const USUAL_BYTES: usize = 8 * 1_024;

impl Store {
    /// An empty store for this many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let slots = Cache::with(
            (bytes_max / USUAL_BYTES).max(16),
            bytes_max as u64,
            ByBytes,
            DefaultHashBuilder::default(),
            Evicted,
        );
        Self {
            slots,
            purged: Purged::default(),
            bytes_max,
            evicted: 0,
            judged: Cell::new(0),
        }
    }

    /// The entry that fits, and whether there are others.
    pub fn find(&mut self, key: &str, request: &Headers) -> (Option<Rc<Entry>>, bool) {
        if self.is_concerned(key) {
            self.settle(key);
        }
        let variants = self.slots.get(key).map_or(&[][..], Vec::as_slice);
        let fitting = variants.iter().find(|kept| kept.entry.fits(request));
        let fitting = fitting.map(|kept| Rc::clone(&kept.entry));
        (fitting, !variants.is_empty())
    }

    /// What has been purged so far: to be read when the origin is asked, and given to [`Self::put`].
    pub const fn epoch(&self) -> Epoch {
        self.purged.epoch()
    }

    /// The last change of the catalogue that this edge was told of.
    pub const fn newest_change(&self) -> u64 {
        self.purged.newest()
    }

    /// Stores an entry in the place of one for the same request fields, and says whether it did. What
    /// was asked for before a purge of one of its tags may be older than the purge, and is left out. So
    /// is an entry larger than an eighth of the store, which would push out too much.
    pub fn put(&mut self, key: &str, entry: Rc<Entry>, asked: Epoch) -> bool {
        let old = self.is_outdated(key, &entry, asked);
        !old && self.insert(key, entry, asked)
    }

    /// Stores an entry of the cache behind, which does not say which purges it is older than, and says
    /// whether it did. `asked` is when that cache was asked.
    pub fn put_recalled(&mut self, key: &str, entry: Rc<Entry>, asked: Epoch) -> bool {
        let old = self.purged.concerns(&entry, Epoch::BEGIN);
        !(old || self.purged.concerns_key(key, asked)) && self.insert(key, entry, asked)
    }

    /// Whether an answer to what was asked in this epoch may be older than a purge.
    pub fn is_outdated(&self, key: &str, entry: &Entry, asked: Epoch) -> bool {
        self.purged.concerns(entry, asked) || self.purged.concerns_key(key, asked)
    }

    fn insert(&mut self, key: &str, entry: Rc<Entry>, asked: Epoch) -> bool {
        let mut variants = self.slots.remove(key).map_or_else(Vec::new, |it| it.1);
        if entry.size() > self.bytes_max / 8 {
            return false;
        }
        variants.retain(|old| !replaces(&entry, &old.entry));
        let kept = Kept {
            entry,
            right_in: asked,
            judged: Cell::new(asked),
        };
        variants.insert(0, kept);
        variants.truncate(VARIANTS_MAX);
        self.write(Rc::from(key), variants);
        true
    }

    /// Forgets everything of a key.
    pub fn remove(&mut self, key: &str) {
        self.slots.remove(key);
    }

    /// Forgets everything of a key whose answer has changed: what is on its way here is too old, too.
    pub fn invalidate(&mut self, key: &str, now: Millis) {
        self.remove(key);
        self.purged.record_key(key);
        self.stay_small(now);
    }

    /// Does what a purge orders.
    pub fn purge(&mut self, order: &PurgeOrder, now: Millis) {
        self.purged.record(order, now);
        self.stay_small(now);
    }

    /// When too much has been purged to remember, compares everything with it, once.
    fn stay_small(&mut self, now: Millis) {
        if self.purged.is_full() {
            let keys: Vec<Rc<str>> = self.slots.iter().map(|(key, _)| Rc::clone(key)).collect();
            for key in keys {
                self.settle(&key);
            }
            self.purged.forget(now);
        }
    }

    /// Whether something of a key is no longer right. It is compared with each purge once.
    fn is_concerned(&self, key: &str) -> bool {
        let now = self.purged.epoch();
        let variants = self.slots.peek(key).map_or(&[][..], Vec::as_slice);
        let mut unknown = variants.iter().filter(|kept| kept.judged.get() < now);
        unknown.any(|kept| {
            let valid = self.judge(kept) == Verdict::Valid;
            if valid {
                kept.judged.set(now);
            }
            !valid
        })
    }

    fn judge(&self, kept: &Kept) -> Verdict {
        self.judged.set(self.judged.get() + 1);
        self.purged.judge(&kept.entry, kept.right_in)
    }

    /// Makes of a key's entries what purges have made of them.
    fn settle(&mut self, key: &str) {
        let Some((key, variants)) = self.slots.remove(key) else {
            return;
        };
        let now = self.purged.epoch();
        let settled = |kept: Kept| {
            let entry = match self.judge(&kept) {
                Verdict::Valid => kept.entry,
                Verdict::Stale(since) => stale(&kept.entry, since),
                Verdict::Gone => return None,
            };
            Some(Kept {
                entry,
                judged: Cell::new(now),
                ..kept
            })
        };
        let variants: Variants = variants.into_iter().filter_map(settled).collect();
        if !variants.is_empty() {
            self.write(key, variants);
        }
    }

    fn write(&mut self, key: Rc<str>, variants: Variants) {
        let mut evicted = 0;
        self.slots
            .insert_with_lifecycle(key, variants, &mut evicted);
        self.evicted += evicted;
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> u64 {
        self.slots.weight()
    }

    /// How many keys were pushed out so far.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How often an entry was compared with purges so far.
    pub const fn judged(&self) -> u64 {
        self.judged.get()
    }
}

/// Whether the new one of two entries is instead of the old one: it is for the same request fields, unless
/// both are different parts of the same whole, or one is a part of it.
fn replaces(new: &Entry, old: &Entry) -> bool {
    let beside = new.part.is_some()
        && new.part != old.part
        && new.headers.get("etag") == old.headers.get("etag");
    new.varies_on == old.varies_on && !beside
}

/// The same, stale since then.
fn stale(entry: &Entry, since: Millis) -> Rc<Entry> {
    Rc::new(Entry {
        stale_since: Some(entry.stale_since.unwrap_or(since)),
        ..entry.clone()
    })
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Rc<str>, Variants> for ByBytes {
    fn weight(&self, key: &Rc<str>, variants: &Variants) -> u64 {
        (key.len() + variants.iter().map(|kept| kept.entry.size()).sum::<usize>()) as u64
    }
}

/// Counts what is pushed out.
#[derive(Clone)]
struct Evicted;

impl Lifecycle<Rc<str>, Variants> for Evicted {
    type RequestState = u64;

    fn on_evict(&self, evicted: &mut u64, _: Rc<str>, _: Variants) {
        *evicted += 1;
    }
}

#[cfg(test)]
mod tests;
