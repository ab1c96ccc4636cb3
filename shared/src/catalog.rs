//! The public catalogue: products with their variants, categories, lists and filters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cursor::Cursor,
    id::{BrandId, CategoryId, ProductId, VariantId},
    locale::Locale,
    money::Money,
    time::Timestamp,
};

/// A product with everything that its page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// The id.
    pub id: ProductId,
    /// The URL slug.
    pub slug: String,
    /// The name, in the requested language or else in the shop's default language.
    pub name: String,
    /// Plain text; an empty line separates paragraphs.
    pub description: String,
    /// The brand.
    pub brand: Option<Brand>,
    /// The path to its category, from the top; empty if it has none.
    pub categories: Vec<CategoryRef>,
    /// The price range of its variants.
    pub price: PriceRange,
    /// The best availability of its variants.
    pub availability: Availability,
    /// The options that a buyer chooses between, such as size and colour.
    pub options: Vec<ProductOption>,
    /// The variants; at least one.
    pub variants: Vec<Variant>,
    /// The images, the main one first.
    pub images: Vec<Image>,
    /// Attributes such as material or capacity.
    pub attributes: Vec<Attribute>,
    /// Tags for search.
    pub tags: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Increases with every change.
    pub version: i64,
}

/// A product in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductCard {
    /// The id.
    pub id: ProductId,
    /// The URL slug.
    pub slug: String,
    /// The name.
    pub name: String,
    /// The name of the brand.
    pub brand: Option<String>,
    /// The price range of its variants.
    pub price: PriceRange,
    /// The best availability of its variants.
    pub availability: Availability,
    /// The main image.
    pub image: Option<Image>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The lowest and the highest price of a product's variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceRange {
    /// The lowest price.
    pub from: Money,
    /// The highest price; equal to `from` when all variants cost the same.
    pub to: Money,
    /// The original price of the cheapest variant, before a price reduction; always more than
    /// `from`.
    pub compare_at: Option<Money>,
}

/// The availability, as shoppers see it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// In stock.
    InStock,
    /// Only a few are left.
    Low,
    /// Out of stock; it can be ordered and is sent when it arrives.
    Backorder,
    /// Out of stock.
    Out,
}

impl Availability {
    /// All values, the best first.
    pub const ALL: [Self; 4] = [Self::InStock, Self::Low, Self::Backorder, Self::Out];

    /// The name in JSON and in query parameters.
    pub const fn as_str(&self) -> &'static str {
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
    /// The id.
    pub id: BrandId,
    /// The slug in filters.
    pub slug: String,
    /// The name, the same in every language.
    pub name: String,
}

/// An option that a buyer chooses between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductOption {
    /// The code, unique within the product: `colour`.
    pub code: String,
    /// The name: "Colour".
    pub name: String,
    /// The values, in the order of display.
    pub values: Vec<OptionValue>,
}

/// A value of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OptionValue {
    /// The code, unique within the option: `moss`.
    pub code: String,
    /// The name: "Moss green".
    pub name: String,
    /// A colour to show beside the name: `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swatch: Option<String>,
}

/// A variant: what is bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// The id.
    pub id: VariantId,
    /// The SKU.
    pub sku: String,
    /// The GTIN: 8, 12, 13 or 14 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// The value of each option of the product.
    pub options: Vec<SelectedOption>,
    /// The price.
    pub price: Money,
    /// The original price, before a price reduction; always more than `price`.
    pub compare_at: Option<Money>,
    /// The availability.
    pub availability: Availability,
    /// The index of its image among the product's images, from 0.
    pub image: Option<u32>,
    /// The weight, in grams.
    pub weight_g: Option<u32>,
}

/// The chosen value of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SelectedOption {
    /// The option's code.
    pub option: String,
    /// The value's code.
    pub value: String,
}

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// The URL of a format that every browser supports.
    pub src: String,
    /// The alternative text. Empty when the name already says it.
    #[serde(default)]
    pub alt: String,
    /// The width in pixels, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// The height in pixels, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The same image in other formats and widths, the preferred format first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ImageSource>,
}

impl Image {
    /// The URL of the smallest rendition in a format that every browser supports.
    pub fn smallest(&self) -> &str {
        let sizes = self.sources.last().map(|source| &source.renditions);
        let smallest = sizes.and_then(|sizes| sizes.first());
        smallest.map_or(&self.src, |it| &it.url)
    }
}

/// An image in one format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageSource {
    /// The media type, such as `image/webp`.
    pub media_type: String,
    /// The renditions, the narrowest first.
    pub renditions: Vec<Rendition>,
}

/// An image in one format and width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rendition {
    /// The URL.
    pub url: String,
    /// The width in pixels.
    pub width: u32,
}

/// An attribute of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attribute {
    /// The name: "Material".
    pub name: String,
    /// The value: "Oak".
    pub value: String,
}

/// A category in a breadcrumb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryRef {
    /// The id.
    pub id: CategoryId,
    /// The URL slug.
    pub slug: String,
    /// The name.
    pub name: String,
}

/// A category with its subcategories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryNode {
    /// Its identity.
    pub id: CategoryId,
    /// The id.
    pub slug: String,
    /// The URL slug.
    pub name: String,
    /// A short description; may be empty.
    pub description: String,
    /// An image.
    pub image: Option<Image>,
    /// The number of products in it and its subcategories.
    pub product_count: u64,
    /// The subcategories, in the order of display.
    pub children: Vec<CategoryNode>,
}

/// The category tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryTree {
    /// The top-level categories, in the order of display.
    pub categories: Vec<CategoryNode>,
}

/// A page of a product list.
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

/// The filters of a category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Facets {
    /// The number of products without any filter.
    pub product_count: u64,
    /// The brands with most products, by name.
    pub brands: Vec<BrandCount>,
    /// The lowest and the highest price; absent when there are no products.
    pub price: Option<PriceSpan>,
}

/// A brand and the number of its products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrandCount {
    /// The slug in filters.
    pub slug: String,
    /// The brand's name.
    pub name: String,
    /// The number of its products in the category.
    pub product_count: u64,
}

/// The range of prices in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceSpan {
    /// The lowest price.
    pub from: Money,
    /// The highest price.
    pub to: Money,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The newest first.
    #[default]
    Newest,
    /// The cheapest first.
    PriceUp,
    /// The most expensive first.
    PriceDown,
    /// The bestselling first.
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

    /// The name in query parameters.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::PriceUp => "price_up",
            Self::PriceDown => "price_down",
            Self::BestSelling => "best_selling",
        }
    }
}

/// The language of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InLocale {
    /// The language of names and descriptions; English when absent.
    #[serde(default)]
    pub locale: Locale,
}

/// Filter, order and pagination of a product list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListProducts {
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
    #[schemars(length(max = 3))]
    pub availability: Vec<Availability>,
    /// The order.
    pub sort: Sort,
    /// The cursor of the page; the first page when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The number of products a page; 24 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// The maximum number of brands in a filter.
pub const BRANDS_MAX: usize = 8;
/// The maximum number of products a page.
pub const LIMIT_MAX: u32 = 100;
/// The default number of products a page.
pub const LIMIT_DEFAULT: u32 = 24;

/// Limit of the bestseller list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListHotProducts {
    /// The language of names; English when absent.
    pub locale: Locale,
    /// The number of products; 12 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// The scope of the filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GetFacets {
    /// The slug of a category; the whole shop when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// Path parameter: the product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductPath {
    /// The product's id or slug.
    pub product: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_json() {
        for sort in Sort::ALL {
            assert_eq!(serde_json::to_value(sort).unwrap(), sort.as_str());
        }
        for availability in Availability::ALL {
            assert_eq!(
                serde_json::to_value(availability).unwrap(),
                availability.as_str()
            );
        }
    }
}
