//! Questions to the origin that are under way, so that those who want the same wait for one answer
//! (request collapsing, RFC 9111 §4). It does not know how somebody waits: `W` is what wakes them.

use std::collections::HashMap;

use super::entry::Millis;

/// The questions that are under way.
pub struct Flights<W> {
    by_key: HashMap<String, Ticket>,
    flights: HashMap<Ticket, Flight<W>>,
    next: u64,
    /// Keys whose last answer could not be kept, until when that counts: nobody waits for those.
    unkept: HashMap<String, Millis>,
}

/// Whose question it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

struct Flight<W> {
    key: String,
    since: Millis,
    waiting: Vec<W>,
}

/// What somebody does who wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ask, and land the ticket afterwards.
    Lead(Ticket),
    /// Wait for the one who asks.
    Follow(Ticket),
    /// Ask for themselves: others could not use the answer.
    Alone,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// The answer is in the store.
    Kept,
    /// There was an answer, and it is not for others.
    NotKept,
    /// There was none.
    Failed,
    /// There was an answer, and it is older than a purge that came meanwhile.
    Outdated,
}

/// Nobody's question takes longer; one that does is lost, and the next one asks again.
pub const FLIGHT_MS: Millis = 30_000;
/// For how long it is remembered that an answer could not be kept.
const UNKEPT_MS: Millis = 5_000;
const UNKEPT_MAX: usize = 1_000;

impl<W> Default for Flights<W> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            flights: HashMap::new(),
            next: 0,
            unkept: HashMap::new(),
        }
    }
}

impl<W> Flights<W> {
    /// What somebody does who wants the answer for this key.
    pub fn join(&mut self, key: &str, now: Millis) -> Role {
        if self.unkept.get(key).is_some_and(|until| now < *until) {
            return Role::Alone;
        }
        if let Some(ticket) = self.by_key.get(key) {
            let flight = self.flights.get(ticket);
            if flight.is_some_and(|flight| now < flight.since + FLIGHT_MS) {
                return Role::Follow(*ticket);
            }
        }
        let ticket = Ticket(self.next);
        self.next += 1;
        self.by_key.insert(key.to_owned(), ticket);
        let flight = Flight {
            key: key.to_owned(),
            since: now,
            waiting: Vec::new(),
        };
        self.flights.insert(ticket, flight);
        Role::Lead(ticket)
    }

    /// Waits for a ticket. Gives back who cannot wait because it has landed.
    pub fn wait(&mut self, ticket: Ticket, who: W) -> Option<W> {
        match self.flights.get_mut(&ticket) {
            Some(flight) => {
                flight.waiting.push(who);
                None
            }
            None => Some(who),
        }
    }

    /// Ends a question, and hands out who waits for it.
    pub fn land(&mut self, ticket: Ticket, landing: Landing, now: Millis) -> Vec<W> {
        let Some(flight) = self.flights.remove(&ticket) else {
            return Vec::new();
        };
        if self.by_key.get(&flight.key) == Some(&ticket) {
            self.by_key.remove(&flight.key);
        }
        match landing {
            Landing::NotKept => {
                if self.unkept.len() >= UNKEPT_MAX {
                    self.unkept.clear();
                }
                self.unkept.insert(flight.key, now + UNKEPT_MS);
            }
            Landing::Kept => drop(self.unkept.remove(&flight.key)),
            Landing::Failed | Landing::Outdated => {}
        }
        flight.waiting
    }

    /// Lets nobody join what is under way: what was asked so far may be answered with what was right
    /// before a purge. Those who wait already asked before it, too.
    pub fn seal(&mut self) {
        self.by_key.clear();
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.flights.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_leads_and_the_others_follow() {
        let mut flights = Flights::default();
        let Role::Lead(ticket) = flights.join("/", 0) else {
            panic!()
        };
        for who in 0..3 {
            assert_eq!(flights.join("/", 1), Role::Follow(ticket));
            assert_eq!(flights.wait(ticket, who), None);
        }
        assert!(matches!(flights.join("/other", 1), Role::Lead(_)));
        assert_eq!(flights.land(ticket, Landing::Kept, 2), [0, 1, 2]);
        assert_eq!(flights.wait(ticket, 9), Some(9));
        assert!(matches!(flights.join("/", 2), Role::Lead(_)));
    }

    #[test]
    fn a_lost_leader_is_replaced_and_lands_nobody_else() {
        let mut flights = Flights::default();
        let Role::Lead(lost) = flights.join("/", 0) else {
            panic!()
        };
        assert_eq!(flights.wait(lost, 1), None);
        let Role::Lead(next) = flights.join("/", FLIGHT_MS) else {
            panic!()
        };
        assert_eq!(flights.wait(next, 2), None);
        assert_eq!(flights.land(lost, Landing::Kept, FLIGHT_MS), [1]);
        assert_eq!(flights.join("/", FLIGHT_MS), Role::Follow(next));
        assert_eq!(flights.land(next, Landing::Kept, FLIGHT_MS), [2]);
        assert!(flights.is_empty());
    }

    #[test]
    fn nobody_waits_for_what_is_not_kept() {
        let mut flights: Flights<()> = Flights::default();
        let Role::Lead(ticket) = flights.join("/", 0) else {
            panic!()
        };
        flights.land(ticket, Landing::NotKept, 10);
        assert_eq!(flights.join("/", 10 + UNKEPT_MS - 1), Role::Alone);
        assert!(matches!(flights.join("/", 10 + UNKEPT_MS), Role::Lead(_)));
    }

    #[test]
    fn nobody_joins_what_was_asked_before_a_purge() {
        let mut flights = Flights::default();
        let Role::Lead(old) = flights.join("/", 0) else {
            panic!()
        };
        flights.wait(old, 1);
        flights.seal();
        let Role::Lead(new) = flights.join("/", 1) else {
            panic!()
        };
        assert_eq!(flights.land(old, Landing::NotKept, 2), [1]);
        assert_ne!(old, new);
        assert_eq!(flights.len(), 1);
    }
}
