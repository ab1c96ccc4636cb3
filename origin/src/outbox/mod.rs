//! The outbox: everything that leaves the database is a row first, written in the transaction that it
//! is about. Owns `outbox`.
//!
//! What must stay true: a row is there if and only if what it is about was committed; it is delivered
//! at least once, in order within its subject, or parked where an operator sees it. What happened is handed on
//! as a row for each receiver, mail and webhooks, which fail alone.

mod command;
mod mail_limits;
mod relay;
mod store;

pub use command::{OutboxArgs, outbox};
pub use relay::{deliver_due, deliver_webhooks, fan_out_due, send_mail_due};
pub use store::{add, delete_old, delete_subject, erase_buyer, list_parked, retry};

use serde_json::json;
use shared::{
    id::{OrderId, VariantId},
    order::OrderState,
};

/// What is to be told, and about what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// What happened: `order.placed`.
    pub topic: &'static str,
    /// What it is about; messages of one subject keep their order.
    pub subject: String,
    /// What is to be known, as JSON.
    pub payload: String,
}

impl OutboxMessage {
    /// The topic of what is on its way to a webhook.
    pub const WEBHOOK: &str = "webhook";
    /// The topic of a link that opens an account.
    pub const ACCOUNT_REGISTER: &str = "account.register";
    /// The topic of a link that sets a new password.
    pub const ACCOUNT_RESET: &str = "account.reset";
    /// The topic of a link that moves an account to another address.
    pub const ACCOUNT_EMAIL: &str = "account.email";
    /// The topic of a message that password or address have changed.
    pub const ACCOUNT_CHANGED: &str = "account.changed";

    /// The topic of a message that the second factor has changed.
    pub const ACCOUNT_SECURITY: &str = "account.security";

    /// The topic of what a buyer is told by mail.
    pub const MAIL: &str = "mail";

    /// What a buyer is told by mail about an order, as the event about it says.
    pub fn mail(subject: &str, payload: &str) -> Self {
        Self {
            topic: Self::MAIL,
            subject: format!("mail:{subject}"),
            payload: payload.to_owned(),
        }
    }

    /// An order was placed.
    pub fn order_placed(order: OrderId, number: &str) -> Self {
        Self {
            topic: "order.placed",
            subject: format!("order:{order}"),
            payload: json!({ "number": number, "state": OrderState::Pending }).to_string(),
        }
    }

    /// Goods of an order have come back.
    pub fn order_returned(order: OrderId, number: &str) -> Self {
        Self {
            topic: "order.returned",
            subject: format!("order:{order}"),
            payload: json!({ "number": number }).to_string(),
        }
    }

    /// Of a variant there are only a few left.
    pub fn stock_low(variant: VariantId, available: i64) -> Self {
        Self {
            topic: "stock.low",
            subject: format!("stock:{variant}"),
            payload: json!({ "variant_id": variant, "available": available }).to_string(),
        }
    }

    /// An order took a step.
    pub fn order_changed(order: OrderId, number: &str, state: OrderState) -> Self {
        Self {
            topic: "order.changed",
            subject: format!("order:{order}"),
            payload: json!({ "number": number, "state": state }).to_string(),
        }
    }
}
