//! The store in memory: bounded in bytes, with an index of tags. What is asked for once and never
//! again pushes out nothing that is asked for often (S3-FIFO, by `quick_cache`).

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter, unsync::Cache};
use shared::edge::{PurgeMode, PurgeOrder};

use super::{
    entry::{Entry, Millis},
    headers::Headers,
    purge::{self, Epoch, Purged},
};

/// Stored answers by key; of one key, those for different request fields.
pub struct Store {
    slots: Cache<Rc<str>, Variants, ByBytes, DefaultHashBuilder, Forgotten>,
    /// Under which keys a tag is found.
    index: HashMap<Rc<str>, HashSet<Rc<str>>>,
    purged: Purged,
    bytes_max: usize,
    evicted: u64,
}

type Variants = Vec<Rc<Entry>>;

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
            Forgotten,
        );
        Self {
            slots,
            index: HashMap::new(),
            purged: Purged::default(),
            bytes_max,
            evicted: 0,
        }
    }

    /// The entry that fits, and whether there are others.
    pub fn find(&self, key: &str, request: &Headers) -> (Option<Rc<Entry>>, bool) {
        let variants = self.slots.get(key).map_or(&[][..], Vec::as_slice);
        let fitting = variants.iter().find(|entry| entry.fits(request));
        (fitting.cloned(), !variants.is_empty())
    }

    /// What has been purged so far: to be noted when the origin is asked, and given to [`Self::put`].
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
        if self.purged.concerns(&entry, asked) {
            return false;
        }
        let mut variants = self.take(key);
        if entry.size() > self.bytes_max / 8 {
            return false;
        }
        variants.retain(|old| old.varies_on != entry.varies_on);
        variants.insert(0, entry);
        variants.truncate(VARIANTS_MAX);
        let key: Rc<str> = Rc::from(key);
        self.link(&key, &variants);
        let mut pushed_out = Vec::new();
        self.slots
            .insert_with_lifecycle(key, variants, &mut pushed_out);
        self.evicted += pushed_out.len() as u64;
        for (key, variants) in pushed_out {
            self.unlink(&key, &variants);
        }
        true
    }

    /// Forgets everything of a key.
    pub fn remove(&mut self, key: &str) {
        self.take(key);
    }

    /// Does what a purge orders, and says how many answers it found.
    pub fn purge(&mut self, order: &PurgeOrder, now: Millis) -> usize {
        self.purged.note(order);
        let keys: HashSet<Rc<str>> = if order.everything {
            self.slots.iter().map(|(key, _)| Rc::clone(key)).collect()
        } else {
            let tags = order
                .tags
                .iter()
                .filter_map(|tag| self.index.get(tag.name.as_str()));
            tags.flatten().cloned().collect()
        };
        keys.iter().map(|key| self.purge_key(key, order, now)).sum()
    }

    fn purge_key(&mut self, key: &str, order: &PurgeOrder, now: Millis) -> usize {
        let variants = self.take(key);
        let before = variants.len();
        let (hit, mut kept): (Variants, Variants) = variants
            .into_iter()
            .partition(|entry| purge::concerns(order, entry));
        if order.mode == PurgeMode::Soft {
            kept.extend(hit.into_iter().map(|entry| soft(&entry, now)));
        }
        let found = before
            - if order.mode == PurgeMode::Soft {
                0
            } else {
                kept.len()
            };
        if !kept.is_empty() {
            let key: Rc<str> = Rc::from(key);
            self.link(&key, &kept);
            self.slots.insert(key, kept);
        }
        found
    }

    fn take(&mut self, key: &str) -> Variants {
        let Some((key, variants)) = self.slots.remove(key) else {
            return Vec::new();
        };
        self.unlink(&key, &variants);
        variants
    }

    fn link(&mut self, key: &Rc<str>, variants: &Variants) {
        for tag in variants.iter().flat_map(|entry| &entry.tags) {
            let keys = self.index.entry(Rc::clone(tag)).or_default();
            keys.insert(Rc::clone(key));
        }
    }

    fn unlink(&mut self, key: &str, variants: &Variants) {
        for tag in variants.iter().flat_map(|entry| &entry.tags) {
            if let Some(keys) = self.index.get_mut(tag) {
                keys.remove(key);
                if keys.is_empty() {
                    self.index.remove(tag);
                }
            }
        }
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
}

/// The same, stale from now on.
fn soft(entry: &Entry, now: Millis) -> Rc<Entry> {
    let since = entry.stale_since.unwrap_or(now);
    Rc::new(Entry {
        stale_since: Some(since),
        ..entry.clone()
    })
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Rc<str>, Variants> for ByBytes {
    fn weight(&self, key: &Rc<str>, variants: &Variants) -> u64 {
        (key.len() + variants.iter().map(|entry| entry.size()).sum::<usize>()) as u64
    }
}

/// Hands over what is pushed out, so that the index forgets it too.
#[derive(Clone)]
struct Forgotten;

impl Lifecycle<Rc<str>, Variants> for Forgotten {
    type RequestState = Vec<(Rc<str>, Variants)>;

    fn on_evict(&self, state: &mut Self::RequestState, key: Rc<str>, variants: Variants) {
        state.push((key, variants));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use shared::edge::PurgeTag;

    use super::*;
    use crate::core::{
        control::Control,
        entry::{Body, Memo},
    };

    const EPOCH: Epoch = Epoch::BEGIN;

    fn tagged(coding: &str, length: usize, tags: &[&str]) -> Rc<Entry> {
        Rc::new(Entry {
            status: 200,
            headers: Headers::new(),
            body: Body::new((), length),
            came_at: 0,
            here_since: 0,
            age_at_arrival: 0,
            control: Control {
                lifetime: Some(60),
                stale_while_revalidate: 60,
                ..Control::default()
            },
            varies_on: vec![("accept-encoding".into(), Some(coding.into()))],
            tags: tags.iter().map(|&tag| Rc::from(tag)).collect(),
            as_of: None,
            stale_since: None,
            memo: Memo::default(),
        })
    }

    fn entry(coding: &str, length: usize) -> Rc<Entry> {
        tagged(coding, length, &[])
    }

    fn asking(coding: &str) -> Headers {
        [("accept-encoding", coding)].into_iter().collect()
    }

    fn order(mode: PurgeMode, tags: &[&str]) -> PurgeOrder {
        let tag = |name: &&str| PurgeTag {
            name: (*name).to_owned(),
            version: None,
        };
        PurgeOrder {
            mode,
            tags: tags.iter().map(tag).collect(),
            ..PurgeOrder::default()
        }
    }

    #[test]
    fn variants_stand_side_by_side_and_are_replaced() {
        let mut store = Store::new(100_000);
        store.put("/", entry("br", 1), EPOCH);
        store.put("/", entry("gzip", 2), EPOCH);
        store.put("/", entry("br", 3), EPOCH);
        let length = |coding| {
            let found = store.find("/", &asking(coding)).0;
            found.map(|entry| entry.body.len())
        };
        assert_eq!(length("br"), Some(3));
        assert_eq!(length("gzip"), Some(2));
        assert_eq!(store.find("/", &asking("identity")), (None, true));
        assert_eq!(store.find("/other", &asking("br")), (None, false));
    }

    /// A crawler that visits every page once does not push out what shoppers look at.
    #[test]
    fn a_scan_pushes_out_nothing_that_is_used() {
        let mut store = Store::new(1_000_000);
        for round in 0..5 {
            for hot in 0..20 {
                let key = format!("hot-{hot}");
                if store.find(&key, &asking("br")).0.is_none() {
                    assert_eq!(round, 0);
                    store.put(&key, entry("br", 5_000), EPOCH);
                }
            }
        }
        for cold in 0..2_000 {
            let key = format!("cold-{cold}");
            assert!(store.find(&key, &asking("br")).0.is_none());
            store.put(&key, entry("br", 5_000), EPOCH);
        }
        let left = (0..20).filter(|hot| {
            let key = format!("hot-{hot}");
            store.find(&key, &asking("br")).0.is_some()
        });
        assert_eq!(left.count(), 20);
        assert!(store.evicted() > 1_000);
    }

    #[test]
    fn a_hard_purge_takes_what_has_the_tag_and_nothing_else() {
        let mut store = Store::new(100_000);
        store.put("/p/mug", tagged("br", 1, &["p1", "c1"]), EPOCH);
        store.put("/p/cup", tagged("br", 1, &["p2", "c1"]), EPOCH);
        store.put("/", tagged("br", 1, &["home"]), EPOCH);
        assert_eq!(
            store.purge(&order(PurgeMode::Hard, &["p1", "nobody"]), 0),
            1
        );
        let is_there = |store: &Store, key| store.find(key, &asking("br")).0.is_some();
        assert!(!is_there(&store, "/p/mug") && is_there(&store, "/p/cup"));
        assert_eq!(store.purge(&order(PurgeMode::Hard, &["p1"]), 0), 0);
        assert_eq!(store.purge(&order(PurgeMode::Hard, &["c1"]), 0), 1);
        assert!(is_there(&store, "/"));
    }

    #[test]
    fn a_soft_purge_leaves_it_stale() {
        let mut store = Store::new(100_000);
        store.put("/p/mug", tagged("br", 1, &["p1"]), EPOCH);
        assert_eq!(store.purge(&order(PurgeMode::Soft, &["p1"]), 5_000), 1);
        let found = store.find("/p/mug", &asking("br")).0.unwrap();
        assert!(!found.is_fresh(5_000) && found.may_serve_while_renewing(5_000));
        assert!(!found.may_serve_while_renewing(65_000));
        // Purging it again does not make it younger.
        store.purge(&order(PurgeMode::Soft, &["p1"]), 60_000);
        let found = store.find("/p/mug", &asking("br")).0.unwrap();
        assert!(!found.may_serve_while_renewing(65_000));
    }

    proptest! {
        #[test]
        fn the_bound_holds_and_the_index_is_right(
            puts in prop::collection::vec((0_u8..20, 0_usize..3_000, 0_u8..4, any::<bool>()), 0..100),
        ) {
            let mut store = Store::new(20_000);
            for (key, length, tag, purge) in puts {
                let tag = format!("t{tag}");
                if purge {
                    store.purge(&order(PurgeMode::Hard, &[&tag]), 0);
                    let left = store.slots.iter().flat_map(|(_, variants)| variants);
                    prop_assert!(left.flat_map(|entry| &entry.tags).all(|it| **it != *tag));
                }
                let epoch = store.epoch();
                store.put(&key.to_string(), tagged("br", length, &[&tag]), epoch);
                prop_assert!(store.bytes() <= 20_000);
                let links: usize = store.index.values().map(HashSet::len).sum();
                prop_assert_eq!(links, store.len());
            }
        }

        /// What was asked for before a purge is never there after it, in whatever order things happen.
        #[test]
        fn what_is_stored_is_never_older_than_a_purge(
            steps in prop::collection::vec((0_u8..3, 0_usize..4), 0..60),
        ) {
            let mut store = Store::new(100_000);
            let mut version = 0_usize;
            let mut under_way: [Option<(usize, Epoch)>; 4] = [None; 4];
            for (step, who) in steps {
                match step {
                    // Somebody asks, and the origin answers with the version of now.
                    0 => under_way[who] = Some((version, store.epoch())),
                    // The answer comes.
                    1 => if let Some((seen, epoch)) = under_way[who].take() {
                        store.put("/", tagged("br", seen, &["p1"]), epoch);
                    },
                    _ => {
                        version += 1;
                        store.purge(&order(PurgeMode::Hard, &["p1"]), 0);
                    }
                }
                if let Some(found) = store.find("/", &asking("br")).0 {
                    prop_assert_eq!(found.body.len(), version);
                }
            }
        }
    }
}
