//! The transactional outbox: every message to the outside is first a row, written in the
//! transaction that it is about. Owns `outbox`.
//!
//! Invariants: a row exists if and only if its transaction was committed; it is delivered
//! at least once and in order within its subject, or parked where an operator sees it. An event is
//! fanned out to one row per receiver, mail and webhooks, which fail independently.

mod store;

pub use store::{
    DueMessage, OutboxLane, add, delete_old, delete_subject, erase_buyer, is_due,
    list_due_receivers, list_parked, mark_delivered, mark_failed, retry, take,
};

use serde_json::json;
use shared::{
    id::{OrderId, VariantId},
    order::OrderState,
};

/// A message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// The topic, such as `order.placed`.
    pub topic: &'static str,
    /// The subject, such as `order:4`; messages of one subject are delivered in order.
    pub subject: String,
    /// The payload as JSON.
    pub payload: String,
}

impl OutboxMessage {
    /// The topic of messages to webhooks.
    pub const WEBHOOK: &str = "webhook";
    /// The topic of account registration links.
    pub const ACCOUNT_REGISTER: &str = "account.register";
    /// The topic of password reset links.
    pub const ACCOUNT_RESET: &str = "account.reset";
    /// The topic of links that confirm a new e-mail address.
    pub const ACCOUNT_EMAIL: &str = "account.email";
    /// The topic of notices that password or address were changed.
    pub const ACCOUNT_CHANGED: &str = "account.changed";

    /// The topic of notices that the second factor was changed.
    pub const ACCOUNT_SECURITY: &str = "account.security";

    /// The topic of mail to buyers.
    pub const MAIL: &str = "mail";

    /// Mail to a buyer, with the payload of the order's event.
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

    /// Items of an order were returned.
    pub fn order_returned(order: OrderId, number: &str) -> Self {
        Self {
            topic: "order.returned",
            subject: format!("order:{order}"),
            payload: json!({ "number": number }).to_string(),
        }
    }

    /// A variant fell below the low-stock threshold.
    pub fn stock_low(variant: VariantId, available: i64) -> Self {
        Self {
            topic: "stock.low",
            subject: format!("stock:{variant}"),
            payload: json!({ "variant_id": variant, "available": available }).to_string(),
        }
    }

    /// An order changed its state.
    pub fn order_changed(order: OrderId, number: &str, state: OrderState) -> Self {
        Self {
            topic: "order.changed",
            subject: format!("order:{order}"),
            payload: json!({ "number": number, "state": state }).to_string(),
        }
    }
}
