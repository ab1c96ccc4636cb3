//! Accounts over HTTP, on both engines: authentication, authorization and personal data.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails panics"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/shopper.rs"]
mod shopper;

mod account_data;
mod authorization_matrix;
mod browser;
mod concurrent_changes;
mod lifetimes;
mod openapi_contract;
mod pages;
mod rate_limits;
mod second_factor;
mod session_cache;
mod sign_in;
mod staff_api;
mod tokens_and_keys;
