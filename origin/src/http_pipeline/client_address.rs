//! Finds the client's address. It is taken from the edge, which signs it; from `X-Forwarded-For` of
//! a configured proxy or of one on this machine; or from the connection itself, unless that is from
//! this machine. A client with an unreadable address counts as the proxy that it came through, so
//! that nobody evades the rate limits with a malformed address.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName};
use shared::{
    edge::{ADDRESS_HEADER, SIGNED_FOR_S},
    problem::ProblemKind,
    time::Timestamp,
};

use crate::{
    app::App,
    config::Config,
    web::{ClientAddress, Refusal},
};

use super::problems;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The peer address of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Whether the peer is known to be a proxy, which has many clients. An edge is recognised by the
/// signature of its first request.
#[derive(Clone, Debug)]
pub struct FromProxy(pub Arc<AtomicBool>);

/// Whether a peer may open the connections of many clients: configured proxies, and programs on
/// this machine.
pub fn may_be_proxy(config: &Config, peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    let mut proxies = config.trusted_proxies.iter();
    peer.is_loopback() || proxies.any(|it| it.contains(&peer))
}

/// Adds the [`ClientAddress`] to a request. With `--require-edge` it refuses requests that came
/// neither through the edge nor through a configured proxy, except health checks.
pub async fn find_client(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let now = app.clock.now();
    let peer = request
        .extensions()
        .get::<Peer>()
        .map(|Peer(peer)| peer.ip().to_canonical());
    let found = find_source(&app.config, request.headers(), peer, now);
    let is_closed = app.config.require_edge && !found.source.is_configured();
    if is_closed && !is_health_check(request.uri().path()) {
        let refused = Refusal::of(ProblemKind::Forbidden).into_response();
        return problems::render_problem(&app, &problems::ProblemContext::of(&request), refused);
    }
    if found.source.is_configured()
        && let Some(FromProxy(known)) = request.extensions().get::<FromProxy>()
    {
        known.store(true, Ordering::Relaxed);
    }
    if found.client.is_none() {
        warn_once_of_missing_address(found.source);
    }
    request.extensions_mut().insert(ClientAddress(found.client));
    next.run(request).await
}

/// Warns once for each source that client addresses are missing.
fn warn_once_of_missing_address(source: RequestSource) {
    static EDGE: Once = Once::new();
    static LOCAL: Once = Once::new();
    match source {
        RequestSource::Edge => EDGE.call_once(|| {
            tracing::warn!(
                "the edge does not send client addresses, so rate limits by address have no effect: set \
                 CLIENT_ADDRESS_FIELD at the edge"
            );
        }),
        _ => LOCAL.call_once(|| {
            tracing::warn!(
                "a request from this machine has no client address, so rate limits by address do not \
                 apply to it: a proxy on this machine must set X-Forwarded-For"
            );
        }),
    }
}

fn is_health_check(path: &str) -> bool {
    path == shared::page::operator::HEALTH
}

/// How a request reached this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestSource {
    Direct,
    /// From this machine, by a program that is not configured as a proxy.
    Local,
    Edge,
    /// Through a configured proxy.
    TrustedProxy,
}

impl RequestSource {
    /// Whether the settings name this source.
    fn is_configured(self) -> bool {
        matches!(self, Self::Edge | Self::TrustedProxy)
    }
}

/// How a request reached this process, and its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ClientSource {
    source: RequestSource,
    client: Option<IpAddr>,
}

fn find_source(
    config: &Config,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    now: Timestamp,
) -> ClientSource {
    let trusted = |address: IpAddr| {
        let proxies = &config.trusted_proxies;
        proxies.iter().any(|it| it.contains(&address))
    };
    // Clients with an unreadable address share the limits of the peer.
    let unreadable = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    if let Some(secret) = &config.edge_secret
        && let Some(signed) = verified_address(secret, headers, now)
    {
        let client = match signed {
            UNKNOWN => None,
            list => Some(last_untrusted(&[list], trusted).unwrap_or(unreadable)),
        };
        return ClientSource {
            source: RequestSource::Edge,
            client,
        };
    }
    let forwarded: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(|it| it.to_str().unwrap_or_default())
        .collect();
    let (source, client) = match peer {
        // Without the field it is the proxy's own request, for example a health check.
        Some(peer) if trusted(peer) => {
            let client = last_untrusted(&forwarded, trusted);
            (RequestSource::TrustedProxy, Some(client.unwrap_or(peer)))
        }
        // A peer on this machine is a proxy if it sends the field, or else a program without
        // limits.
        Some(peer) if peer.is_loopback() => {
            let named = !forwarded.is_empty();
            let client = || last_untrusted(&forwarded, trusted).unwrap_or(peer);
            (RequestSource::Local, named.then(client))
        }
        peer => (RequestSource::Direct, peer),
    };
    ClientSource { source, client }
}

/// In place of an address that the edge does not know.
const UNKNOWN: &str = "-";

/// The client in `X-Forwarded-For` lists, to which each proxy has appended its peer: the last
/// address that is not a trusted proxy's. Addresses before an unreadable one are ignored.
fn last_untrusted(lists: &[&str], trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let hops = lists.iter().rev().flat_map(|it| it.rsplit(','));
    let mut nearest = None;
    for hop in hops {
        let Some(address) = parse_address(hop) else {
            break;
        };
        nearest = Some(address);
        if !trusted(address) {
            break;
        }
    }
    nearest
}

/// Parses an address as proxies write it: with a port or without, IPv6 in brackets or not, quoted
/// or not.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"').trim();
    let bracketed = || text.strip_prefix('[')?.split_once(']').map(|it| it.0);
    let with_port = || text.split_once(':').map(|it| it.0);
    let plain = text.parse::<IpAddr>().ok();
    // Ports are ignored, also obfuscated ones such as `10.0.0.1:_x` (RFC 7239 §6).
    let plain = plain.or_else(|| Some(IpAddr::V6(without_zone(bracketed()?).parse().ok()?)));
    let plain = plain.or_else(|| Some(IpAddr::V4(with_port()?.parse().ok()?)));
    let plain = plain.or_else(|| Some(IpAddr::V6(without_zone(text).parse().ok()?)));
    // An IPv4-mapped IPv6 address counts as the IPv4 address.
    plain.map(|it| it.to_canonical())
}

fn without_zone(text: &str) -> &str {
    text.split_once('%').map_or(text, |it| it.0)
}

/// The address in the edge's signed field, `ADDRESS SECONDS SIGNATURE`, if the signature is valid
/// and recent. The address is as the edge received it.
pub(super) fn verified_address<'a>(
    secret: &str,
    headers: &'a HeaderMap,
    now: Timestamp,
) -> Option<&'a str> {
    let value = headers.get(ADDRESS_HEADER)?.to_str().ok()?;
    let (text, signature) = value.rsplit_once(' ')?;
    let (address, seconds) = text.rsplit_once(' ')?;
    let signature = blake3::Hash::from_hex(signature).ok()?;
    // `blake3::Hash` compares in constant time; arrays do not.
    if blake3::Hash::from_bytes(shared::edge::sign(secret, text)) != signature {
        return None;
    }
    let age = now.as_millis() / 1_000 - seconds.parse::<i64>().ok()?;
    (age.abs() <= SIGNED_FOR_S).then_some(address)
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};
    use proptest::prelude::*;

    use super::*;

    fn config() -> Config {
        let command = Config::augment_args(clap::Command::new("origin"));
        let flags = [
            "origin",
            "--edge-secret",
            "secret",
            "--trusted-proxies",
            "10.0.0.0/8",
        ];
        Config::from_arg_matches(&command.get_matches_from(flags)).unwrap()
    }

    proptest! {
        /// Arbitrary headers never panic and never count as signed.
        #[test]
        fn arbitrary_fields_do_not_count_as_signed(
            signed in "[ -~]{0,120}",
            forwarded in prop_oneof!["[0-9a-f:., ]{0,60}", "[ -~]{0,60}"],
            near in any::<bool>(),
        ) {
            let now = Timestamp::from_millis(1_700_000_000_000);
            let mut headers = HeaderMap::new();
            headers.insert(ADDRESS_HEADER, signed.parse().unwrap());
            headers.insert(FORWARDED_FOR, forwarded.parse().unwrap());
            let peer: IpAddr = if near { "10.1.1.1" } else { "192.0.2.1" }.parse().unwrap();
            let found = find_source(&config(), &headers, Some(peer), now);
            let expected = if near { RequestSource::TrustedProxy } else { RequestSource::Direct };
            prop_assert_eq!(found.source, expected);
            // Every client has an address, so that rate limits apply.
            prop_assert!(found.client.is_some());
            prop_assert!(near || found.client == Some(peer));
        }

        /// A signed field is accepted unchanged only.
        #[test]
        fn a_signature_covers_every_character(place in 0_usize..100, sign in "[0-9a-f. -]") {
            let now = Timestamp::from_millis(1_700_000_000_000);
            let right = shared::edge::signed_address("secret", Some("198.51.100.7"), 1_700_000_000);
            let mut wrong = right.clone();
            let place = place % wrong.len();
            wrong.replace_range(place..=place, &sign);
            let mut headers = HeaderMap::new();
            headers.insert(ADDRESS_HEADER, wrong.parse().unwrap());
            let source = find_source(&config(), &headers, None, now).source;
            let believed = source == RequestSource::Edge;
            prop_assert_eq!(believed, wrong == right);
        }
    }

    fn found(peer: &str, fields: &[(&'static str, &str)]) -> (RequestSource, String) {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let found = find_source(&config(), &headers, peer.parse().ok(), now);
        let client = found.client.map(|it| it.to_string());
        (found.source, client.unwrap_or_default())
    }

    /// The client is found in every spelling that proxies use.
    #[test]
    fn every_spelling_of_an_address_is_parsed() {
        for (field, client) in [
            ("198.51.100.7", "198.51.100.7"),
            (" 198.51.100.7 ", "198.51.100.7"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ("198.51.100.7:_hidden", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("\"[2001:db8::7]:443\"", "2001:db8::7"),
            ("fe80::7%eth0", "fe80::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("203.0.113.5, 198.51.100.7", "198.51.100.7"),
            ("nonsense, 198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:1, 10.0.0.9:2", "198.51.100.7"),
            ("203.0.113.5, nonsense, 10.0.0.9", "10.0.0.9"),
            ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ] {
            let expected = (RequestSource::TrustedProxy, client.to_owned());
            assert_eq!(
                found("10.0.0.1", &[("x-forwarded-for", field)]),
                expected,
                "{field}"
            );
            let signed = shared::edge::signed_address("secret", Some(field), 1_700_000_000);
            let expected = (RequestSource::Edge, client.to_owned());
            assert_eq!(
                found("192.0.2.1", &[(ADDRESS, &signed)]),
                expected,
                "{field}"
            );
            let expected = (RequestSource::Local, client.to_owned());
            assert_eq!(
                found("127.0.0.1", &[("x-forwarded-for", field)]),
                expected,
                "{field}"
            );
        }
        let two = [
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(found("10.0.0.1", &two).1, "198.51.100.7");
    }

    const ADDRESS: &str = ADDRESS_HEADER;

    /// Clients with an unreadable address share the limits of the peer.
    #[test]
    fn an_unreadable_address_counts_as_the_peer() {
        for garbage in [
            "",
            "unknown",
            "_hidden",
            "1.2.3",
            "198.51.100.7, ",
            "[::1",
            "198.51.100.7 x",
        ] {
            let fields = [("x-forwarded-for", garbage)];
            assert_eq!(found("10.0.0.1", &fields).1, "10.0.0.1", "{garbage}");
            assert_eq!(found("127.0.0.1", &fields).1, "127.0.0.1", "{garbage}");
            let signed = shared::edge::signed_address("secret", Some(garbage), 1_700_000_000);
            let from_edge = found("192.0.2.1", &[(ADDRESS, &signed)]);
            assert_eq!(
                from_edge,
                (RequestSource::Edge, "192.0.2.1".to_owned()),
                "{garbage}"
            );
            assert_eq!(found("", &[(ADDRESS, &signed)]).1, "0.0.0.0", "{garbage}");
        }
        assert_eq!(
            found("10.0.0.1", &[]).1,
            "10.0.0.1",
            "a proxy asks for itself"
        );
    }

    /// Only programs on this machine, and clients that the edge cannot name, have no address.
    #[test]
    fn other_clients_always_have_an_address() {
        assert_eq!(
            found("127.0.0.1", &[]),
            (RequestSource::Local, String::new())
        );
        let signed = shared::edge::signed_address("secret", None, 1_700_000_000);
        assert_eq!(
            found("192.0.2.1", &[(ADDRESS, &signed)]),
            (RequestSource::Edge, String::new())
        );
        assert_eq!(
            found("192.0.2.1", &[]),
            (RequestSource::Direct, "192.0.2.1".to_owned())
        );
    }
}
