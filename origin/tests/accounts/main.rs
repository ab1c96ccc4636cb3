//! Accounts, over HTTP, on both engines: who gets in, what is theirs, and what is not.

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

mod access;
mod browser;
mod contract;
mod entry;
mod factor;
mod limits;
mod matrix;
mod own;
mod pages;
mod races;
mod remembered;
mod staff;
