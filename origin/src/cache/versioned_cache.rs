//! A cache for values that many responses need and that change seldom. A value is valid until one
//! of its tags changes.

use std::{hash::Hash, sync::Arc};

use quick_cache::sync::Cache;
use shared::cache::Tag;

use super::Changes;

/// Values by key, each with the version at which it was read.
#[derive(Debug)]
pub struct VersionedCache<K, V>(Cache<K, (u64, Arc<V>)>);

impl<K: Eq + Hash + Clone, V> VersionedCache<K, V> {
    /// An empty cache for at most so many values.
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// The cached value; it is read again if one of these tags has changed.
    pub async fn get<E>(
        &self,
        changes: &Changes,
        (key, tags): (K, &[Tag]),
        read: impl Future<Output = Result<V, E>>,
    ) -> Result<Arc<V>, E> {
        // Taken before the read, so that a concurrent change invalidates the value.
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
