//! Metrics of the database connection pools.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::db::PoolStats;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    pool: &'static str,
}

type GaugeByPool = Family<PoolLabels, Gauge>;
type SecondsByPool = Family<PoolLabels, Gauge<f64, AtomicU64>>;

/// Metrics by pool.
#[derive(Debug, Default)]
pub struct PoolMetrics {
    open: GaugeByPool,
    idle: GaugeByPool,
    active: GaugeByPool,
    allowed: GaugeByPool,
    most: GaugeByPool,
    waiting: GaugeByPool,
    timed_out: Family<PoolLabels, Counter>,
    asked: Family<PoolLabels, Counter>,
    waited: Family<PoolLabels, Counter<f64, AtomicU64>>,
    average: SecondsByPool,
}

impl PoolMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let numbers = [
            ("open_connections", "Open database connections", &self.open),
            ("idle_connections", "Idle database connections", &self.idle),
            (
                "active_connections",
                "Database connections in use",
                &self.active,
            ),
            (
                "allowed_connections",
                "The current adaptive limit of connections in use",
                &self.allowed,
            ),
            (
                "max_connections",
                "The maximum of connections in use",
                &self.most,
            ),
            ("waiting", "Tasks waiting for a connection", &self.waiting),
        ];
        for (name, help, number) in numbers {
            registry.register(format!("db_pool_{name}"), help, number.clone());
        }
        registry.register(
            "db_pool_timeouts",
            "Waits for a connection that timed out",
            self.timed_out.clone(),
        );
        registry.register(
            "db_pool_acquisitions",
            "Requests for a connection",
            self.asked.clone(),
        );
        registry.register_with_unit(
            "db_pool_wait",
            "Total time spent waiting for connections",
            Unit::Seconds,
            self.waited.clone(),
        );
        registry.register_with_unit(
            "db_pool_wait_average",
            "Recent average wait for a connection",
            Unit::Seconds,
            self.average.clone(),
        );
    }

    /// Records the statistics of a pool.
    pub(super) fn record(&self, pool: &'static str, stats: &PoolStats) {
        let labels = PoolLabels { pool };
        let limit = &stats.limit;
        let set = |number: &GaugeByPool, value: usize| {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            number.get_or_create(&labels).set(value);
        };
        set(&self.open, stats.open);
        set(&self.idle, stats.idle);
        set(&self.active, limit.active);
        set(&self.allowed, limit.limit);
        set(&self.most, stats.max);
        set(&self.waiting, limit.waiting);
        let count = |counter: &Family<PoolLabels, Counter>, value: u64| {
            let counter = counter.get_or_create(&labels);
            counter.inner().fetch_max(value, Ordering::Relaxed);
        };
        count(&self.timed_out, limit.timed_out);
        count(&self.asked, limit.requests);
        let waited = self.waited.get_or_create(&labels);
        let seconds = limit.total_wait.as_secs_f64();
        waited.inner().store(seconds.to_bits(), Ordering::Relaxed);
        let average = limit.average_wait.as_secs_f64();
        self.average.get_or_create(&labels).set(average);
    }
}
