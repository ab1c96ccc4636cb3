//! Plans for requests. Each plan carries its reason, which `Cache-Status` prints (RFC
//! 9211).

use super::{
    byte_range::{self, RangeSlice},
    directives,
    headers::Headers,
    preconditions,
    stored_response::{Millis, StoredResponse},
};

use shared::cache_key::Audience;

/// The parts of a request that caching decisions depend on.
#[derive(Clone, Debug)]
pub struct CacheRequest {
    /// The method, in upper case.
    pub method: String,
    /// The header fields; `accept-encoding` is normalized by
    /// [`super::negotiation::preferred_coding`].
    pub headers: Headers,
    /// Whether the contract declares the response shared or personal.
    pub audience: Audience,
}

/// A plan for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Serve the stored response, which is fresh.
    Serve(HitResponse),
    /// Serve the stored response, which is stale, and revalidate it in the background.
    ServeAndRevalidate(HitResponse),
    /// Ask the origin, with the validators of the stored response if there is one.
    Fetch(ForwardReason),
    /// Forward request and response without using the cache.
    Bypass(&'static str),
    /// Respond with 504: the request has `only-if-cached`, and no usable response is stored.
    GatewayTimeout,
}

/// How a stored response answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitResponse {
    /// With its status and complete body.
    Full,
    /// With 304 (Not Modified): the client's copy is current.
    NotModified,
    /// With 206 (Partial Content) and these bytes of the body.
    Partial(RangeSlice),
    /// With 416 (Range Not Satisfiable).
    RangeNotSatisfiable,
    /// With 412 (Precondition Failed).
    PreconditionFailed,
}

/// Why a request goes to the origin: the `fwd` parameter of RFC 9211 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardReason {
    /// No response is stored under this key.
    UriMiss,
    /// Responses are stored under this key, but none matches the selecting header fields.
    VaryMiss,
    /// The stored response is not fresh.
    Stale,
}

impl ForwardReason {
    /// The token in `Cache-Status`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
        }
    }
}

/// Decides how to handle a request. `stored` is the selected stored response, and `has_variants`
/// whether any response is stored under the key.
pub fn plan(
    request: &CacheRequest,
    stored: Option<&StoredResponse>,
    has_variants: bool,
    now: Millis,
) -> Plan {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Plan::Bypass("method");
    }
    let headers = &request.headers;
    // A stored response is not served to an authenticated client unless it is explicitly shared.
    // RFC 9111 §3.5 only forbids the reverse, but a shop's prices may differ for its staff.
    let known = headers.contains("authorization");
    if known && stored.is_some_and(|response| !response.cache_control.allows_storing_authorized()) {
        return Plan::Bypass("authorization");
    }
    let why = match stored {
        Some(response) if response.is_fresh(now) => {
            return Plan::Serve(hit_response(request, response));
        }
        Some(response) if response.may_serve_while_revalidating(now) => {
            return Plan::ServeAndRevalidate(hit_response(request, response));
        }
        Some(_) => ForwardReason::Stale,
        None if has_variants => ForwardReason::VaryMiss,
        None => ForwardReason::UriMiss,
    };
    // Without a fresh stored response, a precondition is the origin's to evaluate (RFC 9111
    // §4.3.2). On contract routes the edge evaluates it against the origin's response instead,
    // because clients could bypass the cache otherwise.
    let precondition = headers.contains("if-match") || headers.contains("if-unmodified-since");
    if precondition && request.audience != Audience::Public {
        return Plan::Bypass("precondition");
    }
    if is_only_if_cached(headers) {
        return Plan::GatewayTimeout;
    }
    Plan::Fetch(why)
}

/// Whether the request has `only-if-cached` (RFC 9111 §5.2.1.7). Other request directives are
/// advice that this cache ignores: they would let any client send requests to the origin at will.
fn is_only_if_cached(headers: &Headers) -> bool {
    let mut found = headers
        .lines("cache-control")
        .flat_map(directives::parse_list);
    found.any(|it| it.name == "only-if-cached")
}

/// Whether a method is safe (RFC 9110 §9.2.1). An unknown method counts as unsafe.
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// How a stored response answers a request: preconditions are evaluated before the range (RFC 9110
/// §13.2.2).
pub fn hit_response(request: &CacheRequest, response: &StoredResponse) -> HitResponse {
    if !matches!(response.status, 200 | 206) {
        return HitResponse::Full;
    }
    if !preconditions::precondition_holds(&request.headers, response) {
        return HitResponse::PreconditionFailed;
    }
    if preconditions::is_not_modified(&request.headers, response) {
        return HitResponse::NotModified;
    }
    match request.headers.get("range") {
        Some(field)
            if request.method == "GET"
                && preconditions::if_range_matches(&request.headers, response) =>
        {
            let length = response.body.len();
            if let Some(part) = response.content_range {
                return part
                    .slice(field, length)
                    .map_or(HitResponse::Full, HitResponse::Partial);
            }
            match byte_range::parse_range(field, length) {
                byte_range::RequestedRange::Satisfiable(first, last) => {
                    HitResponse::Partial(RangeSlice::of_whole(first, last, length))
                }
                byte_range::RequestedRange::Unsatisfiable => HitResponse::RangeNotSatisfiable,
                byte_range::RequestedRange::Ignored => HitResponse::Full,
            }
        }
        _ => HitResponse::Full,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::{
        admission::{Admission, CacheRules, admit},
        stored_response::StoredBody,
    };

    const DATE: Millis = 1_767_225_600_000;

    fn request(method: &str, lines: &[(&str, &str)]) -> CacheRequest {
        CacheRequest {
            method: method.to_owned(),
            headers: lines.iter().copied().collect(),
            audience: Audience::Public,
        }
    }

    fn outside_contract(lines: &[(&str, &str)]) -> CacheRequest {
        CacheRequest {
            audience: Audience::Unknown,
            ..request("GET", lines)
        }
    }

    fn part(first: usize, last: usize) -> HitResponse {
        HitResponse::Partial(RangeSlice::of_whole(first, last, 4))
    }

    fn stored(lines: &[(&str, &str)]) -> StoredResponse {
        let headers = lines.iter().copied().collect();
        match admit(CacheRules::Shop, &request("GET", &[]), 200, &headers, DATE) {
            Admission::Store(metadata) => {
                metadata.into_response(200, &headers, StoredBody::new((), 4), DATE, DATE)
            }
            Admission::DoNotStore(why) => panic!("left: {why}"),
        }
    }

    fn at(response: &StoredResponse, seconds: u64) -> Plan {
        plan(
            &request("GET", &[]),
            Some(response),
            true,
            DATE + seconds * 1_000,
        )
    }

    /// RFC 9111 §4.2 and RFC 5861 §3.
    #[test]
    fn a_response_is_served_then_revalidated_then_fetched() {
        let response = stored(&[("cache-control", "max-age=60, stale-while-revalidate=30")]);
        assert_eq!(at(&response, 59), Plan::Serve(HitResponse::Full));
        assert_eq!(
            at(&response, 60),
            Plan::ServeAndRevalidate(HitResponse::Full)
        );
        assert_eq!(
            at(&response, 89),
            Plan::ServeAndRevalidate(HitResponse::Full)
        );
        assert_eq!(at(&response, 90), Plan::Fetch(ForwardReason::Stale));
    }

    /// RFC 9111 §4.2.3.
    #[test]
    fn the_initial_age_counts() {
        let response = stored(&[("cache-control", "max-age=60"), ("age", "50")]);
        assert_eq!(at(&response, 9), Plan::Serve(HitResponse::Full));
        assert_eq!(at(&response, 10), Plan::Fetch(ForwardReason::Stale));
    }

    /// RFC 9111 §5.2.2.2 and §5.2.2.4.
    #[test]
    fn a_response_that_must_be_validated_is_never_served_stale() {
        for directive in ["must-revalidate", "proxy-revalidate", "no-cache"] {
            let line =
                format!("max-age=60, stale-while-revalidate=99, stale-if-error=99, {directive}");
            let response = stored(&[("cache-control", &line)]);
            assert_eq!(
                at(&response, 61),
                Plan::Fetch(ForwardReason::Stale),
                "{directive}"
            );
            assert!(
                !response.may_serve_stale_on_error(DATE + 61_000),
                "{directive}"
            );
        }
        let response = stored(&[("cache-control", "max-age=60, no-cache")]);
        assert_eq!(at(&response, 1), Plan::Fetch(ForwardReason::Stale));
    }

    /// RFC 5861 §4.
    #[test]
    fn stale_if_error_ends_after_its_time() {
        let response = stored(&[("cache-control", "max-age=60, stale-if-error=40")]);
        assert_eq!(at(&response, 61), Plan::Fetch(ForwardReason::Stale));
        assert!(response.may_serve_stale_on_error(DATE + 99_000));
        assert!(!response.may_serve_stale_on_error(DATE + 100_000));
    }

    #[test]
    fn unsafe_and_authenticated_requests_bypass_the_cache() {
        let response = stored(&[("cache-control", "max-age=60")]);
        for (request, why) in [
            (request("POST", &[]), "method"),
            (request("GET", &[("authorization", "x")]), "authorization"),
        ] {
            assert_eq!(
                plan(&request, Some(&response), true, DATE),
                Plan::Bypass(why)
            );
        }
    }

    /// Clients cannot bypass the cache with a precondition or a range.
    #[test]
    fn a_precondition_or_a_range_does_not_bypass_the_cache() {
        let response = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        let condition = [("if-match", "\"b\"")];
        let stale = DATE + 60_000;
        for (request, expected) in [
            (
                request("GET", &condition),
                Plan::Fetch(ForwardReason::Stale),
            ),
            (outside_contract(&condition), Plan::Bypass("precondition")),
            (
                outside_contract(&[("range", "bytes=0-1")]),
                Plan::Fetch(ForwardReason::Stale),
            ),
        ] {
            assert_eq!(plan(&request, Some(&response), true, stale), expected);
        }
        let range = request("GET", &[("range", "bytes=0-1")]);
        assert_eq!(
            plan(&range, None, false, DATE),
            Plan::Fetch(ForwardReason::UriMiss)
        );
    }

    /// RFC 9111 §3.3.
    #[test]
    fn a_stored_partial_response_satisfies_ranges_within_it() {
        let headers: Headers = [
            ("cache-control", "max-age=60"),
            ("content-range", "bytes 4-7/8"),
            ("etag", "\"a\""),
        ]
        .into_iter()
        .collect();
        let range = ("range", "bytes=5-6");
        let admitted = admit(
            CacheRules::Shop,
            &outside_contract(&[range]),
            206,
            &headers,
            DATE,
        );
        let Admission::Store(metadata) = admitted else {
            panic!()
        };
        let response = metadata.into_response(206, &headers, StoredBody::new((), 4), DATE, DATE);
        let Plan::Serve(HitResponse::Partial(cut)) =
            plan(&outside_contract(&[range]), Some(&response), true, DATE)
        else {
            panic!()
        };
        assert_eq!((cut.start, cut.end), (1, 2));
        assert_eq!(cut.content_range.field_value(), "bytes 5-6/8");
        for (lines, fits) in [
            (vec![range], true),
            (vec![range, ("if-range", "\"a\"")], true),
            (vec![range, ("if-range", "\"b\"")], false),
            (vec![("range", "bytes=3-6")], false),
            (vec![], false),
        ] {
            assert_eq!(
                response.matches_request(&outside_contract(&lines).headers),
                fits,
                "{lines:?}"
            );
        }
        let known = outside_contract(&[range, ("if-none-match", "\"a\"")]);
        assert_eq!(hit_response(&known, &response), HitResponse::NotModified);
    }

    /// RFC 9111 §5.2.1.7.
    #[test]
    fn only_if_cached_is_served_from_the_cache_or_refused() {
        let response = stored(&[("cache-control", "max-age=60")]);
        let request = request("GET", &[("cache-control", "only-if-cached")]);
        assert_eq!(
            plan(&request, Some(&response), true, DATE),
            Plan::Serve(HitResponse::Full)
        );
        assert_eq!(plan(&request, None, false, DATE), Plan::GatewayTimeout);
    }

    /// RFC 9110 §13.2.2 and §14.2.
    #[test]
    fn a_range_is_served_from_a_stored_response() {
        let response = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        let range = ("range", "bytes=1-2");
        for (lines, expected) in [
            (vec![range], part(1, 2)),
            (
                vec![("range", "bytes=9-")],
                HitResponse::RangeNotSatisfiable,
            ),
            (vec![range, ("if-range", "\"a\"")], part(1, 2)),
            (vec![range, ("if-range", "\"b\"")], HitResponse::Full),
            (vec![range, ("if-range", "W/\"a\"")], HitResponse::Full),
            (
                vec![range, ("if-range", "Thu, 01 Jan 2026 00:00:00 GMT")],
                part(1, 2),
            ),
            (
                vec![range, ("if-range", "Fri, 02 Jan 2026 00:00:00 GMT")],
                HitResponse::Full,
            ),
            (
                vec![range, ("if-none-match", "\"a\"")],
                HitResponse::NotModified,
            ),
        ] {
            assert_eq!(
                hit_response(&request("GET", &lines), &response),
                expected,
                "{lines:?}"
            );
        }
        assert_eq!(
            hit_response(&request("HEAD", &[range]), &response),
            HitResponse::Full
        );
    }

    /// RFC 9111 §4.1.
    #[test]
    fn a_response_matches_requests_with_the_same_selecting_fields() {
        let get = request("GET", &[("accept-encoding", "br")]);
        let headers: Headers = [("cache-control", "max-age=60"), ("vary", "Accept-Encoding")]
            .into_iter()
            .collect();
        let Admission::Store(metadata) = admit(CacheRules::Shop, &get, 200, &headers, DATE) else {
            panic!()
        };
        let response = metadata.into_response(200, &headers, StoredBody::new((), 0), DATE, DATE);
        assert!(response.matches_request(&get.headers));
        assert!(!response.matches_request(&request("GET", &[("accept-encoding", "gzip")]).headers));
        assert!(!response.matches_request(&request("GET", &[]).headers));
    }

    /// RFC 9111 §3.2 and §4.3.4.
    #[test]
    fn a_304_freshens_the_stored_response() {
        let response = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("content-type", "text/html"),
            ("age", "30"),
        ]);
        let fields: Headers = [
            ("cache-control", "max-age=90"),
            ("content-type", "x/y"),
            ("etag", "\"b\""),
            ("x-new", "1"),
        ]
        .into_iter()
        .collect();
        let renewed = response.freshen(&fields, DATE + 100_000, DATE + 100_000);
        assert_eq!(renewed.ttl(DATE + 100_000), 90);
        assert_eq!(renewed.headers.get("content-type"), Some("x/y"));
        assert_eq!(renewed.headers.get("etag"), Some("\"a\""));
        assert_eq!(renewed.headers.get("x-new"), Some("1"));
        assert_eq!(renewed.body, response.body);
    }

    proptest! {
        #[test]
        fn no_response_is_served_beyond_its_limits(
            lifetime in 0_u32..100, swr in 0_u32..100, sie in 0_u32..100, age in 0_u32..100,
            seconds in 0_u64..400,
        ) {
            let line = format!(
                "max-age={lifetime}, stale-while-revalidate={swr}, stale-if-error={sie}"
            );
            let response = stored(&[("cache-control", &line), ("age", &age.to_string())]);
            let total = seconds + u64::from(age);
            let now = DATE + seconds * 1_000;
            let fresh = total < u64::from(lifetime);
            prop_assert_eq!(matches!(at(&response, seconds), Plan::Serve(_)), fresh);
            if matches!(at(&response, seconds), Plan::ServeAndRevalidate(_)) {
                prop_assert!(total < u64::from(lifetime) + u64::from(swr));
            }
            if !fresh && response.may_serve_stale_on_error(now) {
                prop_assert!(total < u64::from(lifetime) + u64::from(sie.max(swr)));
            }
        }
    }
}
