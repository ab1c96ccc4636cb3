//! Payments. Owns `payments`, `refunds`, `payment_events` and `card_tries`; `test_charges` and `test_refunds` are the
//! world outside as the method `test` plays it.
//!
//! What must stay true: the row is there before the provider is asked, and the provider is never asked
//! inside a transaction; what a provider says counts once, whoever hears it; money for an order that
//! cannot be kept goes back by itself; no more goes back than came.

mod card_limits;
mod error;
mod event;
mod pay;
mod provider;
mod refund;
mod staff;
mod store;
mod web;

pub use card_limits::delete_idle_card_limits;
pub use error::Error;
pub use pay::{PayOutcome, confirm, find, find_last, pay, recover, settle};
pub use provider::{
    Charge, ChargeOutcome, ChargeReference, ChargeStatus, HostedPage, Provider, ProviderError,
};
pub use refund::{refund, send_due_refunds};
pub use store::is_in_progress;
pub use web::routes;

/// The reason of a payment that its provider has never heard of.
const NEVER_REACHED: &str = "never_reached";
