//! What is kept of answers that are the same for everybody. Owns `changes`.
//!
//! What must stay true: an answer is served only while nothing that it was made from has changed,
//! as far as this process knows; and it knows of its own changes when they are committed, and of
//! everybody else's within a fifth of a second.

mod cached_response;
mod changes;
mod coding;
mod invalidation;
mod l2;
mod memory;
mod representation;
mod versioned_cache;

pub use cached_response::{CachedResponse, EntryMetadata};
pub use changes::{
    Changes, EVERYTHING, RENEWED, RETENTION_MS, changed_since, delete_old_changes, shop_id,
};
pub use coding::Coding;
pub use invalidation::{publish_invalidations, subscribe_to_invalidations};
pub use l2::L2;
pub use memory::{Lifetimes, Lookup, MemoryCache};
pub use representation::{Negotiation, Representation};
pub use versioned_cache::VersionedCache;
