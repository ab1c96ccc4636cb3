//! Crash points: tests abort the process at them, as a power cut would, to show that transactions
//! are atomic. Release builds have none.

/// Aborts the process if `MALLARD_CRASH_AT` names this crash point.
#[inline]
pub fn at(crash_point: &str) {
    #[cfg(debug_assertions)]
    if std::env::var("MALLARD_CRASH_AT").is_ok_and(|it| it == crash_point) {
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = crash_point;
}
