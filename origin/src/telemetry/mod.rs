//! Telemetry: logs and metrics.

mod business;
mod caches;
mod clock;
mod log;
mod metrics;
mod pools;
mod replica;

pub use business::BusinessMetrics;
pub use caches::{CacheMetrics, L1Outcome, L2Outcome};
pub use log::{LogFormat, error_line, start_logging};
pub use metrics::{Metrics, RequestLabels};
