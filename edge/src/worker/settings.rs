//! The settings, read once: they are the same for every request of an isolate.

use wasm_bindgen::JsValue;
use worker::js_sys::Reflect;

use crate::core::{admission::CacheRules, circuit_breaker::FAILURES_MIN};

/// The settings.
pub struct Settings {
    /// The origin's address, where there is no binding.
    pub origin_url: Option<String>,
    /// The secret with which edge and origin know each other.
    pub secret: Option<String>,
    /// The field in which whatever is in front of the edge says who asks, and lets no client say it.
    pub client_address_field: String,
    /// How long the origin may take for the head of an answer, and again for its body.
    pub origin_timeout_ms: u32,
    /// For how long requests wait for an origin that is being started again.
    pub restart_ms: u64,
    /// After how many failures, half of the requests, the origin is looked at and may be left alone; 0 is never.
    pub breaker_failures: u32,
    /// The largest body of a request; a larger one is refused.
    pub upload_bytes_max: u64,
    /// How long a client may take for the part of a body that is taken before the origin is asked.
    pub upload_timeout_ms: u32,
    /// The largest body that is kept.
    pub body_bytes_max: u64,
    /// The most bytes in memory.
    pub memory_bytes_max: usize,
    /// Whether the runtime has a cache behind the memory.
    pub has_cache_api: bool,
    /// How long a response in memory is believed where purges do not reach it; then the cache behind it is
    /// asked.
    pub memory_fresh_ms: u64,
    /// How far this cache goes.
    pub cache_rules: CacheRules,
    /// Whether another cache that obeys the same fields and purges is in front of this one.
    pub cdn_in_front: bool,
}

impl Settings {
    /// Reads them. One that is not there, or no number, is its default.
    pub fn read(env: &JsValue) -> Self {
        // On workerd a binding from the environment that is not set is null.
        let text = |name: &str| Reflect::get(env, &name.into()).ok()?.as_string();
        let number = |name: &str, default: u32| {
            let set = text(name).and_then(|it| it.parse().ok());
            set.unwrap_or(default)
        };
        Self {
            origin_url: text("ORIGIN_URL").map(|it| it.trim_end_matches('/').to_owned()),
            secret: text("EDGE_SECRET").filter(|it| !it.is_empty()),
            client_address_field: text("CLIENT_ADDRESS_FIELD").unwrap_or_default(),
            origin_timeout_ms: number("ORIGIN_TIMEOUT_MS", 10_000),
            restart_ms: u64::from(number("RESTART_MS", 5_000)),
            breaker_failures: number("BREAKER_FAILURES", FAILURES_MIN),
            upload_bytes_max: u64::from(number("UPLOAD_MAX", 40 * 1_024 * 1_024)),
            upload_timeout_ms: number("UPLOAD_TIMEOUT_MS", 30_000),
            body_bytes_max: u64::from(number("BODY_MAX", 2 * 1_024 * 1_024)),
            memory_bytes_max: number("MEMORY_MAX", 64 * 1_024 * 1_024) as usize,
            has_cache_api: text("CACHE_API").as_deref() == Some("on"),
            memory_fresh_ms: u64::from(number("MEMORY_FRESH_MS", u32::MAX)),
            cache_rules: match text("CACHE_RULES").as_deref() {
                Some("standard") => CacheRules::Standard,
                _ => CacheRules::Shop,
            },
            cdn_in_front: text("CDN_IN_FRONT").as_deref() == Some("on"),
        }
    }
}
