//! The decisions of a shared HTTP cache (RFC 9111), made without any I/O and driven by header
//! fields alone. This module does not know the runtime that it runs on, and takes the current time
//! as a parameter.

pub mod admission;
pub mod byte_range;
pub mod cache_control;
pub mod circuit_breaker;
pub mod collapsed_forwarding;
pub mod directives;
pub mod generated_body;
pub mod headers;
pub mod http_date;
pub mod invalidation;
pub mod memory_store;
pub mod metrics;
pub mod negotiation;
pub mod plan;
pub mod preconditions;
pub mod purge_log;
pub mod request_url;
pub mod revalidation_backoff;
pub mod serialization;
pub mod stored_response;
pub mod upload;
