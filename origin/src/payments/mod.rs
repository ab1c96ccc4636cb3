//! Payments. Owns `payments`, `refunds`, `payment_events` and `card_tries`; `test_charges` and
//! `test_refunds` are the state of the test provider.
//!
//! Invariants: a payment's row is committed before its provider is called, and no provider
//! is called inside a transaction; each report of a provider takes effect once, whichever process
//! receives it; a payment for an order that was closed is refunded automatically; refunds never
//! exceed payments.

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

/// The failure reason of a payment that its provider does not know.
const NEVER_REACHED: &str = "never_reached";
