//! What answers are made from, where it is read seldom and needed often: each value is right until one of
//! the parts that it was read from has changed.

use std::{hash::Hash, sync::Arc};

use quick_cache::sync::Cache;
use shared::cache::Tag;

use super::Changes;

/// Values by their keys, each with the change up to which it is right.
#[derive(Debug)]
pub struct VersionedCache<K, V>(Cache<K, (u64, Arc<V>)>);

impl<K: Eq + Hash + Clone, V> VersionedCache<K, V> {
    /// Nothing yet, and never more than so many.
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// The value, read anew if any of these parts has changed since.
    pub async fn get<E>(
        &self,
        changes: &Changes,
        (key, tags): (K, &[Tag]),
        read: impl Future<Output = Result<V, E>>,
    ) -> Result<Arc<V>, E> {
        // Before anything is read, so that what changes meanwhile counts as missing.
        let latest = changes.latest();
        if let Some((version, value)) = self.0.get(&key)
            && changes.unchanged_since(tags, version)
        {
            return Ok(value);
        }
        let value = Arc::new(read.await?);
        self.0.insert(key, (latest, Arc::clone(&value)));
        Ok(value)
    }
}
