//! What those who run the shop see and change: the catalogue in every language, orders by state.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{cursor::Cursor, locale::Locale, money::Money, order::OrderState};

/// A text in several languages.
pub type Texts = BTreeMap<Locale, String>;

/// Which thing of the catalogue: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExternalPath {
    /// The name by which its source knows it; 100 characters at most.
    pub external_id: String,
}

/// Which variant: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkuPath {
    /// The shop's number for it.
    pub sku: String,
}

/// Whether shoppers see a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductStatus {
    /// Shown and sold.
    Active,
    /// Not shown yet.
    #[default]
    Draft,
    /// Not shown any more.
    Archived,
}

/// A product as those who run the shop write it, in the form of the import's JSON Lines. Stock is not
/// part of it: it changes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProductDraft {
    /// Its word in addresses; made from the name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// Whether shoppers see it.
    pub status: ProductStatus,
    /// The external id of its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The name of its brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Its name.
    pub names: Texts,
    /// Plain text; an empty line parts paragraphs.
    pub descriptions: Texts,
    /// Facts about it.
    pub attributes: Vec<AttributeDraft>,
    /// What a buyer chooses between; up to three.
    pub options: Vec<OptionDraft>,
    /// What can be bought; at least one.
    pub variants: Vec<VariantDraft>,
    /// Pictures, the main one first: those that the product has, or addresses of others.
    pub images: Vec<ImageDraft>,
    /// Free words.
    pub tags: Vec<String>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeDraft {
    /// What it is about.
    pub names: Texts,
    /// What is true of this product.
    pub values: Texts,
}

/// What a buyer chooses between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionDraft {
    /// Its word, unique within the product.
    pub code: String,
    /// Its name.
    pub names: Texts,
    /// The choices, in the order to show them.
    pub values: Vec<OptionValueDraft>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionValueDraft {
    /// Its word, unique within the option.
    pub code: String,
    /// Its name.
    pub names: Texts,
    /// A colour to show beside the name: `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swatch: Option<String>,
}

/// What can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantDraft {
    /// The shop's own number for it, unique in the shop.
    pub sku: String,
    /// Its GTIN: 8, 12, 13 or 14 digits, of which the last one checks the others. Spaces and hyphens are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// The choice for each option, by their words.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// What one of it costs.
    pub price: Money,
    /// What it cost before it was reduced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Money>,
    /// Whether there is a count of it; without one it never runs out.
    #[serde(default = "yes")]
    pub tracked: bool,
    /// Whether it is sold before it is there.
    #[serde(default)]
    pub backorder: bool,
    /// What one of it weighs, in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u32>,
    /// Which of the product's pictures shows it, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
}

fn yes() -> bool {
    true
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageDraft {
    /// Its address.
    pub src: String,
    /// What is to be seen.
    #[serde(default)]
    pub alts: Texts,
}

/// Changes a variant; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeVariant {
    /// Its GTIN; an empty text takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// What one of it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// What it cost before it was reduced; not more than `price` takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Money>,
    /// Whether there is a count of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracked: Option<bool>,
    /// Whether it is sold before it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backorder: Option<bool>,
    /// What one of it weighs, in grams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u32>,
}

/// A category as those who run the shop write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CategoryDraft {
    /// Its word in addresses; made from the name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The external id of the category above it; it stays there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its place among its siblings.
    pub position: i64,
    /// Its name.
    pub names: Texts,
    /// A sentence about it.
    pub descriptions: Texts,
}

/// Which page of the products.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListDrafts {
    /// Where the page begins.
    pub cursor: Option<Cursor>,
    /// How many; 20 when absent, 100 at most.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of products, whatever their status, the first one first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DraftList {
    /// The products by their external ids.
    pub products: Vec<NamedDraft>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// A product with the name by which its source knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedDraft {
    /// The name.
    pub external_id: String,
    /// The product.
    pub product: ProductDraft,
}

/// Which page of the orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListAllOrders {
    /// Where the page begins; the newest order when absent.
    pub cursor: Option<Cursor>,
    /// How many; 20 when absent, 100 at most.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// Only orders in this state.
    pub state: Option<OrderState>,
}
