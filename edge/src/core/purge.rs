//! Purges: which stored answers are no longer right, by their tags. A purge concerns what is stored
//! and also what is on its way here: who asked the origin before it may get what was right before.

use std::collections::HashMap;

use shared::edge::{PurgeOrder, PurgeTag, VERSIONS_HEADER};

use super::{entry::Entry, headers::Headers};

/// How many purges there were. An answer is as old as the epoch in which the origin was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

impl Epoch {
    /// Before the first purge.
    pub const BEGIN: Self = Self(0);
}

/// Whether a stored answer is no longer right. One that was made from the purge's own version or a
/// later one is.
pub fn concerns(order: &PurgeOrder, entry: &Entry) -> bool {
    let wrong = |tag: &PurgeTag| {
        let own = entry.version_of(&tag.name);
        let newer = tag.version.is_some_and(|wanted| own >= Some(wanted));
        !newer && entry.tags.iter().any(|it| **it == *tag.name)
    };
    order.everything || order.tags.iter().any(wrong)
}

/// What an answer says of the versions that it was made from.
pub fn versions(headers: &Headers) -> Vec<(String, u64)> {
    let pair = |member: &str| {
        let (name, version) = member.split_once('=')?;
        Some((name.trim().to_owned(), version.trim().parse().ok()?))
    };
    headers.members(VERSIONS_HEADER).filter_map(pair).collect()
}

/// What was purged when, as far as it matters for what is still on its way.
#[derive(Debug, Default)]
pub struct Purged {
    epoch: u64,
    /// What was asked for before this epoch is too old, whatever its tags.
    floor: u64,
    tags: HashMap<String, Last>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    epoch: u64,
    version: u64,
}

/// Tags that are remembered; when there are more, everything on its way is too old once.
const TAGS_MAX: usize = 20_000;

impl Purged {
    /// The epoch of now.
    pub const fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// Notes a purge.
    pub fn note(&mut self, order: &PurgeOrder) {
        self.epoch += 1;
        if order.everything {
            self.floor = self.epoch;
        }
        for tag in &order.tags {
            let last = self.tags.entry(tag.name.clone()).or_default();
            last.epoch = self.epoch;
            last.version = last.version.max(tag.version.unwrap_or(0));
        }
        if self.tags.len() > TAGS_MAX {
            self.tags.clear();
            self.floor = self.epoch;
        }
    }

    /// Whether an answer to what was asked in this epoch may be older than a purge that concerns it.
    pub fn concerns(&self, entry: &Entry, asked: Epoch) -> bool {
        let too_old = |tag: &str| {
            let Some(last) = self.tags.get(tag) else {
                return false;
            };
            match entry.version_of(tag) {
                Some(version) => version < last.version,
                None => last.epoch > asked.0,
            }
        };
        self.floor > asked.0 || entry.tags.iter().any(|tag| too_old(tag))
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

    fn entry(tags: &str, versions: &str) -> Entry {
        let lines = [
            ("cache-control", "max-age=60"),
            ("cache-tag", tags),
            (VERSIONS_HEADER, versions),
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

    /// The origin's answers may come from a copy that lags behind: then versions decide, not time.
    #[test]
    fn a_version_that_was_purged_is_not_stored_however_late_it_was_asked_for() {
        let mut purged = Purged::default();
        let before = purged.epoch();
        purged.note(&order(r#"{"tags":[{"name":"p1","version":7}]}"#));
        let after = purged.epoch();
        for (versions, asked, too_old) in [
            ("", before, true),
            ("", after, false),
            ("p1=6", after, true),
            ("p1=7", after, false),
            ("p1=7", before, false),
            ("p2=1", before, true),
        ] {
            let entry = entry("p1,home", versions);
            assert_eq!(
                purged.concerns(&entry, asked),
                too_old,
                "{versions} {asked:?}"
            );
        }
        // A purge that comes late takes nothing back.
        purged.note(&order(r#"{"tags":[{"name":"p1","version":5}]}"#));
        assert!(purged.concerns(&entry("p1", "p1=6"), purged.epoch()));
    }

    #[test]
    fn an_order_leaves_what_is_newer() {
        let seven = order(r#"{"tags":[{"name":"p1","version":7}]}"#);
        for (tags, versions, concerned) in [
            ("p1", "p1=6", true),
            ("p1", "p1=7", false),
            ("p1", "", true),
            ("p2", "p2=1", false),
        ] {
            assert_eq!(
                concerns(&seven, &entry(tags, versions)),
                concerned,
                "{versions}"
            );
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
