//! Purges: which stored answers are no longer right, by their tags. A purge concerns what is stored
//! and also what is on its way here: who asked the origin before it may get what was right before.

use std::collections::HashMap;

use shared::edge::{AS_OF_HEADER, PurgeMode, PurgeOrder};

use super::{
    entry::{Entry, Millis},
    headers::Headers,
};

/// How many purges there were. An answer is as old as the epoch in which the origin was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

impl Epoch {
    /// Before the first purge.
    pub const BEGIN: Self = Self(0);
}

/// What an answer says of how new it is.
pub fn as_of(headers: &Headers) -> Option<u64> {
    headers.get(AS_OF_HEADER)?.trim().parse().ok()
}

/// What was purged when. Nothing is looked for when a purge comes: what is stored is compared with it when
/// it is next asked for, so that a purge costs as much as it has tags, whatever is stored.
#[derive(Debug, Default)]
pub struct Purged {
    epoch: u64,
    everything: Marks,
    tags: HashMap<String, Marks>,
    /// The last time that an address was made invalid by a request to it.
    keys: HashMap<String, u64>,
    /// What was forgotten of all that, to which everything on its way here is too old.
    forgotten: Last,
    /// The last change that a purge named.
    newest: u64,
}

/// The purges of a tag.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    hard: Last,
    soft: Last,
}

/// The last purge.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    /// Which it was.
    epoch: u64,
    /// Which the one before it was.
    before: u64,
    /// When it came.
    at: Millis,
    /// Which the last one was that named no change.
    unnumbered: u64,
    /// The last change that one named.
    change: u64,
}

/// What purges have made of a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None concerns it.
    Valid,
    /// It is stale, and has been so since then.
    Stale(Millis),
    /// It is gone.
    Gone,
}

/// Tags and addresses that are remembered. When there are more, everything that is stored is compared with
/// them, and what is on its way here is too old.
pub const REMEMBERED_MAX: usize = 20_000;

impl Last {
    fn record(&mut self, epoch: u64, change: Option<u64>, now: Millis) {
        (self.before, self.epoch, self.at) = (self.epoch, epoch, now);
        match change {
            Some(change) => self.change = self.change.max(change),
            None => self.unnumbered = epoch,
        }
    }

    /// Whether an answer to what was asked in this epoch may be older than the purge. One in which the
    /// purge's change is already, is not.
    fn is_after(self, entry: &Entry, asked: Epoch) -> bool {
        match entry.as_of {
            Some(as_of) => as_of < self.change || self.unnumbered > asked.0,
            None => self.epoch > asked.0,
        }
    }

    /// Since when an answer is stale that was right in this epoch. Where that was the work of several
    /// purges, only the time of the last is known: it may have been so for as long as it is here.
    fn since(self, entry: &Entry, asked: Epoch) -> Millis {
        if self.before > asked.0 {
            entry.here_since
        } else {
            self.at
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

    /// Records a purge.
    pub fn record(&mut self, order: &PurgeOrder, now: Millis) {
        self.epoch += 1;
        let epoch = self.epoch;
        let record = |marks: &mut Marks, change| match order.mode {
            PurgeMode::Hard => marks.hard.record(epoch, change, now),
            PurgeMode::Soft => marks.soft.record(epoch, change, now),
        };
        if order.everything {
            record(&mut self.everything, order.version);
        }
        for tag in &order.tags {
            record(self.tags.entry(tag.name.clone()).or_default(), tag.version);
        }
        let changes = order.tags.iter().map(|tag| tag.version);
        let newest = changes.chain([order.version]).flatten().max();
        self.newest = self.newest.max(newest.unwrap_or(0));
    }

    /// Records that what an address answered before is no longer right.
    pub fn record_key(&mut self, key: &str) {
        self.epoch += 1;
        self.keys.insert(key.to_owned(), self.epoch);
    }

    /// Whether more is remembered than should be.
    pub fn is_full(&self) -> bool {
        self.tags.len() + self.keys.len() > REMEMBERED_MAX
    }

    /// Forgets what was purged, once everything that is stored has been compared with it.
    pub fn forget(&mut self, now: Millis) {
        self.tags.clear();
        self.keys.clear();
        self.forgotten.record(self.epoch, None, now);
        self.forgotten.change = self.newest;
    }

    /// What has become of a stored answer that was right in this epoch.
    pub fn judge(&self, entry: &Entry, right_in: Epoch) -> Verdict {
        if self
            .marks(entry)
            .any(|it| it.hard.is_after(entry, right_in))
        {
            return Verdict::Gone;
        }
        let soft = self.marks(entry).map(|it| it.soft);
        let soft = soft.filter(|it| it.is_after(entry, right_in));
        match soft.map(|it| it.since(entry, right_in)).min() {
            Some(since) if entry.stale_since.is_none() => Verdict::Stale(since),
            _ => Verdict::Valid,
        }
    }

    /// Whether an answer to what was asked in this epoch may be older than a purge that concerns it.
    pub fn concerns(&self, entry: &Entry, asked: Epoch) -> bool {
        let both = |it: &Marks| it.hard.is_after(entry, asked) || it.soft.is_after(entry, asked);
        self.forgotten.is_after(entry, asked) || self.marks(entry).any(both)
    }

    /// Whether an address has been made invalid after this epoch.
    pub fn concerns_key(&self, key: &str, asked: Epoch) -> bool {
        self.keys.get(key).is_some_and(|epoch| *epoch > asked.0)
    }

    fn marks<'m>(&'m self, entry: &'m Entry) -> impl Iterator<Item = &'m Marks> {
        let of_tags = entry.tags.iter().filter_map(|tag| self.tags.get(&**tag));
        of_tags.chain([&self.everything])
    }
}

#[cfg(test)]
mod tests {
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
            whose: shared::key::Whose::Everybodys,
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
        purged.record(&order(r#"{"tags":[{"name":"p1","version":7}]}"#), 0);
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
        purged.record(&order(r#"{"tags":[{"name":"p1","version":5}]}"#), 0);
        assert!(purged.concerns(&entry("p1", "6"), purged.epoch()));
        assert_eq!(purged.newest(), 7);
        // One that somebody ordered by hand names no change: then time decides.
        let before = purged.epoch();
        purged.record(&order(r#"{"tags":[{"name":"p1"}]}"#), 0);
        assert!(purged.concerns(&entry("p1", "9"), before));
        assert!(!purged.concerns(&entry("p1", "9"), purged.epoch()));
    }

    #[test]
    fn a_purge_of_everything_leaves_what_is_newer() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        let nine = order(r#"{"everything":true,"version":9}"#);
        purged.record(&nine, 0);
        for (as_of, too_old) in [("", true), ("8", true), ("9", false)] {
            let entry = entry("p1", as_of);
            assert_eq!(purged.concerns(&entry, before), too_old, "{as_of}");
            let gone = purged.judge(&entry, before) == Verdict::Gone;
            assert_eq!(gone, too_old, "{as_of}");
        }
        let before = purged.epoch();
        purged.record(&order(r#"{"everything":true}"#), 0);
        assert_eq!(purged.judge(&entry("", "99"), before), Verdict::Gone);
    }

    #[test]
    fn an_order_leaves_what_is_newer() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        purged.record(&order(r#"{"tags":[{"name":"p1","version":7}]}"#), 0);
        for (tags, as_of, verdict) in [
            ("p1", "6", Verdict::Gone),
            ("p1", "7", Verdict::Valid),
            ("p1", "", Verdict::Gone),
            ("p2", "1", Verdict::Valid),
        ] {
            assert_eq!(
                purged.judge(&entry(tags, as_of), before),
                verdict,
                "{as_of}"
            );
        }
        assert_eq!(
            purged.judge(&entry("p1", ""), purged.epoch()),
            Verdict::Valid
        );
    }

    /// Nothing is shown for longer than it allows because nobody asked for it between two purges.
    #[test]
    fn what_was_purged_twice_is_stale_since_it_is_here() {
        let soft = order(r#"{"mode":"soft","tags":[{"name":"p1"}]}"#);
        let mut purged = Purged::default();
        let before = purged.epoch();
        purged.record(&soft, 5_000);
        let entry = entry("p1", "");
        assert_eq!(purged.judge(&entry, before), Verdict::Stale(5_000));
        let between = purged.epoch();
        purged.record(&soft, 9_000);
        assert_eq!(purged.judge(&entry, between), Verdict::Stale(9_000));
        assert_eq!(purged.judge(&entry, before), Verdict::Stale(0));
        let stale = Entry {
            stale_since: Some(5_000),
            ..entry
        };
        assert_eq!(purged.judge(&stale, before), Verdict::Valid);
        purged.record(&order(r#"{"tags":[{"name":"p1"}]}"#), 9_000);
        assert_eq!(purged.judge(&stale, before), Verdict::Gone);
    }

    #[test]
    fn an_address_is_invalid_for_what_was_asked_before() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        purged.record_key("/a");
        assert!(purged.concerns_key("/a", before));
        assert!(!purged.concerns_key("/a", purged.epoch()));
        assert!(!purged.concerns_key("/b", before));
    }

    #[test]
    fn what_is_forgotten_makes_everything_old_that_is_on_its_way() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        for number in 0..REMEMBERED_MAX {
            purged.record(
                &order(&format!(r#"{{"tags":[{{"name":"p{number}"}}]}}"#)),
                0,
            );
        }
        assert!(!purged.is_full());
        purged.record(&order(r#"{"tags":[{"name":"last","version":7}]}"#), 0);
        assert!(purged.is_full());
        purged.forget(0);
        assert!(!purged.is_full());
        for (tags, as_of) in [("p0", ""), ("other", ""), ("other", "6")] {
            assert!(
                purged.concerns(&entry(tags, as_of), before),
                "{tags} {as_of}"
            );
        }
        assert!(!purged.concerns(&entry("p0", ""), purged.epoch()));
        // What is stored has been compared with it before.
        assert_eq!(purged.judge(&entry("p0", ""), before), Verdict::Valid);
    }
}
