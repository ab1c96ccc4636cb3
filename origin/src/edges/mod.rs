//! The edges in front of the shop, as far as they are told that something is no longer right. Owns
//! `edge_cursors`: up to which change each was told. What has changed is in the database, numbered, so that
//! it does not matter which process changes something, or whether it knows of edges.
//!
//! What must stay true: each edge is told at least once, whatever becomes of the others; being told twice
//! changes nothing.

mod cloudflare;
mod direct;
mod relay;
mod store;

use std::{collections::BTreeMap, fmt::Debug};

use futures_util::future::BoxFuture;
use shared::{
    edge::{PURGE_TAGS_MAX, PurgeMode, PurgeRequest, PurgeTag},
    time::Timestamp,
};

use crate::config::Config;

pub use relay::{tell_edge, tell_edges};

use relay::Told;

/// Where answers are kept that can be purged.
pub trait Purge: Debug + Send + Sync {
    /// Purges; on return whoever asks there gets what is right now. The error is for a log.
    fn purge<'a>(
        &'a self,
        client: &'a reqwest::Client,
        now: Timestamp,
        order: &'a PurgeRequest,
    ) -> BoxFuture<'a, Result<(), String>>;
}

/// All edges of the shop.
#[derive(Debug, Default)]
pub struct Edges(Vec<Receiver>);

/// One of them.
#[derive(Debug)]
struct Receiver {
    /// Its name, the same in every process that knows it.
    name: String,
    purge: Box<dyn Purge>,
    told: Told,
}

impl Receiver {
    fn new(name: String, purge: impl Purge + 'static) -> Self {
        Self {
            name,
            purge: Box::new(purge),
            told: Told::default(),
        }
    }
}

impl Edges {
    /// The edges that the settings name.
    pub fn new(config: &Config) -> Result<Self, String> {
        let mut edges = Vec::new();
        for url in &config.edge_urls {
            let secret = config.edge_secret.clone();
            let secret = secret.ok_or("--edge-urls need --edge-secret")?;
            let direct = direct::Direct::new(url.clone(), secret);
            edges.push(Receiver::new(url.clone(), direct));
        }
        if let Some(zone) = &config.cloudflare_zone {
            let token = config.cloudflare_token.clone();
            let token = token.ok_or("--cloudflare-zone needs --cloudflare-token")?;
            let url = config.cloudflare_url.clone();
            let at_cloudflare = cloudflare::Zone::new(&url, zone, token);
            edges.push(Receiver::new(format!("zone {zone}"), at_cloudflare));
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

/// The same in as few orders as possible: each tag once, with its last change.
fn merged(orders: &[PurgeRequest]) -> Vec<PurgeRequest> {
    let mut merged = Vec::new();
    for mode in [PurgeMode::Hard, PurgeMode::Soft] {
        let of_mode = || orders.iter().filter(|it| it.mode == mode);
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

/// The later one of two changes. Without a number a purge concerns every answer, and that is more.
fn later(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.zip(other).map(|(one, other)| one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(mode: PurgeMode, tags: &[(&str, Option<u64>)]) -> PurgeRequest {
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
    fn what_many_say_is_said_once() {
        let (hard, soft) = (PurgeMode::Hard, PurgeMode::Soft);
        let orders = [
            order(hard, &[("p1", Some(3)), ("home", None)]),
            order(hard, &[("p1", Some(2)), ("home", Some(9)), ("p2", Some(1))]),
            order(soft, &[("c1", None)]),
        ];
        let expected = [
            order(hard, &[("home", None), ("p1", Some(3)), ("p2", Some(1))]),
            order(soft, &[("c1", None)]),
        ];
        assert_eq!(merged(&orders), expected);
        assert_eq!(merged(&[]), []);
    }

    #[test]
    fn everything_is_more_than_any_tag() {
        let all = |mode, version| PurgeRequest {
            mode,
            everything: true,
            version,
            tags: Vec::new(),
        };
        let (hard, soft) = (PurgeMode::Hard, PurgeMode::Soft);
        let one = order(hard, &[("p1", Some(7))]);
        let renewed = [one.clone(), all(soft, Some(5)), all(soft, Some(6))];
        assert_eq!(merged(&renewed), [one.clone(), all(soft, Some(6))]);
        let gone = [one.clone(), all(soft, None), all(hard, Some(4))];
        assert_eq!(merged(&gone), [all(hard, Some(7))]);
        assert_eq!(merged(&[one, all(hard, None)]), [all(hard, None)]);
    }

    #[test]
    fn no_order_is_longer_than_an_edge_takes() {
        let names: Vec<String> = (0..=PURGE_TAGS_MAX).map(|it| format!("p{it}")).collect();
        let tags: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        let lengths: Vec<usize> = merged(&[order(PurgeMode::Hard, &tags)])
            .iter()
            .map(|it| it.tags.len())
            .collect();
        assert_eq!(lengths, [PURGE_TAGS_MAX, 1]);
    }
}
