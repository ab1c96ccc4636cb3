//! Admission: decides whether a response is stored, and with which metadata (RFC 9111 §3).

use super::{
    byte_range::ContentRange,
    cache_control::CacheControl,
    headers::Headers,
    http_date, negotiation,
    plan::CacheRequest,
    purge_log,
    stored_response::{
        AdapterMemo, Millis, StoredBody, StoredResponse, TAGS_MAX, corrected_initial_age, tags,
    },
};

use shared::cache_key::Audience;

/// Which caching rules apply. The two sets differ where RFC 9111 leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheRules {
    /// The rules of a shop. On routes of the shared contract, no heuristic lifetime is used and no
    /// response with `Set-Cookie` is stored. On all other routes, a response that may depend on the
    /// client's cookie is not stored.
    #[default]
    Shop,
    /// The rules of a general cache: everything that RFC 9111 allows.
    Standard,
}

/// Whether a response is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Store the response once its body has arrived completely.
    Store(Box<EntryMetadata>),
    /// Relay the response without storing it; the text is the reason, for `Cache-Status`.
    DoNotStore(&'static str),
}

/// The metadata of a response that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryMetadata {
    cache_control: CacheControl,
    vary_values: Vec<(String, Option<String>)>,
}

/// The final status codes whose caching requirements this cache understands (RFC 9110 §15).
const UNDERSTOOD_STATUSES: [u16; 28] = [
    200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411,
    413, 414, 415, 421, 422, 500, 501, 503, 504,
];

/// Decides whether a response is stored.
pub fn admit(
    rules: CacheRules,
    request: &CacheRequest,
    status: u16,
    headers: &Headers,
    now: Millis,
) -> Admission {
    let mut cache_control = CacheControl::from_headers(headers, now);
    let vary: Vec<String> = headers
        .members("vary")
        .map(str::to_ascii_lowercase)
        .collect();
    if let Some(reason) = rejection_reason(rules, request, status, headers, &cache_control, &vary) {
        return Admission::DoNotStore(reason);
    }
    if cache_control.freshness_lifetime.is_none() && !is_contract_route(rules, request) {
        cache_control.freshness_lifetime = heuristic_lifetime(status, headers, &cache_control);
    }
    let validator = headers.contains("etag") || headers.contains("last-modified");
    let usable_for = cache_control
        .freshness_lifetime
        .max(Some(cache_control.stale_while_revalidate))
        .max(Some(cache_control.stale_if_error));
    if usable_for == Some(0) && !validator {
        return Admission::DoNotStore("no lifetime");
    }
    let value = |name: String| {
        let value = negotiation::selecting_value(&request.headers, &name);
        (name, value)
    };
    Admission::Store(Box::new(EntryMetadata {
        cache_control,
        vary_values: vary.into_iter().map(value).collect(),
    }))
}

/// Whether the route belongs to the shop's contract, so that its origin states every cache rule
/// explicitly.
fn is_contract_route(rules: CacheRules, request: &CacheRequest) -> bool {
    rules == CacheRules::Shop && request.audience != Audience::Unknown
}

fn rejection_reason(
    rules: CacheRules,
    request: &CacheRequest,
    status: u16,
    headers: &Headers,
    cache_control: &CacheControl,
    vary: &[String],
) -> Option<&'static str> {
    // A response to a request with cookies may be personal unless it is explicitly shared.
    let shop = rules == CacheRules::Shop;
    let cookie = request.headers.contains("cookie");
    let authorized =
        request.headers.contains("authorization") && !cache_control.allows_storing_authorized();
    let sets_cookie = headers.contains("set-cookie") || headers.contains("set-cookie2");
    // A response without explicit freshness is stored only with a heuristically cacheable status
    // (RFC 9111 §4.2.2).
    let says = cache_control.freshness_lifetime.is_some() || cache_control.public;
    if request.method != "GET" {
        Some("method")
    } else if !is_final_response(request, status, headers)
        || !(says || is_heuristically_cacheable(status))
    {
        Some("status")
    } else if cache_control.must_understand && !UNDERSTOOD_STATUSES.contains(&status) {
        Some("must-understand")
    } else if cache_control.no_store && !cache_control.must_understand {
        Some("no-store")
    } else if cache_control.private {
        Some("private")
    } else if shop && sets_cookie && (cookie || is_contract_route(rules, request)) {
        Some("set-cookie")
    } else if shop && cookie && !cache_control.is_explicitly_shared() {
        Some("cookie")
    } else if vary.iter().any(|name| name == "*") {
        Some("vary")
    } else if authorized {
        Some("authorization")
    } else if headers.members("cache-tag").count() > TAGS_MAX {
        Some("tags")
    } else {
        None
    }
}

/// Whether the response is final and complete, or a partial response that names its range (RFC 9111
/// §3.3). A status below 200 is not final. A 304 answers one client's condition, and a 416 answers
/// one client's range.
fn is_final_response(request: &CacheRequest, status: u16, headers: &Headers) -> bool {
    let asked_for_part = request.headers.contains("range");
    match status {
        206 => asked_for_part && content_range(status, headers).is_some(),
        304 => false,
        416 => !asked_for_part,
        _ => status >= 200,
    }
}

/// The byte range of a 206 (Partial Content) response.
pub fn content_range(status: u16, headers: &Headers) -> Option<ContentRange> {
    let fields = (status == 206).then(|| headers.get("content-range"));
    ContentRange::parse(fields.flatten()?)
}

/// The status codes that are heuristically cacheable (RFC 9110 §15.1).
const fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// The heuristic freshness lifetime: a tenth of the time since `Last-Modified`, at most a day (RFC
/// 9111 §4.2.2).
fn heuristic_lifetime(status: u16, headers: &Headers, cache_control: &CacheControl) -> Option<u32> {
    const DAY: u64 = 24 * 60 * 60;
    if cache_control.no_cache || !(is_heuristically_cacheable(status) || cache_control.public) {
        return None;
    }
    let time = |name: &str| headers.get(name).and_then(http_date::parse);
    let quiet = time("date")?.duration_since(time("last-modified")?).ok()?;
    u32::try_from((quiet.as_secs() / 10).min(DAY)).ok()
}

impl EntryMetadata {
    /// Builds the stored response after the whole body has arrived. `requested_at` is when the
    /// request was sent (`request_time` in RFC 9111 §4.2.3).
    pub fn into_response(
        self,
        status: u16,
        headers: &Headers,
        body: StoredBody,
        requested_at: Millis,
        now: Millis,
    ) -> StoredResponse {
        let corrected_initial_age = corrected_initial_age(headers, requested_at, now);
        let mut headers = headers.end_to_end();
        headers.remove("age");
        for name in &self.cache_control.excluded_fields {
            headers.remove(name);
        }
        if !headers.contains("date") {
            // A recipient with a clock adds the `Date` that a response lacks (RFC 9110 §6.6.1).
            let came = std::time::UNIX_EPOCH + std::time::Duration::from_millis(now);
            headers.append("date", httpdate::fmt_http_date(came));
        }
        StoredResponse {
            status,
            tags: tags(&headers),
            catalogue_version: purge_log::catalogue_version(&headers),
            content_range: content_range(status, &headers),
            headers,
            body,
            received_at: now,
            stored_at: now,
            corrected_initial_age,
            cache_control: self.cache_control,
            vary_values: self.vary_values,
            invalidated_at: None,
            memo: AdapterMemo::default(),
        }
    }
}

/// Whether a status counts as a failure of the origin, for which `stale-if-error` allows a stale
/// response (RFC 5861 §4).
pub const fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: (&str, &str) = ("cache-control", "max-age=60");
    const DATE: (&str, &str) = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    const TAG: (&str, &str) = ("etag", "\"a\"");

    fn request(method: &str, lines: &[(&str, &str)]) -> CacheRequest {
        CacheRequest {
            method: method.to_owned(),
            headers: lines.iter().copied().collect(),
            audience: Audience::Public,
        }
    }

    /// The same request on a route that the shared contract does not know.
    fn outside_contract(request: &CacheRequest) -> CacheRequest {
        CacheRequest {
            audience: Audience::Unknown,
            ..request.clone()
        }
    }

    fn decide(
        rules: CacheRules,
        request: &CacheRequest,
        status: u16,
        lines: &[(&str, &str)],
    ) -> Admission {
        admit(rules, request, status, &lines.iter().copied().collect(), 0)
    }

    fn rejection(
        request: &CacheRequest,
        status: u16,
        lines: &[(&str, &str)],
    ) -> Option<&'static str> {
        match decide(CacheRules::Shop, request, status, lines) {
            Admission::Store(_) => None,
            Admission::DoNotStore(why) => Some(why),
        }
    }

    /// RFC 9111 §3, §3.5 and §4.1, and the shop's own rule about cookies.
    #[test]
    fn a_response_that_is_not_shared_is_not_stored() {
        let get = request("GET", &[]);
        let of_somebody = request("GET", &[("authorization", "x")]);
        let with_cookie = request("GET", &[("cookie", "a=b")]);
        let control = |text| ("cache-control", text);
        let tags = |count: usize| {
            let names: Vec<_> = (0..count).map(|it| format!("t{it}")).collect();
            names.join(",")
        };
        let (most, many) = (tags(TAGS_MAX), tags(TAGS_MAX + 1));
        for (request, status, lines, why) in [
            (&get, 200, vec![FRESH], None),
            (&request("POST", &[]), 200, vec![FRESH], Some("method")),
            (&get, 206, vec![FRESH], Some("status")),
            (&get, 304, vec![FRESH], Some("status")),
            (&get, 103, vec![FRESH], Some("status")),
            (&get, 500, vec![TAG], Some("status")),
            (&get, 500, vec![FRESH], None),
            (&get, 599, vec![FRESH], None),
            (&get, 200, vec![control("no-store")], Some("no-store")),
            (
                &get,
                200,
                vec![control("max-age=9, private")],
                Some("private"),
            ),
            (&get, 200, vec![control("max-age=9, private=\"x\"")], None),
            (
                &get,
                200,
                vec![FRESH, ("set-cookie", "a=b")],
                Some("set-cookie"),
            ),
            (&get, 200, vec![FRESH, ("vary", "accept, *")], Some("vary")),
            (&get, 200, vec![], Some("no lifetime")),
            (&get, 200, vec![TAG], None),
            (&get, 200, vec![control("max-age=0")], Some("no lifetime")),
            (&get, 200, vec![FRESH, ("cache-tag", &most)], None),
            (&get, 200, vec![FRESH, ("cache-tag", &many)], Some("tags")),
            (&of_somebody, 200, vec![FRESH], Some("authorization")),
            (&of_somebody, 200, vec![control("public, max-age=9")], None),
            (&of_somebody, 200, vec![control("s-maxage=9")], None),
            (
                &of_somebody,
                200,
                vec![control("must-revalidate, max-age=9")],
                None,
            ),
            (&with_cookie, 200, vec![FRESH], Some("cookie")),
            (
                &with_cookie,
                200,
                vec![("cdn-cache-control", "max-age=9")],
                None,
            ),
        ] {
            assert_eq!(
                rejection(request, status, &lines),
                why,
                "{status} {lines:?}"
            );
        }
    }

    /// RFC 9111 §7.3 leaves the meaning of cookies to the origin. On routes outside the contract a
    /// `Set-Cookie` therefore does not prevent storing, unless the request carried a cookie.
    #[test]
    fn outside_the_contract_a_set_cookie_is_stored_unless_a_cookie_was_sent() {
        let get = request("GET", &[]);
        let with_cookie = request("GET", &[("cookie", "a=b")]);
        let sets = ("set-cookie", "a=b");
        let public = ("cache-control", "public, max-age=9");
        for (request, lines, here, there) in [
            (&get, vec![FRESH, sets], Some("set-cookie"), None),
            (&get, vec![public, sets], Some("set-cookie"), None),
            (&get, vec![sets, TAG], Some("set-cookie"), None),
            (&with_cookie, vec![FRESH], Some("cookie"), Some("cookie")),
            (&with_cookie, vec![public], None, None),
            (
                &with_cookie,
                vec![public, sets],
                Some("set-cookie"),
                Some("set-cookie"),
            ),
        ] {
            assert_eq!(rejection(request, 200, &lines), here, "{lines:?}");
            assert_eq!(
                rejection(&outside_contract(request), 200, &lines),
                there,
                "{lines:?}"
            );
        }
    }

    /// RFC 9111 §3.3: a partial response is stored only if it names its range and a range was
    /// requested.
    #[test]
    fn a_partial_response_is_stored_when_it_names_its_range() {
        let whole = outside_contract(&request("GET", &[]));
        let part = outside_contract(&request("GET", &[("range", "bytes=4-")]));
        let range = |text| ("content-range", text);
        for (request, status, lines, why) in [
            (&part, 206, vec![FRESH, range("bytes 4-9/10")], None),
            (&part, 206, vec![FRESH, range("bytes 4-9/*")], None),
            (&part, 206, vec![FRESH], Some("status")),
            (&part, 206, vec![FRESH, range("bytes */9")], Some("status")),
            (&part, 206, vec![range("bytes 4-9/10")], Some("status")),
            (&part, 416, vec![FRESH, range("bytes */3")], Some("status")),
            (&part, 200, vec![FRESH], None),
            (
                &whole,
                206,
                vec![FRESH, range("bytes 4-9/10")],
                Some("status"),
            ),
            (&whole, 416, vec![FRESH], None),
        ] {
            assert_eq!(
                rejection(request, status, &lines),
                why,
                "{status} {lines:?}"
            );
        }
        let headers: Headers = [FRESH, range("bytes 4-9/10")].into_iter().collect();
        let Admission::Store(metadata) = admit(CacheRules::Shop, &part, 206, &headers, 0) else {
            panic!()
        };
        let response = metadata.into_response(206, &headers, StoredBody::new((), 6), 0, 0);
        assert_eq!(response.content_range, ContentRange::parse("bytes 4-9/10"));
        assert!(
            response.matches_request(&part.headers) && !response.matches_request(&whole.headers)
        );
    }

    /// RFC 9111 §5.2.2.3.
    #[test]
    fn must_understand_with_an_unknown_status_is_not_stored() {
        let get = request("GET", &[]);
        let line = [("cache-control", "max-age=9, must-understand, no-store")];
        assert_eq!(rejection(&get, 200, &line), None);
        assert_eq!(rejection(&get, 599, &line), Some("must-understand"));
    }

    /// RFC 9111 §4.2.2; the shop's rules use no heuristic lifetime.
    #[test]
    fn only_the_standard_rules_use_a_heuristic_lifetime() {
        let get = request("GET", &[]);
        let other = outside_contract(&get);
        let quiet = ("last-modified", "Wed, 31 Dec 2025 00:00:00 GMT");
        let lifetime =
            |rules, status, lines: &[(&str, &str)]| match decide(rules, &get, status, lines) {
                Admission::Store(metadata) => metadata.cache_control.freshness_lifetime,
                Admission::DoNotStore(_) => None,
            };
        assert_eq!(lifetime(CacheRules::Shop, 200, &[DATE, quiet]), None);
        assert!(matches!(
            decide(CacheRules::Shop, &other, 200, &[DATE, quiet]),
            Admission::Store(_)
        ));
        assert_eq!(
            lifetime(CacheRules::Standard, 200, &[DATE, quiet]),
            Some(8_640)
        );
        assert_eq!(lifetime(CacheRules::Standard, 403, &[DATE, quiet]), None);
        let public = ("cache-control", "public");
        assert_eq!(
            lifetime(CacheRules::Standard, 599, &[DATE, quiet, public]),
            Some(8_640)
        );
        let old = ("last-modified", "Thu, 01 Jan 2015 00:00:00 GMT");
        assert_eq!(
            lifetime(CacheRules::Standard, 200, &[DATE, old]),
            Some(86_400)
        );
    }

    #[test]
    fn fields_named_by_no_cache_are_not_stored() {
        let headers = [
            ("cache-control", "max-age=60, no-cache=\"a\""),
            ("a", "1"),
            ("b", "2"),
            ("connection", "c"),
            ("c", "3"),
        ];
        let headers: Headers = headers.into_iter().collect();
        let Admission::Store(metadata) =
            admit(CacheRules::Shop, &request("GET", &[]), 200, &headers, 0)
        else {
            panic!()
        };
        let response = metadata.into_response(200, &headers, StoredBody::new((), 0), 0, 0);
        let names: Vec<&str> = response.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["cache-control", "b", "date"]);
    }
}
