//! Metrics of the database replica.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::db::ReplicaStats;

/// Lag and use of the replica.
#[derive(Debug, Default)]
pub struct ReplicaMetrics {
    usable: Gauge,
    lag: Gauge<f64, AtomicU64>,
    reads: Counter,
    fallbacks: Counter,
}

impl ReplicaMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "db_replica_usable",
            "Whether the catalogue is read from the replica",
            self.usable.clone(),
        );
        registry.register_with_unit(
            "db_replica_lag",
            "Replica lag at the last measurement",
            Unit::Seconds,
            self.lag.clone(),
        );
        registry.register(
            "db_replica_reads",
            "Reads that used the replica",
            self.reads.clone(),
        );
        registry.register(
            "db_replica_fallbacks",
            "Reads that used the primary instead of the replica",
            self.fallbacks.clone(),
        );
    }

    pub(super) fn record(&self, figures: &ReplicaStats) {
        self.usable.set(i64::from(figures.is_usable));
        self.lag.set(figures.lag.as_secs_f64());
        let count = |counter: &Counter, value| {
            counter.inner().fetch_max(value, Ordering::Relaxed);
        };
        count(&self.reads, figures.reads);
        count(&self.fallbacks, figures.fallbacks);
    }
}
