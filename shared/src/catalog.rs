//! The catalogue as it is shown: products with their variants, categories, lists and their filters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cursor::Cursor,
    id::{BrandId, CategoryId, ProductId, VariantId},
    locale::Locale,
    money::Money,
    time::Timestamp,
};

/// A product with everything its page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// Its identity.
    pub id: ProductId,
    /// Its word in addresses.
    pub slug: String,
    /// Its name, in the language asked for or else in the shop's own.
    pub name: String,
    /// Plain text; an empty line parts paragraphs.
    pub description: String,
    /// Who makes it.
    pub brand: Option<Brand>,
    /// The way to its category, from the top; empty when it has none.
    pub categories: Vec<CategoryRef>,
    /// What its variants cost.
    pub price: PriceRange,
    /// Whether any variant can be had.
    pub availability: Availability,
    /// What a buyer chooses between, such as size and colour.
    pub options: Vec<ProductOption>,
    /// What can be bought; at least one.
    pub variants: Vec<Variant>,
    /// Pictures, the main one first.
    pub images: Vec<Image>,
    /// Facts such as material or capacity.
    pub attributes: Vec<Attribute>,
    /// Free words.
    pub tags: Vec<String>,
    /// When it came into the shop.
    pub created_at: Timestamp,
    /// When anything of it changed last.
    pub updated_at: Timestamp,
    /// Rises with every change.
    pub version: i64,
}

/// A product as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductCard {
    /// Its identity.
    pub id: ProductId,
    /// Its word in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The name of its brand.
    pub brand: Option<String>,
    /// What its variants cost.
    pub price: PriceRange,
    /// Whether any variant can be had.
    pub availability: Availability,
    /// The main picture.
    pub image: Option<Image>,
    /// When it came into the shop.
    pub created_at: Timestamp,
}

/// What the variants of a product cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceRange {
    /// The cheapest.
    pub from: Money,
    /// The dearest; equal to `from` when all cost the same.
    pub to: Money,
    /// What the cheapest cost before it was reduced; always more than `from`.
    pub compare_at: Option<Money>,
}

/// How much of it there is, as far as shoppers are told.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Plenty.
    InStock,
    /// A few are left.
    Low,
    /// None are left; it is sold nevertheless and sent when it has come.
    Backorder,
    /// None are left.
    Out,
}

impl Availability {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::InStock, Self::Low, Self::Backorder, Self::Out];

    /// The word in JSON and in query parameters.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InStock => "in_stock",
            Self::Low => "low",
            Self::Backorder => "backorder",
            Self::Out => "out",
        }
    }
}

/// A brand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Brand {
    /// Its identity.
    pub id: BrandId,
    /// Its word in filters.
    pub slug: String,
    /// Its name, the same in every language.
    pub name: String,
}

/// What a buyer chooses between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductOption {
    /// Its word, unique within the product: `colour`.
    pub code: String,
    /// Its name: "Colour".
    pub name: String,
    /// The choices, in the order to show them.
    pub values: Vec<OptionValue>,
}

/// One choice of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OptionValue {
    /// Its word, unique within the option: `moss`.
    pub code: String,
    /// Its name: "Moss green".
    pub name: String,
    /// A colour to show beside the name: `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swatch: Option<String>,
}

/// What can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// Its identity.
    pub id: VariantId,
    /// The shop's own number for it.
    pub sku: String,
    /// Its GTIN, by which trade knows it: 8, 12, 13 or 14 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// One choice for each option of the product.
    pub options: Vec<SelectedOption>,
    /// What one of it costs.
    pub price: Money,
    /// What it cost before it was reduced; always more than `price`.
    pub compare_at: Option<Money>,
    /// Whether it can be had.
    pub availability: Availability,
    /// Which of the product's pictures shows it, counted from 0.
    pub image: Option<u32>,
    /// What one of it weighs, in grams.
    pub weight_g: Option<u32>,
}

/// One choice for one option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SelectedOption {
    /// The option's word.
    pub option: String,
    /// The choice's word.
    pub value: String,
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// An address that every browser can show.
    pub src: String,
    /// What is to be seen, for those who do not see it. Empty when the name says it already.
    #[serde(default)]
    pub alt: String,
    /// Its width in pixels, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Its height in pixels, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The same picture in other formats and widths, the preferred format first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ImageSource>,
}

impl Image {
    /// The address of its smallest size in the format that every browser can show.
    pub fn smallest(&self) -> &str {
        let sizes = self.sources.last().map(|source| &source.renditions);
        let smallest = sizes.and_then(|sizes| sizes.first());
        smallest.map_or(&self.src, |it| &it.url)
    }
}

/// A picture in one format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageSource {
    /// Its media type, such as `image/webp`.
    pub media_type: String,
    /// Its widths, the smallest first.
    pub renditions: Vec<Rendition>,
}

/// A picture in one format and width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rendition {
    /// Its address.
    pub url: String,
    /// Its width in pixels.
    pub width: u32,
}

/// A fact about a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attribute {
    /// What it is about: "Material".
    pub name: String,
    /// What is true of this product: "Oak".
    pub value: String,
}

/// A category, as a breadcrumb names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryRef {
    /// Its identity.
    pub id: CategoryId,
    /// Its word in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// A category with what lies below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryNode {
    /// Its identity.
    pub id: CategoryId,
    /// Its word in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// A sentence about it; may be empty.
    pub description: String,
    /// A picture of it.
    pub image: Option<Image>,
    /// How many products it and everything below it holds.
    pub product_count: u64,
    /// What lies below it, in the order to show it.
    pub children: Vec<CategoryNode>,
}

/// The categories of the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryTree {
    /// The top categories, in the order to show them.
    pub categories: Vec<CategoryNode>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductList {
    /// The products of this page.
    pub items: Vec<ProductCard>,
    /// The cursor of the page after this one; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
    /// The cursor of the page before this one; absent on the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Cursor>,
}

/// What a category's list can be narrowed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Facets {
    /// How many products there are before narrowing.
    pub product_count: u64,
    /// The brands with most products, by name.
    pub brands: Vec<BrandCount>,
    /// The lowest and highest price; absent when there are no products.
    pub price: Option<PriceSpan>,
}

/// A brand, and how many of its products there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrandCount {
    /// Its word in filters.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// How many of its products the category holds.
    pub product_count: u64,
}

/// From the cheapest product to the dearest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceSpan {
    /// The lowest price.
    pub from: Money,
    /// The highest price.
    pub to: Money,
}

/// In which order a list is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The newest first.
    #[default]
    Newest,
    /// The cheapest first.
    PriceUp,
    /// The dearest first.
    PriceDown,
    /// The most sold first.
    BestSelling,
}

impl Sort {
    /// All orders, the default first.
    pub const ALL: [Self; 4] = [
        Self::Newest,
        Self::PriceUp,
        Self::PriceDown,
        Self::BestSelling,
    ];

    /// The word in query parameters.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::PriceUp => "price_up",
            Self::PriceDown => "price_down",
            Self::BestSelling => "best_selling",
        }
    }
}

/// Which language an answer is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InLocale {
    /// The language of names and descriptions; English when absent.
    #[serde(default)]
    pub locale: Locale,
}

/// Which products are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListProducts {
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
    #[schemars(length(max = 3))]
    pub availability: Vec<Availability>,
    /// In which order.
    pub sort: Sort,
    /// The page to show; the first when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// How many products a page holds; 24 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// The most brands that one list is narrowed to.
pub const BRANDS_MAX: usize = 8;
/// The most products on a page.
pub const LIMIT_MAX: u32 = 100;
/// How many products a page holds when nothing is said.
pub const LIMIT_DEFAULT: u32 = 24;

/// Which hot products are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListHotProducts {
    /// The language of names; English when absent.
    pub locale: Locale,
    /// How many; 12 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// What the facets are of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GetFacets {
    /// The slug of a category; the whole shop when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// Which product: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductPath {
    /// The product's id or its slug.
    pub product: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_json() {
        for sort in Sort::ALL {
            assert_eq!(serde_json::to_value(sort).unwrap(), sort.word());
        }
        for availability in Availability::ALL {
            assert_eq!(
                serde_json::to_value(availability).unwrap(),
                availability.word()
            );
        }
    }
}
