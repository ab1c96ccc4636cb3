//! Carts: what a shopper means to buy, and what it comes to.
//!
//! A client names skus and quantities, never amounts. Every answer carries the prices of this moment
//! and says line by line what has changed since the shopper last looked.

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

/// The most lines of a cart.
pub const LINES_MAX: usize = 200;
/// The most of one sku in a cart.
pub const QUANTITY_MAX: i64 = 999;
/// The longest note, in characters.
pub const NOTE_MAX: usize = 1_000;
/// The most coupons of a cart.
pub const COUPONS_MAX: usize = 5;

/// A cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cart {
    /// The secret by which it is found; whoever knows it may change the cart.
    pub id: String,
    /// Rises with every change; `ETag` is made of it.
    pub version: i64,
    /// What is in it.
    pub lines: Vec<CartLine>,
    /// What the shopper wants the shop to know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where the confirmation goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where the goods go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    /// How they go there: the code of a shipping method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
    /// The coupons, and what each takes off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<CartCoupon>,
    /// What it comes to.
    pub totals: Totals,
    /// What keeps it from being ordered, beside what the lines say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// Until when what is in it is kept for the shopper, once checkout has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// The number of the order that it has become.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// A line of a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartLine {
    /// The shop's number for it.
    pub sku: String,
    /// The variant.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// The product's word in addresses.
    pub slug: String,
    /// The product's name.
    pub name: String,
    /// What was chosen, as a reader sees it: `Colour: Moss`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// A picture of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// How many.
    pub quantity: i64,
    /// How many of them come later, as there are not enough just now.
    #[serde(default)]
    pub backordered: i64,
    /// What one costs now.
    pub price: Money,
    /// What they cost together, before any discount.
    pub total: Money,
    /// What has changed or cannot be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<LineProblem>,
}

impl CartLine {
    /// Whether it keeps the cart from being ordered.
    pub fn is_stuck(&self) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|it| !matches!(it, LineProblem::PriceChanged { .. }))
    }
}

/// What is to be said about a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LineProblem {
    /// It costs something else than when it was put in.
    PriceChanged {
        /// What it cost then.
        before: Money,
    },
    /// There are fewer than asked for.
    Short {
        /// How many can be had.
        available: i64,
    },
    /// The item is no longer available.
    Gone,
}

/// What a cart comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// The lines, before any discount.
    pub items: Money,
    /// What coupons take off items and shipping; never more than those come to.
    pub discount: Money,
    /// Shipping, before any discount.
    pub shipping: Money,
    /// The tax: part of the sum where prices include it, added to it where not.
    pub tax: Money,
    /// Whether prices include the tax.
    pub tax_included: bool,
    /// What is to be paid; never below zero.
    pub total: Money,
}

/// A coupon in a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartCoupon {
    /// Its code.
    pub code: String,
    /// What it takes off.
    pub discount: Money,
    /// Why it takes nothing off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<CouponRefusal>,
}

/// Why a coupon takes nothing off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CouponRefusal {
    /// There is no such coupon, or it is switched off.
    Unknown,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Over,
    /// The cart does not reach the coupon's minimum.
    BelowMinimum,
    /// The coupon has reached its usage limit.
    UsedUp,
    /// It cannot be used together with another one here.
    NotTogether,
}

/// What an order needs and the cart has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// There is nothing in it.
    Lines,
    /// Where the confirmation goes.
    Email,
    /// Where the goods go.
    ShippingAddress,
    /// How they go there, or a method that goes there.
    ShippingMethod,
}

/// Which cart: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartPath {
    /// The cart's id, or `current`: the cart of the browser that asks.
    pub cart: String,
}

/// Which line: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinePath {
    /// The cart's id, or `current`: the cart of the browser that asks.
    pub cart: String,
    /// The line's sku.
    pub sku: String,
}

/// Puts something into a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddLine {
    /// The shop's number for it.
    pub sku: String,
    /// How many more.
    #[schemars(range(min = 1, max = 999))]
    pub quantity: i64,
}

/// Puts what another cart holds into this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeCart {
    /// The other cart's id. It is empty afterwards.
    pub from: String,
}

/// Says how many of a line there are to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuantity {
    /// How many; none takes the line out.
    #[schemars(range(min = 0, max = 999))]
    pub quantity: i64,
}

/// Says what else an order needs. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateCart {
    /// What the shopper wants the shop to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where the confirmation goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Where the goods go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    /// How they go there: the code of a shipping method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
    /// The coupons' codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupons: Option<Vec<String>>,
}

/// The ways to send a cart to its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShippingMethods {
    /// The ways, cheapest first.
    pub methods: Vec<ShippingMethod>,
}

/// A way to send something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShippingMethod {
    /// Its word.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it costs for this cart.
    pub price: Money,
}

/// Places the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// The total that the shopper saw. Nothing is decided by it; when it is not what the cart comes
    /// to now, nothing is ordered.
    pub expected_total: Money,
    /// The code of the payment method.
    pub payment_method: String,
    /// The language of the confirmation.
    #[serde(default)]
    pub locale: Locale,
}
