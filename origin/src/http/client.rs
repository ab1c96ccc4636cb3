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
        .map(|Peer(peer)| peer.ip());
    let came = came(&app.config, request.headers(), peer, now);
    if app.config.require_edge && came == Came::Directly && !is_for_machines(request.uri().path()) {
        return Refusal::of(ProblemKind::Forbidden).into_response();
    }
    let client = match came {
        Came::Through(address) => address,
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
    /// Through somebody who is believed; they may not know the address.
    Through(Option<IpAddr>),
}

fn came(config: &Config, headers: &HeaderMap, peer: Option<IpAddr>, now: Timestamp) -> Came {
    if let Some(secret) = &config.edge_secret
        && let Some(address) = signed(secret, headers, now)
    {
        return Came::Through(address);
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
    for hop in hops {
        match hop {
            Ok(address) if trusted(address) => {}
            Ok(address) => return Came::Through(Some(address)),
            Err(_) => break,
        }
    }
    Came::Through(None)
}

/// What the edge has signed: `ADDRESS SECONDS SIGNATURE`, or `-` for an address that it does not know.
fn signed(secret: &str, headers: &HeaderMap, now: Timestamp) -> Option<Option<IpAddr>> {
    let value = headers.get(ADDRESS_HEADER)?.to_str().ok()?;
    let (text, signature) = value.rsplit_once(' ')?;
    let (address, seconds) = text.split_once(' ')?;
    let signature = blake3::Hash::from_hex(signature).ok()?;
    // Hashes are compared in constant time.
    if shared::edge::sign(secret, text) != *signature.as_bytes() {
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
