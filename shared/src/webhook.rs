//! Webhooks: notifications of other programs, after Standard Webhooks
//! (<https://www.standardwebhooks.com>).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{account::Right, time::Timestamp};

/// All topics. `order.paid` and those after it are order states.
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

/// The right that a topic's payload requires.
pub fn right_to(topic: &str) -> Right {
    match topic.split_once('.') {
        Some(("stock", _)) => Right::Stock,
        _ => Right::Orders,
    }
}

/// Creates a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// The receiver: a public `https` URL, or a host that the settings allow.
    #[schemars(length(max = 2_000))]
    pub url: String,
    /// The topics; all when absent. Each topic needs the right to its payload.
    #[serde(default)]
    pub topics: Vec<String>,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhook {
    /// The id.
    pub id: String,
    /// The receiver's URL.
    pub url: String,
    /// The topics; all when empty.
    pub topics: Vec<String>,
    /// The secret that signs each message; shown once, in the response that creates the webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// All webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Webhooks {
    /// The oldest first.
    pub webhooks: Vec<Webhook>,
}

/// Path parameter: the webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookPath {
    /// The id.
    pub webhook: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderState;

    #[test]
    fn every_state_of_an_order_is_a_topic() {
        for state in OrderState::ALL {
            let topic = format!("order.{}", state.as_str());
            assert_eq!(
                TOPICS.contains(&topic.as_str()),
                *state != OrderState::Pending,
                "{topic}"
            );
        }
    }
}
