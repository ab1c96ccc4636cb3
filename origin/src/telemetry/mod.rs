//! What the server says about itself: logs and metrics.

mod business;
mod caches;
mod clock;
mod log;
mod metrics;
mod pools;
mod replica;

pub use business::Business;
pub use caches::{CacheMetrics, Served, Shared};
pub use log::{LogFormat, error_line, start_logging};
pub use metrics::{Metrics, RequestLabels};
