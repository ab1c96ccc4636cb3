//! Honest buyers during attacks, through workerd and the origin. Each attack is one test with a
//! shop of its own, and `cargo xtask test attack` runs them one after the other. An attack lasts
//! two seconds, or `MALLARD_ATTACK_S`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod buyers;
mod client;
mod client_faults;
mod idle_connections;
mod load_shedding;
mod shop;
