//! The built Worker on workerd, in front of a small origin of the tests' own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod behind;
mod breaker;
mod cache;
mod collapse;
mod front;
mod outage;
mod parts;
mod poison;
mod purge;
mod spelling;
mod support;
mod upload;
