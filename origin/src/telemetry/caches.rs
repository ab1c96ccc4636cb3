//! Metrics of the response cache.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// The outcome of a cacheable request at L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1Outcome {
    /// A cached response was served.
    Hit,
    /// This request generated the response.
    Miss,
    /// A concurrent request generated the response.
    Collapsed,
    /// A stale response was served, because the refresh failed.
    Stale,
}

/// The outcome of a lookup in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L2Outcome {
    /// A usable entry was found.
    Hit,
    /// No usable entry was found.
    Miss,
    /// Redis was not queried, or did not reply in time.
    Unanswered,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    layer: &'static str,
    outcome: &'static str,
}

/// Metrics of the response cache. The counters are looked up once, so that a hit only increments.
#[derive(Debug)]
pub struct CacheMetrics {
    requests: Family<CacheLabels, Counter<u64, AtomicU64>>,
    l1: [Counter<u64, AtomicU64>; 4],
    l2: [Counter<u64, AtomicU64>; 3],
    l2_trusted: Gauge<i64, AtomicI64>,
    l1_bytes: Gauge<i64, AtomicI64>,
    l1_entries: Gauge<i64, AtomicI64>,
}

impl Default for CacheMetrics {
    fn default() -> Self {
        let requests: Family<CacheLabels, Counter<u64, AtomicU64>> = Family::default();
        let of = |layer, outcome| {
            let labels = CacheLabels { layer, outcome };
            requests.get_or_create(&labels).clone()
        };
        let l1 = ["hit", "miss", "collapsed", "stale"].map(|outcome| of("l1", outcome));
        let l2 = ["hit", "miss", "unanswered"].map(|outcome| of("l2", outcome));
        Self {
            l1,
            l2,
            l2_trusted: Gauge::default(),
            requests,
            l1_bytes: Gauge::default(),
            l1_entries: Gauge::default(),
        }
    }
}

impl CacheMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "cache_requests",
            "Cacheable requests by layer and outcome",
            self.requests.clone(),
        );
        registry.register(
            "cache_l2_trusted",
            "Whether Redis is used for cached responses: 0 while it does not respond, or if none is configured",
            self.l2_trusted.clone(),
        );
        registry.register_with_unit(
            "cache_l1_size",
            "Bytes of cached responses in memory",
            Unit::Bytes,
            self.l1_bytes.clone(),
        );
        registry.register(
            "cache_l1_entries",
            "Cached responses in memory",
            self.l1_entries.clone(),
        );
    }

    /// Counts a cacheable request by its outcome.
    pub fn count_l1(&self, outcome: L1Outcome) {
        self.l1[outcome as usize].inc();
    }

    /// Counts a lookup in Redis by its outcome.
    pub fn count_l2(&self, outcome: L2Outcome) {
        self.l2[outcome as usize].inc();
    }

    /// Records whether Redis is in use.
    pub(super) fn record_l2_availability(&self, available: bool) {
        self.l2_trusted.set(i64::from(available));
    }

    /// Records the size of L1.
    pub(super) fn record_l1_size(&self, (bytes, entries): (u64, usize)) {
        self.l1_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        self.l1_entries.set(entries);
    }
}
