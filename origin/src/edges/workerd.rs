//! Purges an edge on workerd with a signed call.

use std::time::Duration;

use futures_util::future::BoxFuture;
use shared::{
    edge::{PURGE, PurgeRequest, SIGNED_HEADER, signed_call},
    time::Timestamp,
};

use super::PurgeTarget;

/// The time limit of a call; the relay retries later.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One process of the edge. Each has its own memory, so each is purged at its own address.
pub(super) struct WorkerdEdge {
    url: String,
    secret: String,
}

impl WorkerdEdge {
    pub(super) fn new(url: String, secret: String) -> Self {
        Self { url, secret }
    }
}

impl std::fmt::Debug for WorkerdEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WorkerdEdge({})", self.url)
    }
}

impl PurgeTarget for WorkerdEdge {
    fn purge<'a>(
        &'a self,
        client: &'a reqwest::Client,
        now: Timestamp,
        request: &'a PurgeRequest,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let body = serde_json::to_string(request).map_err(|error| error.to_string())?;
            let seconds = now.as_millis() / 1_000;
            let signed = signed_call(&self.secret, "POST", PURGE, body.as_bytes(), seconds);
            let response = client
                .post(format!("{}{PURGE}", self.url))
                .header(SIGNED_HEADER, signed)
                .header("content-type", "application/json")
                .timeout(TIMEOUT)
                .body(body)
                .send()
                .await
                .map_err(|error| format!("the edge {}: {}", self.url, error.without_url()))?;
            match response.status().is_success() {
                true => Ok(()),
                false => Err(format!(
                    "the edge {} responded with {}",
                    self.url,
                    response.status()
                )),
            }
        })
    }
}
