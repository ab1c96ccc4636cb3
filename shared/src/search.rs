//! Searching: what may be asked, and what is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Availability, CategoryRef, PriceRange, ProductList, Sort},
    cursor::Cursor,
    locale::Locale,
};

/// The most characters of a search that are looked at.
pub const QUERY_MAX: usize = 100;
/// Up to how many found products are counted.
pub const TOTAL_MAX: u64 = 1_000;
/// How many products are suggested at most.
pub const SUGGESTED_PRODUCTS: u32 = 6;
/// How many categories are suggested at most.
pub const SUGGESTED_CATEGORIES: usize = 3;

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchProducts {
    /// What the shopper typed. A product has all of its words, in its name, brand, tags, skus or
    /// categories; the last word may be the beginning of one. Of more than eight words the first eight
    /// count.
    #[schemars(length(max = 100))]
    pub q: String,
    /// The language of names; English when absent.
    pub locale: Locale,
    /// The slug of a category: its products and those of everything below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The slugs of brands; repeat it for several, up to eight.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub brand: Vec<String>,
    /// The lowest price, in minor units of the shop's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub price_min: Option<i64>,
    /// The highest price, in minor units of the shop's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub price_max: Option<i64>,
    /// How much there must be; repeat it for several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub availability: Vec<Availability>,
    /// In which order; what fits best comes first when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// The page to show; the first when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// How many products a page holds; 24 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchList {
    /// The products of this page.
    #[serde(flatten)]
    pub list: ProductList,
    /// How many products were found on all pages, counted up to 1,000.
    pub total: u64,
    /// Whether there may be more than `total` says: more than are counted, or a word that so many
    /// products have that only the best of them were looked at.
    pub more: bool,
    /// What was searched instead, where nothing is written as it was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<String>,
}

/// For what is typed so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListSuggestions {
    /// What the shopper has typed.
    #[schemars(length(max = 100))]
    pub q: String,
    /// The language of names; English when absent.
    pub locale: Locale,
}

/// What a shopper may be looking for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suggestions {
    /// Up to six products, what fits best first.
    pub products: Vec<SuggestedProduct>,
    /// Up to three categories.
    pub categories: Vec<CategoryRef>,
}

/// A product as a suggestion shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuggestedProduct {
    /// Its word in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What its variants cost.
    pub price: PriceRange,
    /// The address of a small picture that every browser can show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// What was typed, in the one spelling under which it is searched and kept: lower case, single spaces,
/// at most [`QUERY_MAX`] characters.
pub fn normal_query(typed: &str) -> String {
    let mut normal = String::new();
    for word in typed.split(|it: char| it.is_whitespace() || it.is_control()) {
        if !word.is_empty() {
            if !normal.is_empty() {
                normal.push(' ');
            }
            normal.extend(word.chars().flat_map(char::to_lowercase));
        }
    }
    let cut: String = normal.chars().take(QUERY_MAX).collect();
    cut.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_search_has_one_spelling() {
        for (typed, normal) in [
            ("  Ridge \t MUG ", "ridge mug"),
            ("山脊\u{3000}杯", "山脊 杯"),
            ("\n", ""),
        ] {
            assert_eq!(normal_query(typed), normal);
        }
        let long = "a".repeat(QUERY_MAX + 1);
        assert_eq!(normal_query(&long).len(), QUERY_MAX);
        assert_eq!(normal_query(&long[1..]).len(), QUERY_MAX);
    }

    proptest! {
        #[test]
        fn the_normal_spelling_is_its_own(typed in any::<String>()) {
            let normal = normal_query(&typed);
            prop_assert_eq!(normal_query(&normal), normal);
        }
    }
}
