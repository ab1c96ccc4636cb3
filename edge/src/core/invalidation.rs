//! Invalidation of stored responses by unsafe requests (RFC 9111 §4.4).

use shared::cache_key::{self, Audience};

use super::headers::Headers;

/// The cache keys that a successful unsafe request invalidates: that of its target URI, and those
/// that `Location` and `Content-Location` of the response name, if they have the same origin. `url`
/// is the absolute request URL. Personal responses are never stored, so they have no keys.
pub fn invalidated_keys(url: &str, status: u16, answer: &Headers) -> Vec<String> {
    if !(200..400).contains(&status) {
        return Vec::new();
    }
    let (origin, target) = split_origin(url);
    let named = ["location", "content-location"];
    let named = named.into_iter().filter_map(|name| answer.get(name));
    let others = named.filter_map(|reference| resolve_reference(origin, target, reference.trim()));
    let mut keys: Vec<String> = std::iter::once(target.to_owned())
        .chain(others)
        .filter_map(|target| {
            let (path, query) = path_and_query(&target);
            let target = cache_key::target(path, query);
            (target.audience != Audience::Private).then_some(target.key)
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Splits a URL into its origin (scheme and authority) and the rest without the fragment.
pub fn split_origin(url: &str) -> (&str, &str) {
    let url = url.split('#').next().unwrap_or(url);
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host + at);
    (&url[..end], &url[end..])
}

/// Splits a request target into path and query.
pub fn path_and_query(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// Resolves a reference against a target (RFC 3986 §5.2); None if it has another origin.
fn resolve_reference(origin: &str, target: &str, reference: &str) -> Option<String> {
    let scheme = origin.split_once("://").map_or("", |(scheme, _)| scheme);
    let same =
        |other: &str, rest: &str| other.eq_ignore_ascii_case(origin).then(|| rest.to_owned());
    if reference.contains("://") && !reference.starts_with(['/', '?']) {
        let (other, rest) = split_origin(reference);
        return same(other, rest);
    }
    if reference.starts_with("//") {
        let absolute = format!("{scheme}:{reference}");
        let (other, rest) = split_origin(&absolute);
        return same(other, rest);
    }
    let reference = reference.split('#').next().unwrap_or_default();
    let (path, _) = path_and_query(target);
    let merged = match reference.as_bytes().first() {
        None => target.to_owned(),
        Some(b'/') => reference.to_owned(),
        Some(b'?') => format!("{path}{reference}"),
        Some(_) => format!(
            "{}/{reference}",
            path.rsplit_once('/').map_or("", |it| it.0)
        ),
    };
    Some(remove_dot_segments(&merged))
}

/// Removes dot segments (RFC 3986 §5.2.4).
pub fn remove_dot_segments(target: &str) -> String {
    let (path, query) = path_and_query(target);
    let mut parts: Vec<&str> = Vec::new();
    let last = path.rsplit('/').next().unwrap_or_default();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash = if matches!(last, "." | "..") && !parts.is_empty() {
        "/"
    } else {
        ""
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{}{slash}{query}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(location: &str) -> Vec<String> {
        let answer = [("location", location)].into_iter().collect();
        invalidated_keys("http://shop.example/a/b?x=1", 201, &answer)
    }

    #[test]
    fn the_target_and_the_named_locations_are_invalidated() {
        let own = "/a/b?x=1";
        for (location, other) in [
            ("/c?y=2", Some("/c?y=2")),
            ("c", Some("/a/c")),
            ("./c", Some("/a/c")),
            ("../c", Some("/c")),
            ("../../../c", Some("/c")),
            ("?z=3", Some("/a/b?z=3")),
            ("", None),
            ("#top", None),
            ("http://shop.example/c", Some("/c")),
            ("HTTP://SHOP.example/c#x", Some("/c")),
            ("//shop.example/c", Some("/c")),
            ("//other.example/c", None),
            ("https://shop.example/c", None),
            ("http://other.example/c", None),
        ] {
            let mut expected: Vec<&str> = std::iter::once(own).chain(other).collect();
            expected.sort_unstable();
            assert_eq!(of(location), expected, "{location:?}");
        }
    }

    #[test]
    fn a_failed_request_invalidates_nothing() {
        let answer = Headers::new();
        for status in [100, 400, 404, 500] {
            assert!(invalidated_keys("http://shop.example/a", status, &answer).is_empty());
        }
        assert_eq!(
            invalidated_keys("http://shop.example/a", 303, &answer),
            ["/a"]
        );
        assert_eq!(invalidated_keys("http://shop.example", 200, &answer), ["/"]);
        assert!(invalidated_keys("http://shop.example/cart", 200, &answer).is_empty());
    }

    proptest! {
        #[test]
        fn resolving_never_panics(url in "\\PC{0,30}", location in "[./?#:a-zé]{0,20}") {
            let answer = [("location", location.as_str())].into_iter().collect();
            let _ = invalidated_keys(&url, 200, &answer);
        }
    }
}
