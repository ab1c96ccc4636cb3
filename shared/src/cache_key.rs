//! Cache keys: which requests share a stored response. A page has one key however its URL is
//! spelled.

use std::borrow::Cow;

use crate::{
    endpoint::{self, Caching},
    locale::Locale,
    page,
    search::QUERY_MAX,
};

/// Query parameters of tracking and advertising, which do not change the response.
const TRACKING: [&str; 11] = [
    "dclid", "fbclid", "gbraid", "gclid", "igshid", "mc_cid", "mc_eid", "msclkid", "ttclid",
    "wbraid", "yclid",
];

/// A request target: its cache key, and what the endpoint and page tables say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTarget {
    /// Normalized path and query, without the host. For a cacheable response the origin gets the
    /// same.
    pub key: String,
    /// The class of the route, for metrics.
    pub class: RouteClass,
    /// The audience of the response.
    pub audience: Audience,
}

/// The class of a route, as metrics count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteClass {
    /// A page of the shop.
    Page,
    /// The JSON API.
    Api,
    /// An image, a stylesheet or a script.
    Asset,
    /// A path that no table contains.
    Other,
}

impl RouteClass {
    /// All classes with their names in metrics.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Page, "page"),
        (Self::Api, "api"),
        (Self::Asset, "asset"),
        (Self::Other, "other"),
    ];
}

/// The audience of a response, according to the endpoint and page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody: the origin gets nothing about the client.
    Public,
    /// Only the client that sent the request: it goes to the origin unchanged, and the response is
    /// not shared.
    Private,
    /// No table contains the path, so the response's header fields decide.
    Unknown,
}

/// Parses a path and a query.
pub fn target(path: &str, query: Option<&str>) -> RequestTarget {
    let mut key = normalize_path(path);
    let query = query.unwrap_or_default();
    let route = find_route(&key);
    let class = class(&key, route.is_some());
    let query = match route {
        Some((allowed, _)) => select_pairs(query, class, |name| allowed.contains(&name)),
        None if has_tracking(query) => select_pairs(query, class, |name| !is_tracking(name)),
        // A path outside of the tables: its query has an unknown meaning and stays as it is.
        None => query.to_owned(),
    };
    if !query.is_empty() {
        key.push('?');
        key.push_str(&query);
    }
    let audience = match route {
        Some((_, Caching::Shared)) => Audience::Public,
        Some((_, Caching::Private)) => Audience::Private,
        None => Audience::Unknown,
    };
    RequestTarget {
        key,
        class,
        audience,
    }
}

/// The cache key of a request to a route with these query parameters; a fast path where the route
/// is known already. None if the query has other parameters, which the handler must reject.
pub fn of_route<'u>(path: &'u str, query: Option<&str>, allowed: &[&str]) -> Option<Cow<'u, str>> {
    let query = query.unwrap_or_default();
    if query.is_empty() && !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let known = |name: &str| allowed.contains(&name);
    let all = query.split('&').map(name_of);
    let strange = all.filter(|name| !(name.is_empty() || known(name) || is_tracking(name)));
    if strange.count() > 0 {
        return None;
    }
    let mut key = normalize_path(path);
    let class = class(&key, true);
    let query = select_pairs(query, class, known);
    if !query.is_empty() {
        key.push('?');
        key.push_str(&query);
    }
    Some(Cow::Owned(key))
}

/// The cache key of a path and a query.
pub fn key(path: &str, query: Option<&str>) -> String {
    target(path, query).key
}

fn class(path: &str, known: bool) -> RouteClass {
    match path {
        _ if path.starts_with(API) => RouteClass::Api,
        _ if known => RouteClass::Page,
        _ if FILES.iter().any(|folder| path.starts_with(folder)) => RouteClass::Asset,
        _ => RouteClass::Other,
    }
}

/// The path prefix of all endpoints.
const API: &str = "/api/";
/// The path prefixes of static files: stylesheets and scripts, and images.
const FILES: [&str; 2] = ["/assets/", "/media/"];

/// Whether the path belongs to the operators' endpoints.
pub fn is_for_operators(path: &str) -> bool {
    let path = normalize_path(path);
    let path = path.trim_end_matches('/');
    page::operator::ALL.contains(&path)
}

/// The query parameters and the caching of a GET route; none if no table contains the path.
fn find_route(path: &str) -> Option<(&'static [&'static str], Caching)> {
    if path.starts_with(API) {
        let read = |spec: &endpoint::EndpointSpec| spec.method == endpoint::Method::Get;
        let endpoints = endpoint::all().filter(|spec| read(spec) && matches_route(spec.path, path));
        // `/products/hot` matches both itself and `/products/{product}`: the route without
        // parameters wins.
        let endpoint = endpoints.min_by_key(|spec| spec.path.matches('{').count());
        return endpoint.map(|spec| (spec.query, spec.caching));
    }
    let (_, unprefixed) = Locale::split(path);
    let page = page::ALL
        .iter()
        .find(|route| matches_route(route.path, unprefixed));
    page.map(|route| (route.query, route.caching))
}

/// Whether a path matches a route.
fn matches_route(route: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let same = route.split('/').all(|expected| {
        parts
            .next()
            .is_some_and(|part| match expected.strip_prefix('{') {
                Some(_) => !part.is_empty(),
                None => part == expected,
            })
    });
    same && parts.next().is_none()
}

fn has_tracking(query: &str) -> bool {
    query.split('&').any(|pair| is_tracking(name_of(pair)))
}

fn is_tracking(name: &str) -> bool {
    name.starts_with("utm_") || TRACKING.contains(&name)
}

/// The pairs with these names, sorted by name. Repeated pairs keep their order, which may matter.
fn select_pairs(query: &str, class: RouteClass, wanted: impl Fn(&str) -> bool) -> String {
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| wanted(name_of(pair)))
        .map(|pair| match pair.split_once('=') {
            // A page shows the query as it was typed; for the API all spellings of a search are
            // equal.
            Some((SEARCHED, typed)) if class == RouteClass::Api => normalize_search(typed),
            Some((name, number)) if NUMBERS.contains(&name) => {
                format!(
                    "{name}={}",
                    normalize_number(&normalize_percent_encoding(number))
                )
            }
            _ => normalize_percent_encoding(pair),
        })
        .collect();
    pairs.sort_by(|one, other| name_of(one).cmp(name_of(other)));
    pairs.join("&")
}

/// The query parameters whose value is an integer.
const NUMBERS: [&str; 5] = ["limit", "max", "min", "price_max", "price_min"];

/// An integer without a sign or leading zeros. Anything else stays as it is, for the handler to
/// reject.
fn normalize_number(text: &str) -> &str {
    let digits = text.strip_prefix("%2B").unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return text;
    }
    match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    }
}

/// The query parameter with the search query.
const SEARCHED: &str = "q";

/// A search query normalized as by [`crate::search::normal_query`], but only if it is ASCII: the
/// Unicode case tables would add a fortieth to the size of the edge.
fn normalize_search(typed: &str) -> String {
    let pair = format!("{SEARCHED}={typed}");
    let Some(typed) = decode_ascii(typed).filter(|it| it.len() <= QUERY_MAX) else {
        // A query that is too long is rejected, so normalization must not make it valid.
        return normalize_percent_encoding(&pair);
    };
    let blank = |octet: &u8| octet.is_ascii_whitespace() || octet.is_ascii_control();
    let mut pair = format!("{SEARCHED}=");
    for (index, word) in typed.split(blank).filter(|it| !it.is_empty()).enumerate() {
        if index > 0 {
            pair.push('+');
        }
        for octet in word {
            match octet.to_ascii_lowercase() {
                octet if is_unreserved(octet) => pair.push(char::from(octet)),
                octet => pair.push_str(&format!("%{octet:02X}")),
            }
        }
    }
    pair
}

/// The decoded value of a form field, if all of it is ASCII.
fn decode_ascii(value: &str) -> Option<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let encoded = (*byte == b'%')
            .then(|| octet(bytes.get(at + 1..at + 3)?))
            .flatten();
        at += if encoded.is_some() { 3 } else { 1 };
        plain.push(match encoded {
            Some(octet) => octet,
            None if *byte == b'+' => b' ',
            None => *byte,
        });
    }
    plain.is_ascii().then_some(plain)
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or(pair)
}

/// A normalized path.
fn normalize_path(path: &str) -> String {
    let path = normalize_percent_encoding(path);
    if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    }
}

/// Normalizes percent-encodings (RFC 3986 §6.2.2): unreserved characters are decoded, other
/// encodings get upper-case digits. A `%` that begins no encoding becomes `%25`, because together
/// with what follows it could become one.
fn normalize_percent_encoding(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut normal = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let encoded = (letter == '%')
            .then(|| octet(bytes.get(at + 1..at + 3)?))
            .flatten();
        match encoded {
            Some(octet) if is_unreserved(octet) => normal.push(char::from(octet)),
            Some(_) => normal.push_str(&text[at..at + 3].to_ascii_uppercase()),
            None if letter == '%' => normal.push_str("%25"),
            None => normal.push(letter),
        }
        at += if encoded.is_some() {
            3
        } else {
            letter.len_utf8()
        };
    }
    normal
}

fn octet(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    Some(value(*digits.first()?)? << 4 | value(*digits.get(1)?)?)
}

const fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_audience_follows_from_the_path() {
        for path in [
            "/cart",
            "/zh/cart",
            "/%63art",
            "/orders/7K3Q",
            "/api/v1/carts/current",
        ] {
            assert_eq!(target(path, None).audience, Audience::Private, "{path}");
        }
        for path in ["/", "/zh", "/p/mug", "/shipping", "/api/v1/products"] {
            assert_eq!(target(path, None).audience, Audience::Public, "{path}");
        }
        for path in ["/nothing", "/account/x.css", "/cart/", "/api/v1/nothing"] {
            assert_eq!(target(path, None).audience, Audience::Unknown, "{path}");
        }
    }

    #[test]
    fn all_endpoints_have_the_api_prefix() {
        assert!(endpoint::all().all(|spec| spec.path.starts_with(API)));
        for (path, class) in [
            ("/p/mug", RouteClass::Page),
            ("/api/v1/products", RouteClass::Api),
            ("/assets/a.css", RouteClass::Asset),
            ("/robots.txt", RouteClass::Other),
        ] {
            assert_eq!(target(path, None).class, class, "{path}");
        }
    }

    #[test]
    fn one_page_has_one_key() {
        for (path, query, expected) in [
            ("/", Some("utm_source=x"), "/"),
            ("/", Some("anything=1"), "/"),
            ("/p/mug", Some("fbclid=1&variant=7"), "/p/mug?variant=7"),
            ("/p/%6dug", None, "/p/mug"),
            ("/p/%e8%8c%b6", None, "/p/%E8%8C%B6"),
            ("/p/a%2fb", None, "/p/a%2Fb"),
            ("/%a%30", None, "/%25a0"),
            (
                "/zh/c/tea",
                Some("sort=newest&brand=b&brand=a"),
                "/zh/c/tea?brand=b&brand=a&sort=newest",
            ),
            (
                "/api/v1/products",
                Some("sort=x&limit=2&x=1"),
                "/api/v1/products?limit=2&sort=x",
            ),
            (
                "/api/v1/products",
                Some("limit=02&price_max=%2B0050&price_min=000"),
                "/api/v1/products?limit=2&price_max=50&price_min=0",
            ),
            (
                "/api/v1/products",
                Some("limit=0x2&price_min=%2B&sort=02"),
                "/api/v1/products?limit=0x2&price_min=%2B&sort=02",
            ),
            ("/p/mug", Some("variant=07"), "/p/mug?variant=07"),
            (
                "/c/tea",
                Some("min=010&max=10.50"),
                "/c/tea?max=10.50&min=10",
            ),
            (
                "/api/v1/products/hot",
                Some("limit=2&category=x"),
                "/api/v1/products/hot?limit=2",
            ),
            (
                "/api/v1/products/mug",
                Some("limit=2&locale=zh"),
                "/api/v1/products/mug?locale=zh",
            ),
        ] {
            assert_eq!(key(path, query), expected);
        }
    }

    #[test]
    fn an_unknown_path_keeps_its_query() {
        assert_eq!(key("/other", Some("b=2&a=1")), "/other?b=2&a=1");
        assert_eq!(key("/other", Some("b=2&gclid=9&a=1")), "/other?a=1&b=2");
        assert_eq!(key("/c/tea/", Some("x=1")), "/c/tea/?x=1");
    }

    #[test]
    fn operator_paths_are_recognized_in_every_spelling() {
        for path in ["/metrics", "/%6Detrics", "/metrics/", "/healthz", "/readyz"] {
            assert!(is_for_operators(path), "{path}");
        }
        assert!(!is_for_operators("/metrics-of-tea"));
    }

    #[test]
    fn equal_searches_of_the_api_have_one_key() {
        let one = "/api/v1/search?locale=zh&q=blue+mug";
        for typed in [
            "q=Blue%20mug&locale=zh",
            "locale=zh&q=+BLUE++Mug%09",
            "q=blue+mug&locale=zh",
        ] {
            assert_eq!(key("/api/v1/search", Some(typed)), one, "{typed}");
        }
        assert_eq!(
            key("/api/v1/search", Some("q=%E8%8C%B6")),
            "/api/v1/search?q=%E8%8C%B6"
        );
        assert_eq!(key("/search", Some("q=Blue%20mug")), "/search?q=Blue%20mug");
    }

    #[test]
    fn the_key_of_a_route_equals_the_key_of_its_target() {
        let allowed = ["limit", "sort"];
        for query in [
            None,
            Some(""),
            Some("sort=newest&limit=5"),
            Some("utm_source=x&limit=%35"),
        ] {
            for path in ["/api/v1/products", "/api/v1/pr%6fducts"] {
                let found = of_route(path, query, &allowed);
                assert_eq!(found.as_deref(), Some(&*key(path, query)), "{query:?}");
            }
        }
        assert_eq!(
            of_route("/api/v1/products", Some("limit=5&limits=5"), &allowed),
            None
        );
    }

    proptest! {
        #[test]
        fn ascii_searches_are_normalized_like_queries(typed in "[ -~\t]{0,40}") {
            let mut query = form_urlencoded::Serializer::new(String::new());
            let key = key("/api/v1/search", Some(&query.append_pair("q", &typed).finish()));
            let (_, found) = key.split_once('?').unwrap();
            let found = form_urlencoded::parse(found.as_bytes()).next().unwrap();
            prop_assert_eq!(found.1, crate::search::normal_query(&typed));
        }

        #[test]
        fn keys_are_idempotent(path in "/[a-z%0-9A-F/{}]{0,20}", query in "[a-z=&%0-9]{0,30}") {
            let once = key(&path, Some(&query));
            let (path, query) = once.split_once('?').unwrap_or((&once, ""));
            prop_assert_eq!(key(path, Some(query)), once.clone());
        }

        #[test]
        fn parsing_never_panics(path in "\\PC{0,20}", query in "\\PC{0,20}") {
            let _ = key(&path, Some(&query));
        }

        #[test]
        fn the_order_of_different_parameters_makes_no_difference(
            limit in 1..100, sort in "newest|price_up",
        ) {
            let one = key("/api/v1/products", Some(&format!("limit={limit}&sort={sort}")));
            let other = key("/api/v1/products", Some(&format!("sort={sort}&limit={limit}")));
            prop_assert_eq!(one, other);
        }
    }
}
