//! Purges the edges in front of the shop. Owns `edge_cursors`: the version up to which each edge
//! has been purged. Changes are numbered in the database, so it does not matter which process makes
//! a change, or whether it knows about edges.
//!
//! Invariants: each edge gets each purge at least once, whatever happens to other edges; a repeated
//! purge has no effect.

mod cloudflare;
mod relay;
mod store;
mod workerd;

use std::{collections::BTreeMap, fmt::Debug};

use futures_util::future::BoxFuture;
use shared::{
    edge::{PURGE_TAGS_MAX, PurgeMode, PurgeRequest, PurgeTag},
    time::Timestamp,
};

use crate::config::Config;

pub use relay::{purge_edge, purge_edges};

use relay::DeliveryState;

/// A cache that can be purged.
pub trait PurgeTarget: Debug + Send + Sync {
    /// Purges. After it returns, the cache serves no response from before the change. The error is
    /// for the log.
    fn purge<'a>(
        &'a self,
        client: &'a reqwest::Client,
        now: Timestamp,
        request: &'a PurgeRequest,
    ) -> BoxFuture<'a, Result<(), String>>;
}

/// All edges of the shop.
#[derive(Debug, Default)]
pub struct Edges(Vec<EdgeTarget>);

/// One edge.
#[derive(Debug)]
struct EdgeTarget {
    /// Its name in `edge_cursors`, the same in all processes.
    name: String,
    purge: Box<dyn PurgeTarget>,
    delivery: DeliveryState,
}

impl EdgeTarget {
    fn new(name: String, purge: impl PurgeTarget + 'static) -> Self {
        Self {
            name,
            purge: Box::new(purge),
            delivery: DeliveryState::default(),
        }
    }
}

impl Edges {
    /// The edges in the settings.
    pub fn new(config: &Config) -> Result<Self, String> {
        let mut edges = Vec::new();
        for url in &config.edge_urls {
            let secret = config.edge_secret.clone();
            let secret = secret.ok_or("--edge-urls need --edge-secret")?;
            let edge = workerd::WorkerdEdge::new(url.clone(), secret);
            edges.push(EdgeTarget::new(url.clone(), edge));
        }
        if let Some(zone) = &config.cloudflare_zone {
            let token = config.cloudflare_token.clone();
            let token = token.ok_or("--cloudflare-zone needs --cloudflare-token")?;
            let url = config.cloudflare_url.clone();
            let cloudflare_zone = cloudflare::CloudflareZone::new(&url, zone, token);
            edges.push(EdgeTarget::new(format!("zone {zone}"), cloudflare_zone));
        }
        Ok(Self(edges))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Merges purge requests into as few as possible: each tag once, with its latest version.
fn merge_requests(requests: &[PurgeRequest]) -> Vec<PurgeRequest> {
    let mut merged = Vec::new();
    for mode in [PurgeMode::Hard, PurgeMode::Soft] {
        let of_mode = || requests.iter().filter(|it| it.mode == mode);
        let mut versions: BTreeMap<&str, Option<u64>> = BTreeMap::new();
        for tag in of_mode().flat_map(|it| &it.tags) {
            let version = versions.entry(&tag.name).or_insert(tag.version);
            *version = later(*version, tag.version);
        }
        let of_all = of_mode().filter(|it| it.everything).map(|it| it.version);
        if let Some(version) = of_all.reduce(later) {
            merged.push(PurgeRequest {
                mode,
                everything: true,
                version: versions.into_values().fold(version, later),
                tags: Vec::new(),
            });
            if mode == PurgeMode::Hard {
                return merged;
            }
            continue;
        }
        let tags: Vec<PurgeTag> = versions
            .into_iter()
            .map(|(name, version)| PurgeTag {
                name: name.to_owned(),
                version,
            })
            .collect();
        merged.extend(tags.chunks(PURGE_TAGS_MAX).map(|tags| PurgeRequest {
            mode,
            tags: tags.to_vec(),
            ..PurgeRequest::default()
        }));
    }
    merged
}

/// The later of two versions. A purge without a version applies to all responses, so none is the
/// latest.
fn later(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.zip(other).map(|(one, other)| one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(mode: PurgeMode, tags: &[(&str, Option<u64>)]) -> PurgeRequest {
        let tag = |(name, version): &(&str, Option<u64>)| PurgeTag {
            name: (*name).to_owned(),
            version: *version,
        };
        PurgeRequest {
            mode,
            tags: tags.iter().map(tag).collect(),
            ..PurgeRequest::default()
        }
    }

    #[test]
    fn each_tag_is_purged_once() {
        let (hard, soft) = (PurgeMode::Hard, PurgeMode::Soft);
        let requests = [
            request(hard, &[("p1", Some(3)), ("home", None)]),
            request(hard, &[("p1", Some(2)), ("home", Some(9)), ("p2", Some(1))]),
            request(soft, &[("c1", None)]),
        ];
        let expected = [
            request(hard, &[("home", None), ("p1", Some(3)), ("p2", Some(1))]),
            request(soft, &[("c1", None)]),
        ];
        assert_eq!(merge_requests(&requests), expected);
        assert_eq!(merge_requests(&[]), []);
    }

    #[test]
    fn a_purge_of_everything_includes_all_tags() {
        let all = |mode, version| PurgeRequest {
            mode,
            everything: true,
            version,
            tags: Vec::new(),
        };
        let (hard, soft) = (PurgeMode::Hard, PurgeMode::Soft);
        let one = request(hard, &[("p1", Some(7))]);
        let renewed = [one.clone(), all(soft, Some(5)), all(soft, Some(6))];
        assert_eq!(merge_requests(&renewed), [one.clone(), all(soft, Some(6))]);
        let gone = [one.clone(), all(soft, None), all(hard, Some(4))];
        assert_eq!(merge_requests(&gone), [all(hard, Some(7))]);
        assert_eq!(merge_requests(&[one, all(hard, None)]), [all(hard, None)]);
    }

    #[test]
    fn no_request_has_more_tags_than_an_edge_accepts() {
        let names: Vec<String> = (0..=PURGE_TAGS_MAX).map(|it| format!("p{it}")).collect();
        let tags: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        let lengths: Vec<usize> = merge_requests(&[request(PurgeMode::Hard, &tags)])
            .iter()
            .map(|it| it.tags.len())
            .collect();
        assert_eq!(lengths, [PURGE_TAGS_MAX, 1]);
    }
}
