//! Coupons, for staff.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{cursor::Cursor, money::Money, time::Timestamp};

/// The maximum length of a code, in characters.
pub const CODE_MAX: usize = 64;
/// The maximum discount and minimum order value of a coupon, in minor units.
pub const AMOUNT_MAX_MINOR: i64 = 1_000_000_000_000;
/// The maximum value of a usage limit.
pub const USES_MAX: i64 = 1_000_000_000;

/// A coupon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coupon {
    /// The code, in upper case.
    pub code: String,
    /// The effect.
    pub effect: CouponEffect,
    /// The minimum value of the items.
    pub minimum: Money,
    /// When it becomes valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// How often it may be used in total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_total: Option<i64>,
    /// How often one customer may use it; customers are identified by email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_customer: Option<i64>,
    /// Whether it can be combined with other coupons.
    pub stackable: bool,
    /// Whether it is active.
    pub active: bool,
    /// How often it was used; only orders change this.
    pub used: i64,
}

/// The effect of a coupon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum CouponEffect {
    /// A percentage off the items.
    Percentage {
        /// A decimal above 0 and up to 100, with at most two decimal places: `12.5`.
        percent: String,
    },
    /// A fixed amount off the items, at most their value.
    Amount {
        /// The amount.
        amount: Money,
    },
    // A struct variant, because serde rejects unknown fields beside the tag only there.
    /// Free shipping.
    FreeShipping {},
}

/// Path parameter: the coupon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CouponPath {
    /// The code, in any case: up to 64 letters, digits and ASCII punctuation marks, with at least
    /// one letter or digit.
    pub code: String,
}

/// Creates or replaces a coupon; absent fields get their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveCoupon {
    /// The effect.
    pub effect: CouponEffect,
    /// The minimum value of the items; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Money>,
    /// When it becomes valid; immediately when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When it expires; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// How often it may be used in total; unlimited when absent. It cannot be less than the number
    /// of past uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub limit_total: Option<i64>,
    /// How often one customer may use it; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub limit_customer: Option<i64>,
    /// Whether it can be combined with other coupons; false when absent.
    #[serde(default)]
    pub stackable: bool,
    /// Whether it is active; true when absent.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

/// Pagination of the coupons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListCoupons {
    /// The cursor of the page; the newest coupons when absent.
    pub cursor: Option<Cursor>,
    /// The number of rows a page; 20 when absent, at most 100.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of coupons, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CouponList {
    /// The coupons.
    pub coupons: Vec<Coupon>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}
