//! Where a request comes from. A client's address is believed from three: the edge, which signs it; a
//! proxy that the settings name; and the connection itself, unless it is the machine's own.

use std::net::{IpAddr, SocketAddr};

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

use crate::{app::App, config::Config, web::Refusal};

use super::report;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The client's address, where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub Option<IpAddr>);

/// Finds out where a request comes from. Where the origin is closed, what came neither through the
/// edge nor through a proxy goes no further; those who look after the machine still see how it is.
pub async fn find_client(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let now = app.clock.now();
    let peer = request
        .extensions()
        .get::<Peer>()
        .map(|Peer(peer)| peer.ip().to_canonical());
    let came = came(&app.config, request.headers(), peer, now);
    if app.config.require_edge && came == Came::Directly && !is_for_machines(request.uri().path()) {
        let refused = Refusal::of(ProblemKind::Forbidden).into_response();
        return report::told(&app, &report::Asked::of(&request), refused);
    }
    let client = match came {
        Came::FromEdge(address) | Came::Through(address) => address,
        // Who connects from this machine is a proxy that nobody has named, or a test.
        Came::Directly => peer.filter(|it| !it.is_loopback()),
    };
    request.extensions_mut().insert(Client(client));
    next.run(request).await
}

fn is_for_machines(path: &str) -> bool {
    shared::page::operator::ALL.contains(&path)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Directly,
    /// From the edge, which may not know the address.
    FromEdge(Option<IpAddr>),
    /// Through a proxy that is believed; it may not know the address.
    Through(Option<IpAddr>),
}

fn came(config: &Config, headers: &HeaderMap, peer: Option<IpAddr>, now: Timestamp) -> Came {
    if let Some(secret) = &config.edge_secret
        && let Some(address) = signed(secret, headers, now)
    {
        return Came::FromEdge(address);
    }
    let trusted = |address: IpAddr| {
        config
            .trusted_proxies
            .iter()
            .any(|it| it.contains(&address))
    };
    if !peer.is_some_and(trusted) {
        return Came::Directly;
    }
    // Each proxy adds who asked it, so the last address that is no proxy's is the client's.
    let mut hops: Vec<&str> = Vec::new();
    for value in headers.get_all(FORWARDED_FOR) {
        hops.extend(value.to_str().unwrap_or_default().split(','));
    }
    let hops = hops.iter().rev().map(|it| it.trim().parse::<IpAddr>());
    // An IPv4 address that came over an IPv6 socket is an IPv4 address.
    for hop in hops.map(|it| it.map(|it| it.to_canonical())) {
        match hop {
            Ok(address) if trusted(address) => {}
            Ok(address) => return Came::Through(Some(address)),
            Err(_) => break,
        }
    }
    Came::Through(None)
}

/// What the edge has signed: `ADDRESS SECONDS SIGNATURE`, or `-` for an address that it does not know.
pub(super) fn signed(secret: &str, headers: &HeaderMap, now: Timestamp) -> Option<Option<IpAddr>> {
    let value = headers.get(ADDRESS_HEADER)?.to_str().ok()?;
    let (text, signature) = value.rsplit_once(' ')?;
    let (address, seconds) = text.split_once(' ')?;
    let signature = blake3::Hash::from_hex(signature).ok()?;
    // `blake3::Hash` compares in constant time; arrays do not.
    if blake3::Hash::from_bytes(shared::edge::sign(secret, text)) != signature {
        return None;
    }
    let age = now.as_millis() / 1_000 - seconds.parse::<i64>().ok()?;
    if age.abs() > SIGNED_FOR_S {
        return None;
    }
    match address {
        "-" => Some(None),
        address => Some(Some(address.parse().ok()?)),
    }
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
        /// Whatever a header holds, nothing panics and nobody is believed who has not signed.
        #[test]
        fn nobody_is_believed_by_chance(
            signed in "[ -~]{0,120}",
            forwarded in prop_oneof!["[0-9a-f:., ]{0,60}", "[ -~]{0,60}"],
            near in any::<bool>(),
        ) {
            let now = Timestamp::from_millis(1_700_000_000_000);
            let mut headers = HeaderMap::new();
            headers.insert(ADDRESS_HEADER, signed.parse().unwrap());
            headers.insert(FORWARDED_FOR, forwarded.parse().unwrap());
            let peer: IpAddr = if near { "10.1.1.1" } else { "192.0.2.1" }.parse().unwrap();
            match came(&config(), &headers, Some(peer), now) {
                Came::Directly => prop_assert!(!near),
                Came::FromEdge(_) => prop_assert!(false),
                Came::Through(Some(address)) => {
                    prop_assert!(near);
                    prop_assert!(forwarded.contains(',') || address.to_string().len() <= 45);
                }
                Came::Through(None) => prop_assert!(near),
            }
        }

        /// What is signed is believed as it was signed, and no other way.
        #[test]
        fn a_signature_covers_every_sign(place in 0_usize..100, sign in "[0-9a-f. -]") {
            let now = Timestamp::from_millis(1_700_000_000_000);
            let right = shared::edge::signed_address("secret", Some("198.51.100.7"), 1_700_000_000);
            let mut wrong = right.clone();
            let place = place % wrong.len();
            wrong.replace_range(place..=place, &sign);
            let mut headers = HeaderMap::new();
            headers.insert(ADDRESS_HEADER, wrong.parse().unwrap());
            let believed = came(&config(), &headers, None, now) != Came::Directly;
            prop_assert_eq!(believed, wrong == right);
        }
    }
}
