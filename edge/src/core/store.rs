//! The store in memory: bounded in bytes; what was not used for longest goes first.

use std::rc::Rc;

use lru::LruCache;

use super::{entry::Entry, headers::Headers};

/// Stored answers by key; of one key, those for different request fields.
pub struct Store {
    slots: LruCache<String, Vec<Rc<Entry>>>,
    bytes: usize,
    bytes_max: usize,
}

/// How many answers one key may have. More variants than codings and languages are a mistake of the
/// origin.
const VARIANTS_MAX: usize = 8;

impl Store {
    /// An empty store for this many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            slots: LruCache::unbounded(),
            bytes: 0,
            bytes_max,
        }
    }

    /// The entry that fits, and whether there are others.
    pub fn find(&mut self, key: &str, request: &Headers) -> (Option<Rc<Entry>>, bool) {
        let variants = self.slots.get(key).map_or(&[][..], Vec::as_slice);
        let fitting = variants.iter().find(|entry| entry.fits(request));
        (fitting.cloned(), !variants.is_empty())
    }

    /// Stores an entry in the place of one for the same request fields. An entry that is larger than
    /// an eighth of the store would push out too much, and is left out.
    pub fn put(&mut self, key: &str, entry: Rc<Entry>) {
        if entry.size() > self.bytes_max / 8 {
            self.remove(key);
            return;
        }
        let mut variants = self.take(key);
        variants.retain(|old| old.varies_on != entry.varies_on);
        variants.insert(0, entry);
        variants.truncate(VARIANTS_MAX);
        self.bytes += size(key, &variants);
        self.slots.push(key.to_owned(), variants);
        while self.bytes > self.bytes_max {
            match self.slots.pop_lru() {
                Some((key, variants)) => self.bytes -= size(&key, &variants),
                None => break,
            }
        }
    }

    /// Forgets everything of a key.
    pub fn remove(&mut self, key: &str) {
        self.take(key);
    }

    fn take(&mut self, key: &str) -> Vec<Rc<Entry>> {
        let variants = self.slots.pop(key).unwrap_or_default();
        if !variants.is_empty() {
            self.bytes -= size(key, &variants);
        }
        variants
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
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn size(key: &str, variants: &[Rc<Entry>]) -> usize {
    key.len() + variants.iter().map(|entry| entry.size()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::control::Control;

    fn entry(coding: &str, length: usize) -> Rc<Entry> {
        Rc::new(Entry {
            status: 200,
            headers: Headers::new(),
            body: vec![0; length].into(),
            came_at: 0,
            age_at_arrival: 0,
            control: Control::default(),
            varies_on: vec![("accept-encoding".into(), Some(coding.into()))],
        })
    }

    fn asking(coding: &str) -> Headers {
        [("accept-encoding", coding)].into_iter().collect()
    }

    #[test]
    fn variants_stand_side_by_side_and_are_replaced() {
        let mut store = Store::new(100_000);
        store.put("/", entry("br", 1));
        store.put("/", entry("gzip", 2));
        store.put("/", entry("br", 3));
        let length = |store: &mut Store, coding| {
            store
                .find("/", &asking(coding))
                .0
                .map(|entry| entry.body.len())
        };
        assert_eq!(length(&mut store, "br"), Some(3));
        assert_eq!(length(&mut store, "gzip"), Some(2));
        assert_eq!(store.find("/", &asking("identity")), (None, true));
        assert_eq!(store.find("/other", &asking("br")), (None, false));
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut store = Store::new(16_000);
        for key in ["a", "b", "c", "d", "e"] {
            store.put(key, entry("br", 1_500));
            store.find("a", &asking("br"));
        }
        for number in 0..5 {
            store.put(&format!("more-{number}"), entry("br", 1_500));
            store.find("a", &asking("br"));
        }
        assert!(store.find("a", &asking("br")).0.is_some());
        assert!(store.find("b", &asking("br")).0.is_none());
    }

    proptest! {
        #[test]
        fn the_bound_holds_and_the_sum_is_right(
            puts in prop::collection::vec((0_u8..20, 0_usize..3_000), 0..100),
        ) {
            let mut store = Store::new(20_000);
            for (key, length) in puts {
                store.put(&key.to_string(), entry("br", length));
                prop_assert!(store.bytes() <= 20_000);
            }
            let keys: Vec<String> = store.slots.iter().map(|(key, _)| key.clone()).collect();
            for key in keys {
                store.remove(&key);
            }
            prop_assert_eq!((store.bytes(), store.is_empty()), (0, true));
        }
    }
}
