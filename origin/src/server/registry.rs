//! The open connections of a listener. When the limit is reached, the connections that have been
//! idle longest are evicted, so that silent clients cannot keep others out. The connections of one
//! network are limited, except those of proxies.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::activity::ConnectionActivity;

/// One of so many idle connections is evicted at a time; evicting single ones would scan all
/// connections for each new one.
const EVICTED_OF: usize = 100;

/// The network by which connections are counted: an IPv4 address, or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct PeerNetwork(IpAddr);

impl PeerNetwork {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = u128::from(address) >> 64 << 64;
                Self(IpAddr::V6(prefix.into()))
            }
            address => Self(address),
        }
    }
}

/// All connections of a listener.
#[derive(Debug)]
pub(super) struct Registry {
    /// The most connections of one network; 0 is no limit.
    per_network_max: usize,
    all: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    connections: HashMap<u64, RegisteredConnection>,
    networks: HashMap<PeerNetwork, HashSet<u64>>,
}

#[derive(Debug)]
struct RegisteredConnection {
    activity: Arc<ConnectionActivity>,
    /// Whether the peer is a proxy, which has many clients.
    proxy: Arc<AtomicBool>,
    network: PeerNetwork,
}

/// A registered connection; dropping this removes it.
#[derive(Debug)]
pub(super) struct Registration {
    registry: Arc<Registry>,
    id: u64,
}

impl Registry {
    pub(super) fn new(per_network_max: usize) -> Self {
        Self {
            per_network_max,
            all: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection. If its network is at its limit, its longest idle connection is
    /// evicted; if none is idle, the new one is refused.
    pub(super) fn register(
        self: &Arc<Self>,
        peer: IpAddr,
        activity: &Arc<ConnectionActivity>,
        proxy: &Arc<AtomicBool>,
    ) -> Option<Registration> {
        let network = PeerNetwork::of(peer);
        let mut all = self.lock();
        if self.per_network_max > 0 && !proxy.load(Ordering::Relaxed) {
            let others = all.clients_of(network);
            if others.len() >= self.per_network_max {
                let longest = others
                    .iter()
                    .filter_map(|it| Some((it.eviction_rank()?, it)));
                longest.min_by_key(|it| it.0)?.1.evict();
            }
        }
        let id = all.next;
        all.next += 1;
        let connection = RegisteredConnection {
            activity: Arc::clone(activity),
            proxy: Arc::clone(proxy),
            network,
        };
        all.connections.insert(id, connection);
        all.networks.entry(network).or_default().insert(id);
        let registry = Arc::clone(self);
        Some(Registration { registry, id })
    }

    /// Evicts some of the longest idle connections, and returns how many.
    pub(super) fn make_room(&self) -> usize {
        let all = self.lock();
        let waiting = all.connections.values().filter_map(|it| {
            // Those of proxies are evicted last, because their clients share them.
            let key = (
                it.proxy.load(Ordering::Relaxed),
                it.activity.eviction_rank()?,
            );
            Some((key, &it.activity))
        });
        let mut waiting: Vec<_> = waiting.collect();
        let count = waiting.len().div_ceil(EVICTED_OF);
        if count < waiting.len() {
            waiting.select_nth_unstable_by_key(count, |it| it.0);
        }
        for (_, activity) in &waiting[..count] {
            activity.evict();
        }
        count
    }
}

impl Connections {
    /// The connections of a network that are neither a proxy's nor evicted already.
    fn clients_of(&self, network: PeerNetwork) -> Vec<&Arc<ConnectionActivity>> {
        let ids = self.networks.get(&network).into_iter().flatten();
        ids.filter_map(|id| self.connections.get(id))
            .filter(|it| !it.proxy.load(Ordering::Relaxed) && !it.activity.is_evicted())
            .map(|it| &it.activity)
            .collect()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut all = self.registry.lock();
        let Some(connection) = all.connections.remove(&self.id) else {
            return;
        };
        if let Some(ids) = all.networks.get_mut(&connection.network) {
            ids.remove(&self.id);
            if ids.is_empty() {
                all.networks.remove(&connection.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::activity::{MonotonicClock, TimeLimits};

    struct Peers {
        registry: Arc<Registry>,
        clock: MonotonicClock,
    }

    type Connected = Option<(Registration, Arc<ConnectionActivity>)>;

    impl Peers {
        fn new(per_network_max: usize) -> Self {
            Self {
                registry: Arc::new(Registry::new(per_network_max)),
                clock: MonotonicClock::manual(),
            }
        }

        /// Connects, a millisecond after the previous connection.
        fn connects(&self, address: &str, proxy: bool) -> Connected {
            self.clock.pass(1);
            let limits = TimeLimits {
                head_ms: 10_000,
                idle_ms: 10_000,
                write_ms: 10_000,
            };
            let activity = Arc::new(ConnectionActivity::new(self.clock.clone(), limits));
            let proxy = Arc::new(AtomicBool::new(proxy));
            let registration =
                self.registry
                    .register(address.parse().unwrap(), &activity, &proxy)?;
            Some((registration, activity))
        }

        /// Connects and sends a request.
        fn connect_and_request(&self, address: &str, proxy: bool) -> Connected {
            let connected = self.connects(address, proxy);
            if let Some((_, activity)) = &connected {
                activity.begin_request();
            }
            connected
        }
    }

    fn was_evicted(connected: &Connected) -> bool {
        connected.as_ref().unwrap().1.is_evicted()
    }

    #[test]
    fn a_network_is_limited_and_its_longest_idle_connection_is_evicted_first() {
        let peers = Peers::new(3);
        let one = peers.connect_and_request("192.0.2.1", false);
        let two = peers.connects("192.0.2.1", false);
        let three = peers.connects("192.0.2.1", false);
        assert!(
            peers.connects("192.0.2.2", false).is_some(),
            "another network"
        );
        let four = peers.connect_and_request("192.0.2.1", false);
        assert!(four.is_some() && was_evicted(&two));
        assert!(!was_evicted(&one) && !was_evicted(&three));
        let five = peers.connect_and_request("192.0.2.1", false);
        assert!(five.is_some() && was_evicted(&three));
        assert!(
            peers.connects("192.0.2.1", false).is_none(),
            "all do something"
        );
        drop(one);
        assert!(peers.connects("192.0.2.1", false).is_some());
    }

    #[test]
    fn an_ipv6_network_is_a_64() {
        let peers = Peers::new(1);
        let _one = peers.connect_and_request("2001:db8:1:2::1", false);
        assert!(peers.connects("2001:db8:1:2:ffff::9", false).is_none());
        assert!(peers.connects("2001:db8:1:3::1", false).is_some());
        let _mapped = peers.connect_and_request("::ffff:192.0.2.1", false);
        assert!(peers.connects("192.0.2.1", false).is_none());
    }

    #[test]
    fn proxies_have_no_limit_and_0_is_no_limit() {
        let (peers, unlimited) = (Peers::new(1), Peers::new(0));
        let proxies = (0..5).map(|_| peers.connect_and_request("10.0.0.1", true));
        let clients = (0..5).map(|_| unlimited.connect_and_request("192.0.2.1", false));
        let connected: Vec<_> = proxies.chain(clients).collect();
        assert!(connected.iter().all(Option::is_some));
    }

    #[test]
    fn the_longest_idle_connections_are_evicted_and_busy_ones_never() {
        let peers = Peers::new(0);
        let (proxy, busy) = (
            peers.connects("10.0.0.1", true),
            peers.connect_and_request("192.0.2.1", false),
        );
        let silent: Vec<_> = (0..150)
            .map(|_| peers.connects("192.0.2.1", false))
            .collect();
        let evicted = || silent.iter().filter(|it| was_evicted(it)).count();
        assert_eq!((peers.registry.make_room(), evicted()), (2, 2));
        assert!(was_evicted(&silent[0]) && was_evicted(&silent[1]));
        while evicted() < silent.len() {
            assert!(peers.registry.make_room() > 0 && !was_evicted(&proxy));
        }
        assert_eq!(
            peers.registry.make_room(),
            1,
            "at last the proxy's that waits"
        );
        assert!(was_evicted(&proxy) && !was_evicted(&busy));
        assert_eq!(peers.registry.make_room(), 0);
    }

    #[test]
    fn connections_with_a_served_request_are_evicted_after_silent_and_stalled_ones() {
        let peers = Peers::new(0);
        let buyer = peers.connect_and_request("192.0.2.1", false);
        buyer.as_ref().unwrap().1.end_request(None);
        let slow = peers.connect_and_request("192.0.2.2", false);
        slow.as_ref().unwrap().1.set_stalled(true);
        let silent = peers.connects("192.0.2.3", false);
        peers.registry.make_room();
        assert!(was_evicted(&slow) && !was_evicted(&silent));
        peers.registry.make_room();
        assert!(was_evicted(&silent) && !was_evicted(&buyer));
        peers.registry.make_room();
        assert!(was_evicted(&buyer));
    }
}
