//! Carts: lines, coupons, addresses and totals.
//!
//! A client sends skus and quantities, never amounts. Every response carries the current prices and
//! says line by line what has changed since the shopper last looked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    address::Address,
    catalog::Image,
    id::{ProductId, VariantId},
    locale::Locale,
    money::Money,
    time::Timestamp,
};

/// The maximum number of lines of a cart.
pub const LINES_MAX: usize = 200;
/// The maximum quantity of a line.
pub const QUANTITY_MAX: i64 = 999;
/// The maximum length of a note, in characters.
pub const NOTE_MAX: usize = 1_000;
/// The maximum number of coupons of a cart.
pub const COUPONS_MAX: usize = 5;

/// A cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cart {
    /// The secret id of the cart; a client that knows it may change the cart.
    pub id: String,
    /// Increases with every change; the `ETag` contains it.
    pub version: i64,
    /// The lines.
    pub lines: Vec<CartLine>,
    /// The shopper's note to the shop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The email address for the confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The shipping address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    /// The code of the shipping method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
    /// The coupons, each with its discount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<CartCoupon>,
    /// The totals.
    pub totals: Totals,
    /// What is missing before it can be ordered, apart from problems of its lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// Until when its items are reserved, after checkout has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// The number of the order placed for this cart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// A line of a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartLine {
    /// The SKU.
    pub sku: String,
    /// The variant's id.
    pub variant_id: VariantId,
    /// The product's id.
    pub product_id: ProductId,
    /// The product's URL slug.
    pub slug: String,
    /// The product's name.
    pub name: String,
    /// The chosen options for display: `Colour: Moss`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// An image of the variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// The quantity.
    pub quantity: i64,
    /// How many of them are back-ordered, because fewer are in stock.
    #[serde(default)]
    pub backordered: i64,
    /// The current unit price.
    pub price: Money,
    /// The price of the line, before any discount.
    pub total: Money,
    /// What has changed since it was added, or keeps it from being ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<LineProblem>,
}

impl CartLine {
    /// Whether the line keeps the cart from being ordered.
    pub fn blocks_order(&self) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|it| !matches!(it, LineProblem::PriceChanged { .. }))
    }
}

/// A problem of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LineProblem {
    /// The price has changed since the line was added.
    PriceChanged {
        /// The price at that time.
        before: Money,
    },
    /// Fewer are available than requested.
    Short {
        /// The available quantity.
        available: i64,
    },
    /// The item is no longer available.
    Gone,
}

/// The totals of a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// The sum of the lines, before any discount.
    pub items: Money,
    /// The discount of all coupons on items and shipping; never more than their sum.
    pub discount: Money,
    /// Shipping, before any discount.
    pub shipping: Money,
    /// The tax: included in the total or added to it, see `tax_included`.
    pub tax: Money,
    /// Whether prices include the tax.
    pub tax_included: bool,
    /// The amount to pay; never below zero.
    pub total: Money,
}

/// A coupon in a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartCoupon {
    /// The code.
    pub code: String,
    /// The discount.
    pub discount: Money,
    /// Why the coupon gives no discount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<CouponRefusal>,
}

/// Why a coupon gives no discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CouponRefusal {
    /// No such coupon exists, or it is not active.
    Unknown,
    /// It is not valid yet.
    NotYet,
    /// It has expired.
    Over,
    /// The cart does not reach the coupon's minimum.
    BelowMinimum,
    /// The coupon has reached its usage limit.
    UsedUp,
    /// It cannot be combined with another coupon of the cart.
    NotTogether,
}

/// What a cart lacks before it can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The cart is empty.
    Lines,
    /// The email address for the confirmation.
    Email,
    /// The shipping address.
    ShippingAddress,
    /// The shipping method, or one that ships to the address.
    ShippingMethod,
}

/// Path parameter: the cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartPath {
    /// The cart's id, or `current` for the cart of the browser.
    pub cart: String,
}

/// Path parameters: the cart and the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinePath {
    /// The cart's id, or `current` for the cart of the browser.
    pub cart: String,
    /// The SKU of the line.
    pub sku: String,
}

/// Adds an item to a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddLine {
    /// The SKU.
    pub sku: String,
    /// How many units to add.
    #[schemars(range(min = 1, max = 999))]
    pub quantity: i64,
}

/// Merges another cart into this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeCart {
    /// The other cart's id. It is empty afterwards.
    pub from: String,
}

/// Sets the quantity of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuantity {
    /// The quantity; 0 removes the line.
    #[schemars(range(min = 0, max = 999))]
    pub quantity: i64,
}

/// Changes what an order needs besides its lines; absent fields stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateCart {
    /// The shopper's note to the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The email address for the confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The shipping address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    /// The code of the shipping method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
    /// The codes of the coupons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupons: Option<Vec<String>>,
}

/// The shipping methods for a cart's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShippingMethods {
    /// The methods, the cheapest first.
    pub methods: Vec<ShippingMethod>,
}

/// A shipping method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShippingMethod {
    /// The code.
    pub code: String,
    /// The name.
    pub name: String,
    /// The price for this cart.
    pub price: Money,
}

/// Places an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// The total that the shopper saw. It does not set the price; if the cart's total differs now,
    /// no order is placed.
    pub expected_total: Money,
    /// The code of the payment method.
    pub payment_method: String,
    /// The language of the confirmation.
    #[serde(default)]
    pub locale: Locale,
}
