//! Payments. Owns `payments`, `refunds` and `payment_events`; `test_charges` and `test_refunds` are the
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
mod web;

pub use error::Error;
pub use pay::{Paid, confirm, find, last, pay, recover, settle};
pub use provider::{Answer, Charge, HostedPage, Known, Outcome, Provider, Unknown};
pub use refund::{refund, send_back};
pub use web::routes;
