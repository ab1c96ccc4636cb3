//! What keeps a sick origin from being asked to death, and clients from waiting for it: a breaker that
//! opens when too many requests fail, and a budget of second tries.

use std::collections::HashSet;

use super::entry::Millis;

/// Over how long failures are counted.
const WINDOW_MS: Millis = 10_000;
/// Fewer requests than this say nothing.
const REQUESTS_MIN: u32 = 10;
/// Half of them.
const FAILED_PER_CENT: u32 = 50;
/// How long nobody asks once it is open; doubled each time that a probe fails.
const REST_MIN_MS: Millis = 1_000;
const REST_MAX_MS: Millis = 15_000;
/// A second try costs ten first ones, so an outage makes a tenth more requests and not twice as many.
const TRIES_PER_RETRY: u32 = 10;
const RETRIES_MAX: u32 = 10;

/// The breaker of this isolate.
#[derive(Clone, Debug)]
pub struct Breaker {
    state: State,
    began_at: Millis,
    requests: u32,
    failures: u32,
    /// The keys that failed in this window: a page that always fails is one failure.
    sick: HashSet<String>,
    rest_ms: Millis,
    /// In tenths of a retry.
    budget: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Everybody asks.
    Closed,
    /// Nobody asks before then.
    Open(Millis),
    /// One asks, since then; who does not come back is given up with the rest.
    Probing(Millis),
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign<'k> {
    /// The origin answered.
    Well,
    /// It answered that it failed, for this key.
    Sick(&'k str),
    /// It did not answer.
    Silent,
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Ask.
    Ask,
    /// Leave the origin alone.
    Rest,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            began_at: 0,
            requests: 0,
            failures: 0,
            sick: HashSet::new(),
            rest_ms: REST_MIN_MS,
            budget: RETRIES_MAX * TRIES_PER_RETRY,
        }
    }
}

impl Breaker {
    /// Whether the origin may be asked now.
    pub fn permit(&mut self, now: Millis) -> Permit {
        match self.state {
            State::Closed => Permit::Ask,
            State::Open(until) if now < until => Permit::Rest,
            State::Probing(since) if now < since + REST_MAX_MS => Permit::Rest,
            State::Open(_) | State::Probing(_) => {
                self.state = State::Probing(now);
                Permit::Ask
            }
        }
    }

    /// Notes what came of a request.
    pub fn note(&mut self, sign: Sign<'_>, now: Millis) {
        match (self.state, sign) {
            // What was asked before it opened says nothing new.
            (State::Open(_), _) => {}
            (State::Probing(_), Sign::Silent | Sign::Sick(_)) => {
                self.rest_ms = (self.rest_ms * 2).min(REST_MAX_MS);
                self.state = State::Open(now + self.rest_ms);
            }
            (State::Probing(_), Sign::Well) => {
                *self = Self {
                    budget: self.budget,
                    ..Self::default()
                };
            }
            (State::Closed, _) => self.count(sign, now),
        }
    }

    fn count(&mut self, sign: Sign<'_>, now: Millis) {
        if now.saturating_sub(self.began_at) > WINDOW_MS {
            (self.began_at, self.requests, self.failures) = (now, 0, 0);
            self.sick.clear();
        }
        self.budget = (self.budget + 1).min(RETRIES_MAX * TRIES_PER_RETRY);
        match sign {
            Sign::Sick(key) if !self.sick.insert(key.to_owned()) => return,
            Sign::Sick(_) | Sign::Silent => self.failures += 1,
            Sign::Well => {}
        }
        self.requests += 1;
        let share = self.failures * 100 / self.requests;
        if self.requests >= REQUESTS_MIN && share >= FAILED_PER_CENT {
            self.state = State::Open(now + self.rest_ms);
        }
    }

    /// Takes a second try out of the budget, if there is one.
    pub fn retry(&mut self) -> bool {
        let left = self.budget.checked_sub(TRIES_PER_RETRY);
        let may = left.is_some() && self.state == State::Closed;
        if let (Some(left), true) = (left, may) {
            self.budget = left;
        }
        may
    }

    /// Whether requests reach the origin.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failing(count: u32) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..count {
            breaker.note(Sign::Silent, 1);
        }
        breaker
    }

    #[test]
    fn it_opens_on_a_share_of_failures_and_not_on_a_few() {
        assert!(failing(REQUESTS_MIN - 1).is_closed());
        assert!(!failing(REQUESTS_MIN).is_closed());
        let mut mixed = Breaker::default();
        for number in 0..100 {
            mixed.note(sign(number % 5 < 3), 1);
        }
        assert!(mixed.is_closed());
        for _ in 0..30 {
            mixed.note(Sign::Silent, 1);
        }
        assert!(!mixed.is_closed());
    }

    fn sign(well: bool) -> Sign<'static> {
        if well { Sign::Well } else { Sign::Silent }
    }

    /// Who cannot show one page can still sell.
    #[test]
    fn one_sick_page_is_no_sick_origin() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            breaker.note(Sign::Sick("/p/mug"), 1);
        }
        assert!(breaker.is_closed());
        for number in 0..REQUESTS_MIN {
            breaker.note(Sign::Sick(&number.to_string()), 1);
        }
        assert!(!breaker.is_closed());
    }

    #[test]
    fn what_failed_long_ago_is_forgotten() {
        let mut breaker = failing(REQUESTS_MIN - 1);
        breaker.note(Sign::Silent, WINDOW_MS + 2);
        assert!(breaker.is_closed());
    }

    #[test]
    fn one_probes_and_the_others_wait() {
        let mut breaker = failing(REQUESTS_MIN);
        assert_eq!(breaker.permit(2), Permit::Rest);
        let later = 1 + REST_MIN_MS;
        assert_eq!(breaker.permit(later), Permit::Ask);
        assert_eq!(breaker.permit(later), Permit::Rest);
        breaker.note(Sign::Silent, later);
        assert_eq!(breaker.permit(later + REST_MIN_MS), Permit::Rest);
        assert_eq!(breaker.permit(later + 2 * REST_MIN_MS), Permit::Ask);
        breaker.note(Sign::Well, later);
        assert!(breaker.is_closed());
        assert_eq!(breaker.permit(later), Permit::Ask);
    }

    /// A probe whose client has gone never says what came of it.
    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let mut breaker = failing(REQUESTS_MIN);
        assert_eq!(breaker.permit(5_000), Permit::Ask);
        assert_eq!(breaker.permit(5_000 + REST_MAX_MS - 1), Permit::Rest);
        assert_eq!(breaker.permit(5_000 + REST_MAX_MS), Permit::Ask);
    }

    #[test]
    fn second_tries_are_a_tenth() {
        let mut breaker = Breaker::default();
        let first = (0..100).filter(|_| breaker.retry()).count();
        assert_eq!(first, RETRIES_MAX as usize);
        let mut again = 0;
        for _ in 0..1_000 {
            breaker.note(Sign::Well, 1);
            again += usize::from(breaker.retry());
        }
        assert_eq!(again, 100);
    }

    proptest! {
        /// Whatever happens, somebody may ask again before long.
        #[test]
        fn it_never_stays_shut(outcomes in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut breaker = Breaker::default();
            let mut now = 0;
            for outcome in outcomes {
                now += 100;
                if breaker.permit(now) == Permit::Ask {
                    breaker.note(sign(outcome), now);
                }
            }
            prop_assert_eq!(breaker.permit(now + REST_MAX_MS), Permit::Ask);
        }
    }
}
