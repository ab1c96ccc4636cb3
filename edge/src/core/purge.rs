//! Purges: which stored answers are no longer right, by their tags. A purge concerns what is stored
//! and also what is on its way here: who asked the origin before it may get what was right before.

use std::collections::HashMap;

use shared::edge::{AS_OF_HEADER, PurgeOrder, PurgeTag};

use super::{entry::Entry, headers::Headers};

/// How many purges there were. An answer is as old as the epoch in which the origin was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

impl Epoch {
    /// Before the first purge.
    pub const BEGIN: Self = Self(0);
}

/// Whether a stored answer is no longer right. One in which the purge's change is already, is.
pub fn concerns(order: &PurgeOrder, entry: &Entry) -> bool {
    let before = |change: Option<u64>| change.is_none() || entry.as_of < change;
    let wrong =
        |tag: &PurgeTag| before(tag.version) && entry.tags.iter().any(|it| **it == *tag.name);
    order.everything && before(order.version) || order.tags.iter().any(wrong)
}

/// What an answer says of how new it is.
pub fn as_of(headers: &Headers) -> Option<u64> {
    headers.get(AS_OF_HEADER)?.trim().parse().ok()
}

/// What was purged when, as far as it matters for what is still on its way.
#[derive(Debug, Default)]
pub struct Purged {
    epoch: u64,
    /// The last purge of everything.
    everything: Last,
    tags: HashMap<String, Last>,
    /// The last change that a purge named.
    newest: u64,
}

/// The last purge of a tag.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    /// When.
    epoch: u64,
    /// When the last one was that named no change.
    unnumbered: u64,
    /// The last change that one named.
    change: u64,
}

/// Tags that are remembered; when there are more, everything on its way is too old once.
const TAGS_MAX: usize = 20_000;

impl Last {
    fn note(&mut self, epoch: u64, change: Option<u64>) {
        self.epoch = epoch;
        match change {
            Some(change) => self.change = self.change.max(change),
            None => self.unnumbered = epoch,
        }
    }

    /// Whether an answer to what was asked in this epoch may be older than the purge.
    fn is_after(self, entry: &Entry, asked: Epoch) -> bool {
        match entry.as_of {
            Some(as_of) => as_of < self.change || self.unnumbered > asked.0,
            None => self.epoch > asked.0,
        }
    }
}

impl Purged {
    /// The epoch of now.
    pub const fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// The last change that this edge knows of.
    pub const fn newest(&self) -> u64 {
        self.newest
    }

    /// Notes a purge.
    pub fn note(&mut self, order: &PurgeOrder) {
        self.epoch += 1;
        if order.everything {
            self.everything.note(self.epoch, order.version);
        }
        for tag in &order.tags {
            let last = self.tags.entry(tag.name.clone()).or_default();
            last.note(self.epoch, tag.version);
        }
        let changes = order.tags.iter().map(|tag| tag.version);
        let newest = changes.chain([order.version]).flatten().max();
        self.newest = self.newest.max(newest.unwrap_or(0));
        if self.tags.len() > TAGS_MAX {
            self.tags.clear();
            self.everything.note(self.epoch, None);
            self.everything.change = self.newest;
        }
    }

    /// Whether an answer to what was asked in this epoch may be older than a purge that concerns it.
    pub fn concerns(&self, entry: &Entry, asked: Epoch) -> bool {
        let of_tags = entry.tags.iter().filter_map(|tag| self.tags.get(&**tag));
        let mut lasts = of_tags.chain([&self.everything]);
        lasts.any(|last| last.is_after(entry, asked))
    }
}

#[cfg(test)]
mod tests {
    use shared::edge::PurgeMode;

    use super::*;
    use crate::core::{
        admit::{Admission, Rules, admit},
        entry::Body,
        plan::Request,
    };

    fn entry(tags: &str, as_of: &str) -> Entry {
        let lines = [
            ("cache-control", "max-age=60"),
            ("cache-tag", tags),
            (AS_OF_HEADER, as_of),
        ];
        let headers = lines.into_iter().collect();
        let request = Request {
            method: "GET".into(),
            headers: Headers::new(),
        };
        match admit(Rules::Shop, &request, 200, &headers, 0) {
            Admission::Store(terms) => terms.entry(200, &headers, Body::new((), 0), 0, 0),
            Admission::Leave(why) => panic!("{why}"),
        }
    }

    fn order(text: &str) -> PurgeOrder {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_order_is_read_as_it_is_written() {
        let soft = order(r#"{"mode":"soft","tags":[{"name":"p1","version":7},{"name":"home"}]}"#);
        assert_eq!(
            (soft.mode, soft.tags[0].version),
            (PurgeMode::Soft, Some(7))
        );
        assert_eq!((soft.everything, soft.tags[1].version), (false, None));
        assert!(order(r#"{"everything":true}"#).everything);
        assert!(serde_json::from_str::<PurgeOrder>(r#"{"mode":"mild"}"#).is_err());
    }

    /// The origin's answers may come from a copy that lags behind: then changes decide, not time.
    #[test]
    fn what_was_made_before_a_change_is_not_stored_however_late_it_was_asked_for() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        purged.note(&order(r#"{"tags":[{"name":"p1","version":7}]}"#));
        let after = purged.epoch();
        for (as_of, asked, too_old) in [
            ("", before, true),
            ("", after, false),
            ("6", after, true),
            ("7", after, false),
            ("7", before, false),
        ] {
            let entry = entry("p1,home", as_of);
            assert_eq!(purged.concerns(&entry, asked), too_old, "{as_of} {asked:?}");
        }
        assert!(!purged.concerns(&entry("p2", "6"), before));
        assert_eq!(purged.newest(), 7);
        // A purge that comes late takes nothing back.
        purged.note(&order(r#"{"tags":[{"name":"p1","version":5}]}"#));
        assert!(purged.concerns(&entry("p1", "6"), purged.epoch()));
        assert_eq!(purged.newest(), 7);
        // One that somebody ordered by hand names no change: then time decides.
        let before = purged.epoch();
        purged.note(&order(r#"{"tags":[{"name":"p1"}]}"#));
        assert!(purged.concerns(&entry("p1", "9"), before));
        assert!(!purged.concerns(&entry("p1", "9"), purged.epoch()));
    }

    #[test]
    fn a_purge_of_everything_leaves_what_is_newer() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        let nine = order(r#"{"everything":true,"version":9}"#);
        purged.note(&nine);
        for (as_of, too_old) in [("", true), ("8", true), ("9", false)] {
            let entry = entry("p1", as_of);
            assert_eq!(purged.concerns(&entry, before), too_old, "{as_of}");
            assert_eq!(concerns(&nine, &entry), too_old, "{as_of}");
        }
        let by_hand = order(r#"{"everything":true}"#);
        assert!(concerns(&by_hand, &entry("", "99")));
    }

    #[test]
    fn an_order_leaves_what_is_newer() {
        let seven = order(r#"{"tags":[{"name":"p1","version":7}]}"#);
        for (tags, as_of, concerned) in [
            ("p1", "6", true),
            ("p1", "7", false),
            ("p1", "", true),
            ("p2", "1", false),
        ] {
            assert_eq!(concerns(&seven, &entry(tags, as_of)), concerned, "{as_of}");
        }
    }

    #[test]
    fn what_is_not_remembered_any_more_makes_everything_old_once() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        for number in 0..=TAGS_MAX {
            purged.note(&order(&format!(r#"{{"tags":[{{"name":"p{number}"}}]}}"#)));
        }
        assert!(purged.concerns(&entry("p0", ""), before));
        assert!(!purged.concerns(&entry("p0", ""), purged.epoch()));
    }
}
