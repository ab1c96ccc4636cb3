//! Metrics of the clocks and the node id.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::gauge::Gauge,
    registry::{Registry, Unit},
};

use crate::clock::Skew;

/// Clock skew, and the node id.
#[derive(Debug, Default)]
pub struct ClockMetrics {
    machine: Gauge<f64, AtomicU64>,
    step: Gauge<f64, AtomicU64>,
    trusted: Gauge,
    node: Gauge,
}

impl ClockMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "clock_machine_ahead",
            "How far this machine's clock is ahead of the database's",
            Unit::Seconds,
            self.machine.clone(),
        );
        registry.register_with_unit(
            "clock_database_step",
            "How far the database's clock has jumped, if the jump is not trusted",
            Unit::Seconds,
            self.step.clone(),
        );
        registry.register(
            "clock_trusted",
            "Whether deadlines are enforced: 0 while the clocks disagree",
            self.trusted.clone(),
        );
        registry.register(
            "node_id",
            "The node id of this process; -1 while it has none and cannot write",
            self.node.clone(),
        );
    }

    /// Records the current skew and node id.
    pub fn record(&self, skew: Option<Skew>, node: Option<u16>) {
        #[expect(clippy::cast_precision_loss, reason = "a time that is shown")]
        let seconds = |ms: i64| ms as f64 / 1_000.0;
        if let Some(skew) = skew {
            self.machine.set(seconds(skew.machine_ms));
            self.step.set(seconds(skew.step_ms));
        }
        let is_trusted = skew.is_none_or(|skew| !skew.is_excessive);
        self.trusted.set(i64::from(is_trusted));
        self.node.set(node.map_or(-1, i64::from));
    }
}
