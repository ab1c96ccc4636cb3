//! A stored response, its age and its freshness (RFC 9111 §4.2).

use std::{
    any::Any,
    cell::OnceCell,
    fmt::{Debug, Formatter},
    rc::Rc,
};

use super::{
    byte_range::ContentRange, cache_control::CacheControl, headers::Headers, http_date,
    negotiation, preconditions, purge_log,
};

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// A stored response with its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The status code.
    pub status: u16,
    /// The end-to-end header fields, including the content coding of the body.
    pub headers: Headers,
    /// The body, in its content coding.
    pub body: StoredBody,
    /// The range that the body holds of the complete representation, if it is partial.
    pub content_range: Option<ContentRange>,
    /// When the response was received (`response_time` in RFC 9111 §4.2.3).
    pub received_at: Millis,
    /// The age at that time, in seconds (`corrected_initial_age` in RFC 9111 §4.2.3).
    pub corrected_initial_age: u32,
    /// The cache directives of the response.
    pub cache_control: CacheControl,
    /// The header fields that `Vary` names, with their normalized values in the request (RFC 9111
    /// §4.1).
    pub vary_values: Vec<(String, Option<String>)>,
    /// The cache tags, by which the response can be purged.
    pub tags: Vec<Rc<str>>,
    /// The catalogue version up to which the response includes every change, if it states one.
    pub catalogue_version: Option<u64>,
    /// When the response was stored in this memory.
    pub stored_at: Millis,
    /// When a soft purge made the response stale.
    pub invalidated_at: Option<Millis>,
    /// The value that the adapter has derived from the response.
    pub memo: AdapterMemo,
}

/// The body of a stored response. Only the adapter knows the type that holds the bytes.
#[derive(Clone)]
pub struct StoredBody {
    content: Rc<dyn Any>,
    length: usize,
}

impl StoredBody {
    /// A body of this many bytes.
    pub fn new(content: impl Any, length: usize) -> Self {
        Self {
            content: Rc::new(content),
            length,
        }
    }

    /// The bytes, if they have the expected type.
    pub fn content<T: Any>(&self) -> Option<&T> {
        self.content.downcast_ref()
    }

    /// The length in bytes.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether the body is empty.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Debug for StoredBody {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredBody({} bytes)", self.length)
    }
}

impl PartialEq for StoredBody {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.content, &other.content)
    }
}

impl Eq for StoredBody {}

/// A value that the adapter derives from a response when it is first served, so that later hits
/// need not derive it again. A copy of a response starts without one.
#[derive(Default)]
pub struct AdapterMemo(OnceCell<Box<dyn Any>>);

impl AdapterMemo {
    /// The derived value, which is computed once. `T` must always be the same type.
    pub fn get_or_init<T: Any>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        self.0.get_or_init(|| Box::new(make())).downcast_ref()
    }
}

impl Clone for AdapterMemo {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Debug for AdapterMemo {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdapterMemo")
    }
}

impl PartialEq for AdapterMemo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for AdapterMemo {}

/// Fields that describe the stored body. A 304 has no body, and does not update them (RFC 9111
/// §3.2).
const BODY_FIELDS: [&str; 5] = [
    "content-encoding",
    "content-length",
    "content-md5",
    "content-range",
    "etag",
];

impl StoredResponse {
    /// The current age in seconds (RFC 9111 §4.2.3).
    pub fn age(&self, now: Millis) -> u32 {
        let resident = now.saturating_sub(self.received_at) / 1_000;
        u32::try_from(resident)
            .unwrap_or(AGE_MAX)
            .saturating_add(self.corrected_initial_age)
            .min(AGE_MAX)
    }

    /// The remaining freshness lifetime in seconds. The response is stale at zero and below.
    pub fn ttl(&self, now: Millis) -> i64 {
        let left = i64::from(self.cache_control.freshness_lifetime.unwrap_or(0))
            - i64::from(self.age(now));
        match self.invalidated_at {
            Some(since) => {
                let stale = i64::try_from(now.saturating_sub(since) / 1_000).unwrap_or(i64::MAX);
                left.min(-stale)
            }
            None => left,
        }
    }

    /// Whether the response may be served without validation.
    pub fn is_fresh(&self, now: Millis) -> bool {
        !self.cache_control.no_cache && self.ttl(now) > 0
    }

    /// Whether `stale-while-revalidate` allows serving the response during revalidation.
    pub fn may_serve_while_revalidating(&self, now: Millis) -> bool {
        self.allows_stale() && -self.ttl(now) < i64::from(self.cache_control.stale_while_revalidate)
    }

    /// Whether `stale-if-error` allows serving the response when the origin fails.
    pub fn may_serve_stale_on_error(&self, now: Millis) -> bool {
        let limit = self
            .cache_control
            .stale_if_error
            .max(self.cache_control.stale_while_revalidate);
        self.allows_stale() && -self.ttl(now) < i64::from(limit)
    }

    fn allows_stale(&self) -> bool {
        !(self.cache_control.no_cache || self.cache_control.must_revalidate)
    }

    /// Whether the response is selected by a request with these fields. A response in the client's
    /// preferred language is selected whatever else the client accepts; a partial one only for
    /// ranges within it.
    pub fn matches_request(&self, request: &Headers) -> bool {
        let wanted = self.vary_values.iter().all(|(name, value)| {
            negotiation::selecting_value(request, name) == *value
                || (name == "accept-language" && self.has_preferred_language(request))
        });
        wanted
            && self
                .content_range
                .is_none_or(|range| self.satisfies_range(range, request))
    }

    fn satisfies_range(&self, stored: ContentRange, request: &Headers) -> bool {
        let field = request.get("range");
        let inside = |field| stored.slice(field, self.body.len()).is_some();
        field.is_some_and(inside) && preconditions::if_range_matches(request, self)
    }

    fn has_preferred_language(&self, request: &Headers) -> bool {
        let own = self.headers.get("content-language");
        own.zip(negotiation::preferred_language(request))
            .is_some_and(|(own, wanted)| own.trim().eq_ignore_ascii_case(&wanted))
    }

    /// The approximate memory size in bytes.
    pub fn size(&self) -> usize {
        self.body.len() + self.headers.size() + 256
    }

    /// The conditional header fields of a validation request (RFC 9111 §4.3.1).
    pub fn validation_fields(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("if-none-match", "etag"),
            ("if-modified-since", "last-modified"),
        ];
        let field = |(name, of)| Some((name, self.headers.get(of)?.to_owned()));
        pairs.into_iter().filter_map(field).collect()
    }

    /// Whether the response can be validated.
    pub fn has_validator(&self) -> bool {
        self.headers.contains("etag") || self.headers.contains("last-modified")
    }

    /// Freshens the response with the header fields of a 304 (RFC 9111 §3.2 and §4.3.4). They
    /// replace the stored fields of the same name, except those that describe the body.
    pub fn freshen(&self, fields: &Headers, requested_at: Millis, now: Millis) -> Self {
        let fields = fields.end_to_end();
        let mut headers = self.headers.clone();
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().filter(|name| !BODY_FIELDS.contains(name)) {
            headers.remove(name);
            for line in fields.lines(name) {
                headers.append(name, line);
            }
        }
        let mut cache_control = CacheControl::from_headers(&headers, now);
        let silent = |name: &&str| !fields.contains(name);
        if ["cache-control", "expires"].iter().all(silent) {
            // A heuristic lifetime appears in no header field, so it is carried over.
            cache_control.freshness_lifetime = cache_control
                .freshness_lifetime
                .or(self.cache_control.freshness_lifetime);
        }
        let is_stored = |name: &str| {
            name != "age" && !cache_control.excluded_fields.iter().any(|it| it == name)
        };
        let headers = headers.only(is_stored);
        Self {
            cache_control,
            received_at: now,
            stored_at: now,
            corrected_initial_age: corrected_initial_age(&fields, requested_at, now),
            tags: tags(&headers),
            catalogue_version: purge_log::catalogue_version(&headers),
            headers,
            invalidated_at: None,
            ..self.clone()
        }
    }
}

/// The age of a response when it was received, in seconds: the greater of `apparent_age` and
/// `corrected_age_value` (RFC 9111 §4.2.3).
pub fn corrected_initial_age(headers: &Headers, requested_at: Millis, now: Millis) -> u32 {
    let delay = u32::try_from(now.saturating_sub(requested_at) / 1_000).unwrap_or(u32::MAX);
    let date = headers.get("date").and_then(http_date::parse);
    let sent = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
    let apparent = sent.map_or(0, |sent| (now / 1_000).saturating_sub(sent.as_secs()));
    let apparent = u32::try_from(apparent).unwrap_or(u32::MAX);
    apparent.max(age_value(headers).saturating_add(delay))
}

/// The value of `Age` (RFC 9111 §5.1): its first member, or zero if that is not a number of
/// seconds.
fn age_value(headers: &Headers) -> u32 {
    let first = headers.members("age").next();
    match first.filter(|it| it.bytes().all(|it| it.is_ascii_digit())) {
        Some(digits) => digits.parse().map_or(AGE_MAX, |it: u32| it.min(AGE_MAX)),
        None => 0,
    }
}

/// Any greater age is represented by this value (RFC 9111 §1.2.2).
const AGE_MAX: u32 = 1 << 31;

/// The tags in `Cache-Tag`.
pub fn tags(headers: &Headers) -> Vec<Rc<str>> {
    headers.members("cache-tag").map(Rc::from).collect()
}

/// The most tags of a response; one with more is not stored.
pub const TAGS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
    const SENT: Millis = 1_767_225_600_000;

    fn age(lines: &[(&str, &str)], requested_at: Millis, now: Millis) -> u32 {
        corrected_initial_age(&lines.iter().copied().collect(), requested_at, now)
    }

    /// RFC 9111 §4.2.3.
    #[test]
    fn the_initial_age_is_the_greater_of_apparent_age_and_age_value() {
        let date = ("date", DATE);
        assert_eq!(age(&[date], SENT, SENT), 0);
        assert_eq!(age(&[date], SENT, SENT + 7_000), 7);
        assert_eq!(age(&[date, ("age", "5")], SENT + 4_000, SENT + 7_000), 8);
        assert_eq!(age(&[("age", "5")], SENT, SENT), 5);
        assert_eq!(age(&[], SENT, SENT), 0);
        assert_eq!(age(&[("date", "never")], SENT, SENT), 0);
        assert_eq!(age(&[date], SENT - 9_000, SENT - 9_000), 0);
    }

    /// RFC 9111 §5.1.
    #[test]
    fn the_first_member_of_age_counts_if_it_is_a_number() {
        for (line, expected) in [
            ("30", 30),
            ("0, 7200", 0),
            ("7200, 0", 7_200),
            ("abc", 0),
            ("-7200", 0),
            ("7200.0", 0),
            ("7200;foo=bar", 0),
            ("abc, 7200", 0),
            ("", 0),
            ("2147483647", AGE_MAX - 1),
            ("2147483648", AGE_MAX),
            ("99999999999", AGE_MAX),
        ] {
            assert_eq!(age(&[("age", line)], SENT, SENT), expected, "{line:?}");
        }
        assert_eq!(age(&[("age", "7"), ("age", "9")], SENT, SENT), 7);
    }

    /// An age beyond the limit is reported as the limit, and does not wrap around.
    #[test]
    fn the_age_is_bounded() {
        let headers: Headers = [("cache-control", "max-age=60"), ("age", "2147483640")]
            .into_iter()
            .collect();
        let request = crate::core::plan::CacheRequest {
            method: "GET".into(),
            headers: Headers::new(),
            audience: shared::cache_key::Audience::Public,
        };
        let admitted =
            crate::core::admission::admit(Default::default(), &request, 200, &headers, SENT);
        let crate::core::admission::Admission::Store(metadata) = admitted else {
            panic!("{admitted:?}")
        };
        let response = metadata.into_response(200, &headers, StoredBody::new((), 0), SENT, SENT);
        assert_eq!(response.age(SENT + 5_000), 2_147_483_645);
        assert_eq!(response.age(SENT + 60_000), AGE_MAX);
    }
}
