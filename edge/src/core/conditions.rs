//! The conditions of a request (RFC 9110 §13), compared with a stored answer.

use super::{date, entry::Entry, headers::Headers};

/// Whether this is what the client wants to have (`If-Match`, RFC 9110 §13.1.1, compared strongly; without
/// it `If-Unmodified-Since`, §13.1.4).
pub fn are_met(headers: &Headers, entry: &Entry) -> bool {
    if headers.contains("if-match") {
        let tag = entry.headers.get("etag").filter(|it| !it.starts_with("W/"));
        let mut wanted = headers.members("if-match");
        return wanted.any(|wanted| wanted == "*" || Some(wanted) == tag);
    }
    let since = time(headers, "if-unmodified-since");
    let changed = time(&entry.headers, "last-modified");
    since
        .zip(changed)
        .is_none_or(|(since, changed)| changed <= since)
}

/// Whether the client's own copy is this entry.
pub fn client_has_it(headers: &Headers, entry: &Entry) -> bool {
    if headers.contains("if-none-match") {
        let tag = entry.headers.get("etag").map(opaque);
        let mut asked = headers.members("if-none-match");
        return asked.any(|asked| asked == "*" || Some(opaque(asked)) == tag);
    }
    let Some(asked) = time(headers, "if-modified-since") else {
        return false;
    };
    // Without a `Last-Modified` it cannot have changed since it was made (RFC 9111 §4.3.2).
    let changed = time(&entry.headers, "last-modified").or_else(|| time(&entry.headers, "date"));
    changed.is_some_and(|changed| changed <= asked)
}

/// Whether the client's parts are of this very entry (`If-Range`, RFC 9110 §13.1.5): compared
/// strongly, because bytes are put together.
pub fn is_about(headers: &Headers, entry: &Entry) -> bool {
    let Some(field) = headers.get("if-range").map(str::trim) else {
        return true;
    };
    if field.ends_with('"') {
        return !field.starts_with("W/") && entry.headers.get("etag") == Some(field);
    }
    entry.headers.get("last-modified") == Some(field)
}

fn time(headers: &Headers, name: &str) -> Option<std::time::SystemTime> {
    headers.get(name).and_then(date::parse)
}

/// A tag without its weakness: `If-None-Match` compares weakly (RFC 9110 §13.1.2).
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use shared::key::Whose;

    use crate::core::{
        admit::{Admission, Rules, admit},
        entry::{Body, Entry},
        plan::{Hit, Request, hit},
    };

    fn request(lines: &[(&str, &str)]) -> Request {
        Request {
            method: "GET".to_owned(),
            headers: lines.iter().copied().collect(),
            whose: Whose::Everybodys,
        }
    }

    fn stored(lines: &[(&str, &str)]) -> Entry {
        let headers = lines.iter().copied().collect();
        match admit(Rules::Shop, &request(&[]), 200, &headers, 0) {
            Admission::Store(terms) => terms.entry(200, &headers, Body::new((), 4), 0, 0),
            Admission::Leave(why) => panic!("left: {why}"),
        }
    }

    /// RFC 9110 §13.1.1, §13.1.4 and §13.2.2.
    #[test]
    fn preconditions_are_compared_with_what_is_stored() {
        let entry = stored(&[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        let weak = stored(&[("cache-control", "max-age=60"), ("etag", "W/\"a\"")]);
        let (before, after) = (
            ("if-unmodified-since", "Wed, 31 Dec 2025 00:00:00 GMT"),
            ("if-unmodified-since", "Thu, 01 Jan 2026 00:00:00 gmt"),
        );
        for (entry, lines, expected) in [
            (&entry, vec![("if-match", "\"b\"")], Hit::Failed),
            (&entry, vec![("if-match", "\"b\", \"a\"")], Hit::Whole),
            (&entry, vec![("if-match", "*"), before], Hit::Whole),
            (&entry, vec![before], Hit::Failed),
            (&entry, vec![after], Hit::Whole),
            (&entry, vec![("if-unmodified-since", "x")], Hit::Whole),
            (
                &entry,
                vec![("if-match", "\"b\""), ("if-none-match", "\"a\"")],
                Hit::Failed,
            ),
            (
                &entry,
                vec![("if-match", "\"a\""), ("if-none-match", "\"a\"")],
                Hit::NotModified,
            ),
            (&weak, vec![("if-match", "W/\"a\"")], Hit::Failed),
            (&weak, vec![before], Hit::Whole),
        ] {
            assert_eq!(hit(&request(&lines), entry), expected, "{lines:?}");
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
            assert_eq!(hit(&request(&[line]), &entry), expected, "{line:?}");
        }
    }
}
