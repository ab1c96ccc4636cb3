//! The metrics in the OpenMetrics format, for Prometheus.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::db::Db;

use super::{
    BusinessMetrics, CacheMetrics, clock::ClockMetrics, pools::PoolMetrics, replica::ReplicaMetrics,
};

/// The labels of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The method, or `OTHER` for one that HTTP does not name.
    pub method: &'static str,
    /// The route with its parameters' names, never their values; empty when there is none.
    pub route: String,
    /// The status of the response.
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShedLabels {
    work: &'static str,
}

/// Bounds in seconds: fine enough to see a p50 of 1 ms and a p999 of 100 ms.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002_5, 0.005, 0.01, 0.02, 0.05, 0.1,
    0.25, 0.5, 1.0, 5.0,
];

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter<u64, AtomicU64>>,
    seconds: Family<RequestLabels, Histogram, fn() -> Histogram>,
    shed: Family<ShedLabels, Counter<u64, AtomicU64>>,
    closed: Family<CloseLabels, Counter<u64, AtomicU64>>,
    /// Requests without a response yet.
    pub in_flight: Gauge<i64, AtomicI64>,
    /// Connections from clients.
    pub connections: Gauge<i64, AtomicI64>,
    /// Carts, orders, payments and stock.
    pub business: BusinessMetrics,
    /// The response cache.
    pub cache: CacheMetrics,
    /// Clock skew, and the node id.
    pub clock: ClockMetrics,
    pools: PoolMetrics,
    replica: ReplicaMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            shed: Family::default(),
            closed: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            business: BusinessMetrics::default(),
            cache: CacheMetrics::default(),
            clock: ClockMetrics::default(),
            pools: PoolMetrics::default(),
            replica: ReplicaMetrics::default(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("mallard_build", "The running program", version);
        registry.register("http_requests", "Responses sent", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's headers to its response",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "http_requests_refused",
            "Requests refused with 503 by load shedding",
            self.shed.clone(),
        );
        let in_flight = self.in_flight.clone();
        registry.register("http_requests_in_flight", "Requests in flight", in_flight);
        let connections = self.connections.clone();
        registry.register("http_connections", "Client connections", connections);
        registry.register(
            "http_connections_cut",
            "Connections that the server closed: after a time limit of a request head, of an idle \
             connection or of a write, by eviction, after a flood of frames, or at the limit of \
             a network",
            self.closed.clone(),
        );
        self.clock.register(registry);
        self.pools.register(registry);
        self.replica.register(registry);
        self.business.register(registry);
        self.cache.register(registry);
        self
    }

    /// Counts a request that was refused by load shedding.
    pub fn count_shed_request(&self, work: &'static str) {
        self.shed.get_or_create(&ShedLabels { work }).inc();
    }

    /// Counts a connection that the server closed, by reason.
    pub fn count_closed_connection(&self, reason: &'static str) {
        self.closed.get_or_create(&CloseLabels { reason }).inc();
    }

    /// Counts a response and its duration.
    pub fn count_response(&self, labels: &RequestLabels, seconds: f64) {
        self.requests.get_or_create(labels).inc();
        self.seconds.get_or_create(labels).observe(seconds);
    }

    /// Renders all metrics as OpenMetrics 1.0.
    pub fn render(
        &self,
        db: &Db,
        l1_size: Option<(u64, usize)>,
        is_l2_available: bool,
    ) -> Result<String, std::fmt::Error> {
        if let Some(size) = l1_size {
            self.cache.record_l1_size(size);
        }
        self.cache.record_l2_availability(is_l2_available);
        for (name, pool) in db.pools() {
            self.pools.record(name, &pool.stats());
        }
        if let Some(figures) = db.replica_stats() {
            self.replica.record(&figures);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
