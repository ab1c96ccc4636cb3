//! The settings. They are read once, because they are the same for every request of an isolate.

use wasm_bindgen::JsValue;
use worker::js_sys::Reflect;

use crate::core::{admission::CacheRules, circuit_breaker::FAILURES_MIN};

/// The settings of the edge.
pub struct Settings {
    /// The base URL of the origin; None where it is a service binding.
    pub origin_url: Option<String>,
    /// The secret that edge and origin share.
    pub secret: Option<String>,
    /// The header field in which the proxy in front of the edge names the client's address. No
    /// client may be able to set it.
    pub client_address_field: String,
    /// The time limit for the origin's header fields, and again for its body.
    pub origin_timeout_ms: u32,
    /// How long requests wait for an origin that is restarting.
    pub restart_ms: u64,
    /// How many failures, if they are half of the requests, make the origin suspect; 0 disables the
    /// breakers.
    pub breaker_failures: u32,
    /// The largest request body; a larger one is rejected.
    pub upload_bytes_max: u64,
    /// The time limit for the part of a request body that is buffered before the origin is asked.
    pub upload_timeout_ms: u32,
    /// The largest response body that is stored.
    pub body_bytes_max: u64,
    /// The size limit of the memory store.
    pub memory_bytes_max: usize,
    /// Whether the runtime has a Cache API, which becomes the second-level cache.
    pub has_cache_api: bool,
    /// How long a stored response is served from memory before the second-level cache is asked,
    /// where purges do not reach the memory.
    pub memory_fresh_ms: u64,
    /// Which caching rules apply.
    pub cache_rules: CacheRules,
    /// Whether a CDN that obeys the same fields and is purged with this cache is in front of it.
    pub cdn_in_front: bool,
}

impl Settings {
    /// Reads the settings from the bindings. A missing or malformed value becomes the default.
    pub fn read(env: &JsValue) -> Self {
        // On workerd, a binding to an environment variable that is not set is null.
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
