//! Honest buyers beside an attack, through workerd and the origin: what they get is counted. Each attack is
//! one test with a shop of its own; `cargo xtask test attack` runs them one after the other. An attack lasts
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
