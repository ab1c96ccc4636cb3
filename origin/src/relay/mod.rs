//! The relay delivers what is in the outbox: mail and webhooks. Owns no tables.
//!
//! Invariants: a receiver that fails or does not respond delays no other; a message that fails too
//! often is parked, where an operator sees it and can retry it.

mod command;
mod delivery;
mod mail_limits;

pub use command::{OutboxArgs, outbox};
pub use delivery::{deliver_due, deliver_webhooks, fan_out_due, send_mail_due};
