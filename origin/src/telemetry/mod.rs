//! What the server says about itself: logs and metrics.

mod log;
mod metrics;

pub use log::{LogFormat, start_logging};
pub use metrics::{Metrics, RequestLabels};
