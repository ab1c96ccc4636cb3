//! Who is connected. When there is no room, who has waited longest makes some: a client that sends nothing
//! keeps nobody out who has something to ask. One network has so many connections, unless it is a proxy's.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::activity::ConnectionActivity;

/// Of those that could make room, one of so many does at once, or each new connection would look through all.
const EVICTED_OF: usize = 100;

/// What connections are counted by: an IPv4 address, or the /64 of an IPv6 one.
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
    /// Connections of one network; 0 is as many as there are.
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
    /// Whether it is a proxy's, which has many clients.
    proxy: Arc<AtomicBool>,
    network: PeerNetwork,
}

/// A connection that is counted until this is dropped.
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

    /// Takes a connection in, unless its network has too many that do something. When it has too many that
    /// wait, the one that has waited longest goes.
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

    /// Ends some of those that have waited longest, and says how many.
    pub(super) fn make_room(&self) -> usize {
        let all = self.lock();
        let waiting = all.connections.values().filter_map(|it| {
            // A proxy's are the last to go: it has clients who ask.
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
    /// The connections of a network that are not a proxy's and not about to end.
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

        /// Each a millisecond after the one before.
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

        /// One that does something.
        fn asks(&self, address: &str, proxy: bool) -> Connected {
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
    fn a_network_has_so_many_connections_and_the_longest_silent_one_goes_first() {
        let peers = Peers::new(3);
        let one = peers.asks("192.0.2.1", false);
        let two = peers.connects("192.0.2.1", false);
        let three = peers.connects("192.0.2.1", false);
        assert!(
            peers.connects("192.0.2.2", false).is_some(),
            "another network"
        );
        let four = peers.asks("192.0.2.1", false);
        assert!(four.is_some() && was_evicted(&two));
        assert!(!was_evicted(&one) && !was_evicted(&three));
        let five = peers.asks("192.0.2.1", false);
        assert!(five.is_some() && was_evicted(&three));
        assert!(
            peers.connects("192.0.2.1", false).is_none(),
            "all do something"
        );
        drop(one);
        assert!(peers.connects("192.0.2.1", false).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_a_64() {
        let peers = Peers::new(1);
        let _one = peers.asks("2001:db8:1:2::1", false);
        assert!(peers.connects("2001:db8:1:2:ffff::9", false).is_none());
        assert!(peers.connects("2001:db8:1:3::1", false).is_some());
        let _mapped = peers.asks("::ffff:192.0.2.1", false);
        assert!(peers.connects("192.0.2.1", false).is_none());
    }

    #[test]
    fn a_proxy_is_excused_and_so_is_everybody_without_a_limit() {
        let (peers, unlimited) = (Peers::new(1), Peers::new(0));
        let proxies = (0..5).map(|_| peers.asks("10.0.0.1", true));
        let clients = (0..5).map(|_| unlimited.asks("192.0.2.1", false));
        let connected: Vec<_> = proxies.chain(clients).collect();
        assert!(connected.iter().all(Option::is_some));
    }

    #[test]
    fn room_is_made_by_who_has_waited_longest_and_by_nobody_who_does_something() {
        let peers = Peers::new(0);
        let (proxy, busy) = (
            peers.connects("10.0.0.1", true),
            peers.asks("192.0.2.1", false),
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
    fn who_has_asked_before_stays_longer_than_who_never_has_or_does_not_read() {
        let peers = Peers::new(0);
        let buyer = peers.asks("192.0.2.1", false);
        buyer.as_ref().unwrap().1.end_request(None);
        let slow = peers.asks("192.0.2.2", false);
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
