//! The decisions: what to do with a request. Each carries its reason, which `Cache-Status` prints
//! (RFC 9211).

use super::{
    conditions, directives,
    entry::{Entry, Millis},
    headers::Headers,
    range::{self, Cut},
};

use shared::key::Whose;

/// What is asked for, as far as the decisions need it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The fields; `accept-encoding` in its normal form, see [`super::select::coding`].
    pub headers: Headers,
    /// Whose the answer is, as the contract says.
    pub whose: Whose,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Answer with the stored entry; it is fresh.
    Serve(Hit),
    /// Answer with the stored entry and renew it behind the answer.
    ServeAndRenew(Hit),
    /// Ask the origin, with the stored entry's validators if there is one.
    Fetch(Why),
    /// Pass it to the origin and its answer back; neither is looked at.
    Pass(&'static str),
    /// The client wants nothing but what is stored, and that is nothing: 504.
    Refuse,
}

/// How a stored entry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// With its body.
    Whole,
    /// With 304: the client has the body already.
    NotModified,
    /// With 206 and these bytes of its body.
    Part(Cut),
    /// With 416: the client wants bytes that are not there.
    Beyond,
    /// With 412: the client wants something only if it is another one than this.
    Failed,
}

/// Why the origin is asked, in the words of RFC 9211 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing is stored for this key.
    UriMiss,
    /// Something is stored, but for other request fields.
    VaryMiss,
    /// What is stored is not fresh.
    Stale,
}

impl Why {
    /// The word in `Cache-Status`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
        }
    }
}

/// Decides about a request. `stored` is the entry that fits it, `others` whether its key has any.
pub fn plan(request: &Request, stored: Option<&Entry>, others: bool, now: Millis) -> Plan {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Plan::Pass("method");
    }
    let headers = &request.headers;
    // What was answered to somebody unknown is not for somebody known, unless it says so (RFC 9111
    // §3.5 asks that of the other direction only; a shop's prices may differ for its staff).
    let known = headers.contains("authorization");
    if known && stored.is_some_and(|entry| !entry.control.allows_authorized()) {
        return Plan::Pass("authorization");
    }
    let why = match stored {
        Some(entry) if entry.is_fresh(now) => return Plan::Serve(hit(request, entry)),
        Some(entry) if entry.may_serve_while_renewing(now) => {
            return Plan::ServeAndRenew(hit(request, entry));
        }
        Some(_) => Why::Stale,
        None if others => Why::VaryMiss,
        None => Why::UriMiss,
    };
    // Without something fresh to compare with, a precondition is for the origin (RFC 9111 §4.3.2). At the
    // shop's own addresses it is compared with what the origin answers then, or it would be a way around
    // the cache.
    let precondition = headers.contains("if-match") || headers.contains("if-unmodified-since");
    if precondition && request.whose != Whose::Everybodys {
        return Plan::Pass("precondition");
    }
    if wants_only_stored(headers) {
        return Plan::Refuse;
    }
    Plan::Fetch(why)
}

/// RFC 9111 §5.2.1.7. The other directives of requests are advice that this cache does not take: with
/// them anybody could have the origin asked as often as they like.
fn wants_only_stored(headers: &Headers) -> bool {
    let mut found = headers.lines("cache-control").flat_map(directives::plain);
    found.any(|it| it.name == "only-if-cached")
}

/// Whether a method changes nothing (RFC 9110 §9.2.1); one that is not known may change something.
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// How an entry answers: the client's conditions first, then the part that it wants (RFC 9110
/// §13.2.2).
pub fn hit(request: &Request, entry: &Entry) -> Hit {
    if !matches!(entry.status, 200 | 206) {
        return Hit::Whole;
    }
    if !conditions::are_met(&request.headers, entry) {
        return Hit::Failed;
    }
    if conditions::client_has_it(&request.headers, entry) {
        return Hit::NotModified;
    }
    match request.headers.get("range") {
        Some(field) if request.method == "GET" && conditions::is_about(&request.headers, entry) => {
            let length = entry.body.len();
            if let Some(part) = entry.part {
                return part.cut(field, length).map_or(Hit::Whole, Hit::Part);
            }
            match range::asked(field, length) {
                range::Asked::Part(first, last) => Hit::Part(Cut::of_whole(first, last, length)),
                range::Asked::Beyond => Hit::Beyond,
                range::Asked::Whole => Hit::Whole,
            }
        }
        _ => Hit::Whole,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::{
        admit::{Admission, Rules, admit},
        entry::Body,
    };

    const DATE: Millis = 1_767_225_600_000;

    fn request(method: &str, lines: &[(&str, &str)]) -> Request {
        Request {
            method: method.to_owned(),
            headers: lines.iter().copied().collect(),
            whose: Whose::Everybodys,
        }
    }

    fn elsewhere(lines: &[(&str, &str)]) -> Request {
        Request {
            whose: Whose::Unknown,
            ..request("GET", lines)
        }
    }

    fn part(first: usize, last: usize) -> Hit {
        Hit::Part(Cut::of_whole(first, last, 4))
    }

    fn stored(lines: &[(&str, &str)]) -> Entry {
        let headers = lines.iter().copied().collect();
        match admit(Rules::Shop, &request("GET", &[]), 200, &headers, DATE) {
            Admission::Store(terms) => terms.entry(200, &headers, Body::new((), 4), DATE, DATE),
            Admission::Leave(why) => panic!("left: {why}"),
        }
    }

    fn at(entry: &Entry, seconds: u64) -> Plan {
        plan(
            &request("GET", &[]),
            Some(entry),
            true,
            DATE + seconds * 1_000,
        )
    }

    /// RFC 9111 §4.2 and RFC 5861 §3.
    #[test]
    fn an_entry_is_fresh_then_renewed_then_asked_for() {
        let entry = stored(&[("cache-control", "max-age=60, stale-while-revalidate=30")]);
        assert_eq!(at(&entry, 59), Plan::Serve(Hit::Whole));
        assert_eq!(at(&entry, 60), Plan::ServeAndRenew(Hit::Whole));
        assert_eq!(at(&entry, 89), Plan::ServeAndRenew(Hit::Whole));
        assert_eq!(at(&entry, 90), Plan::Fetch(Why::Stale));
    }

    /// RFC 9111 §4.2.3: the age it came with counts.
    #[test]
    fn the_age_it_came_with_counts() {
        let entry = stored(&[("cache-control", "max-age=60"), ("age", "50")]);
        assert_eq!(at(&entry, 9), Plan::Serve(Hit::Whole));
        assert_eq!(at(&entry, 10), Plan::Fetch(Why::Stale));
    }

    /// RFC 9111 §5.2.2.2 and §5.2.2.4.
    #[test]
    fn what_must_be_validated_is_never_served_stale() {
        for directive in ["must-revalidate", "proxy-revalidate", "no-cache"] {
            let line =
                format!("max-age=60, stale-while-revalidate=99, stale-if-error=99, {directive}");
            let entry = stored(&[("cache-control", &line)]);
            assert_eq!(at(&entry, 61), Plan::Fetch(Why::Stale), "{directive}");
            assert!(!entry.may_serve_on_error(DATE + 61_000), "{directive}");
        }
        let entry = stored(&[("cache-control", "max-age=60, no-cache")]);
        assert_eq!(at(&entry, 1), Plan::Fetch(Why::Stale));
    }

    /// RFC 5861 §4.
    #[test]
    fn what_may_be_stale_on_error_is_so_only_for_its_time() {
        let entry = stored(&[("cache-control", "max-age=60, stale-if-error=40")]);
        assert_eq!(at(&entry, 61), Plan::Fetch(Why::Stale));
        assert!(entry.may_serve_on_error(DATE + 99_000));
        assert!(!entry.may_serve_on_error(DATE + 100_000));
    }

    #[test]
    fn what_is_not_ours_is_passed() {
        let entry = stored(&[("cache-control", "max-age=60")]);
        for (request, why) in [
            (request("POST", &[]), "method"),
            (request("GET", &[("authorization", "x")]), "authorization"),
        ] {
            assert_eq!(plan(&request, Some(&entry), true, DATE), Plan::Pass(why));
        }
    }

    /// Nobody gets past the cache with a condition or a range.
    #[test]
    fn a_condition_or_a_range_is_no_way_around_the_cache() {
        let entry = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        let condition = [("if-match", "\"b\"")];
        let stale = DATE + 60_000;
        for (request, expected) in [
            (request("GET", &condition), Plan::Fetch(Why::Stale)),
            (elsewhere(&condition), Plan::Pass("precondition")),
            (
                elsewhere(&[("range", "bytes=0-1")]),
                Plan::Fetch(Why::Stale),
            ),
        ] {
            assert_eq!(plan(&request, Some(&entry), true, stale), expected);
        }
        let range = request("GET", &[("range", "bytes=0-1")]);
        assert_eq!(plan(&range, None, false, DATE), Plan::Fetch(Why::UriMiss));
    }

    /// RFC 9111 §3.3.
    #[test]
    fn a_stored_part_answers_with_what_lies_in_it() {
        let headers: Headers = [
            ("cache-control", "max-age=60"),
            ("content-range", "bytes 4-7/8"),
            ("etag", "\"a\""),
        ]
        .into_iter()
        .collect();
        let range = ("range", "bytes=5-6");
        let admitted = admit(Rules::Shop, &elsewhere(&[range]), 206, &headers, DATE);
        let Admission::Store(terms) = admitted else {
            panic!()
        };
        let entry = terms.entry(206, &headers, Body::new((), 4), DATE, DATE);
        let Plan::Serve(Hit::Part(cut)) = plan(&elsewhere(&[range]), Some(&entry), true, DATE)
        else {
            panic!()
        };
        assert_eq!((cut.from, cut.to), (1, 2));
        assert_eq!(cut.part.field(), "bytes 5-6/8");
        for (lines, fits) in [
            (vec![range], true),
            (vec![range, ("if-range", "\"a\"")], true),
            (vec![range, ("if-range", "\"b\"")], false),
            (vec![("range", "bytes=3-6")], false),
            (vec![], false),
        ] {
            assert_eq!(entry.fits(&elsewhere(&lines).headers), fits, "{lines:?}");
        }
        let known = elsewhere(&[range, ("if-none-match", "\"a\"")]);
        assert_eq!(hit(&known, &entry), Hit::NotModified);
    }

    /// RFC 9111 §5.2.1.7.
    #[test]
    fn who_wants_only_what_is_stored_gets_that_or_nothing() {
        let entry = stored(&[("cache-control", "max-age=60")]);
        let request = request("GET", &[("cache-control", "only-if-cached")]);
        assert_eq!(
            plan(&request, Some(&entry), true, DATE),
            Plan::Serve(Hit::Whole)
        );
        assert_eq!(plan(&request, None, false, DATE), Plan::Refuse);
    }

    /// RFC 9110 §13.2.2 and §14.2.
    #[test]
    fn a_part_is_cut_from_what_is_stored() {
        let entry = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        let range = ("range", "bytes=1-2");
        for (lines, expected) in [
            (vec![range], part(1, 2)),
            (vec![("range", "bytes=9-")], Hit::Beyond),
            (vec![range, ("if-range", "\"a\"")], part(1, 2)),
            (vec![range, ("if-range", "\"b\"")], Hit::Whole),
            (vec![range, ("if-range", "W/\"a\"")], Hit::Whole),
            (
                vec![range, ("if-range", "Thu, 01 Jan 2026 00:00:00 GMT")],
                part(1, 2),
            ),
            (
                vec![range, ("if-range", "Fri, 02 Jan 2026 00:00:00 GMT")],
                Hit::Whole,
            ),
            (vec![range, ("if-none-match", "\"a\"")], Hit::NotModified),
        ] {
            assert_eq!(hit(&request("GET", &lines), &entry), expected, "{lines:?}");
        }
        assert_eq!(hit(&request("HEAD", &[range]), &entry), Hit::Whole);
    }

    /// RFC 9111 §4.1.
    #[test]
    fn an_entry_fits_requests_with_the_same_fields() {
        let asked = request("GET", &[("accept-encoding", "br")]);
        let headers: Headers = [("cache-control", "max-age=60"), ("vary", "Accept-Encoding")]
            .into_iter()
            .collect();
        let Admission::Store(terms) = admit(Rules::Shop, &asked, 200, &headers, DATE) else {
            panic!()
        };
        let entry = terms.entry(200, &headers, Body::new((), 0), DATE, DATE);
        assert!(entry.fits(&asked.headers));
        assert!(!entry.fits(&request("GET", &[("accept-encoding", "gzip")]).headers));
        assert!(!entry.fits(&request("GET", &[]).headers));
    }

    /// RFC 9111 §3.2 and §4.3.4.
    #[test]
    fn a_304_renews_what_is_stored() {
        let entry = stored(&[
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
        let renewed = entry.freshen(&fields, DATE + 100_000, DATE + 100_000);
        assert_eq!(renewed.ttl(DATE + 100_000), 90);
        assert_eq!(renewed.headers.get("content-type"), Some("x/y"));
        assert_eq!(renewed.headers.get("etag"), Some("\"a\""));
        assert_eq!(renewed.headers.get("x-new"), Some("1"));
        assert_eq!(renewed.body, entry.body);
    }

    proptest! {
        #[test]
        fn no_entry_is_served_beyond_what_it_allows(
            lifetime in 0_u32..100, swr in 0_u32..100, sie in 0_u32..100, age in 0_u32..100,
            seconds in 0_u64..400,
        ) {
            let line = format!(
                "max-age={lifetime}, stale-while-revalidate={swr}, stale-if-error={sie}"
            );
            let entry = stored(&[("cache-control", &line), ("age", &age.to_string())]);
            let total = seconds + u64::from(age);
            let now = DATE + seconds * 1_000;
            let fresh = total < u64::from(lifetime);
            prop_assert_eq!(matches!(at(&entry, seconds), Plan::Serve(_)), fresh);
            if matches!(at(&entry, seconds), Plan::ServeAndRenew(_)) {
                prop_assert!(total < u64::from(lifetime) + u64::from(swr));
            }
            if !fresh && entry.may_serve_on_error(now) {
                prop_assert!(total < u64::from(lifetime) + u64::from(sie.max(swr)));
            }
        }
    }
}
