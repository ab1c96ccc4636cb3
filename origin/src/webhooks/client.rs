//! The HTTP client for webhooks, which protects against server-side request forgery.
//!
//! The creator of a webhook chooses an address that the origin connects to from inside the shop's
//! network. The URL is therefore validated when the webhook is created, and the resolved addresses
//! on every connection, which uses exactly the validated ones. Only public addresses over https are
//! allowed, and the hosts named in the settings.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::http_client;

const URL_MAX: usize = 2_000;

/// An HTTP client for webhook receivers only.
#[derive(Clone, Debug)]
pub struct WebhookClient {
    client: reqwest::Client,
    allowed: Arc<HashSet<String>>,
}

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhookUrl {
    /// Not a URL, or too long.
    #[error("url must be an https URL of at most {URL_MAX} characters.")]
    Url,
    /// It contains credentials, which everybody who can list webhooks would see.
    #[error("url must not contain a user name or a password.")]
    Credentials,
    /// The request would not be encrypted.
    #[error("url must begin with https://; --webhook-hosts lists the hosts that need not.")]
    Plain,
    /// The host is in a private network.
    #[error("url must lead to a public address; --webhook-hosts lists the hosts that need not.")]
    Private,
}

impl WebhookClient {
    /// A client that connects to public addresses and to these hosts.
    pub fn new(allowed: &[String]) -> Result<Self, String> {
        let allowed: HashSet<String> = allowed.iter().map(|it| host_text(it)).collect();
        let allowed = Arc::new(allowed);
        let resolver = PublicResolver(Arc::clone(&allowed));
        let client = http_client::builder()?
            .dns_resolver(Arc::new(resolver))
            .build();
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            allowed,
        })
    }

    /// Validates a URL, as far as possible without resolving its host.
    pub fn parse(&self, text: &str) -> Result<Url, InvalidWebhookUrl> {
        let url = Url::parse(text).map_err(|_| InvalidWebhookUrl::Url)?;
        let host = url.host().ok_or(InvalidWebhookUrl::Url)?;
        if text.len() > URL_MAX || !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidWebhookUrl::Url);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidWebhookUrl::Credentials);
        }
        if self.allowed.contains(&host_text(&host.to_string())) {
            return Ok(url);
        }
        if url.scheme() != "https" {
            return Err(InvalidWebhookUrl::Plain);
        }
        let public = match host {
            // A name without a dot is local.
            Host::Domain(name) => name.trim_end_matches('.').contains('.'),
            Host::Ipv4(address) => is_public(address.into()),
            Host::Ipv6(address) => is_public(address.into()),
        };
        if public {
            Ok(url)
        } else {
            Err(InvalidWebhookUrl::Private)
        }
    }

    /// Starts a request. The URL is validated again, because the settings may have changed.
    pub(super) fn post(&self, url: &str) -> Result<reqwest::RequestBuilder, InvalidWebhookUrl> {
        Ok(self.client.post(self.parse(url)?))
    }
}

/// Normalizes a host for comparison: lower case, without trailing dot and brackets.
fn host_text(host: &str) -> String {
    let host = host.trim().trim_end_matches('.');
    let host = host.strip_prefix('[').unwrap_or(host);
    host.strip_suffix(']').unwrap_or(host).to_lowercase()
}

/// Resolves names to public addresses only, except for allowed hosts.
struct PublicResolver(Arc<HashSet<String>>);

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let any = self.0.contains(&host_text(&host));
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            let fit: Vec<SocketAddr> = found.filter(|it| any || is_public(it.ip())).collect();
            if fit.is_empty() {
                return Err(InvalidWebhookUrl::Private.into());
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// IPv4 networks that are not globally reachable (IANA special-purpose registry), multicast and
/// reserved.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];
/// The global unicast range of IPv6, and its special-purpose parts: protocol assignments and
/// tunnels, documentation, 6to4, documentation.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];

/// Whether an address is globally reachable; embedded IPv4 addresses are checked themselves.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|it| it.contains(&address)),
        IpAddr::V6(address) => match address.segments() {
            // IPv4-mapped and NAT64 addresses.
            [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
                let [.., a, b, c, d] = address.octets();
                is_public(Ipv4Addr::new(a, b, c, d).into())
            }
            _ => GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|it| it.contains(&address)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(allowed: &[&str]) -> WebhookClient {
        let allowed: Vec<String> = allowed.iter().map(|it| (*it).to_owned()).collect();
        WebhookClient::new(&allowed).unwrap()
    }

    #[test]
    fn only_public_https_urls_are_allowed() {
        use InvalidWebhookUrl::{Credentials, Plain, Private, Url};
        let targets = targets(&[]);
        for good in [
            "https://erp.example/hooks?shop=1",
            "https://erp.example.:8443/",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
            "https://[64:ff9b::101:101]/",
        ] {
            assert!(targets.parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", Url),
            ("erp.example", Url),
            ("ftp://erp.example/", Url),
            ("file:///etc", Url),
            ("https://ada:s3cret@erp.example/", Credentials),
            ("https://ada@erp.example/", Credentials),
            ("http://erp.example/", Plain),
            ("http://localhost:9000/", Plain),
            ("https://localhost/", Private),
            ("https://LOCALHOST./", Private),
            ("https://db/", Private),
            ("https://127.0.0.1/", Private),
            ("https://127.1/", Private),
            ("https://2130706433/", Private),
            ("https://0x7f000001/", Private),
            ("https://0/", Private),
            ("https://10.1.2.3/", Private),
            ("https://172.31.0.1/", Private),
            ("https://192.168.0.1/", Private),
            ("https://100.64.0.1/", Private),
            ("https://169.254.169.254/latest/meta-data", Private),
            ("https://255.255.255.255/", Private),
            ("https://224.0.0.1/", Private),
            ("https://[::]/", Private),
            ("https://[::1]/", Private),
            ("https://[::ffff:127.0.0.1]/", Private),
            ("https://[::ffff:a9fe:a9fe]/", Private),
            ("https://[::127.0.0.1]/", Private),
            ("https://[64:ff9b::a9fe:a9fe]/", Private),
            ("https://[64:ff9b:1::1]/", Private),
            ("https://[2002:7f00:1::]/", Private),
            ("https://[2001::1]/", Private),
            ("https://[2001:db8::1]/", Private),
            ("https://[fc00::1]/", Private),
            ("https://[fd12::1]/", Private),
            ("https://[fe80::1]/", Private),
            ("https://[ff02::1]/", Private),
        ] {
            assert_eq!(targets.parse(bad).err(), Some(why), "{bad}");
        }
        let long = format!("https://erp.example/{}", "x".repeat(URL_MAX - 20));
        assert_eq!(long.len(), URL_MAX);
        assert!(targets.parse(&long).is_ok());
        assert_eq!(targets.parse(&format!("{long}x")).err(), Some(Url));
    }

    #[test]
    fn a_host_is_allowed_by_its_exact_name() {
        let targets = targets(&["ERP.internal", "10.0.0.7", "::1"]);
        for good in [
            "http://erp.internal:9000/",
            "https://erp.internal./",
            "http://10.0.0.7/",
            "http://[::1]:9/",
        ] {
            assert!(targets.parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://internal/",
            "https://10.0.0.8/",
            "http://erp.internal.example/",
        ] {
            assert!(targets.parse(bad).is_err(), "{bad}");
        }
        let path = targets.parse("ftp://erp.internal/");
        assert_eq!(path.err(), Some(InvalidWebhookUrl::Url));
    }

    /// A public name may resolve to a private address, which only the resolver sees.
    #[tokio::test]
    async fn resolved_addresses_are_checked() {
        let name = || "localhost".parse::<Name>().unwrap();
        let resolver = |allowed: &[&str]| PublicResolver(Arc::clone(&targets(allowed).allowed));
        let refused = resolver(&[]).resolve(name()).await.err().unwrap();
        assert_eq!(refused.to_string(), InvalidWebhookUrl::Private.to_string());
        let found: Vec<_> = resolver(&["localhost"])
            .resolve(name())
            .await
            .unwrap()
            .collect();
        assert!(!found.is_empty() && found.iter().all(|it| it.ip().is_loopback()));
    }
}
