//! Normalization of the request header fields that select a variant (RFC 9111 §4.1). Fewer normal
//! forms mean fewer variants of one page.

use super::headers::Headers;

/// The normalized value of a selecting header field; None if the field is absent, which selects
/// too.
pub fn selecting_value(headers: &Headers, name: &str) -> Option<String> {
    if !headers.contains(name) {
        return None;
    }
    if name == "accept-language" {
        return Some(languages(headers).join(", "));
    }
    Some(headers.members(name).collect::<Vec<_>>().join(", "))
}

/// The client's most preferred language, in lower case.
pub fn preferred_language(headers: &Headers) -> Option<String> {
    let first = languages(headers).into_iter().next()?;
    Some(first.split(';').next().unwrap_or_default().to_owned())
}

/// The language ranges in lower case, by descending weight and then by name.
fn languages(headers: &Headers) -> Vec<String> {
    let mut languages: Vec<(u16, String)> = headers
        .members("accept-language")
        .map(|member| {
            let (range, q) = weighted(member);
            let range = range.to_ascii_lowercase();
            let text = match q {
                1_000 => range,
                q => format!("{range};q={q}"),
            };
            (q, text)
        })
        .collect();
    languages.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.cmp(b)));
    languages.dedup();
    languages.into_iter().map(|(_, text)| text).collect()
}

/// A member of an `Accept-…` list and its weight in thousandths (RFC 9110 §12.4.2).
fn weighted(member: &str) -> (&str, u16) {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (name, q.map_or(1_000, thousandths))
}

/// Parses a weight: `0.25` is 250, and a malformed weight is 0.
fn thousandths(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{rest:0<3}");
    let ok = rest.len() <= 3 && rest.bytes().all(|it| it.is_ascii_digit());
    match whole {
        "1" if ok => 1_000,
        "0" if ok => digits.parse().unwrap_or(0),
        _ => 0,
    }
}

/// The normalized values of `Accept-Encoding`.
pub const CODINGS: [&str; 3] = ["br", "gzip", "identity"];

/// The normalized value of `Accept-Encoding`: the best of [`CODINGS`] that the client accepts.
pub fn preferred_coding(headers: &Headers) -> &'static str {
    let weight = |wanted: &str| {
        let mut members = headers.members("accept-encoding").map(weighted);
        members.find_map(|(name, q)| name.eq_ignore_ascii_case(wanted).then_some(q))
    };
    let taken = |name| weight(name).or_else(|| weight("*")).unwrap_or(0);
    let (br, gzip) = (taken("br"), taken("gzip"));
    if br > 0 && br >= gzip {
        "br"
    } else if gzip > 0 {
        "gzip"
    } else {
        "identity"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, line: &str) -> Headers {
        [(name, line)].into_iter().collect()
    }

    #[test]
    fn accept_encoding_is_normalized() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", "br"),
            ("br;q=0.1, gzip", "gzip"),
            ("br; q=0.100, GZIP ;q=0.1", "br"),
            ("br;q=0", "identity"),
            ("br;q=2, gzip;q=x", "identity"),
            ("*", "br"),
            ("deflate", "identity"),
        ] {
            assert_eq!(
                preferred_coding(&of("accept-encoding", accept)),
                expected,
                "{accept}"
            );
        }
    }

    #[test]
    fn accept_language_is_normalized() {
        let value =
            |line| selecting_value(&of("accept-language", line), "accept-language").unwrap();
        for line in ["en, de", "de, en", "eN, De", " en ,   de;q=1.0", "de,en,de"] {
            assert_eq!(value(line), "de, en", "{line}");
        }
        assert_eq!(value("fr;q=0.5, de"), "de, fr;q=500");
        assert_ne!(value("fr;q=0.5, de"), value("fr, de"));
        let wanted = preferred_language(&of("accept-language", "fr;q=0.5, De;q=0.9"));
        assert_eq!(wanted.as_deref(), Some("de"));
    }

    #[test]
    fn other_fields_are_normalized_as_lists() {
        let lines: Headers = [("foo", "1,2"), ("foo", " 3 ")].into_iter().collect();
        assert_eq!(selecting_value(&lines, "foo").as_deref(), Some("1, 2, 3"));
        assert_eq!(selecting_value(&lines, "bar"), None);
    }
}
