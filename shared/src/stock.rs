//! Inventory for staff: inventory levels by location, and their changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The maximum number of changes in a request.
pub const CHANGES_MAX: usize = 500;
/// The maximum stock of a SKU at a location.
pub const ON_HAND_MAX: i64 = 1_000_000_000;

/// Changes inventory levels, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeStock {
    /// The changes; at most one for each SKU and location.
    #[schemars(length(min = 1, max = 500))]
    pub changes: Vec<StockChange>,
}

/// Changes the inventory level of a SKU at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StockChange {
    /// The SKU.
    pub sku: String,
    /// The location's code.
    #[serde(default = "main_location")]
    pub location: String,
    /// The new stock on hand, as counted. Either this or `delta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_hand: Option<i64>,
    /// The number to add, or to subtract if negative. Either this or `on_hand`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<i64>,
    /// The version that the change is based on; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

fn main_location() -> String {
    "main".to_owned()
}

/// A stock location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// The code.
    pub code: String,
    /// The name.
    pub name: String,
}

/// The stock locations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Locations {
    /// In the order in which stock is taken from them.
    pub locations: Vec<Location>,
}

/// Path parameter: the location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocationPath {
    /// The code: lower-case letters, digits and hyphens, at most 64.
    pub location: String,
}

/// Creates or renames a stock location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveLocation {
    /// The name.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
}

/// The SKUs whose inventory levels are requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetStock {
    /// The SKUs; repeat it for several, up to 100.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub sku: Vec<String>,
}

/// Inventory levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLevels {
    /// The levels by SKU and location.
    pub levels: Vec<StockLevel>,
}

/// The inventory level of a SKU at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLevel {
    /// The SKU.
    pub sku: String,
    /// The location's code.
    pub location: String,
    /// The stock on hand.
    pub on_hand: i64,
    /// How much of it is reserved.
    pub held: i64,
    /// Increases with every change.
    pub version: i64,
}
