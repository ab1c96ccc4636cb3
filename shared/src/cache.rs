//! How long an answer may live, and where. Origin writes these headers, the edge obeys them; there
//! is no other cache configuration.

/// How long an answer may live, and where. No other code writes a cache header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CachePolicy {
    /// Personal or changing: nobody stores it. What you get when you say nothing.
    #[default]
    Private,
    /// The same for everybody: kept until it is stale or one of its tags is purged.
    Shared {
        /// How long it is served without asking.
        fresh: Seconds,
        /// How long after that it is served while a new one is fetched (RFC 5861).
        stale: Seconds,
        /// How long after that it is served when the origin fails (RFC 5861).
        on_error: Seconds,
        /// What it was made from.
        tags: Tags,
    },
    /// The name contains the hash of the content: kept for a year, everywhere.
    Immutable,
}

/// A length of time in whole seconds.
pub type Seconds = u32;

const MINUTE: Seconds = 60;
const DAY: Seconds = 24 * 60 * MINUTE;

impl CachePolicy {
    /// A catalogue answer. Edges are told when it changes; it is fresh for a minute, so that one that no
    /// purge reaches is right soon, too. It is served stale for an hour while it is renewed, and for a
    /// day when the origin is down.
    pub fn catalogue(tags: Tags) -> Self {
        Self::Shared {
            fresh: MINUTE,
            stale: 60 * MINUTE,
            on_error: DAY,
            tags,
        }
    }

    /// That something does not exist: remembered briefly, so that a mistyped address costs little.
    pub fn negative(tags: Tags) -> Self {
        Self::Shared {
            fresh: 10,
            stale: 0,
            on_error: MINUTE,
            tags,
        }
    }

    /// What changes only with a new version of the program: the API description, robots.txt.
    pub fn release() -> Self {
        Self::Shared {
            fresh: 5 * MINUTE,
            stale: DAY,
            on_error: DAY,
            tags: Tags::default(),
        }
    }

    /// `Cache-Control`: what browsers do. They ask again every time and get a short 304 from the
    /// edge, because nobody can purge a browser.
    pub fn cache_control(&self) -> &'static str {
        match self {
            Self::Private => "no-store",
            Self::Shared { .. } => "public, max-age=0",
            Self::Immutable => "public, max-age=31536000, immutable",
        }
    }

    /// `CDN-Cache-Control` (RFC 9213): what the edge does. `s-maxage` and `must-revalidate` are
    /// avoided on purpose, because they switch off stale-while-revalidate at Cloudflare.
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

    /// The names by which the answer can be purged.
    pub fn tags(&self) -> &[Tag] {
        match self {
            Self::Shared { tags, .. } => tags.as_slice(),
            _ => &[],
        }
    }

    /// `Cache-Tag`: by which names the answer can be purged.
    pub fn cache_tag(&self) -> Option<String> {
        match self {
            Self::Shared { tags, .. } if !tags.0.is_empty() => Some(tags.to_string()),
            _ => None,
        }
    }
}

/// The names by which an answer can be purged: few, short, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

/// The most tags that one answer carries. A list names its category, not each of its products; what was
/// searched has none, and names them.
pub const TAGS_MAX: usize = 32;

/// One name: a kind of thing, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// The home page and the lists on it.
    Home,
    /// The category tree: menus and breadcrumbs.
    Categories,
    /// What can be found: words, prices, brands and names of products, but not how many there are.
    Search,
    /// A category and the lists of it.
    Category(i64),
    /// A product.
    Product(i64),
    /// That there is nothing at an address.
    Missing,
    /// An account: what origins remember of it. No answer that is kept is about one.
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

/// A text that is no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTag;

impl Tags {
    /// The tags, sorted.
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
    fn silence_means_nobody_stores_it() {
        let policy = CachePolicy::default();
        assert_eq!(policy.cache_control(), "no-store");
        assert_eq!(policy.cdn_cache_control(), None);
        assert_eq!(policy.cache_tag(), None);
    }

    #[test]
    fn a_catalogue_answer_says_all_three() {
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
    fn a_tag_is_read_as_it_is_written() {
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
    fn an_answer_never_carries_more_tags_than_the_limit() {
        let tags: Tags = (0..100).map(Tag::Product).collect();
        assert_eq!(tags.0.len(), TAGS_MAX);
    }
}
