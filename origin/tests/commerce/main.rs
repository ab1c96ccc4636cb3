//! From a cart to an order and its payment, over HTTP, on both engines: what can be bought, what
//! cannot, and what many at once must never achieve.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/shopper.rs"]
mod shopper;

mod broken;
mod cards;
mod clocks;
mod coupons;
mod emails;
mod fan_out;
mod holds;
mod hosted;
mod kept;
mod later;
mod limits;
mod migrations;
mod money;
mod nodes;
mod orders;
mod others;
mod outbox;
mod pays;
mod places;
mod purges;
mod replica;
mod secrets;
mod shared;
mod storm;
mod stripe;
mod warehouse;
mod webhooks;
