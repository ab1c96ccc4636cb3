//! A cached response, in every coding that was requested so far. A hit copies it and
//! encodes nothing.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
};

use axum::response::Response;
use http::StatusCode;
use shared::{cache::Tag, time::Timestamp};

use super::representation::{Negotiation, Representation};

/// A cached response.
#[derive(Clone, Debug)]
pub struct CachedResponse {
    status: StatusCode,
    /// The identity representation is the first.
    representations: Vec<Representation>,
    state: Arc<EntryState>,
}

/// The state of an entry, shared by all of its representations.
#[derive(Debug)]
struct EntryState {
    metadata: EntryMetadata,
    /// Until when it is fresh, in milliseconds; a failed refresh postpones it.
    fresh_until: AtomicI64,
    /// The latest version at which it is known to be valid.
    valid_at: AtomicU64,
    requests: AtomicU32,
}

/// The metadata of a cache entry.
#[derive(Debug)]
pub struct EntryMetadata {
    /// A change of any of these tags invalidates it.
    pub tags: Vec<Tag>,
    /// It contains every change up to this version.
    pub version: u64,
    /// When it was generated.
    pub created_at: Timestamp,
    /// Its freshness lifetime.
    pub lifetime_ms: i64,
}

/// An estimate of what a representation takes beside its body.
const OVERHEAD_BYTES: usize = 1_024;
/// From this part of its lifetime on, an entry is refreshed ahead of its expiry.
const REFRESH_AHEAD_PERCENT: i64 = 80;
/// An entry with fewer requests is not refreshed ahead.
const REQUESTS_MIN: u32 = 2;
/// In place of the request count: one request has claimed the refresh.
const REFRESH_CLAIMED: u32 = u32::MAX;

impl CachedResponse {
    /// Makes an entry from the identity representation.
    pub fn new(status: StatusCode, plain: Representation, metadata: EntryMetadata) -> Self {
        let state = EntryState {
            fresh_until: AtomicI64::new(metadata.created_at.as_millis() + metadata.lifetime_ms),
            valid_at: AtomicU64::new(metadata.version),
            requests: AtomicU32::new(0),
            metadata,
        };
        Self {
            status,
            representations: vec![plain.compact()],
            state: Arc::new(state),
        }
    }

    /// The response in the negotiated coding, if the entry has that representation.
    pub fn respond(&self, negotiation: &Negotiation) -> Option<Response> {
        let coding = negotiation.coding(&self.representations[0]);
        let representation = self.representations.iter().find(|it| it.coding == coding)?;
        Some(representation.respond(self.status, negotiation))
    }

    /// The entry with the negotiated coding added, and the response in it.
    pub fn with_coding(&self, negotiation: &Negotiation) -> (Self, Response) {
        let plain = &self.representations[0];
        let representation = plain.encoded(negotiation.coding(plain)).compact();
        let response = representation.respond(self.status, negotiation);
        let mut extended = self.clone();
        extended.representations.push(representation);
        (extended, response)
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The identity representation.
    pub fn plain(&self) -> &Representation {
        &self.representations[0]
    }

    /// The metadata of the entry.
    pub fn metadata(&self) -> &EntryMetadata {
        &self.state.metadata
    }

    /// It contains every change up to this version.
    pub fn version(&self) -> u64 {
        self.state.metadata.version
    }

    /// A change of any of these tags invalidates it.
    pub fn tags(&self) -> &[Tag] {
        &self.state.metadata.tags
    }

    /// Whether it is fresh (RFC 9111 §4.2), or its refresh is postponed.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_millis() < self.state.fresh_until.load(Ordering::Relaxed)
    }

    /// Whether it is too young to be refreshed ahead of its expiry.
    pub fn is_before_refresh_ahead(&self, now: Timestamp) -> bool {
        let metadata = &self.state.metadata;
        let age = now.as_millis() - metadata.created_at.as_millis();
        age * 100 < metadata.lifetime_ms * REFRESH_AHEAD_PERCENT
    }

    /// The rest of its freshness lifetime in milliseconds; not positive when it is stale.
    pub fn remaining_ms(&self, now: Timestamp) -> i64 {
        let metadata = &self.state.metadata;
        metadata.created_at.as_millis() + metadata.lifetime_ms - now.as_millis()
    }

    /// Postpones the next refresh after a failed one.
    pub fn postpone_refresh(&self, until_ms: i64) {
        self.state
            .fresh_until
            .fetch_max(until_ms, Ordering::Relaxed);
    }

    /// Counts a request, and says whether it has to refresh the entry ahead of its expiry. True for
    /// one request only.
    pub fn claim_refresh_ahead(&self, now: Timestamp) -> bool {
        let requests = &self.state.requests;
        match requests.load(Ordering::Relaxed) {
            REFRESH_CLAIMED => false,
            count @ 0..=REQUESTS_MIN => {
                requests.store(count + 1, Ordering::Relaxed);
                false
            }
            _ => {
                !self.is_before_refresh_ahead(now)
                    && requests.swap(REFRESH_CLAIMED, Ordering::Relaxed) != REFRESH_CLAIMED
            }
        }
    }

    /// Whether it is valid at this version. `is_unchanged` decides, and is called once a version.
    pub fn is_valid_at(&self, latest: u64, is_unchanged: impl FnOnce() -> bool) -> bool {
        let valid_at = &self.state.valid_at;
        if valid_at.load(Ordering::Relaxed) >= latest {
            return true;
        }
        let is_valid = is_unchanged();
        if is_valid {
            valid_at.fetch_max(latest, Ordering::Relaxed);
        }
        is_valid
    }

    /// The estimated size in bytes.
    pub fn size(&self) -> usize {
        self.representations
            .iter()
            .map(|representation| representation.length() + OVERHEAD_BYTES)
            .sum()
    }
}
