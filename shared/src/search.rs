//! Search: queries, results and suggestions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Availability, CategoryRef, PriceRange, ProductList, Sort},
    cursor::Cursor,
    locale::Locale,
};

/// The maximum length of a query, in characters.
pub const QUERY_MAX: usize = 100;
/// The number up to which results are counted.
pub const TOTAL_MAX: u64 = 1_000;
/// The maximum number of suggested products.
pub const SUGGESTED_PRODUCTS: u32 = 6;
/// The maximum number of suggested categories.
pub const SUGGESTED_CATEGORIES: usize = 3;

/// A search with filter, order and pagination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchProducts {
    /// The query. A product matches if its name, brand, tags, SKUs and categories contain all
    /// words; the last word may be a prefix. Only the first eight words count.
    #[schemars(length(max = 100))]
    pub q: String,
    /// The language of names; English when absent.
    pub locale: Locale,
    /// The slug of a category; its subcategories are included.
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
    /// The availability; repeat it for several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub availability: Vec<Availability>,
    /// The order; the most relevant first when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// The cursor of the page; the first page when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The number of products a page; 24 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of search results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchList {
    /// The products of this page.
    #[serde(flatten)]
    pub list: ProductList,
    /// The number of products on all pages, counted up to 1,000.
    pub total: u64,
    /// Whether there may be more than `total`: more than are counted, or a word that matches so
    /// many products that only the best of them were considered.
    pub more: bool,
    /// The corrected query that was searched, if nothing matched the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<String>,
}

/// A partial query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListSuggestions {
    /// What the shopper has typed so far.
    #[schemars(length(max = 100))]
    pub q: String,
    /// The language of names; English when absent.
    pub locale: Locale,
}

/// Suggestions for a partial query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suggestions {
    /// Up to six products, the most relevant first.
    pub products: Vec<SuggestedProduct>,
    /// Up to three categories.
    pub categories: Vec<CategoryRef>,
}

/// A suggested product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuggestedProduct {
    /// The URL slug.
    pub slug: String,
    /// The name.
    pub name: String,
    /// The price range of its variants.
    pub price: PriceRange,
    /// The URL of a small image that every browser supports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Normalizes a query for searching and caching: lower case, single spaces, at most [`QUERY_MAX`]
/// characters.
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
    fn queries_are_normalized() {
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
        fn normalization_is_idempotent(typed in any::<String>()) {
            let normal = normal_query(&typed);
            prop_assert_eq!(normal_query(&normal), normal);
        }
    }
}
