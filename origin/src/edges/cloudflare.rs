//! A zone at Cloudflare, told by its API: <https://developers.cloudflare.com/api> `purge_cache`.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use shared::{edge::PurgeRequest, time::Timestamp};

use super::Purge;

/// The most tags of one call, on every plan.
const TAGS_MAX: usize = 100;
/// More calls than this at once are more than the smallest plan has left: then everything is purged,
/// which is one.
const CALLS_MAX: usize = 5;

/// A zone.
pub(super) struct Zone {
    url: String,
    token: String,
}

impl Zone {
    pub(super) fn new(api: &str, zone: &str, token: String) -> Self {
        Self {
            url: format!("{api}/client/v4/zones/{zone}/purge_cache"),
            token,
        }
    }

    async fn call(&self, client: &reqwest::Client, body: &Value) -> Result<(), String> {
        let answer = client
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(|error| format!("Cloudflare: {}", error.without_url()))?;
        let status = answer.status();
        // Too many calls are an answer like any other failure: the outbox waits longer each time.
        let text = answer.text().await.unwrap_or_default();
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() && said["success"] == true {
            return Ok(());
        }
        let message = said["errors"][0]["message"].as_str().unwrap_or_default();
        Err(format!("Cloudflare responded with {status}: {message}"))
    }
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zone({})", self.url)
    }
}

impl Purge for Zone {
    fn purge<'a>(
        &'a self,
        client: &'a reqwest::Client,
        _now: Timestamp,
        order: &'a PurgeRequest,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            for body in bodies(order) {
                self.call(client, &body).await?;
            }
            Ok(())
        })
    }
}

/// What a zone is told. It has no soft purge; gone is right too.
fn bodies(order: &PurgeRequest) -> Vec<Value> {
    if order.everything || order.tags.len() > TAGS_MAX * CALLS_MAX {
        return vec![json!({ "purge_everything": true })];
    }
    let names: Vec<&str> = order.tags.iter().map(|tag| tag.name.as_str()).collect();
    let chunks = names.chunks(TAGS_MAX);
    chunks.map(|names| json!({ "tags": names })).collect()
}

#[cfg(test)]
mod tests {
    use shared::edge::PurgeTag;

    use super::*;

    #[test]
    fn many_tags_are_few_calls() {
        let order = |count: usize| PurgeRequest {
            tags: (0..count)
                .map(|number| PurgeTag {
                    name: format!("p{number}"),
                    version: None,
                })
                .collect(),
            ..PurgeRequest::default()
        };
        assert_eq!(bodies(&order(2)), [json!({ "tags": ["p0", "p1"] })]);
        for (tags, calls) in [(TAGS_MAX, 1), (TAGS_MAX + 1, 2), (TAGS_MAX * CALLS_MAX, 5)] {
            assert_eq!(bodies(&order(tags)).len(), calls, "{tags}");
        }
        let everything = [json!({ "purge_everything": true })];
        assert_eq!(bodies(&order(TAGS_MAX * CALLS_MAX + 1)), everything);
    }
}
