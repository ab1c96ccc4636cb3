//! The languages of the shop. A language is a path prefix, so that cache keys need no header field.

use serde::{Deserialize, Serialize};

/// A language of the storefront.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English, the default, without a path prefix.
    #[default]
    En,
    /// Simplified Chinese: `/zh/…`.
    Zh,
}

impl Locale {
    /// All languages, the default first.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The code in paths, query parameters and the database.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// The BCP 47 tag for `lang` and `hreflang`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-Hans",
        }
    }

    /// The language's own name for itself.
    pub const fn endonym(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Zh => "中文",
        }
    }

    /// The path prefix of this language: empty, or `/zh`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::En => "",
            Self::Zh => "/zh",
        }
    }

    /// The language with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.code() == code)
    }

    /// Splits a path into its language and the rest, which begins with `/`.
    pub fn split(path: &str) -> (Self, &str) {
        for locale in Self::ALL
            .into_iter()
            .filter(|locale| !locale.prefix().is_empty())
        {
            match path.strip_prefix(locale.prefix()) {
                Some("") => return (locale, "/"),
                Some(rest) if rest.starts_with('/') => return (locale, rest),
                _ => {}
            }
        }
        (Self::default(), path)
    }

    /// The path of a page in this language; `path` has no language prefix and begins with `/`.
    pub fn path(self, path: &str) -> String {
        match (self.prefix(), path) {
            ("", path) => path.to_owned(),
            (prefix, "/") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}{path}"),
        }
    }
}

impl std::fmt::Display for Locale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip() {
        for (path, locale, rest) in [
            ("/", Locale::En, "/"),
            ("/c/tea", Locale::En, "/c/tea"),
            ("/zh", Locale::Zh, "/"),
            ("/zh/c/tea", Locale::Zh, "/c/tea"),
            ("/zhang", Locale::En, "/zhang"),
        ] {
            assert_eq!(Locale::split(path), (locale, rest));
            assert_eq!(locale.path(rest), path);
        }
    }
}
