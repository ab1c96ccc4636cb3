//! Webhooks: other programs of the shop are told what happens, in the form of Standard Webhooks
//! (<https://www.standardwebhooks.com>).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{account::Right, time::Timestamp};

/// Everything that can be told. `order.paid` and those after it are the states of an order.
pub const TOPICS: [&str; 11] = [
    "stock.low",
    "order.placed",
    "order.returned",
    "order.paid",
    "order.shipped",
    "order.delivered",
    "order.completed",
    "order.cancelled",
    "order.expired",
    "order.refunding",
    "order.refunded",
];

/// The right that is needed to read what a topic carries.
pub fn right_to(topic: &str) -> Right {
    match topic.split_once('.') {
        Some(("stock", _)) => Right::Stock,
        _ => Right::Orders,
    }
}

/// Who is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Where to: a public `https` address, or a host that the settings name.
    #[schemars(length(max = 2_000))]
    pub url: String,
    /// What about; everything when absent. Each topic needs the right to what it carries.
    #[serde(default)]
    pub topics: Vec<String>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// Its identity.
    pub id: String,
    /// Where to.
    pub url: String,
    /// What about; everything when empty.
    pub topics: Vec<String>,
    /// The secret with which each message is signed; shown once, when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// All who are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhooks {
    /// The first one first.
    pub webhooks: Vec<Webhook>,
}

/// Which webhook: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookPath {
    /// Its id.
    pub webhook: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderState;

    #[test]
    fn every_state_of_an_order_is_a_topic() {
        for state in OrderState::ALL {
            let topic = format!("order.{}", state.word());
            assert_eq!(
                TOPICS.contains(&topic.as_str()),
                *state != OrderState::Pending,
                "{topic}"
            );
        }
    }
}
