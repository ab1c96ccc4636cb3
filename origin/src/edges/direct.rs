//! An edge on workerd, told by a signed call.

use std::time::Duration;

use futures_util::future::BoxFuture;
use shared::{
    edge::{PURGE, PurgeRequest, SIGNED_HEADER, signed_call},
    time::Timestamp,
};

use super::Purge;

/// An edge that does not answer for so long is told again later.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One process of the edge. Each has a memory of its own, so each is told by its own address.
pub(super) struct Direct {
    url: String,
    secret: String,
}

impl Direct {
    pub(super) fn new(url: String, secret: String) -> Self {
        Self { url, secret }
    }
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Direct({})", self.url)
    }
}

impl Purge for Direct {
    fn purge<'a>(
        &'a self,
        client: &'a reqwest::Client,
        now: Timestamp,
        order: &'a PurgeRequest,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let body = serde_json::to_string(order).map_err(|error| error.to_string())?;
            let seconds = now.as_millis() / 1_000;
            let signed = signed_call(&self.secret, "POST", PURGE, body.as_bytes(), seconds);
            let answer = client
                .post(format!("{}{PURGE}", self.url))
                .header(SIGNED_HEADER, signed)
                .header("content-type", "application/json")
                .timeout(TIMEOUT)
                .body(body)
                .send()
                .await
                .map_err(|error| format!("the edge {}: {}", self.url, error.without_url()))?;
            match answer.status().is_success() {
                true => Ok(()),
                false => Err(format!(
                    "the edge {} responded with {}",
                    self.url,
                    answer.status()
                )),
            }
        })
    }
}
