//! The monotonic clock of this machine.

use nix::time::{ClockId, clock_gettime};

/// A monotonic clock in milliseconds, which also advances while the machine sleeps.
pub(crate) fn steady_ms() -> i64 {
    #[cfg(target_os = "linux")]
    const STEADY: ClockId = ClockId::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    const STEADY: ClockId = ClockId::CLOCK_MONOTONIC;
    clock_gettime(STEADY).map_or(0, |it| it.tv_sec() * 1_000 + it.tv_nsec() / 1_000_000)
}
