//! Addresses that keep failing. Each is held back by itself, and tried again by one request at a time.

use std::collections::HashMap;

use super::{Millis, Outcome};

/// So many failures one after the other hold an address back.
const FAILURES_MAX: u32 = 3;
/// For so long, each time; then one request may try.
const REST_MS: Millis = 1_000;
/// A trial that does not come back is lost after this time.
const TRIAL_LOST_MS: Millis = 15_000;
/// What failed longer ago is forgotten.
const FORGET_MS: Millis = 60_000;
/// The most addresses that are known.
const ADDRESSES_MAX: usize = 1_000;

/// The addresses that failed of late.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    by_key: HashMap<String, Address>,
}

#[derive(Clone, Copy, Debug)]
struct Address {
    failures: u32,
    failed_at: Millis,
    rests_until: Millis,
}

impl Addresses {
    /// Whether this address may be asked for now.
    pub fn permit(&mut self, key: &str, now: Millis) -> bool {
        let Some(address) = self.by_key.get_mut(key) else {
            return true;
        };
        if address.failures < FAILURES_MAX {
            return true;
        }
        let may = now >= address.rests_until;
        if may {
            address.rests_until = now + TRIAL_LOST_MS;
        }
        may
    }

    /// Counts what came of asking for it. That there is no connection says nothing about an address.
    pub fn record(&mut self, key: &str, outcome: Outcome, now: Millis) {
        match outcome {
            Outcome::Success => drop(self.by_key.remove(key)),
            Outcome::NoConnection => {}
            Outcome::ServerError | Outcome::Timeout => self.fail(key, now),
        }
    }

    fn fail(&mut self, key: &str, now: Millis) {
        let is_recent = |it: &Address| now < it.failed_at + FORGET_MS;
        if !self.by_key.contains_key(key) && self.by_key.len() >= ADDRESSES_MAX {
            self.by_key.retain(|_, address| is_recent(address));
            if self.by_key.len() >= ADDRESSES_MAX {
                self.by_key.clear();
            }
        }
        let known = self.by_key.get(key).filter(|it| is_recent(it));
        let failures = known.map_or(0, |it| it.failures) + 1;
        let address = Address {
            failures,
            failed_at: now,
            rests_until: now + REST_MS,
        };
        self.by_key.insert(key.to_owned(), address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32) -> Addresses {
        let mut addresses = Addresses::default();
        for _ in 0..times {
            addresses.record("/p/mug", Outcome::ServerError, 0);
        }
        addresses
    }

    #[test]
    fn an_address_rests_after_three_failures_and_one_tries_it_again() {
        assert!(failing(FAILURES_MAX - 1).permit("/p/mug", 0));
        let mut addresses = failing(FAILURES_MAX);
        assert!(!addresses.permit("/p/mug", REST_MS - 1));
        assert!(addresses.permit("/p/other", 0));
        assert!(addresses.permit("/p/mug", REST_MS));
        assert!(!addresses.permit("/p/mug", REST_MS), "one at a time");
        addresses.record("/p/mug", Outcome::Timeout, 5_000);
        assert!(!addresses.permit("/p/mug", 5_000 + REST_MS - 1));
        assert!(addresses.permit("/p/mug", 5_000 + REST_MS));
        assert!(addresses.permit("/p/mug", 5_000 + REST_MS + TRIAL_LOST_MS));
        addresses.record("/p/mug", Outcome::Success, 30_000);
        assert!((0..9).all(|_| addresses.permit("/p/mug", 30_000)));
    }

    #[test]
    fn what_is_long_ago_or_about_no_address_does_not_count() {
        let mut addresses = failing(FAILURES_MAX - 1);
        addresses.record("/p/mug", Outcome::Timeout, FORGET_MS);
        assert!(addresses.permit("/p/mug", FORGET_MS));
        for _ in 0..9 {
            addresses.record("/p/tea", Outcome::NoConnection, 0);
        }
        assert!(addresses.permit("/p/tea", 0));
    }

    #[test]
    fn only_so_many_are_known() {
        let mut addresses = failing(FAILURES_MAX);
        for number in 0..3 * ADDRESSES_MAX {
            addresses.record(&number.to_string(), Outcome::ServerError, 1);
            assert!(addresses.by_key.len() <= ADDRESSES_MAX);
        }
    }
}
