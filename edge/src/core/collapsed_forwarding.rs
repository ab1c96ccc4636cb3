//! Collapsed forwarding (RFC 9111 §4): concurrent misses for the same response wait for a single
//! request to the origin. `W` wakes a waiting request; how it does so is up to the adapter.

use std::collections::HashMap;

use super::stored_response::Millis;

/// The requests to the origin that are pending.
pub struct CollapsedForwarding<W> {
    by_key: HashMap<String, FetchTicket>,
    pending: HashMap<FetchTicket, PendingFetch<W>>,
    next_ticket: u64,
    /// Keys whose last response could not be stored, each with the time until which its requests
    /// are not collapsed.
    uncollapsed: HashMap<String, Millis>,
}

/// Identifies a pending request to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FetchTicket(u64);

struct PendingFetch<W> {
    key: String,
    since: Millis,
    waiters: Vec<W>,
}

/// How a request takes part in collapsed forwarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollapseRole {
    /// Fetch the response, and complete the ticket afterwards.
    Lead(FetchTicket),
    /// Wait for the request with this ticket.
    Follow(FetchTicket),
    /// Fetch without collapsing, because others cannot use the response.
    Uncollapsed,
}

/// The result of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchResult {
    /// The response is in the store.
    Stored,
    /// There was a response, but it may not be stored.
    NotStored,
    /// There was no response.
    Failed,
    /// There was a response, but a purge invalidated it while it was on its way.
    Invalidated,
}

/// A pending fetch that takes longer is lost; the next request fetches again.
pub const COLLAPSE_TIMEOUT_MS: Millis = 30_000;
/// How long requests for a key are not collapsed after its response could not be stored.
const UNCOLLAPSED_MS: Millis = 5_000;
const UNCOLLAPSED_MAX: usize = 1_000;

impl<W> Default for CollapsedForwarding<W> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            pending: HashMap::new(),
            next_ticket: 0,
            uncollapsed: HashMap::new(),
        }
    }
}

impl<W> CollapsedForwarding<W> {
    /// How a request for this key takes part.
    pub fn join(&mut self, key: &str, now: Millis) -> CollapseRole {
        if self.uncollapsed.get(key).is_some_and(|until| now < *until) {
            return CollapseRole::Uncollapsed;
        }
        if let Some(ticket) = self.by_key.get(key) {
            let fetch = self.pending.get(ticket);
            if fetch.is_some_and(|fetch| now < fetch.since + COLLAPSE_TIMEOUT_MS) {
                return CollapseRole::Follow(*ticket);
            }
        }
        let ticket = FetchTicket(self.next_ticket);
        self.next_ticket += 1;
        self.by_key.insert(key.to_owned(), ticket);
        let fetch = PendingFetch {
            key: key.to_owned(),
            since: now,
            waiters: Vec::new(),
        };
        self.pending.insert(ticket, fetch);
        CollapseRole::Lead(ticket)
    }

    /// Adds a waiter to a pending fetch. Returns it if the fetch has been completed already.
    pub fn add_waiter(&mut self, ticket: FetchTicket, waiter: W) -> Option<W> {
        match self.pending.get_mut(&ticket) {
            Some(fetch) => {
                fetch.waiters.push(waiter);
                None
            }
            None => Some(waiter),
        }
    }

    /// Completes a fetch and returns the waiters to wake.
    pub fn complete(&mut self, ticket: FetchTicket, result: FetchResult, now: Millis) -> Vec<W> {
        let Some(fetch) = self.pending.remove(&ticket) else {
            return Vec::new();
        };
        if self.by_key.get(&fetch.key) == Some(&ticket) {
            self.by_key.remove(&fetch.key);
        }
        match result {
            FetchResult::NotStored => {
                if self.uncollapsed.len() >= UNCOLLAPSED_MAX {
                    self.uncollapsed.clear();
                }
                self.uncollapsed.insert(fetch.key, now + UNCOLLAPSED_MS);
            }
            FetchResult::Stored => drop(self.uncollapsed.remove(&fetch.key)),
            FetchResult::Failed | FetchResult::Invalidated => {}
        }
        fetch.waiters
    }

    /// Lets no later request join the pending fetches: their responses may predate a purge that has
    /// just arrived. Requests that wait already came before that purge, and may get them.
    pub fn stop_joining(&mut self) {
        self.by_key.clear();
    }

    /// The number of pending fetches.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether no fetch is pending.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_leads_and_the_others_follow() {
        let mut forwarding = CollapsedForwarding::default();
        let CollapseRole::Lead(ticket) = forwarding.join("/", 0) else {
            panic!()
        };
        for who in 0..3 {
            assert_eq!(forwarding.join("/", 1), CollapseRole::Follow(ticket));
            assert_eq!(forwarding.add_waiter(ticket, who), None);
        }
        assert!(matches!(
            forwarding.join("/other", 1),
            CollapseRole::Lead(_)
        ));
        assert_eq!(
            forwarding.complete(ticket, FetchResult::Stored, 2),
            [0, 1, 2]
        );
        assert_eq!(forwarding.add_waiter(ticket, 9), Some(9));
        assert!(matches!(forwarding.join("/", 2), CollapseRole::Lead(_)));
    }

    #[test]
    fn a_lost_leader_is_replaced_and_wakes_only_its_own_followers() {
        let mut forwarding = CollapsedForwarding::default();
        let CollapseRole::Lead(lost) = forwarding.join("/", 0) else {
            panic!()
        };
        assert_eq!(forwarding.add_waiter(lost, 1), None);
        let CollapseRole::Lead(next) = forwarding.join("/", COLLAPSE_TIMEOUT_MS) else {
            panic!()
        };
        assert_eq!(forwarding.add_waiter(next, 2), None);
        assert_eq!(
            forwarding.complete(lost, FetchResult::Stored, COLLAPSE_TIMEOUT_MS),
            [1]
        );
        assert_eq!(
            forwarding.join("/", COLLAPSE_TIMEOUT_MS),
            CollapseRole::Follow(next)
        );
        assert_eq!(
            forwarding.complete(next, FetchResult::Stored, COLLAPSE_TIMEOUT_MS),
            [2]
        );
        assert!(forwarding.is_empty());
    }

    #[test]
    fn requests_for_an_unstorable_response_are_not_collapsed() {
        let mut forwarding: CollapsedForwarding<()> = CollapsedForwarding::default();
        let CollapseRole::Lead(ticket) = forwarding.join("/", 0) else {
            panic!()
        };
        forwarding.complete(ticket, FetchResult::NotStored, 10);
        assert_eq!(
            forwarding.join("/", 10 + UNCOLLAPSED_MS - 1),
            CollapseRole::Uncollapsed
        );
        assert!(matches!(
            forwarding.join("/", 10 + UNCOLLAPSED_MS),
            CollapseRole::Lead(_)
        ));
    }

    #[test]
    fn no_request_joins_a_fetch_from_before_a_purge() {
        let mut forwarding = CollapsedForwarding::default();
        let CollapseRole::Lead(old) = forwarding.join("/", 0) else {
            panic!()
        };
        forwarding.add_waiter(old, 1);
        forwarding.stop_joining();
        let CollapseRole::Lead(new) = forwarding.join("/", 1) else {
            panic!()
        };
        assert_eq!(forwarding.complete(old, FetchResult::NotStored, 2), [1]);
        assert_ne!(old, new);
        assert_eq!(forwarding.len(), 1);
    }
}
