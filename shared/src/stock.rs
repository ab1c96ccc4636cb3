//! Stock, for those who run the shop: what there is, where, and how it changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most changes of one request.
pub const CHANGES_MAX: usize = 500;
/// The most that may lie at one location.
pub const ON_HAND_MAX: i64 = 1_000_000_000;

/// Changes stock, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeStock {
    /// The changes; of each sku and location one at most.
    #[schemars(length(min = 1, max = 500))]
    pub changes: Vec<StockChange>,
}

/// Changes what there is of one sku at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StockChange {
    /// The shop's number for it.
    pub sku: String,
    /// The location's code.
    #[serde(default = "main_location")]
    pub location: String,
    /// How many there are, as a stock-take found them. Either this or `delta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_hand: Option<i64>,
    /// How many more, or fewer. Either this or `on_hand`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<i64>,
    /// The version that the change was decided on; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

fn main_location() -> String {
    "main".to_owned()
}

/// Where goods lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// Its word in requests.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// Where goods lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Locations {
    /// In the order in which goods are taken from them.
    pub locations: Vec<Location>,
}

/// Which location: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocationPath {
    /// Its code: small letters, digits and hyphens, 64 at most.
    pub location: String,
}

/// What a location is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveLocation {
    /// Its name.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
}

/// Of what the stock is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetStock {
    /// The skus; repeat it for several, up to 100.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub sku: Vec<String>,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLevels {
    /// By sku and location.
    pub levels: Vec<StockLevel>,
}

/// What there is of one sku at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLevel {
    /// The shop's number for it.
    pub sku: String,
    /// The location's code.
    pub location: String,
    /// How many lie there.
    pub on_hand: i64,
    /// How many of them are promised.
    pub held: i64,
    /// Rises with every change.
    pub version: i64,
}
