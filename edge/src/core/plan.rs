//! The decisions: what to do with a request, and what to do with the origin's answer. Each carries
//! its reason, which `Cache-Status` prints (RFC 9211).

use std::rc::Rc;

use super::{
    control::Control,
    entry::{Entry, Millis, age_field, same_lines},
    headers::Headers,
};

/// What is asked for, as far as the decisions need it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The fields; `accept-encoding` in its normal form, see [`coding`].
    pub headers: Headers,
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
}

/// How a stored entry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// With its body.
    Whole,
    /// With 304: the client has the body already.
    NotModified,
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
    if request.headers.contains("range") {
        return Plan::Pass("range");
    }
    if request.headers.contains("authorization") && !stored.is_some_and(serves_authorized) {
        return Plan::Pass("authorization");
    }
    match stored {
        None if others => Plan::Fetch(Why::VaryMiss),
        None => Plan::Fetch(Why::UriMiss),
        Some(entry) if entry.is_fresh(now) => Plan::Serve(hit(request, entry)),
        Some(entry) if entry.may_serve_while_renewing(now) => {
            Plan::ServeAndRenew(hit(request, entry))
        }
        Some(_) => Plan::Fetch(Why::Stale),
    }
}

/// An answer to a request with `Authorization` may be used for another one only when it says so
/// (RFC 9111 §3.5).
fn serves_authorized(entry: &Entry) -> bool {
    allows_authorized(&entry.control)
}

const fn allows_authorized(control: &Control) -> bool {
    control.public || control.shared_lifetime || control.must_revalidate
}

/// Whether the client's own copy is this entry (RFC 9110 §13.2.2).
pub fn hit(request: &Request, entry: &Entry) -> Hit {
    if entry.status != 200 {
        return Hit::Whole;
    }
    let same = if request.headers.contains("if-none-match") {
        let tag = entry.headers.get("etag").map(opaque);
        let mut asked = request.headers.members("if-none-match");
        asked.any(|asked| asked == "*" || Some(opaque(asked)) == tag)
    } else {
        let time = |headers: &Headers, name: &str| {
            headers
                .get(name)
                .and_then(|text| httpdate::parse_http_date(text).ok())
        };
        let asked = time(&request.headers, "if-modified-since");
        let changed = time(&entry.headers, "last-modified");
        asked
            .zip(changed)
            .is_some_and(|(asked, changed)| changed <= asked)
    };
    if same { Hit::NotModified } else { Hit::Whole }
}

/// A tag without its weakness: `If-None-Match` compares weakly (RFC 9110 §13.1.2).
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// What to do with the origin's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Store it once its body has come whole. The reason it is worth storing is its own.
    Store(Terms),
    /// Hand it on and store nothing: why not.
    Leave(&'static str),
}

/// What an answer says about being stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    control: Control,
    varies_on: Vec<(String, Option<String>)>,
}

/// Decides whether an answer is stored (RFC 9111 §3).
pub fn admit(request: &Request, status: u16, headers: &Headers) -> Admission {
    let control = Control::of(headers);
    let authorized = request.headers.contains("authorization");
    let vary: Vec<String> = headers
        .members("vary")
        .map(str::to_ascii_lowercase)
        .collect();
    let why_not = if request.method != "GET" {
        Some("method")
    } else if !is_final_and_whole(status) {
        Some("status")
    } else if control.no_store {
        Some("no-store")
    } else if control.private {
        Some("private")
    } else if headers.contains("set-cookie") {
        Some("set-cookie")
    } else if vary.iter().any(|name| name == "*") {
        Some("vary")
    } else if authorized && !allows_authorized(&control) {
        Some("authorization")
    } else if control.lifetime.is_none() {
        // Guessing a lifetime is allowed and left out: a shop's prices are nothing to guess with.
        Some("no lifetime")
    } else {
        None
    };
    if let Some(why_not) = why_not {
        return Admission::Leave(why_not);
    }
    let value = |name: String| {
        let value = same_lines(&request.headers, &name);
        (name, value)
    };
    Admission::Store(Terms {
        control,
        varies_on: vary.into_iter().map(value).collect(),
    })
}

/// 206 and 304 are parts of an answer; a 5xx is remembered by nobody.
const fn is_final_and_whole(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414
    )
}

impl Terms {
    /// The entry, once the body has come whole.
    pub fn entry(self, status: u16, headers: &Headers, body: Rc<[u8]>, now: Millis) -> Entry {
        let age_at_arrival = age_field(headers);
        let mut headers = headers.end_to_end();
        headers.remove("age");
        Entry {
            status,
            headers,
            body,
            came_at: now,
            age_at_arrival,
            control: self.control,
            varies_on: self.varies_on,
        }
    }
}

/// Whether an origin's answer counts as its failure, so that something stale is better (RFC 5861
/// §4).
pub const fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

/// The normal form of `Accept-Encoding`: the best coding that origin and client share. Fewer forms
/// mean fewer variants of one page.
pub fn coding(headers: &Headers) -> &'static str {
    let weight = |wanted: &str| {
        headers.members("accept-encoding").find_map(|member| {
            let mut parts = member.split(';').map(str::trim);
            let name = parts.next()?;
            let q = parts.find_map(|part| part.strip_prefix("q="));
            let q = q.map_or(1.0, |text| text.parse::<f32>().unwrap_or(0.0));
            name.eq_ignore_ascii_case(wanted).then_some(q)
        })
    };
    let taken = |name| weight(name).or_else(|| weight("*")).unwrap_or(0.0);
    let (br, gzip) = (taken("br"), taken("gzip"));
    if br > 0.0 && br >= gzip {
        "br"
    } else if gzip > 0.0 {
        "gzip"
    } else {
        "identity"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATE: Millis = 1_767_225_600_000;

    fn request(method: &str, lines: &[(&str, &str)]) -> Request {
        Request {
            method: method.to_owned(),
            headers: lines.iter().copied().collect(),
        }
    }

    fn stored(lines: &[(&str, &str)]) -> Entry {
        let headers = lines.iter().copied().collect();
        match admit(&request("GET", &[]), 200, &headers) {
            Admission::Store(terms) => terms.entry(200, &headers, Rc::from(*b"body"), DATE),
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

    /// RFC 9111 §3, §3.5, §4.1 and the shop's own rule about cookies.
    #[test]
    fn what_is_not_for_everybody_is_left() {
        let get = request("GET", &[]);
        let fresh = ("cache-control", "max-age=60");
        for (request, status, lines, why) in [
            (request("POST", &[]), 200, vec![fresh], "method"),
            (get.clone(), 206, vec![fresh], "status"),
            (get.clone(), 500, vec![fresh], "status"),
            (
                get.clone(),
                200,
                vec![("cache-control", "no-store")],
                "no-store",
            ),
            (
                get.clone(),
                200,
                vec![("cache-control", "private, max-age=60")],
                "private",
            ),
            (
                get.clone(),
                200,
                vec![fresh, ("set-cookie", "a=b")],
                "set-cookie",
            ),
            (get.clone(), 200, vec![fresh, ("vary", "accept, *")], "vary"),
            (get.clone(), 200, vec![("etag", "\"a\"")], "no lifetime"),
            (
                request("GET", &[("authorization", "x")]),
                200,
                vec![fresh],
                "authorization",
            ),
        ] {
            let headers = lines.iter().copied().collect();
            assert_eq!(
                admit(&request, status, &headers),
                Admission::Leave(why),
                "{lines:?}"
            );
        }
        let authorized = request("GET", &[("authorization", "x")]);
        let headers = [("cache-control", "public, max-age=60")]
            .into_iter()
            .collect();
        assert!(matches!(
            admit(&authorized, 200, &headers),
            Admission::Store(_)
        ));
    }

    #[test]
    fn what_is_not_ours_is_passed() {
        let entry = stored(&[("cache-control", "max-age=60")]);
        for (request, why) in [
            (request("POST", &[]), "method"),
            (request("GET", &[("range", "bytes=0-1")]), "range"),
            (request("GET", &[("authorization", "x")]), "authorization"),
        ] {
            assert_eq!(plan(&request, Some(&entry), true, DATE), Plan::Pass(why));
        }
    }

    /// RFC 9110 §13.1.2 and §13.1.3.
    #[test]
    fn a_client_that_has_it_gets_a_304() {
        let entry = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        for (line, expected) in [
            (("if-none-match", "\"x\", W/\"a\""), Hit::NotModified),
            (("if-none-match", "*"), Hit::NotModified),
            (("if-none-match", "\"x\""), Hit::Whole),
            (
                ("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT"),
                Hit::NotModified,
            ),
            (
                ("if-modified-since", "Wed, 31 Dec 2025 00:00:00 GMT"),
                Hit::Whole,
            ),
        ] {
            assert_eq!(hit(&request("GET", &[line]), &entry), expected, "{line:?}");
        }
    }

    /// RFC 9111 §4.1.
    #[test]
    fn an_entry_fits_requests_with_the_same_fields() {
        let asked = request("GET", &[("accept-encoding", "br")]);
        let headers: Headers = [("cache-control", "max-age=60"), ("vary", "Accept-Encoding")]
            .into_iter()
            .collect();
        let Admission::Store(terms) = admit(&asked, 200, &headers) else {
            panic!()
        };
        let entry = terms.entry(200, &headers, Rc::from(*b""), DATE);
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
            ("x-new", "1"),
        ]
        .into_iter()
        .collect();
        let renewed = entry.freshen(&fields, DATE + 100_000);
        assert_eq!(renewed.ttl(DATE + 100_000), 90);
        assert_eq!(renewed.headers.get("content-type"), Some("text/html"));
        assert_eq!(renewed.headers.get("x-new"), Some("1"));
        assert_eq!(renewed.body, entry.body);
    }

    #[test]
    fn codings_have_one_normal_form() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", "br"),
            ("br;q=0.1, gzip", "gzip"),
            ("br;q=0", "identity"),
            ("*", "br"),
            ("deflate", "identity"),
        ] {
            assert_eq!(
                coding(&[("accept-encoding", accept)].into_iter().collect()),
                expected
            );
        }
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
