//! Payments. Owns `payments`, `refunds`, `payment_events` and `card_tries`; `test_charges` and `test_refunds` are the
//! world outside as the method `test` plays it.
//!
//! What must stay true: the row is there before the provider is asked, and the provider is never asked
//! inside a transaction; what a provider says counts once, whoever hears it; money for an order that
//! cannot be kept goes back by itself; no more goes back than came.

mod error;
mod event;
mod pay;
mod provider;
mod refund;
mod step;
mod store;
mod tries;
mod web;

pub use error::Error;
pub use pay::{Paid, confirm, find, last, pay, recover, settle};
pub use provider::{Answer, Charge, HostedPage, Known, Outcome, Provider, Unknown};
pub use refund::{refund, send_back};
pub use store::is_under_way;
pub use tries::forget;
pub use web::routes;

/// The reason of a payment that its provider has never heard of.
const NEVER_REACHED: &str = "never_reached";
