//! Renewals behind an answer that have failed. What cannot be renewed is still served, so the origin is
//! asked for it again after a pause that grows.

use std::collections::HashMap;

use super::entry::Millis;

const PAUSE_MIN_MS: Millis = 1_000;
const PAUSE_MAX_MS: Millis = 60_000;
/// The most keys that are known.
const KEYS_MAX: usize = 1_000;

/// The keys whose last renewal has failed.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    by_key: HashMap<String, Pause>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Millis,
    length_ms: Millis,
}

impl Failed {
    /// Whether this key may be renewed now.
    pub fn may_renew(&self, key: &str, now: Millis) -> bool {
        self.by_key.get(key).is_none_or(|pause| now >= pause.until)
    }

    /// A renewal has failed: the next one waits twice as long as this one did.
    pub fn add(&mut self, key: &str, now: Millis) {
        if !self.by_key.contains_key(key) && self.by_key.len() >= KEYS_MAX {
            self.by_key.retain(|_, pause| now < pause.until);
            if self.by_key.len() >= KEYS_MAX {
                self.by_key.clear();
            }
        }
        let last = self.by_key.get(key).map(|pause| pause.length_ms * 2);
        let length_ms = last.unwrap_or(PAUSE_MIN_MS).min(PAUSE_MAX_MS);
        let pause = Pause {
            until: now + length_ms,
            length_ms,
        };
        self.by_key.insert(key.to_owned(), pause);
    }

    /// It has succeeded.
    pub fn remove(&mut self, key: &str) {
        self.by_key.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_waits_longer() {
        let mut failed = Failed::default();
        assert!(failed.may_renew("/", 0));
        for (now, pause) in [(0, 1_000), (1_000, 2_000), (3_000, 4_000)] {
            failed.add("/", now);
            assert!(!failed.may_renew("/", now + pause - 1));
            assert!(failed.may_renew("/", now + pause));
            assert!(failed.may_renew("/p/mug", now));
        }
        for _ in 0..20 {
            failed.add("/", 10_000);
        }
        assert!(failed.may_renew("/", 10_000 + PAUSE_MAX_MS));
        failed.remove("/");
        assert!(failed.may_renew("/", 10_000));
    }

    #[test]
    fn only_so_many_are_known() {
        let mut failed = Failed::default();
        for number in 0..3 * KEYS_MAX {
            failed.add(&number.to_string(), 0);
            assert!(failed.by_key.len() <= KEYS_MAX);
        }
    }
}
