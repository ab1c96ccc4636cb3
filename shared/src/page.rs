//! The pages: where they live and what they show. A page is a function from one of these structs to
//! HTML; origin loads the struct, ui renders it. Nothing in them is about the person who asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{
        Availability, CategoryNode, CategoryRef, Facets, Product, ProductCard, ProductList, Sort,
    },
    cursor::Cursor,
    endpoint::encode_segment,
    locale::Locale,
    money::Currency,
    search::SearchList,
};

/// A kind of page: where it lives, without the language's prefix.
#[derive(Clone, Copy, Debug)]
pub struct PageRoute {
    /// The handler's name.
    pub id: &'static str,
    /// The path, with `{name}` where a parameter stands.
    pub path: &'static str,
    /// The query parameters that make a difference, sorted.
    pub query: &'static [&'static str],
}

/// The front of the shop.
pub const HOME: PageRoute = PageRoute {
    id: "show_home",
    path: "/",
    query: &[],
};
/// A category with its list.
pub const CATEGORY: PageRoute = PageRoute {
    id: "show_category",
    path: "/c/{slug}",
    query: &["availability", "brand", "cursor", "max", "min", "sort"],
};
/// A product.
pub const PRODUCT: PageRoute = PageRoute {
    id: "show_product",
    path: "/p/{slug}",
    query: &["variant"],
};

/// What was searched.
pub const SEARCH: PageRoute = PageRoute {
    id: "show_search",
    path: "/search",
    query: &["availability", "brand", "cursor", "max", "min", "q", "sort"],
};

/// Every kind of page.
pub const ALL: &[PageRoute] = &[HOME, CATEGORY, PRODUCT, SEARCH];

/// The addresses that are for those who run the shop. The edge does not pass them on.
pub mod operator {
    /// Whether the process is alive.
    pub const HEALTH: &str = "/healthz";
    /// Whether it can serve.
    pub const READY: &str = "/readyz";
    /// What it counts.
    pub const METRICS: &str = "/metrics";
    /// All of them.
    pub const ALL: [&str; 3] = [HEALTH, READY, METRICS];
}

/// The path of a category, without the language's prefix.
pub fn category_path(slug: &str) -> String {
    let mut path = "/c/".to_owned();
    encode_segment(slug, &mut path);
    path
}

/// The path of a product, without the language's prefix.
pub fn product_path(slug: &str) -> String {
    let mut path = "/p/".to_owned();
    encode_segment(slug, &mut path);
    path
}

/// The path of a search with its query, without the language's prefix.
pub fn search_path(q: &str, filter: &CategoryFilter) -> String {
    let mut path = format!("{}?q=", SEARCH.path);
    encode_segment(q, &mut path);
    path + &filter.to_query().replacen('?', "&", 1)
}

/// What surrounds every page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    /// The language of the page.
    pub locale: Locale,
    /// The page's path without the language's prefix, with the query that makes a difference.
    pub path: String,
    /// The page's path without the language's prefix as search engines shall know it: without
    /// filters and sort, with the cursor. Absent when they shall not know it.
    pub canonical: Option<String>,
    /// Where the shop lives: `https://shop.example`, without a slash at the end.
    pub base_url: String,
    /// What the shop is called.
    pub shop_name: String,
    /// The top categories with those below them, for the menu.
    pub categories: Vec<CategoryNode>,
    /// The names of the files that a page loads.
    pub assets: Assets,
    /// What the search field holds: what was searched, on the page that shows it.
    #[serde(default)]
    pub searched: Option<String>,
}

/// The addresses of the files that a page loads; each contains the hash of its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    /// The stylesheet.
    pub style: String,
    /// The script that starts the islands: it loads the two below.
    pub boot: String,
    /// The islands' JavaScript.
    pub script: String,
    /// The islands' WebAssembly.
    pub wasm: String,
    /// The icon of the shop (SVG).
    pub icon: String,
}

/// The front of the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomePage {
    /// What sells best.
    pub hot: Vec<ProductCard>,
    /// What came last.
    pub new: Vec<ProductCard>,
}

/// A category with its list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryPage {
    /// The category, with what lies below it.
    pub category: CategoryNode,
    /// The way to it from the top, without itself.
    pub ancestors: Vec<CategoryRef>,
    /// What the list can be narrowed by.
    pub facets: Facets,
    /// What it is narrowed by.
    pub filter: CategoryFilter,
    /// The fields of the filter that could not be understood as typed. The list is then
    /// shown without them.
    pub wrong: Vec<String>,
    /// The currency of `min` and `max`.
    pub currency: Currency,
    /// The page of products.
    pub list: ProductList,
}

/// The filter of a category's list, or of what was found, as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CategoryFilter {
    /// The slugs of brands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brand: Vec<String>,
    /// The lowest price as a shopper types it: a decimal in the shop's currency, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub min: String,
    /// The highest price, likewise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max: String,
    /// How much there must be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability: Vec<Availability>,
    /// In which order; absent for the one that the list has by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// The page of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

impl CategoryFilter {
    /// The query that asks for this, beginning with `?`, or nothing. Parameters stand in the order
    /// of their names, defaults are left out: one filter has one address.
    pub fn to_query(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let mut availability = self.availability.clone();
        availability.sort_unstable();
        availability.dedup();
        pairs.extend(
            availability
                .iter()
                .map(|it| ("availability", it.word().to_owned())),
        );
        let mut brands = self.brand.clone();
        brands.sort_unstable();
        brands.dedup();
        pairs.extend(brands.into_iter().map(|slug| ("brand", slug)));
        pairs.extend(self.cursor.map(|cursor| ("cursor", cursor.to_string())));
        pairs.extend((!self.max.is_empty()).then(|| ("max", self.max.clone())));
        pairs.extend((!self.min.is_empty()).then(|| ("min", self.min.clone())));
        pairs.extend(self.sort.map(|sort| ("sort", sort.word().to_owned())));
        let mut query = String::new();
        for (name, value) in pairs {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            encode_segment(&value, &mut query);
        }
        query
    }

    /// Whether anything but order and page is asked for.
    pub fn narrows(&self) -> bool {
        !(self.brand.is_empty()
            && self.min.is_empty()
            && self.max.is_empty()
            && self.availability.is_empty())
    }
}

/// What was searched, with what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPage {
    /// What was searched, in its normal spelling; empty where nothing was.
    pub q: String,
    /// What the list can be narrowed by.
    pub facets: Facets,
    /// What it is narrowed by.
    pub filter: CategoryFilter,
    /// The fields of the filter that could not be understood as typed.
    pub wrong: Vec<String>,
    /// The currency of `min` and `max`.
    pub currency: Currency,
    /// The page of products.
    pub found: SearchList,
    /// The categories that have all the words in their names.
    pub categories: Vec<CategoryRef>,
    /// What sells best, for those who found nothing.
    pub hot: Vec<ProductCard>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductPage {
    /// The product.
    pub product: Product,
    /// Which of its variants is shown, counted from 0.
    pub variant: usize,
    /// Others of its category.
    pub related: Vec<ProductCard>,
}

/// A page that says what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// The HTTP status.
    pub status: u16,
    /// The request's id, where it helps to find the cause.
    pub request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_filter_has_one_address() {
        let filter = CategoryFilter {
            brand: vec!["zed".into(), "a&b".into(), "zed".into()],
            min: "10".into(),
            availability: vec![Availability::Low, Availability::InStock],
            sort: Some(Sort::PriceUp),
            ..CategoryFilter::default()
        };
        assert_eq!(
            filter.to_query(),
            "?availability=in_stock&availability=low&brand=a%26b&brand=zed&min=10&sort=price_up"
        );
        assert_eq!(CategoryFilter::default().to_query(), "");
    }

    #[test]
    fn a_search_has_its_words_in_its_address() {
        let mut filter = CategoryFilter::default();
        assert_eq!(
            search_path("a&b 茶", &filter),
            "/search?q=a%26b%20%E8%8C%B6"
        );
        filter.min = "10?".into();
        assert_eq!(search_path("tea", &filter), "/search?q=tea&min=10%3F");
    }

    #[test]
    fn the_allowed_parameters_are_those_of_the_form() {
        let schema = schemars::schema_for!(CategoryFilter);
        let mut names: Vec<_> = schema.as_value()["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        names.sort_unstable();
        assert_eq!(names, CATEGORY.query);
        names.push("q".to_owned());
        names.sort_unstable();
        assert_eq!(names, SEARCH.query);
    }
}
