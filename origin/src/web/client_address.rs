//! The address of a request's client.

use std::net::IpAddr;

/// The client's address, if it is known. The HTTP pipeline adds it to each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);
