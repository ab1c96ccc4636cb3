//! Carts, orders, payments and stock over the HTTP API, on both database engines: what can be
//! bought, what is refused, and what must hold under concurrency.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/shopper.rs"]
mod shopper;

mod backorders;
mod buyer_mail;
mod card_limits;
mod cart_holds;
mod clock_skew;
mod coupons;
mod data_at_rest;
mod database_failures;
mod deadlines;
mod edge_invalidation;
mod email_addresses;
mod fan_out;
mod jobs;
mod limits;
mod migrations;
mod node_leases;
mod order_access;
mod order_states;
mod orders;
mod payment_rules;
mod payments;
mod place_order;
mod random_operations;
mod redis_cache;
mod replica;
mod response_cache;
mod stock_changes;
mod stripe;
mod stripe_checkout;
mod totals;
mod unpaid_limits;
mod webhooks;
