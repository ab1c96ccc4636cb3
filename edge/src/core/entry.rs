//! A stored answer, and how old and how fresh it is (RFC 9111 §4.2).

use std::rc::Rc;

use super::{control::Control, headers::Headers};

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The status.
    pub status: u16,
    /// The fields, end to end, with the coding of the body among them.
    pub headers: Headers,
    /// The body, in its coding.
    pub body: Rc<[u8]>,
    /// When the answer came.
    pub came_at: Millis,
    /// How old it was then, in seconds.
    pub age_at_arrival: u32,
    /// What it says about being kept.
    pub control: Control,
    /// The request's fields that it depends on, with their values then (§4.1).
    pub varies_on: Vec<(String, Option<String>)>,
}

impl Entry {
    /// How old it is, in seconds (§4.2.3).
    pub fn age(&self, now: Millis) -> u32 {
        let resident = now.saturating_sub(self.came_at) / 1_000;
        u32::try_from(resident)
            .unwrap_or(u32::MAX)
            .saturating_add(self.age_at_arrival)
    }

    /// For how many more seconds it is fresh; below zero it is stale.
    pub fn ttl(&self, now: Millis) -> i64 {
        i64::from(self.control.lifetime.unwrap_or(0)) - i64::from(self.age(now))
    }

    /// Whether it may be used without asking the origin.
    pub fn is_fresh(&self, now: Millis) -> bool {
        !self.control.no_cache && self.ttl(now) > 0
    }

    /// Whether it may be used while it is renewed behind the answer.
    pub fn may_serve_while_renewing(&self, now: Millis) -> bool {
        self.may_be_stale() && -self.ttl(now) < i64::from(self.control.stale_while_revalidate)
    }

    /// Whether it may be used because the origin fails.
    pub fn may_serve_on_error(&self, now: Millis) -> bool {
        let limit = self
            .control
            .stale_if_error
            .max(self.control.stale_while_revalidate);
        self.may_be_stale() && -self.ttl(now) < i64::from(limit)
    }

    fn may_be_stale(&self) -> bool {
        !(self.control.no_cache || self.control.must_revalidate)
    }

    /// Whether it answers a request with these fields.
    pub fn fits(&self, request: &Headers) -> bool {
        self.varies_on
            .iter()
            .all(|(name, value)| same_lines(request, name) == *value)
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        self.body.len() + self.headers.size() + 256
    }

    /// The fields of a request that asks whether this is still right (§4.3.1).
    pub fn validators(&self) -> Vec<(&'static str, String)> {
        let field = |name: &'static str, of: &str| {
            self.headers.get(of).map(|value| (name, value.to_owned()))
        };
        [
            field("if-none-match", "etag"),
            field("if-modified-since", "last-modified"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Takes over what a 304 says (§3.2): its fields replace those of the same name, but for those
    /// that describe the body, which has not changed.
    pub fn freshen(&self, fields: &Headers, now: Millis) -> Self {
        const OF_THE_BODY: [&str; 4] = [
            "content-encoding",
            "content-length",
            "content-range",
            "content-type",
        ];
        let fields = fields.end_to_end();
        let mut headers = self.headers.clone();
        headers.remove("age");
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
        names.dedup();
        for name in names.into_iter().filter(|name| !OF_THE_BODY.contains(name)) {
            headers.remove(name);
            for line in fields.lines(name) {
                headers.append(name, line);
            }
        }
        Self {
            control: Control::of(&headers),
            came_at: now,
            age_at_arrival: age_field(&fields),
            headers,
            ..self.clone()
        }
    }
}

/// The age that an answer brought along (§5.1); what is no number is none.
pub fn age_field(headers: &Headers) -> u32 {
    headers
        .members("age")
        .next()
        .and_then(|age| age.parse().ok())
        .unwrap_or(0)
}

/// All lines of a field as one value, for comparing requests (§4.1).
pub fn same_lines(headers: &Headers, name: &str) -> Option<String> {
    if !headers.contains(name) {
        return None;
    }
    Some(headers.members(name).collect::<Vec<_>>().join(", "))
}
