//! URLs of requests. Each is parsed once, and every decision is made about exactly the URL that is
//! forwarded. A URL that the URL Standard, a proxy or a framework could interpret differently (dot
//! segments, empty segments, backslashes, control characters, in any encoding) is not forwarded.
//! Normalization beyond that, such as letter case, is up to the origin.

use std::fmt::Write as _;

use super::invalidation::{path_and_query, remove_dot_segments, split_origin};

/// How a URL is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlForm {
    /// In the canonical form that is forwarded.
    Canonical,
    /// Equivalent to a canonical URL, of which this is path and query.
    Equivalent(String),
    /// Ambiguous or malformed.
    Ambiguous,
}

/// A parsed request URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestUrl {
    /// The absolute URL that is forwarded, without a fragment.
    pub url: String,
    /// The form in which the client wrote it.
    pub form: UrlForm,
}

/// The paths in which a parameter may contain encoded slashes.
const ENCODED_SLASH_PREFIX: &str = "/api/";

/// Parses the URL of a request.
pub fn parse(url: &str) -> RequestUrl {
    let (host, target) = split_origin(url);
    let (path, query) = path_and_query(target);
    let query = query.map(|query| format!("?{}", percent_encode(query, is_query)));
    let query = query.unwrap_or_default();
    let (path, form) = match path {
        "" => ("/".to_owned(), UrlForm::Canonical),
        path => parse_path(path),
    };
    let form = match form {
        _ if !host.bytes().all(is_host) => UrlForm::Ambiguous,
        UrlForm::Equivalent(path) => UrlForm::Equivalent(path + &query),
        form => form,
    };
    RequestUrl {
        url: format!("{host}{path}{query}"),
        form,
    }
}

fn parse_path(path: &str) -> (String, UrlForm) {
    let Some(path) = normalize_path(path) else {
        return ("/".to_owned(), UrlForm::Ambiguous);
    };
    let slashes = path.contains("%2F") || path.contains("%5C");
    if path.contains('\\')
        || has_control(&path)
        || slashes && !path.starts_with(ENCODED_SLASH_PREFIX)
    {
        return (path, UrlForm::Ambiguous);
    }
    // A server that decodes first would find dot segments behind encoded slashes, too.
    let decoded = path.replace("%2F", "/").replace("%5C", "/");
    let is_dots = |part: &str| matches!(part, "." | "..");
    let empty = path.contains("//");
    if !(empty || decoded.split('/').any(is_dots)) {
        return (path, UrlForm::Canonical);
    }
    if slashes {
        return (path, UrlForm::Ambiguous);
    }
    let mut other = remove_dot_segments(&path);
    while other.contains("//") {
        other = other.replace("//", "/");
    }
    (path, UrlForm::Equivalent(other))
}

/// Percent-decodes unreserved characters, and encodes all others uniformly (RFC 3986 §6.2.2). None
/// if an encoding is malformed.
fn normalize_path(path: &str) -> Option<String> {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character != '%' {
            push(&mut normal, character, |byte| {
                is_path(byte) || byte == b'\\'
            });
            continue;
        }
        let digits = rest.get(..2)?;
        let valid = digits.bytes().all(|it| it.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| valid)?;
        rest = &rest[2..];
        match byte {
            byte if is_unreserved(byte) => normal.push(char::from(byte)),
            byte => drop(write!(normal, "%{byte:02X}")),
        }
    }
    Some(normal)
}

fn has_control(path: &str) -> bool {
    let mut encoded = path.split('%').skip(1).filter_map(|it| it.get(..2));
    encoded.any(|it| it.starts_with(['0', '1']) || it == "7F")
}

/// Percent-encodes every byte that is not allowed.
fn percent_encode(text: &str, allowed: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut encoded, character, &allowed);
    }
    encoded
}

fn push(text: &mut String, character: char, allowed: impl Fn(u8) -> bool) {
    let mut bytes = [0; 4];
    for byte in character.encode_utf8(&mut bytes).bytes() {
        if allowed(byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The characters of a path (RFC 3986 §3.3).
const fn is_path(byte: u8) -> bool {
    let sub = matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*');
    is_unreserved(byte) || sub || matches!(byte, b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/')
}

/// The characters that the URL Standard leaves unencoded in the query of an `http` URL.
const fn is_query(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'\'' | b'<' | b'>')
}

const fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'/' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(target: &str) -> (String, UrlForm) {
        let parsed_url = parse(&format!("http://shop{target}"));
        let target = parsed_url.url.strip_prefix("http://shop").unwrap();
        (target.to_owned(), parsed_url.form)
    }

    #[test]
    fn a_canonical_url_is_forwarded_normalized() {
        for (target, sent) in [
            ("/", "/"),
            ("", "/"),
            ("?a=1", "/?a=1"),
            ("/cart", "/cart"),
            ("/%63art", "/cart"),
            ("/p/%e8%8c%b6", "/p/%E8%8C%B6"),
            ("/p/茶", "/p/%E8%8C%B6"),
            ("/p/a b\"", "/p/a%20b%22"),
            ("/p/a%252e", "/p/a%252e"),
            ("/p/mug/", "/p/mug/"),
            ("/p/...", "/p/..."),
            ("/p/.well", "/p/.well"),
            ("/search?q=a/../b\\c'd", "/search?q=a/../b\\c%27d"),
            ("/search?q=%zz#metrics", "/search?q=%zz"),
            (
                "/api/v1/carts/1/lines/a%2fb%5c",
                "/api/v1/carts/1/lines/a%2Fb%5C",
            ),
        ] {
            assert_eq!(
                of(target),
                (sent.to_owned(), UrlForm::Canonical),
                "{target}"
            );
        }
    }

    #[test]
    fn dot_segments_and_empty_segments_are_equivalent_forms() {
        for (target, other) in [
            ("/./metrics", "/metrics"),
            ("/%2e/metrics?a=1", "/metrics?a=1"),
            ("/x/%2e%2E/metrics", "/metrics"),
            ("/docs/../metrics", "/metrics"),
            ("/x/.%2e/metrics", "/metrics"),
            ("/account/../account", "/account"),
            ("/u1/../p/mug", "/p/mug"),
            ("//metrics", "/metrics"),
            ("/p//mug", "/p/mug"),
            ("//evil.example/..", "/"),
            ("///", "/"),
            ("/.", "/"),
            ("/a/..", "/"),
            ("/../../..", "/"),
            ("/.//./metrics", "/metrics"),
        ] {
            assert_eq!(
                of(target).1,
                UrlForm::Equivalent(other.to_owned()),
                "{target}"
            );
        }
    }

    #[test]
    fn an_ambiguous_url_is_rejected() {
        for target in [
            "/x\\..\\metrics",
            "\\metrics",
            "/x%5c..%5cmetrics",
            "/x%2f..%2fmetrics",
            "/%2fmetrics",
            "/p/mug%2F",
            "/api/%2e%2e%2fmetrics",
            "/api/v1/a%2F..",
            "/p/mug%00",
            "/p/mug%0a",
            "/p/mug\u{7f}",
            "/p/%7f",
            "/p/\t",
            "/p/%",
            "/p/%a",
            "/p/%zz",
            "/p/%+1",
            "*",
            "@evil.example/",
        ] {
            assert_eq!(of(target).1, UrlForm::Ambiguous, "{target}");
        }
    }

    proptest! {
        /// A parser of the URL Standard leaves a canonical URL unchanged.
        #[test]
        fn the_url_standard_agrees_on_canonical_urls(target in "/[ -~茶]{0,30}") {
            let parsed_url = parse(&format!("http://shop{target}"));
            if parsed_url.form == UrlForm::Canonical {
                let parsed = url::Url::parse(&parsed_url.url).unwrap();
                prop_assert_eq!(parsed.as_str(), &parsed_url.url);
                let again = parse(&parsed_url.url);
                prop_assert_eq!(&again, &parsed_url);
            }
        }

        /// Dots, slashes and their encodings in every order.
        #[test]
        fn no_encoding_of_dot_segments_is_canonical(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "/", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "x", "%00", "%25", "?",
                    "metrics",
                ]),
                0..12,
            ),
        ) {
            let parsed_url = parse(&format!("http://shop/{}", parts.concat()));
            match parsed_url.form {
                UrlForm::Canonical => {
                    let parsed = url::Url::parse(&parsed_url.url).unwrap();
                    prop_assert_eq!(parsed.as_str(), &parsed_url.url);
                }
                UrlForm::Equivalent(other) => {
                    prop_assert!(other.starts_with('/') && !other.starts_with("//"));
                    let other = parse(&format!("http://shop{other}"));
                    prop_assert_eq!(other.form, UrlForm::Canonical);
                }
                UrlForm::Ambiguous => {}
            }
        }

        #[test]
        fn parsing_never_panics(url in "\\PC{0,30}") {
            let _ = parse(&url);
        }
    }
}
