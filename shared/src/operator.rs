//! The catalogue and the orders for staff: products in every language and status, orders by state.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{cursor::Cursor, locale::Locale, money::Money, order::OrderState};

/// A text in several languages.
pub type Texts = BTreeMap<Locale, String>;

/// Path parameter: a product or category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExternalPath {
    /// The id in the system that it was imported from; at most 100 characters.
    pub external_id: String,
}

/// Path parameter: the variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkuPath {
    /// The SKU.
    pub sku: String,
}

/// Whether shoppers see a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductStatus {
    /// Visible and on sale.
    Active,
    /// Not visible yet.
    #[default]
    Draft,
    /// No longer visible.
    Archived,
}

/// A product for staff, in the format of the import's JSON Lines. It does not contain the stock,
/// which changes separately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProductDraft {
    /// The URL slug; derived from the name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// Whether shoppers see the product.
    pub status: ProductStatus,
    /// The external id of the category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The name of the brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The name in each language.
    pub names: Texts,
    /// Plain text; an empty line separates paragraphs.
    pub descriptions: Texts,
    /// Attributes such as material or capacity.
    pub attributes: Vec<AttributeDraft>,
    /// The options that a buyer chooses between; up to three.
    pub options: Vec<OptionDraft>,
    /// The variants; at least one.
    pub variants: Vec<VariantDraft>,
    /// The images, the main one first: existing images of the product, or URLs of others.
    pub images: Vec<ImageDraft>,
    /// Tags for search.
    pub tags: Vec<String>,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeDraft {
    /// The name in each language.
    pub names: Texts,
    /// The value in each language.
    pub values: Texts,
}

/// An option that a buyer chooses between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionDraft {
    /// The code, unique within the product.
    pub code: String,
    /// The name.
    pub names: Texts,
    /// The values, in the order of display.
    pub values: Vec<OptionValueDraft>,
}

/// A value of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionValueDraft {
    /// The code, unique within the option.
    pub code: String,
    /// The name.
    pub names: Texts,
    /// A colour to show beside the name: `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swatch: Option<String>,
}

/// A variant: what is bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantDraft {
    /// The SKU, unique in the shop.
    pub sku: String,
    /// The GTIN: 8, 12, 13 or 14 digits with a valid check digit. Spaces and hyphens are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// The value of each option, by their codes.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The price.
    pub price: Money,
    /// The original price, before a price reduction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Money>,
    /// Whether its stock is counted; without a count it never runs out.
    #[serde(default = "yes")]
    pub tracked: bool,
    /// Whether it can be ordered when it is out of stock.
    #[serde(default)]
    pub backorder: bool,
    /// The weight, in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u32>,
    /// The index of its image among the product's images, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
}

fn yes() -> bool {
    true
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageDraft {
    /// The URL.
    pub src: String,
    /// The alternative text in each language.
    #[serde(default)]
    pub alts: Texts,
}

/// Changes a variant; absent fields stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeVariant {
    /// The GTIN; an empty text removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// The price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// The original price, before a price reduction; a value of at most `price` removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Money>,
    /// Whether its stock is counted; without a count it never runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracked: Option<bool>,
    /// Whether it can be ordered when it is out of stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backorder: Option<bool>,
    /// The weight, in grams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u32>,
}

/// A category for staff.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CategoryDraft {
    /// The URL slug; derived from the name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The external id of the parent category; it cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The position among its siblings.
    pub position: i64,
    /// The name.
    pub names: Texts,
    /// A short description in each language.
    pub descriptions: Texts,
}

/// Pagination of the products.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListDrafts {
    /// The cursor of the page; the oldest products when absent.
    pub cursor: Option<Cursor>,
    /// The number of rows a page; 20 when absent, at most 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of products in every status, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DraftList {
    /// The products with their external ids.
    pub products: Vec<NamedDraft>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// A product with its external id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedDraft {
    /// The external id.
    pub external_id: String,
    /// The product.
    pub product: ProductDraft,
}

/// Pagination and filter of the orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListAllOrders {
    /// The cursor of the page; the newest orders when absent.
    pub cursor: Option<Cursor>,
    /// The number of rows a page; 20 when absent, at most 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// Only orders in this state.
    pub state: Option<OrderState>,
}
