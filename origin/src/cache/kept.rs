//! A finished answer: in every coding that somebody has asked for, so that answering with it again is
//! copying it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
};

use axum::response::Response;
use http::StatusCode;
use shared::{cache::Tag, time::Timestamp};

use super::form::{Form, Wanted};

/// A finished answer.
#[derive(Clone, Debug)]
pub struct Kept {
    status: StatusCode,
    /// The plain one first.
    forms: Vec<Form>,
    about: Arc<About>,
}

/// What is the same in every coding.
#[derive(Debug)]
struct About {
    terms: Terms,
    /// When it is to be made again, in milliseconds; later when that fails.
    fresh_until: AtomicI64,
    /// The last change that is known to leave it right.
    right_at: AtomicU64,
    asked: AtomicU32,
}

/// How an answer is kept.
#[derive(Debug)]
pub struct Terms {
    /// What it was made from.
    pub tags: Vec<Tag>,
    /// The last change that is in it.
    pub as_of: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// For how long it need not be made again.
    pub lifetime_ms: i64,
}

/// About what an answer takes beside its bodies.
const REST_BYTES: usize = 1_024;
/// How much of its life an answer has had when it is made again before it ends, of a hundred.
const AHEAD: i64 = 80;
/// How often it must have been asked for by then.
const ASKED_OFTEN: u32 = 2;
/// In the place of that count: somebody was told to make it again.
const RENEWED: u32 = u32::MAX;

impl Kept {
    /// An answer in its plain form.
    pub fn new(status: StatusCode, plain: Form, terms: Terms) -> Self {
        let about = About {
            fresh_until: AtomicI64::new(terms.made_at.as_millis() + terms.lifetime_ms),
            right_at: AtomicU64::new(terms.as_of),
            asked: AtomicU32::new(0),
            terms,
        };
        Self {
            status,
            forms: vec![plain.packed()],
            about: Arc::new(about),
        }
    }

    /// The answer in the coding that is wanted, if it is there in that coding.
    pub fn answer(&self, wanted: &Wanted) -> Option<Response> {
        let coding = wanted.coding(&self.forms[0]);
        let form = self.forms.iter().find(|it| it.coding == coding)?;
        Some(form.answer(self.status, wanted))
    }

    /// The same with one more coding, and the answer in it.
    pub fn in_coding_too(&self, wanted: &Wanted) -> (Self, Response) {
        let plain = &self.forms[0];
        let form = plain.in_coding(wanted.coding(plain)).packed();
        let answer = form.answer(self.status, wanted);
        let mut more = self.clone();
        more.forms.push(form);
        (more, answer)
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its plain form.
    pub fn plain(&self) -> &Form {
        &self.forms[0]
    }

    /// How it is kept.
    pub fn terms(&self) -> &Terms {
        &self.about.terms
    }

    /// The last change that is in it.
    pub fn as_of(&self) -> u64 {
        self.about.terms.as_of
    }

    /// What it was made from.
    pub fn tags(&self) -> &[Tag] {
        &self.about.terms.tags
    }

    /// Whether it need not be made again yet.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_millis() < self.about.fresh_until.load(Ordering::Relaxed)
    }

    /// Whether it need not be made again for a while.
    pub fn is_young(&self, now: Timestamp) -> bool {
        let terms = &self.about.terms;
        let age = now.as_millis() - terms.made_at.as_millis();
        age * 100 < terms.lifetime_ms * AHEAD
    }

    /// For how long it need not be made again, in milliseconds.
    pub fn left_ms(&self, now: Timestamp) -> i64 {
        let terms = &self.about.terms;
        terms.made_at.as_millis() + terms.lifetime_ms - now.as_millis()
    }

    /// Puts off making it again, because that has failed.
    pub fn put_off(&self, until_ms: i64) {
        self.about
            .fresh_until
            .fetch_max(until_ms, Ordering::Relaxed);
    }

    /// Notes that it was asked for, and says whether it is time to make it again before its life ends;
    /// one of those who ask is told so.
    pub fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        let asked = &self.about.asked;
        match asked.load(Ordering::Relaxed) {
            RENEWED => false,
            count @ 0..=ASKED_OFTEN => {
                asked.store(count + 1, Ordering::Relaxed);
                false
            }
            _ => !self.is_young(now) && asked.swap(RENEWED, Ordering::Relaxed) != RENEWED,
        }
    }

    /// Whether it was right at this change, according to `look`, which is asked once for each change.
    pub fn is_right_at(&self, latest: u64, look: impl FnOnce() -> bool) -> bool {
        let right_at = &self.about.right_at;
        if right_at.load(Ordering::Relaxed) >= latest {
            return true;
        }
        let right = look();
        if right {
            right_at.fetch_max(latest, Ordering::Relaxed);
        }
        right
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        self.forms
            .iter()
            .map(|form| form.length() + REST_BYTES)
            .sum()
    }
}
