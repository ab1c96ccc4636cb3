//! A finished answer: in every coding that somebody has asked for, so that answering with it again is
//! copying it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
};

use axum::response::Response;
use http::StatusCode;
use shared::{cache::Tag, time::Timestamp};

use super::representation::{Negotiation, Representation};

/// A finished answer.
#[derive(Clone, Debug)]
pub struct CachedResponse {
    status: StatusCode,
    /// The plain one first.
    representations: Vec<Representation>,
    state: Arc<EntryState>,
}

/// What is the same in every coding.
#[derive(Debug)]
struct EntryState {
    metadata: EntryMetadata,
    /// When it is to be made again, in milliseconds; later when that fails.
    fresh_until: AtomicI64,
    /// The last change that is known to leave it right.
    valid_at: AtomicU64,
    requests: AtomicU32,
}

/// How an answer is kept.
#[derive(Debug)]
pub struct EntryMetadata {
    /// What it was made from.
    pub tags: Vec<Tag>,
    /// The last change that is in it.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// For how long it need not be made again.
    pub lifetime_ms: i64,
}

/// About what an answer takes beside its bodies.
const OVERHEAD_BYTES: usize = 1_024;
/// How much of its life an answer has had when it is made again before it ends, of a hundred.
const REFRESH_AHEAD_PERCENT: i64 = 80;
/// How often it must have been asked for by then.
const REQUESTS_MIN: u32 = 2;
/// In the place of that count: somebody was told to make it again.
const REFRESH_CLAIMED: u32 = u32::MAX;

impl CachedResponse {
    /// An answer in its plain form.
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

    /// The answer in the coding that is wanted, if it is there in that coding.
    pub fn respond(&self, negotiation: &Negotiation) -> Option<Response> {
        let coding = negotiation.coding(&self.representations[0]);
        let representation = self.representations.iter().find(|it| it.coding == coding)?;
        Some(representation.respond(self.status, negotiation))
    }

    /// The same with one more coding, and the answer in it.
    pub fn with_coding(&self, negotiation: &Negotiation) -> (Self, Response) {
        let plain = &self.representations[0];
        let representation = plain.encoded(negotiation.coding(plain)).compact();
        let response = representation.respond(self.status, negotiation);
        let mut extended = self.clone();
        extended.representations.push(representation);
        (extended, response)
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its plain form.
    pub fn plain(&self) -> &Representation {
        &self.representations[0]
    }

    /// How it is kept.
    pub fn metadata(&self) -> &EntryMetadata {
        &self.state.metadata
    }

    /// The last change that is in it.
    pub fn version(&self) -> u64 {
        self.state.metadata.version
    }

    /// What it was made from.
    pub fn tags(&self) -> &[Tag] {
        &self.state.metadata.tags
    }

    /// Whether it need not be made again yet.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_millis() < self.state.fresh_until.load(Ordering::Relaxed)
    }

    /// Whether it need not be made again for a while.
    pub fn is_before_refresh_ahead(&self, now: Timestamp) -> bool {
        let metadata = &self.state.metadata;
        let age = now.as_millis() - metadata.created_at.as_millis();
        age * 100 < metadata.lifetime_ms * REFRESH_AHEAD_PERCENT
    }

    /// For how long it need not be made again, in milliseconds.
    pub fn remaining_ms(&self, now: Timestamp) -> i64 {
        let metadata = &self.state.metadata;
        metadata.created_at.as_millis() + metadata.lifetime_ms - now.as_millis()
    }

    /// Puts off making it again, because that has failed.
    pub fn postpone_refresh(&self, until_ms: i64) {
        self.state
            .fresh_until
            .fetch_max(until_ms, Ordering::Relaxed);
    }

    /// Notes that it was asked for, and says whether it is time to make it again before its life ends;
    /// one of those who ask is told so.
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

    /// Whether it was right at this change, according to `look`, which is asked once for each change.
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

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        self.representations
            .iter()
            .map(|representation| representation.length() + OVERHEAD_BYTES)
            .sum()
    }
}
