//! Tests of the built Worker on workerd, in front of a test origin.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod cache_poisoning;
mod cdn_in_front;
mod circuit_breaker;
mod collapsed_forwarding;
mod origin_outage;
mod purges;
mod ranges_and_preconditions;
mod request_bodies;
mod request_urls;
mod response_cache;
mod second_level_cache;
mod support;
