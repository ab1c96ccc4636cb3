//! Webhooks: notifications to other programs. Owns `webhooks`; the messages are rows of the outbox.
//!
//! Invariants: only committed events are sent; each subscriber receives them at least
//! once, signed, and in order within their subject; a receiver that does not respond delays no
//! other; nobody can create a webhook for data that they may not read, or to an address inside the
//! shop's network.

mod client;
mod error;
mod send;
mod signing;
mod state;
mod store;
mod web;

pub use client::WebhookClient;
pub use error::Error;
pub use send::{WebhookEvent, fan_out, send};
pub use signing::protect_secrets;
pub use state::{WebhookSender, WebhookSenderState};
pub use store::{StoredWebhook, list};
pub use web::routes;
