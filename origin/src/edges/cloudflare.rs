//! Purges a Cloudflare zone through its API: <https://developers.cloudflare.com/api> `purge_cache`.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use shared::{edge::PurgeRequest, time::Timestamp};

use super::PurgeTarget;

/// The most tags in one call, on every plan.
const TAGS_MAX: usize = 100;
/// The most calls for one purge. More would exceed the quota of the smallest plan; then everything
/// is purged, in one call.
const CALLS_MAX: usize = 5;

/// A Cloudflare zone.
pub(super) struct CloudflareZone {
    url: String,
    token: String,
}

impl CloudflareZone {
    pub(super) fn new(api: &str, zone: &str, token: String) -> Self {
        Self {
            url: format!("{api}/client/v4/zones/{zone}/purge_cache"),
            token,
        }
    }

    async fn call(&self, client: &reqwest::Client, body: &Value) -> Result<(), String> {
        let response = client
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(|error| format!("Cloudflare: {}", error.without_url()))?;
        let status = response.status();
        // A 429 is a failure like any other: the relay retries with growing delays.
        let text = response.text().await.unwrap_or_default();
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() && json["success"] == true {
            return Ok(());
        }
        let message = json["errors"][0]["message"].as_str().unwrap_or_default();
        Err(format!("Cloudflare responded with {status}: {message}"))
    }
}

impl std::fmt::Debug for CloudflareZone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CloudflareZone({})", self.url)
    }
}

impl PurgeTarget for CloudflareZone {
    fn purge<'a>(
        &'a self,
        client: &'a reqwest::Client,
        _now: Timestamp,
        request: &'a PurgeRequest,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            for body in bodies(request) {
                self.call(client, &body).await?;
            }
            Ok(())
        })
    }
}

/// The bodies of the API calls. Cloudflare has no soft purge; a hard one is correct, too.
fn bodies(request: &PurgeRequest) -> Vec<Value> {
    if request.everything || request.tags.len() > TAGS_MAX * CALLS_MAX {
        return vec![json!({ "purge_everything": true })];
    }
    let names: Vec<&str> = request.tags.iter().map(|tag| tag.name.as_str()).collect();
    let chunks = names.chunks(TAGS_MAX);
    chunks.map(|names| json!({ "tags": names })).collect()
}

#[cfg(test)]
mod tests {
    use shared::edge::PurgeTag;

    use super::*;

    #[test]
    fn many_tags_are_few_calls() {
        let request = |count: usize| PurgeRequest {
            tags: (0..count)
                .map(|number| PurgeTag {
                    name: format!("p{number}"),
                    version: None,
                })
                .collect(),
            ..PurgeRequest::default()
        };
        assert_eq!(bodies(&request(2)), [json!({ "tags": ["p0", "p1"] })]);
        for (tags, calls) in [(TAGS_MAX, 1), (TAGS_MAX + 1, 2), (TAGS_MAX * CALLS_MAX, 5)] {
            assert_eq!(bodies(&request(tags)).len(), calls, "{tags}");
        }
        let everything = [json!({ "purge_everything": true })];
        assert_eq!(bodies(&request(TAGS_MAX * CALLS_MAX + 1)), everything);
    }
}
