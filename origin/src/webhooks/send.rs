//! Fans out events to webhooks, and sends messages to their receivers.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::time::Timestamp;

use crate::outbox::OutboxMessage;

use super::{StoredWebhook, WebhookSender, signing};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its id, the same for all receivers and attempts.
    pub id: i64,
    /// The topic, such as `order.paid`.
    pub topic: String,
    /// The subject.
    pub subject: String,
    /// When it happened.
    pub at: Timestamp,
    /// The data.
    pub data: Value,
}

/// The payload of a webhook message in the outbox.
#[derive(Debug, Serialize, Deserialize)]
struct WebhookDelivery {
    webhook: i64,
    id: i64,
    body: String,
}

/// Builds one message per subscribed webhook.
pub fn fan_out<'w>(
    webhooks: &'w [StoredWebhook],
    event: &'w WebhookEvent,
) -> impl Iterator<Item = OutboxMessage> + use<'w> {
    let wants =
        |hook: &&StoredWebhook| hook.topics.is_empty() || hook.topics.contains(&event.topic);
    webhooks.iter().filter(wants).map(|hook| {
        let body = json!({ "type": event.topic, "timestamp": event.at, "data": event.data });
        let payload = WebhookDelivery {
            webhook: hook.id,
            id: event.id,
            body: body.to_string(),
        };
        OutboxMessage {
            topic: OutboxMessage::WEBHOOK,
            subject: format!("webhook:{}:{}", hook.id, event.subject),
            payload: json!(payload).to_string(),
        }
    })
}

/// Sends a message of [`fan_out`]. Messages to deleted webhooks are dropped.
pub async fn send(
    sender: &WebhookSender,
    webhooks: &[StoredWebhook],
    payload: &str,
) -> Result<(), String> {
    let delivery: WebhookDelivery =
        serde_json::from_str(payload).map_err(|error| error.to_string())?;
    let Some(hook) = webhooks.iter().find(|it| it.id == delivery.webhook) else {
        return Ok(());
    };
    let (id, seconds) = (
        format!("evt_{}", delivery.id),
        sender.clock.now().as_millis() / 1_000,
    );
    let secret = signing::open(&sender.sealer, hook.id, &hook.secret);
    let secret = secret.map_err(|error| format!("the webhook's secret: {error}"))?;
    let signature = signing::sign(&secret, &id, seconds, &delivery.body)?;
    let request = sender
        .targets
        .post(&hook.url)
        .map_err(|it| it.to_string())?;
    let answer = request
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(delivery.body)
        .send()
        .await
        .map_err(|error| format!("the receiver: {}", reason(&error.without_url())))?;
    // The response body is not read: it may be endless, and may echo what was sent.
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the receiver responded with {status}")),
    }
}

/// Joins the error with its causes; the outermost message alone says too little.
fn reason(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    reason
}
