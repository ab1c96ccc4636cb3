//! Cache policies. The origin turns them into header fields and the edge obeys those; there is no
//! other cache configuration.

/// How long a response may be stored, and by which caches. No other code writes a cache header
/// field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CachePolicy {
    /// Personal or volatile: never stored. This is the default.
    #[default]
    Private,
    /// The same for everybody: stored until it is stale or one of its tags is purged.
    Shared {
        /// The fresh lifetime, in seconds.
        fresh: Seconds,
        /// How long after that it may be served stale while it is revalidated (RFC 5861 §3).
        stale: Seconds,
        /// How long after that it may be served stale when the origin fails (RFC 5861 §4).
        on_error: Seconds,
        /// The cache tags of its content.
        tags: Tags,
    },
    /// The URL contains a hash of the content: stored for a year by every cache.
    Immutable,
}

/// A length of time in whole seconds.
pub type Seconds = u32;

const MINUTE: Seconds = 60;
const DAY: Seconds = 24 * 60 * MINUTE;

impl CachePolicy {
    /// A response with catalogue content. A change purges it at the edges; it is fresh for only a
    /// minute, so that a cache that no purge reaches is soon current as well. It may be served
    /// stale for an hour while it is revalidated, and for a day when the origin fails.
    pub fn catalogue(tags: Tags) -> Self {
        Self::Shared {
            fresh: MINUTE,
            stale: 60 * MINUTE,
            on_error: DAY,
            tags,
        }
    }

    /// A response that says that something does not exist: stored briefly, so that repeated
    /// requests for it cost little.
    pub fn negative(tags: Tags) -> Self {
        Self::Shared {
            fresh: 10,
            stale: 0,
            on_error: MINUTE,
            tags,
        }
    }

    /// A substitute for content that will be there soon.
    pub fn interim() -> Self {
        Self::Shared {
            fresh: 5 * MINUTE,
            stale: MINUTE,
            on_error: DAY,
            tags: Tags::default(),
        }
    }

    /// Content that changes only with a new version of the program: the API description,
    /// robots.txt.
    pub fn release() -> Self {
        Self::Shared {
            fresh: 5 * MINUTE,
            stale: DAY,
            on_error: DAY,
            tags: Tags::default(),
        }
    }

    /// `Cache-Control`, for browsers. They revalidate every time and get a short 304 from the edge,
    /// because a browser's cache cannot be purged.
    pub fn cache_control(&self) -> &'static str {
        match self {
            Self::Private => "no-store",
            Self::Shared { .. } => "public, max-age=0",
            Self::Immutable => "public, max-age=31536000, immutable",
        }
    }

    /// `CDN-Cache-Control` (RFC 9213), for the edge. It must not contain `s-maxage` or
    /// `must-revalidate`, because these disable stale-while-revalidate at Cloudflare.
    pub fn cdn_cache_control(&self) -> Option<String> {
        match self {
            Self::Private => None,
            Self::Shared {
                fresh,
                stale,
                on_error,
                ..
            } => Some(format!(
                "public, max-age={fresh}, stale-while-revalidate={stale}, stale-if-error={on_error}"
            )),
            Self::Immutable => Some("public, max-age=31536000, immutable".to_owned()),
        }
    }

    /// The cache tags of the response.
    pub fn tags(&self) -> &[Tag] {
        match self {
            Self::Shared { tags, .. } => tags.as_slice(),
            _ => &[],
        }
    }

    /// `Cache-Tag`: the tags by which the response can be purged.
    pub fn cache_tag(&self) -> Option<String> {
        match self {
            Self::Shared { tags, .. } if !tags.0.is_empty() => Some(tags.to_string()),
            _ => None,
        }
    }
}

/// The cache tags of a response: few, short, sorted, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

/// The maximum number of tags of a response. A list has the tag of its category, not one for each
/// of its products; a search has no category and therefore tags each product.
pub const TAGS_MAX: usize = 32;

/// A cache tag: a kind of resource, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// The home page and the lists on it.
    Home,
    /// The category tree: menus and breadcrumbs.
    Categories,
    /// Search results: words, prices, brands and names of products, but not their stock.
    Search,
    /// A category and its lists.
    Category(i64),
    /// A product.
    Product(i64),
    /// A response that says that nothing exists at a URL.
    Missing,
    /// An account, in the session caches of the origins. No cached response is about an account.
    Account(i64),
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Home => f.write_str("home"),
            Self::Categories => f.write_str("categories"),
            Self::Search => f.write_str("search"),
            Self::Category(id) => write!(f, "c{id}"),
            Self::Product(id) => write!(f, "p{id}"),
            Self::Missing => f.write_str("missing"),
            Self::Account(id) => write!(f, "u{id}"),
        }
    }
}

impl std::str::FromStr for Tag {
    type Err = UnknownTag;

    fn from_str(text: &str) -> Result<Self, UnknownTag> {
        let id = |text: &str| text.parse().map_err(|_| UnknownTag);
        match text {
            "home" => Ok(Self::Home),
            "categories" => Ok(Self::Categories),
            "search" => Ok(Self::Search),
            "missing" => Ok(Self::Missing),
            _ => match text.split_at_checked(1) {
                Some(("c", text)) => id(text).map(Self::Category),
                Some(("p", text)) => id(text).map(Self::Product),
                Some(("u", text)) => id(text).map(Self::Account),
                _ => Err(UnknownTag),
            },
        }
    }
}

/// The text is not a cache tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTag;

impl Tags {
    /// The tags in sorted order.
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }
}

impl FromIterator<Tag> for Tags {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        let mut tags: Vec<Tag> = tags.into_iter().collect();
        tags.sort_unstable();
        tags.dedup();
        tags.truncate(TAGS_MAX);
        Self(tags)
    }
}

impl std::fmt::Display for Tags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, tag) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            tag.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_is_private() {
        let policy = CachePolicy::default();
        assert_eq!(policy.cache_control(), "no-store");
        assert_eq!(policy.cdn_cache_control(), None);
        assert_eq!(policy.cache_tag(), None);
    }

    #[test]
    fn catalogue_responses_have_all_cache_fields() {
        let tags = [Tag::Product(7), Tag::Categories, Tag::Product(7)]
            .into_iter()
            .collect();
        let policy = CachePolicy::catalogue(tags);
        assert_eq!(policy.cache_control(), "public, max-age=0");
        assert_eq!(
            policy.cdn_cache_control().as_deref(),
            Some("public, max-age=60, stale-while-revalidate=3600, stale-if-error=86400")
        );
        assert_eq!(policy.cache_tag().as_deref(), Some("categories,p7"));
    }

    #[test]
    fn tags_round_trip() {
        for tag in [
            Tag::Home,
            Tag::Categories,
            Tag::Search,
            Tag::Category(-3),
            Tag::Product(i64::MAX),
            Tag::Missing,
            Tag::Account(7),
        ] {
            assert_eq!(tag.to_string().parse(), Ok(tag));
        }
        for text in ["", "*", "p", "x7", "p7x", "\u{e9}1"] {
            assert_eq!(text.parse::<Tag>(), Err(UnknownTag), "{text}");
        }
    }

    #[test]
    fn a_response_never_has_more_tags_than_the_limit() {
        let tags: Tags = (0..100).map(Tag::Product).collect();
        assert_eq!(tags.0.len(), TAGS_MAX);
    }
}
