//! The log of purges by tag. A purge applies to stored responses and to responses that are still on
//! their way: one that was requested before the purge may hold the old state.

use std::collections::HashMap;

use shared::edge::{PurgeMode, PurgeRequest, VERSION_HEADER};

use super::{
    headers::Headers,
    stored_response::{Millis, StoredResponse},
};

/// The number of purges so far. A response belongs to the epoch in which the origin was asked for
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PurgeEpoch(u64);

impl PurgeEpoch {
    /// The epoch before the first purge.
    pub const START: Self = Self(0);
}

/// The catalogue version up to which a response includes every change, if the origin states it.
pub fn catalogue_version(headers: &Headers) -> Option<u64> {
    headers.get(VERSION_HEADER)?.trim().parse().ok()
}

/// Which purges arrived, and when. A purge searches nothing: a stored response is checked against
/// the log when it is next looked up, so that the cost of a purge depends on its number of tags
/// only.
#[derive(Debug, Default)]
pub struct PurgeLog {
    epoch: u64,
    everything: TagPurges,
    tags: HashMap<String, TagPurges>,
    /// The epoch in which an unsafe request last invalidated a key.
    keys: HashMap<String, u64>,
    /// The purges that were compacted. Any response that is still on its way may predate them.
    compacted: LastPurge,
    /// The newest catalogue version that a purge has named.
    newest_version: u64,
}

/// The hard and soft purges of a tag.
#[derive(Clone, Copy, Debug, Default)]
struct TagPurges {
    hard: LastPurge,
    soft: LastPurge,
}

/// The last purge of a tag and mode.
#[derive(Clone, Copy, Debug, Default)]
struct LastPurge {
    /// The epoch of the last purge.
    epoch: u64,
    /// The epoch of the purge before it.
    previous_epoch: u64,
    /// When the last purge arrived.
    at: Millis,
    /// The epoch of the last purge that named no catalogue version.
    unversioned_epoch: u64,
    /// The newest catalogue version that one of the purges named.
    version: u64,
}

/// The effect of the recorded purges on a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeVerdict {
    /// No purge applies.
    Valid,
    /// A soft purge made the response stale at this time.
    Stale(Millis),
    /// A hard purge removes the response.
    Removed,
}

/// The most tags and keys in the log. Above this limit all stored responses are checked against the
/// log, and it is compacted.
pub const PURGE_RECORDS_MAX: usize = 20_000;

impl LastPurge {
    fn record(&mut self, epoch: u64, version: Option<u64>, now: Millis) {
        (self.previous_epoch, self.epoch, self.at) = (self.epoch, epoch, now);
        match version {
            Some(version) => self.version = self.version.max(version),
            None => self.unversioned_epoch = epoch,
        }
    }

    /// Whether a response that was requested in this epoch may predate the purge. If both name a
    /// catalogue version, the versions decide; otherwise the order of events does.
    fn may_outdate(self, response: &StoredResponse, requested_in: PurgeEpoch) -> bool {
        match response.catalogue_version {
            Some(catalogue_version) => {
                catalogue_version < self.version || self.unversioned_epoch > requested_in.0
            }
            None => self.epoch > requested_in.0,
        }
    }

    /// When the purge made a response of this epoch stale. If several purges apply, only the time
    /// of the last one is known, so the response counts as stale since it was stored.
    fn invalidated_at(self, response: &StoredResponse, requested_in: PurgeEpoch) -> Millis {
        if self.previous_epoch > requested_in.0 {
            response.stored_at
        } else {
            self.at
        }
    }
}

impl PurgeLog {
    /// The current epoch.
    pub const fn epoch(&self) -> PurgeEpoch {
        PurgeEpoch(self.epoch)
    }

    /// The newest catalogue version that a purge has named.
    pub const fn newest_version(&self) -> u64 {
        self.newest_version
    }

    /// Records a purge.
    pub fn record(&mut self, purge: &PurgeRequest, now: Millis) {
        self.epoch += 1;
        let epoch = self.epoch;
        let record = |purges: &mut TagPurges, version| match purge.mode {
            PurgeMode::Hard => purges.hard.record(epoch, version, now),
            PurgeMode::Soft => purges.soft.record(epoch, version, now),
        };
        if purge.everything {
            record(&mut self.everything, purge.version);
        }
        for tag in &purge.tags {
            record(self.tags.entry(tag.name.clone()).or_default(), tag.version);
        }
        let changes = purge.tags.iter().map(|tag| tag.version);
        let newest = changes.chain([purge.version]).flatten().max();
        self.newest_version = self.newest_version.max(newest.unwrap_or(0));
    }

    /// Records that an unsafe request invalidated a key.
    pub fn record_key(&mut self, key: &str) {
        self.epoch += 1;
        self.keys.insert(key.to_owned(), self.epoch);
    }

    /// Whether the log has more entries than allowed.
    pub fn is_full(&self) -> bool {
        self.tags.len() + self.keys.len() > PURGE_RECORDS_MAX
    }

    /// Clears the log. All stored responses must have been checked against it before.
    pub fn compact(&mut self, now: Millis) {
        self.tags.clear();
        self.keys.clear();
        self.compacted.record(self.epoch, None, now);
        self.compacted.version = self.newest_version;
    }

    /// The effect of the recorded purges on a response that was valid in this epoch.
    pub fn verdict(&self, response: &StoredResponse, valid_in: PurgeEpoch) -> PurgeVerdict {
        if self
            .purges_of(response)
            .any(|it| it.hard.may_outdate(response, valid_in))
        {
            return PurgeVerdict::Removed;
        }
        let soft = self.purges_of(response).map(|it| it.soft);
        let soft = soft.filter(|it| it.may_outdate(response, valid_in));
        match soft.map(|it| it.invalidated_at(response, valid_in)).min() {
            Some(since) if response.invalidated_at.is_none() => PurgeVerdict::Stale(since),
            _ => PurgeVerdict::Valid,
        }
    }

    /// Whether a response that was requested in this epoch may predate a purge of one of its tags.
    pub fn outdates(&self, response: &StoredResponse, requested_in: PurgeEpoch) -> bool {
        let both = |it: &TagPurges| {
            it.hard.may_outdate(response, requested_in)
                || it.soft.may_outdate(response, requested_in)
        };
        self.compacted.may_outdate(response, requested_in) || self.purges_of(response).any(both)
    }

    /// Whether a key was invalidated after this epoch.
    pub fn outdates_key(&self, key: &str, requested_in: PurgeEpoch) -> bool {
        self.keys
            .get(key)
            .is_some_and(|epoch| *epoch > requested_in.0)
    }

    fn purges_of<'m>(
        &'m self,
        response: &'m StoredResponse,
    ) -> impl Iterator<Item = &'m TagPurges> {
        let of_tags = response.tags.iter().filter_map(|tag| self.tags.get(&**tag));
        of_tags.chain([&self.everything])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        admission::{Admission, CacheRules, admit},
        plan::CacheRequest,
        stored_response::StoredBody,
    };

    fn response(tags: &str, catalogue_version: &str) -> StoredResponse {
        let lines = [
            ("cache-control", "max-age=60"),
            ("cache-tag", tags),
            (VERSION_HEADER, catalogue_version),
        ];
        let headers = lines.into_iter().collect();
        let request = CacheRequest {
            method: "GET".into(),
            headers: Headers::new(),
            audience: shared::cache_key::Audience::Public,
        };
        match admit(CacheRules::Shop, &request, 200, &headers, 0) {
            Admission::Store(metadata) => {
                metadata.into_response(200, &headers, StoredBody::new((), 0), 0, 0)
            }
            Admission::DoNotStore(why) => panic!("{why}"),
        }
    }

    fn purge_request(text: &str) -> PurgeRequest {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_purge_request_is_deserialized() {
        let soft =
            purge_request(r#"{"mode":"soft","tags":[{"name":"p1","version":7},{"name":"home"}]}"#);
        assert_eq!(
            (soft.mode, soft.tags[0].version),
            (PurgeMode::Soft, Some(7))
        );
        assert_eq!((soft.everything, soft.tags[1].version), (false, None));
        assert!(purge_request(r#"{"everything":true}"#).everything);
        assert!(serde_json::from_str::<PurgeRequest>(r#"{"mode":"mild"}"#).is_err());
    }

    /// The origin may read from a replica that lags behind: then versions decide, and not the order
    /// of events.
    #[test]
    fn a_response_with_an_older_version_is_outdated_however_late_it_was_requested() {
        let mut purge_log = PurgeLog::default();
        let before = purge_log.epoch();
        purge_log.record(&purge_request(r#"{"tags":[{"name":"p1","version":7}]}"#), 0);
        let after = purge_log.epoch();
        for (catalogue_version, requested_in, too_old) in [
            ("", before, true),
            ("", after, false),
            ("6", after, true),
            ("7", after, false),
            ("7", before, false),
        ] {
            let response = response("p1,home", catalogue_version);
            assert_eq!(
                purge_log.outdates(&response, requested_in),
                too_old,
                "{catalogue_version} {requested_in:?}"
            );
        }
        assert!(!purge_log.outdates(&response("p2", "6"), before));
        assert_eq!(purge_log.newest_version(), 7);
        // A purge that arrives out of order does not lower the version.
        purge_log.record(&purge_request(r#"{"tags":[{"name":"p1","version":5}]}"#), 0);
        assert!(purge_log.outdates(&response("p1", "6"), purge_log.epoch()));
        assert_eq!(purge_log.newest_version(), 7);
        // A manual purge names no version: then the order of events decides.
        let before = purge_log.epoch();
        purge_log.record(&purge_request(r#"{"tags":[{"name":"p1"}]}"#), 0);
        assert!(purge_log.outdates(&response("p1", "9"), before));
        assert!(!purge_log.outdates(&response("p1", "9"), purge_log.epoch()));
    }

    #[test]
    fn a_purge_of_everything_keeps_newer_versions() {
        let mut purge_log = PurgeLog::default();
        let before = purge_log.epoch();
        let nine = purge_request(r#"{"everything":true,"version":9}"#);
        purge_log.record(&nine, 0);
        for (catalogue_version, too_old) in [("", true), ("8", true), ("9", false)] {
            let response = response("p1", catalogue_version);
            assert_eq!(
                purge_log.outdates(&response, before),
                too_old,
                "{catalogue_version}"
            );
            let gone = purge_log.verdict(&response, before) == PurgeVerdict::Removed;
            assert_eq!(gone, too_old, "{catalogue_version}");
        }
        let before = purge_log.epoch();
        purge_log.record(&purge_request(r#"{"everything":true}"#), 0);
        assert_eq!(
            purge_log.verdict(&response("", "99"), before),
            PurgeVerdict::Removed
        );
    }

    #[test]
    fn a_purge_by_tag_keeps_newer_versions() {
        let mut purge_log = PurgeLog::default();
        let before = purge_log.epoch();
        purge_log.record(&purge_request(r#"{"tags":[{"name":"p1","version":7}]}"#), 0);
        for (tags, catalogue_version, verdict) in [
            ("p1", "6", PurgeVerdict::Removed),
            ("p1", "7", PurgeVerdict::Valid),
            ("p1", "", PurgeVerdict::Removed),
            ("p2", "1", PurgeVerdict::Valid),
        ] {
            assert_eq!(
                purge_log.verdict(&response(tags, catalogue_version), before),
                verdict,
                "{catalogue_version}"
            );
        }
        assert_eq!(
            purge_log.verdict(&response("p1", ""), purge_log.epoch()),
            PurgeVerdict::Valid
        );
    }

    /// A response is not served stale for too long when no request looks it up between two purges.
    #[test]
    fn a_response_purged_twice_is_stale_since_it_was_stored() {
        let soft = purge_request(r#"{"mode":"soft","tags":[{"name":"p1"}]}"#);
        let mut purge_log = PurgeLog::default();
        let before = purge_log.epoch();
        purge_log.record(&soft, 5_000);
        let response = response("p1", "");
        assert_eq!(
            purge_log.verdict(&response, before),
            PurgeVerdict::Stale(5_000)
        );
        let between = purge_log.epoch();
        purge_log.record(&soft, 9_000);
        assert_eq!(
            purge_log.verdict(&response, between),
            PurgeVerdict::Stale(9_000)
        );
        assert_eq!(purge_log.verdict(&response, before), PurgeVerdict::Stale(0));
        let stale = StoredResponse {
            invalidated_at: Some(5_000),
            ..response
        };
        assert_eq!(purge_log.verdict(&stale, before), PurgeVerdict::Valid);
        purge_log.record(&purge_request(r#"{"tags":[{"name":"p1"}]}"#), 9_000);
        assert_eq!(purge_log.verdict(&stale, before), PurgeVerdict::Removed);
    }

    #[test]
    fn an_invalidated_key_outdates_earlier_requests() {
        let mut purge_log = PurgeLog::default();
        let before = purge_log.epoch();
        purge_log.record_key("/a");
        assert!(purge_log.outdates_key("/a", before));
        assert!(!purge_log.outdates_key("/a", purge_log.epoch()));
        assert!(!purge_log.outdates_key("/b", before));
    }

    #[test]
    fn compaction_outdates_all_pending_responses() {
        let mut purge_log = PurgeLog::default();
        let before = purge_log.epoch();
        for number in 0..PURGE_RECORDS_MAX {
            purge_log.record(
                &purge_request(&format!(r#"{{"tags":[{{"name":"p{number}"}}]}}"#)),
                0,
            );
        }
        assert!(!purge_log.is_full());
        purge_log.record(
            &purge_request(r#"{"tags":[{"name":"last","version":7}]}"#),
            0,
        );
        assert!(purge_log.is_full());
        purge_log.compact(0);
        assert!(!purge_log.is_full());
        for (tags, catalogue_version) in [("p0", ""), ("other", ""), ("other", "6")] {
            assert!(
                purge_log.outdates(&response(tags, catalogue_version), before),
                "{tags} {catalogue_version}"
            );
        }
        assert!(!purge_log.outdates(&response("p0", ""), purge_log.epoch()));
        // Stored responses were checked before the log was compacted.
        assert_eq!(
            purge_log.verdict(&response("p0", ""), before),
            PurgeVerdict::Valid
        );
    }
}
