//! Preconditions of a request (RFC 9110 §13), evaluated against a stored response.

use super::{headers::Headers, http_date, stored_response::StoredResponse};

/// Whether `If-Match` holds by strong comparison (RFC 9110 §13.1.1), or without it
/// `If-Unmodified-Since` (§13.1.4).
pub fn precondition_holds(headers: &Headers, response: &StoredResponse) -> bool {
    if headers.contains("if-match") {
        let tag = response
            .headers
            .get("etag")
            .filter(|it| !it.starts_with("W/"));
        let mut listed = headers.members("if-match");
        return listed.any(|listed| listed == "*" || Some(listed) == tag);
    }
    let since = time(headers, "if-unmodified-since");
    let changed = time(&response.headers, "last-modified");
    since
        .zip(changed)
        .is_none_or(|(since, changed)| changed <= since)
}

/// Whether the client's copy is current (`If-None-Match`, or without it `If-Modified-Since`).
pub fn is_not_modified(headers: &Headers, response: &StoredResponse) -> bool {
    if headers.contains("if-none-match") {
        let tag = response.headers.get("etag").map(opaque);
        let mut listed = headers.members("if-none-match");
        return listed.any(|listed| listed == "*" || Some(opaque(listed)) == tag);
    }
    let Some(since) = time(headers, "if-modified-since") else {
        return false;
    };
    // Without `Last-Modified`, the `Date` of the stored response is used (RFC 9111 §4.3.2).
    let changed =
        time(&response.headers, "last-modified").or_else(|| time(&response.headers, "date"));
    changed.is_some_and(|changed| changed <= since)
}

/// Whether `If-Range` matches (RFC 9110 §13.1.5). The comparison is strong, because the client
/// combines bytes.
pub fn if_range_matches(headers: &Headers, response: &StoredResponse) -> bool {
    let Some(field) = headers.get("if-range").map(str::trim) else {
        return true;
    };
    if field.ends_with('"') {
        return !field.starts_with("W/") && response.headers.get("etag") == Some(field);
    }
    response.headers.get("last-modified") == Some(field)
}

fn time(headers: &Headers, name: &str) -> Option<std::time::SystemTime> {
    headers.get(name).and_then(http_date::parse)
}

/// The opaque part of an entity tag, for the weak comparison of `If-None-Match` (RFC 9110 §13.1.2).
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use shared::cache_key::Audience;

    use crate::core::{
        admission::{Admission, CacheRules, admit},
        plan::{CacheRequest, HitResponse, hit_response},
        stored_response::{StoredBody, StoredResponse},
    };

    fn request(lines: &[(&str, &str)]) -> CacheRequest {
        CacheRequest {
            method: "GET".to_owned(),
            headers: lines.iter().copied().collect(),
            audience: Audience::Public,
        }
    }

    fn stored(lines: &[(&str, &str)]) -> StoredResponse {
        let headers = lines.iter().copied().collect();
        match admit(CacheRules::Shop, &request(&[]), 200, &headers, 0) {
            Admission::Store(metadata) => {
                metadata.into_response(200, &headers, StoredBody::new((), 4), 0, 0)
            }
            Admission::DoNotStore(why) => panic!("left: {why}"),
        }
    }

    /// RFC 9110 §13.1.1, §13.1.4 and §13.2.2.
    #[test]
    fn preconditions_are_evaluated_against_the_stored_response() {
        let response = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        let weak = stored(&[("cache-control", "max-age=60"), ("etag", "W/\"a\"")]);
        let (before, after) = (
            ("if-unmodified-since", "Wed, 31 Dec 2025 00:00:00 GMT"),
            ("if-unmodified-since", "Thu, 01 Jan 2026 00:00:00 gmt"),
        );
        for (response, lines, expected) in [
            (
                &response,
                vec![("if-match", "\"b\"")],
                HitResponse::PreconditionFailed,
            ),
            (
                &response,
                vec![("if-match", "\"b\", \"a\"")],
                HitResponse::Full,
            ),
            (
                &response,
                vec![("if-match", "*"), before],
                HitResponse::Full,
            ),
            (&response, vec![before], HitResponse::PreconditionFailed),
            (&response, vec![after], HitResponse::Full),
            (
                &response,
                vec![("if-unmodified-since", "x")],
                HitResponse::Full,
            ),
            (
                &response,
                vec![("if-match", "\"b\""), ("if-none-match", "\"a\"")],
                HitResponse::PreconditionFailed,
            ),
            (
                &response,
                vec![("if-match", "\"a\""), ("if-none-match", "\"a\"")],
                HitResponse::NotModified,
            ),
            (
                &weak,
                vec![("if-match", "W/\"a\"")],
                HitResponse::PreconditionFailed,
            ),
            (&weak, vec![before], HitResponse::Full),
        ] {
            assert_eq!(
                hit_response(&request(&lines), response),
                expected,
                "{lines:?}"
            );
        }
    }

    /// RFC 9110 §13.1.2 and §13.1.3.
    #[test]
    fn a_client_with_a_current_copy_gets_a_304() {
        let response = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        for (line, expected) in [
            (
                ("if-none-match", "\"x\", W/\"a\""),
                HitResponse::NotModified,
            ),
            (("if-none-match", "*"), HitResponse::NotModified),
            (("if-none-match", "\"x\""), HitResponse::Full),
            (
                ("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT"),
                HitResponse::NotModified,
            ),
            (
                ("if-modified-since", "Wed, 31 Dec 2025 00:00:00 GMT"),
                HitResponse::Full,
            ),
        ] {
            assert_eq!(
                hit_response(&request(&[line]), &response),
                expected,
                "{line:?}"
            );
        }
    }
}
