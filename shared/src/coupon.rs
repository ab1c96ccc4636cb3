//! Coupons, as those who run the shop see and make them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{cursor::Cursor, money::Money, time::Timestamp};

/// The longest code, in characters.
pub const CODE_MAX: usize = 64;
/// The most that a coupon takes off, or asks a cart to come to, in minor units.
pub const AMOUNT_MAX_MINOR: i64 = 1_000_000_000_000;
/// The highest limit of uses.
pub const USES_MAX: i64 = 1_000_000_000;

/// A coupon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coupon {
    /// What a buyer types, in upper case.
    pub code: String,
    /// What it does.
    pub effect: CouponEffect,
    /// What the items must come to.
    pub minimum: Money,
    /// From when on it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Until when it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// How often it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_total: Option<i64>,
    /// How often one customer may use it, by their e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_customer: Option<i64>,
    /// Whether it may be used beside others.
    pub stackable: bool,
    /// Whether it is switched on.
    pub active: bool,
    /// How often it has been used; orders change it, and nothing else.
    pub used: i64,
}

/// What a coupon does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum CouponEffect {
    /// Takes a share off the items.
    Percentage {
        /// A decimal above 0 and up to 100, exact to two places: `12.5`.
        percent: String,
    },
    /// Takes an amount off the items, as far as they come to it.
    Amount {
        /// How much.
        amount: Money,
    },
    // With braces, because only then serde refuses fields beside the tag.
    /// Takes the shipping off.
    FreeShipping {},
}

/// Which coupon: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CouponPath {
    /// Its code, in small letters or capitals: up to 64 letters, digits and ASCII signs, at least one of
    /// them a letter or digit.
    pub code: String,
}

/// Makes a coupon, or changes it to what this says; what is absent is as it says below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveCoupon {
    /// What it does.
    pub effect: CouponEffect,
    /// What the items must come to; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Money>,
    /// From when on it counts; from now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Until when it counts; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// How often it may be used; without limit when absent, and not less than it has been used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub limit_total: Option<i64>,
    /// How often one customer may use it; without limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub limit_customer: Option<i64>,
    /// Whether it may be used beside others; not when absent.
    #[serde(default)]
    pub stackable: bool,
    /// Whether it is switched on; it is when absent.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

/// Which page of the coupons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListCoupons {
    /// Where the page begins; the newest coupon when absent.
    pub cursor: Option<Cursor>,
    /// How many; 20 when absent, 100 at most.
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

/// A page of coupons, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CouponList {
    /// The coupons.
    pub coupons: Vec<Coupon>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}
