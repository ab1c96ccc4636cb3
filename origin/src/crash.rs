//! Places where a test lets the process die, as a power cut would: to show that whatever was begun is
//! found whole or not at all. A release build has none.

/// Ends the process when `MALLARD_CRASH_AT` names this place.
#[inline]
pub fn at(place: &str) {
    #[cfg(debug_assertions)]
    if std::env::var("MALLARD_CRASH_AT").is_ok_and(|it| it == place) {
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}
