//! Coupon rules: the discount, and why a coupon is refused.

use shared::{cart::CouponRefusal, id::CouponId, time::Timestamp};

/// A coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Its id.
    pub id: CouponId,
    /// Its code, in upper case.
    pub code: String,
    /// The kind of discount.
    pub effect: Effect,
    /// The minimum value of the items, in minor units.
    pub minimum_minor: i64,
    /// The start of its validity.
    pub starts_at: Option<Timestamp>,
    /// The end of its validity.
    pub ends_at: Option<Timestamp>,
    /// The maximum number of uses.
    pub limit_total: Option<i64>,
    /// The maximum number of uses per customer.
    pub limit_customer: Option<i64>,
    /// The number of uses.
    pub used: i64,
    /// The number of uses by this customer.
    pub used_by_customer: i64,
    /// Whether it can be combined with other coupons.
    pub stackable: bool,
    /// Whether it is enabled.
    pub active: bool,
}

/// The kind of discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A percentage of the items, in hundredths of a per cent.
    Percentage(i64),
    /// A fixed amount off the items, in minor units.
    Amount(i64),
    /// Free shipping.
    FreeShipping,
}

impl Effect {
    /// The columns `kind` and `value`.
    pub const fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Percentage(hundredths) => ("percentage", hundredths),
            Self::Amount(minor) => ("amount", minor),
            Self::FreeShipping => ("free_shipping", 0),
        }
    }

    /// Parses the columns `kind` and `value`.
    pub fn from_parts(kind: &str, value: i64) -> Option<Self> {
        match kind {
            "percentage" if (0..=10_000).contains(&value) => Some(Self::Percentage(value)),
            "amount" if value >= 0 => Some(Self::Amount(value)),
            "free_shipping" => Some(Self::FreeShipping),
            _ => None,
        }
    }
}

impl Coupon {
    /// Why the coupon is refused for items of this value; `others` says whether another coupon
    /// applies already.
    pub fn refused(&self, items: i64, now: Timestamp, others: bool) -> Option<CouponRefusal> {
        let reached = |limit: Option<i64>, used: i64| limit.is_some_and(|limit| used >= limit);
        if !self.active {
            Some(CouponRefusal::Unknown)
        } else if self.starts_at.is_some_and(|start| now < start) {
            Some(CouponRefusal::NotYet)
        } else if self.ends_at.is_some_and(|end| now >= end) {
            Some(CouponRefusal::Over)
        } else if reached(self.limit_total, self.used)
            || reached(self.limit_customer, self.used_by_customer)
        {
            Some(CouponRefusal::UsedUp)
        } else if items < self.minimum_minor {
            Some(CouponRefusal::BelowMinimum)
        } else if others && !self.stackable {
            Some(CouponRefusal::NotTogether)
        } else {
            None
        }
    }
}
