//! The networks by which rate limits count. A client usually has a whole IPv6 /64, and a rented
//! server often a /48. So a client counts as its /64, and the networks around it have limits of
//! their own.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{config::Config, web::ClientAddress};

use super::{LimitSubject, Rule};

/// The network of a request's client, if it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network(Option<NetworkNames>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct NetworkNames {
    client: String,
    site: String,
    provider: String,
}

impl Network {
    /// The networks of an address.
    pub fn of(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                NetworkNames {
                    client: address.to_string(),
                    site: format!("{a}.{b}.{c}.0/24"),
                    provider: format!("{a}.{b}.0.0/16"),
                }
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                NetworkNames {
                    client: format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"),
                    site: format!("{a:x}:{b:x}:{c:x}::/48"),
                    provider: format!("{a:x}:{b:x}::/32"),
                }
            }
        }))
    }

    /// One client's network: an IPv4 address, or an IPv6 /64.
    pub fn client(&self) -> Option<&str> {
        self.0.as_ref().map(|it| it.client.as_str())
    }

    /// The site around it: an IPv4 /24, or an IPv6 /48.
    pub fn site(&self) -> Option<&str> {
        self.0.as_ref().map(|it| it.site.as_str())
    }

    /// The network by which reservations in checkout are counted: an IPv4 address, or an IPv6 /48.
    pub fn holder(&self) -> Option<&str> {
        let names = self.0.as_ref()?;
        let is_v6 = names.client.contains(':');
        Some(if is_v6 { &names.site } else { &names.client })
    }

    /// The buckets from which a request takes, the smallest network first, each with its quota.
    /// None if the network is unknown.
    pub fn buckets(&self, config: &Config, rule: Rule) -> Vec<(Rule, LimitSubject<'_>)> {
        let Some(names) = &self.0 else {
            return Vec::new();
        };
        let times = |factor: u32| Rule {
            quota: rule.quota.saturating_mul(factor),
            ..rule
        };
        let buckets = [
            (rule, LimitSubject::Network(&names.client)),
            (times(config.limit_site), LimitSubject::Site(&names.site)),
            (
                times(config.limit_provider),
                LimitSubject::Provider(&names.provider),
            ),
        ];
        let limited = buckets.into_iter().filter(|(rule, _)| rule.quota > 0);
        limited.collect()
    }
}

impl<S: Sync> FromRequestParts<S> for Network {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<ClientAddress>().and_then(|it| it.0);
        Ok(client.map_or(Self(None), Self::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_an_address() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        let client = |text: &str| of(text).client().unwrap().to_owned();
        let site = |text: &str| of(text).site().unwrap().to_owned();
        assert_eq!(client("192.0.2.1"), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(site("192.0.2.1"), "192.0.2.0/24");
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:ffff::1"));
        assert_ne!(site("2001:db8:1::1"), site("2001:db8:2::1"));
        assert_eq!(of("192.0.2.1").holder(), Some("192.0.2.1"));
        assert_eq!(of("2001:db8:1:2::1").holder(), Some("2001:db8:1::/48"));
        let provider = |text: &str| of(text).0.unwrap().provider;
        assert_eq!(provider("198.51.100.7"), "198.51.0.0/16");
        assert_eq!(provider("2001:db8:1::1"), provider("2001:db8:ffff::1"));
    }
}
