//! `Cache-Control` and its targeted sisters (RFC 9111 §5.2, RFC 9213).

use super::headers::Headers;

/// The directives of a response that this cache obeys. Times are in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Nobody stores it.
    pub no_store: bool,
    /// It is validated before every use.
    pub no_cache: bool,
    /// A shared cache does not store it.
    pub private: bool,
    /// It may be stored also for requests with `Authorization`.
    pub public: bool,
    /// Once stale it is not used without validation.
    pub must_revalidate: bool,
    /// How long it is fresh, as a shared cache counts it.
    pub lifetime: Option<u32>,
    /// Whether `s-maxage` said so, which also allows storing for `Authorization` (§3.5).
    pub shared_lifetime: bool,
    /// How long it may be served stale while it is renewed (RFC 5861 §3).
    pub stale_while_revalidate: u32,
    /// How long it may be served stale when the origin fails (RFC 5861 §4).
    pub stale_if_error: u32,
}

/// The targeted fields, the most particular first.
const TARGETED: [&str; 2] = ["cloudflare-cdn-cache-control", "cdn-cache-control"];

impl Control {
    /// What a response says to this cache. A targeted field silences `Cache-Control` and `Expires`
    /// (RFC 9213 §2.2).
    pub fn of(headers: &Headers) -> Self {
        for name in TARGETED {
            if headers.contains(name) {
                return Self::parse(headers, name);
            }
        }
        let mut control = Self::parse(headers, "cache-control");
        if control.lifetime.is_none() {
            control.lifetime = expires(headers);
        }
        control
    }

    fn parse(headers: &Headers, name: &str) -> Self {
        let mut control = Self::default();
        let (mut max_age, mut s_maxage) = (None, None);
        for line in headers.lines(name) {
            for (directive, argument) in directives(line) {
                let seconds = || Some(seconds(argument));
                match directive.to_ascii_lowercase().as_str() {
                    "no-store" => control.no_store = true,
                    // With field names it is about those fields; leaving the whole answer alone is
                    // always right.
                    "no-cache" => control.no_cache = true,
                    "private" => control.private = true,
                    "public" => control.public = true,
                    "must-revalidate" | "proxy-revalidate" => control.must_revalidate = true,
                    "max-age" => max_age = strictest(max_age, seconds()),
                    "s-maxage" => s_maxage = strictest(s_maxage, seconds()),
                    "stale-while-revalidate" => {
                        control.stale_while_revalidate = self::seconds(argument);
                    }
                    "stale-if-error" => control.stale_if_error = self::seconds(argument),
                    _ => {}
                }
            }
        }
        control.shared_lifetime = s_maxage.is_some();
        control.lifetime = s_maxage.or(max_age);
        control
    }
}

/// Of two values for one directive the shorter counts (§4.2.1 allows it).
fn strictest(old: Option<u32>, new: Option<u32>) -> Option<u32> {
    match (old, new) {
        (Some(old), Some(new)) => Some(old.min(new)),
        (old, new) => new.or(old),
    }
}

/// A number of seconds; what is too large means "very long" (§1.2.2), what is no number means stale
/// (§4.2.1).
fn seconds(argument: Option<&str>) -> u32 {
    let text = argument.unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(i32::MAX as u32)
}

/// `Expires` less `Date` (§5.3); an invalid `Expires` means already stale.
fn expires(headers: &Headers) -> Option<u32> {
    let expires = headers.get("expires")?;
    let date = headers
        .get("date")
        .and_then(|date| httpdate::parse_http_date(date).ok());
    let expires = httpdate::parse_http_date(expires).ok();
    let lifetime = match (expires, date) {
        (Some(expires), Some(date)) => expires.duration_since(date).unwrap_or_default().as_secs(),
        _ => 0,
    };
    Some(u32::try_from(lifetime).unwrap_or(u32::MAX))
}

/// The directives of a line. A quoted argument may hold commas (§5.2).
fn directives(line: &str) -> Vec<(&str, Option<&str>)> {
    let mut found = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = end_of_directive(rest);
        let (directive, after) = rest.split_at(end);
        rest = after.strip_prefix(',').unwrap_or(after);
        let (name, argument) = match directive.split_once('=') {
            Some((name, argument)) => (name, Some(argument.trim().trim_matches('"'))),
            None => (directive, None),
        };
        if !name.trim().is_empty() {
            found.push((name.trim(), argument));
        }
    }
    found
}

fn end_of_directive(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn control(lines: &[(&str, &str)]) -> Control {
        Control::of(&lines.iter().copied().collect())
    }

    #[test]
    fn the_shared_lifetime_comes_first() {
        for (lines, lifetime) in [
            (vec![("Cache-Control", "max-age=60")], Some(60)),
            (
                vec![("Cache-Control", "max-age=60, s-maxage=120")],
                Some(120),
            ),
            (vec![("Cache-Control", "MAX-AGE=\"60\"")], Some(60)),
            (
                vec![
                    ("Cache-Control", "max-age=60"),
                    ("Cache-Control", "max-age=5"),
                ],
                Some(5),
            ),
            (vec![("Cache-Control", "max-age=x")], Some(0)),
            (vec![("Cache-Control", "max-age=-1")], Some(0)),
            (
                vec![("Cache-Control", "max-age=99999999999")],
                Some(i32::MAX as u32),
            ),
            (
                vec![("Cache-Control", "x=\"a, max-age=9\", max-age=7")],
                Some(7),
            ),
            (vec![("Cache-Control", "public")], None),
            (vec![], None),
        ] {
            assert_eq!(control(&lines).lifetime, lifetime, "{lines:?}");
        }
    }

    #[test]
    fn a_targeted_field_silences_the_others() {
        let found = control(&[
            ("Cache-Control", "no-store"),
            (
                "CDN-Cache-Control",
                "max-age=60, stale-while-revalidate=5, stale-if-error=9",
            ),
            ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ]);
        assert_eq!((found.no_store, found.lifetime), (false, Some(60)));
        assert_eq!((found.stale_while_revalidate, found.stale_if_error), (5, 9));
        let cloudflare = ("Cloudflare-CDN-Cache-Control", "private");
        assert!(control(&[("CDN-Cache-Control", "max-age=60"), cloudflare]).private);
    }

    #[test]
    fn expires_counts_from_date() {
        let date = ("Date", "Thu, 01 Jan 2026 00:00:00 GMT");
        let expires = |text| control(&[date, ("Expires", text)]).lifetime;
        assert_eq!(expires("Thu, 01 Jan 2026 00:01:00 GMT"), Some(60));
        assert_eq!(expires("Thu, 01 Jan 2025 00:00:00 GMT"), Some(0));
        assert_eq!(expires("0"), Some(0));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~]{0,60}") {
            let _ = control(&[("Cache-Control", &text)]);
        }
    }
}
