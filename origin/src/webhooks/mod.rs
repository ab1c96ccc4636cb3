//! Webhooks: other programs of the shop are told what happens. Owns `webhooks`; the messages
//! themselves are rows of the outbox.
//!
//! What must stay true: what is told was committed; each who wants to know gets it at least once, signed,
//! in order within its subject; who does not answer delays nobody else; nobody makes a webhook for what
//! they may not read themselves, or to an address inside the shop's network.

mod client;
mod error;
mod send;
mod signing;
mod store;
mod web;

pub use client::WebhookClient;
pub use error::Error;
pub use send::{WebhookEvent, fan_out, send};
pub use signing::protect_secrets;
pub use store::{StoredWebhook, list};
pub use web::routes;
