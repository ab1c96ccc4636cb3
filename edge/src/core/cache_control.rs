//! `Cache-Control` (RFC 9111 §5.2) and the targeted cache control fields (RFC 9213).

use std::time::{Duration, UNIX_EPOCH};

use super::{directives, headers::Headers, http_date, stored_response::Millis};

use directives::{Directive, DirectiveValue};

/// The response directives that this cache obeys. Times are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// `no-store`: no cache may store the response.
    pub no_store: bool,
    /// `no-cache`: the response must be validated before every use.
    pub no_cache: bool,
    /// `private`: a shared cache must not store the response.
    pub private: bool,
    /// `public`: the response may be stored even if the request had `Authorization`.
    pub public: bool,
    /// `must-revalidate` or `proxy-revalidate`: a stale response must be validated before use.
    pub must_revalidate: bool,
    /// `must-understand`: only a cache that understands the status may store it (RFC 9111
    /// §5.2.2.3).
    pub must_understand: bool,
    /// The freshness lifetime for a shared cache, from `s-maxage`, `max-age` or `Expires`.
    pub freshness_lifetime: Option<u32>,
    /// Whether `s-maxage` is present, which also allows storing a response to a request with
    /// `Authorization` (RFC 9111 §3.5).
    pub has_s_maxage: bool,
    /// Whether the directives come from a targeted field.
    pub targeted: bool,
    /// `stale-while-revalidate`: how long a stale response may be used during revalidation (RFC
    /// 5861 §3).
    pub stale_while_revalidate: u32,
    /// `stale-if-error`: how long a stale response may be used when the origin fails (RFC 5861 §4).
    pub stale_if_error: u32,
    /// The header fields that `no-cache` or `private` name; they are not stored.
    pub excluded_fields: Vec<String>,
}

/// The target list (RFC 9213 §2.2): the targeted fields for this cache, the most specific one
/// first.
pub const TARGETED: [&str; 2] = ["cloudflare-cdn-cache-control", "cdn-cache-control"];

impl CacheControl {
    /// Reads the directives of a response. The first targeted field that is valid and not empty
    /// replaces `Cache-Control` and `Expires` (RFC 9213 §2.2); an invalid one is ignored.
    /// `received_at` is used for a response without a valid `Date`.
    pub fn from_headers(headers: &Headers, received_at: Millis) -> Self {
        for name in TARGETED {
            let text = headers.lines(name).collect::<Vec<_>>().join(", ");
            if let Some(found) = directives::parse_dictionary(&text).filter(|it| !it.is_empty()) {
                let mut control = Self::from_directives(found);
                control.targeted = true;
                return control;
            }
        }
        let found = headers
            .lines("cache-control")
            .flat_map(directives::parse_list);
        let mut control = Self::from_directives(found.collect());
        if control.freshness_lifetime.is_none() {
            control.freshness_lifetime = expires(headers, received_at);
        }
        control
    }

    fn from_directives(found: Vec<Directive>) -> Self {
        let mut control = Self::default();
        let (mut max_age, mut s_maxage) = (None, None);
        for Directive { name, value } in found {
            match name.as_str() {
                _ if value == DirectiveValue::False => {}
                "no-store" => control.no_store = true,
                "no-cache" => control.exclude_fields(value, |it| it.no_cache = true),
                "private" => control.exclude_fields(value, |it| it.private = true),
                "public" => control.public = true,
                "must-revalidate" | "proxy-revalidate" => control.must_revalidate = true,
                "must-understand" => control.must_understand = true,
                "max-age" => max_age = shorter(max_age, seconds(&value)),
                "s-maxage" => s_maxage = shorter(s_maxage, seconds(&value)),
                "stale-while-revalidate" => control.stale_while_revalidate = seconds(&value),
                "stale-if-error" => control.stale_if_error = seconds(&value),
                _ => {}
            }
        }
        control.has_s_maxage = s_maxage.is_some();
        // `s-maxage` implies `proxy-revalidate` (RFC 9111 §5.2.2.10).
        control.must_revalidate |= control.has_s_maxage;
        control.freshness_lifetime = s_maxage.or(max_age);
        control
    }

    /// With field names, the directive applies to those fields only (RFC 9111 §5.2.2.4 and
    /// §5.2.2.7).
    fn exclude_fields(&mut self, value: DirectiveValue, whole: impl FnOnce(&mut Self)) {
        match value {
            DirectiveValue::Text(names) if !names.trim().is_empty() => {
                let names = names.split(',').map(str::trim).filter(|it| !it.is_empty());
                self.excluded_fields
                    .extend(names.map(str::to_ascii_lowercase));
            }
            _ => whole(self),
        }
    }

    /// Whether a response to a request with `Authorization` may be stored (RFC 9111 §3.5).
    pub const fn allows_storing_authorized(&self) -> bool {
        self.public || self.has_s_maxage || self.must_revalidate
    }

    /// Whether the response states explicitly that it is the same for every client.
    pub const fn is_explicitly_shared(&self) -> bool {
        self.public || self.has_s_maxage || self.targeted
    }
}

/// Of two values for one directive the shorter applies, which RFC 9111 §4.2.1 allows.
fn shorter(old: Option<u32>, new: u32) -> Option<u32> {
    Some(old.map_or(new, |old| old.min(new)))
}

/// A number of seconds. A value that is too large becomes the greatest one (RFC 9111 §1.2.2); a
/// malformed value means stale (§4.2.1).
fn seconds(value: &DirectiveValue) -> u32 {
    match value {
        DirectiveValue::Text(text)
            if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) =>
        {
            text.parse()
                .map_or(SECONDS_MAX, |it: u32| it.min(SECONDS_MAX))
        }
        _ => 0,
    }
}

const SECONDS_MAX: u32 = i32::MAX as u32;

/// The lifetime from `Expires` minus `Date` (RFC 9111 §5.3). An invalid `Expires`, or several
/// different ones, mean that the response is stale already.
fn expires(headers: &Headers, received_at: Millis) -> Option<u32> {
    let mut lines = headers.lines("expires");
    let expires = lines.next()?;
    if lines.any(|other| other != expires) {
        return Some(0);
    }
    let date = headers.get("date").and_then(http_date::parse);
    // Without a valid `Date`, the time of receipt is the origination date (RFC 9110 §6.6.1).
    let date = date.unwrap_or(UNIX_EPOCH + Duration::from_millis(received_at));
    let expires = http_date::parse(expires);
    let left = expires.and_then(|expires| expires.duration_since(date).ok());
    let lifetime = left.unwrap_or_default().as_secs();
    Some(u32::try_from(lifetime).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn control(lines: &[(&str, &str)]) -> CacheControl {
        CacheControl::from_headers(&lines.iter().copied().collect(), 0)
    }

    #[test]
    fn s_maxage_takes_precedence() {
        let cc = "Cache-Control";
        for (lines, lifetime) in [
            (vec![(cc, "max-age=60")], Some(60)),
            (vec![(cc, "max-age=60, s-maxage=120")], Some(120)),
            (vec![(cc, "MAX-AGE=\"60\"")], Some(60)),
            (vec![(cc, "max-age=60"), (cc, "max-age=5")], Some(5)),
            (vec![(cc, "max-age=x")], Some(0)),
            (vec![(cc, "max-age=-1")], Some(0)),
            (vec![(cc, "max-age='60'")], Some(0)),
            (vec![(cc, "max-age=99999999999")], Some(SECONDS_MAX)),
            (vec![(cc, "x=\"a, max-age=9\", max-age=7")], Some(7)),
            (vec![(cc, "public")], None),
            (vec![], None),
        ] {
            assert_eq!(control(&lines).freshness_lifetime, lifetime, "{lines:?}");
        }
    }

    /// RFC 9213 §2.2.
    #[test]
    fn a_targeted_field_replaces_cache_control() {
        let found = control(&[
            ("Cache-Control", "no-store"),
            (
                "CDN-Cache-Control",
                "max-age=60, stale-while-revalidate=5, stale-if-error=9",
            ),
            ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ]);
        assert_eq!(
            (found.no_store, found.freshness_lifetime),
            (false, Some(60))
        );
        assert_eq!((found.stale_while_revalidate, found.stale_if_error), (5, 9));
        let cloudflare = ("Cloudflare-CDN-Cache-Control", "private");
        assert!(control(&[("CDN-Cache-Control", "max-age=60"), cloudflare]).private);
        let unknown = control(&[("CDN-Cache-Control", "x"), ("Cache-Control", "max-age=9")]);
        assert_eq!((unknown.freshness_lifetime, unknown.targeted), (None, true));
    }

    /// RFC 9213 §2.1: a targeted field that is not a structured dictionary is ignored.
    #[test]
    fn an_invalid_targeted_field_is_ignored() {
        for (text, lifetime) in [
            ("", 7),
            (" ", 7),
            ("max-age=60,", 7),
            ("Max-Age=60", 7),
            ("max-age=60; a b", 7),
            ("max-age=\"60", 7),
            ("max-age =60", 7),
            ("max-age= 60", 7),
            ("max-age=60 no-store", 7),
            ("max-age=1234567890123456", 7),
            ("é, max-age=60", 7),
            ("max-age=60;a=b;c", 60),
            ("max-age=30, max-age=60", 60),
            ("max-age=60, max-age=30", 30),
            ("  max-age=60 \t,  foo=(a b);x, bar=?0", 60),
            ("max-age=999999999999999", SECONDS_MAX),
            ("max-age=60.5", 0),
            ("max-age=\"60\"", 0),
            ("max-age", 0),
            ("max-age=-60", 0),
            ("max-age=60, no-store=?0", 60),
        ] {
            let found = control(&[("CDN-Cache-Control", text), ("Cache-Control", "max-age=7")]);
            assert_eq!(found.freshness_lifetime, Some(lifetime), "{text:?}");
            assert!(!found.no_store, "{text:?}");
        }
        let lines = [
            ("CDN-Cache-Control", "max-age=60"),
            ("CDN-Cache-Control", "no-store"),
        ];
        assert!(control(&lines).no_store);
    }

    /// RFC 9111 §5.2.2.4 and §5.2.2.7.
    #[test]
    fn a_directive_with_field_names_applies_to_those_fields() {
        for name in ["Cache-Control", "CDN-Cache-Control"] {
            let found = control(&[(name, "max-age=60, no-cache=\"A, b\", private=\"c\"")]);
            assert!(!found.no_cache && !found.private);
            assert_eq!(found.excluded_fields, ["a", "b", "c"]);
            let whole = control(&[(name, "max-age=60, private")]);
            assert!(whole.private && whole.excluded_fields.is_empty());
        }
        assert!(control(&[("Cache-Control", "private=\"\"")]).private);
    }

    #[test]
    fn expires_is_relative_to_date() {
        let date = ("Date", "Thu, 01 Jan 2026 00:00:00 GMT");
        let expires = |text| control(&[date, ("Expires", text)]).freshness_lifetime;
        assert_eq!(expires("Thu, 01 Jan 2026 00:01:00 GMT"), Some(60));
        assert_eq!(expires("Thu, 01 Jan 2025 00:00:00 GMT"), Some(0));
        assert_eq!(expires("0"), Some(0));
        let other = ("Expires", "Thu, 01 Jan 2026 00:02:00 GMT");
        let two = control(&[date, ("Expires", "Thu, 01 Jan 2026 00:01:00 GMT"), other]);
        assert_eq!(two.freshness_lifetime, Some(0));
        for lines in [vec![], vec![("date", "foo")]] {
            let mut headers: Headers = lines.into_iter().collect();
            headers.append("expires", "Thu, 01 Jan 1970 00:01:00 GMT");
            assert_eq!(
                CacheControl::from_headers(&headers, 20_000).freshness_lifetime,
                Some(40)
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[ -~]{0,60}", targeted in "\\PC{0,40}") {
            let _ = control(&[("Cache-Control", &text), ("CDN-Cache-Control", &targeted)]);
        }
    }
}
