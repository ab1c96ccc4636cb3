//! The response cache: responses that are the same for every client, in memory (L1) and in Redis
//! (L2). Owns `changes`.
//!
//! Invariants: a cached response is served only while none of its tags has changed, as far as this
//! process knows. A process knows its own changes as soon as they are committed, and those of other
//! processes within a fifth of a second.

mod cached_response;
mod changes;
mod coding;
mod invalidation;
mod l2;
mod memory;
mod representation;
mod versioned_cache;

pub use cached_response::{CachedResponse, EntryMetadata};
pub use changes::{Changes, EVERYTHING, RENEWED, RETENTION_MS, changed_since, delete_old_changes};
pub use coding::Coding;
pub use invalidation::{publish_invalidations, subscribe_to_invalidations};
pub use l2::L2;
pub use memory::{Lifetimes, Lookup, MemoryCache};
pub use representation::{Negotiation, Representation};
pub use versioned_cache::VersionedCache;
