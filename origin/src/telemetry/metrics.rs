//! Metrics, as Prometheus reads them.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::{
    cache::{L2, Memory},
    db::Db,
};

use super::{
    Business, CacheMetrics, clocks::ClockMetrics, pools::PoolMetrics, replica::ReplicaMetrics,
};

/// What a request is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The method, or `OTHER` for one that HTTP does not name.
    pub method: &'static str,
    /// The route with its parameters' names, never their values; empty when there is none.
    pub route: String,
    /// The answer's status.
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CutLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkLabels {
    work: &'static str,
}

/// Bounds in seconds: fine enough to see a p50 of 1 ms and a p999 of 100 ms.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002_5, 0.005, 0.01, 0.02, 0.05, 0.1,
    0.25, 0.5, 1.0, 5.0,
];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter<u64, AtomicU64>>,
    seconds: Family<RequestLabels, Histogram, fn() -> Histogram>,
    refused: Family<WorkLabels, Counter<u64, AtomicU64>>,
    cut: Family<CutLabels, Counter<u64, AtomicU64>>,
    /// Requests that have no answer yet.
    pub in_flight: Gauge<i64, AtomicI64>,
    /// Connections from clients.
    pub connections: Gauge<i64, AtomicI64>,
    /// How the shop does.
    pub business: Business,
    /// What the caches do.
    pub cache: CacheMetrics,
    /// How the clocks differ, and which node this is.
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
            refused: Family::default(),
            cut: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            business: Business::default(),
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
            self.refused.clone(),
        );
        let in_flight = self.in_flight.clone();
        registry.register("http_requests_in_flight", "Requests in flight", in_flight);
        let connections = self.connections.clone();
        registry.register("http_connections", "Client connections", connections);
        registry.register(
            "http_connections_cut",
            "Connections that were ended: no head or no other request in time, an answer not taken, frames \
             that are no requests, to make room, or too many of a network",
            self.cut.clone(),
        );
        self.clock.register(registry);
        self.pools.register(registry);
        self.replica.register(registry);
        self.business.register(registry);
        self.cache.register(registry);
        self
    }

    /// Counts a request for which there was no place.
    pub fn refused(&self, work: &'static str) {
        self.refused.get_or_create(&WorkLabels { work }).inc();
    }

    /// Counts a connection that was ended, and why.
    pub fn connection_cut(&self, reason: &'static str) {
        self.cut.get_or_create(&CutLabels { reason }).inc();
    }

    /// Counts an answered request.
    pub fn answered(&self, labels: &RequestLabels, seconds: f64) {
        self.requests.get_or_create(labels).inc();
        self.seconds.get_or_create(labels).observe(seconds);
    }

    /// The text that Prometheus fetches (OpenMetrics 1.0).
    pub fn render(
        &self,
        db: &Db,
        memory: Option<&Memory>,
        l2: Option<&L2>,
    ) -> Result<String, std::fmt::Error> {
        if let Some(memory) = memory {
            self.cache.is(memory.size());
        }
        self.cache.is_trusted(l2.is_some_and(L2::is_trusted));
        for (name, pool) in db.pools() {
            self.pools.is(name, &pool.stats());
        }
        if let Some(figures) = db.replica_stats() {
            self.replica.record(&figures);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
