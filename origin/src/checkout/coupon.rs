//! Coupons: what they take off, and when they do not.

use shared::{cart::CouponRefusal, id::CouponId, time::Timestamp};

/// A coupon, as the shop has made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Its identity.
    pub id: CouponId,
    /// Its code, in upper case.
    pub code: String,
    /// What it does.
    pub effect: Effect,
    /// What the items must come to, in minor units.
    pub minimum_minor: i64,
    /// From when on it counts.
    pub starts_at: Option<Timestamp>,
    /// Until when it counts.
    pub ends_at: Option<Timestamp>,
    /// How often it may be used.
    pub limit_total: Option<i64>,
    /// How often one customer may use it.
    pub limit_customer: Option<i64>,
    /// How often it has been used.
    pub used: i64,
    /// How often this customer has used it.
    pub used_by_customer: i64,
    /// Whether it may be used beside others.
    pub stackable: bool,
    /// Whether it is switched on.
    pub active: bool,
}

/// What a coupon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Takes a share off the items, in hundredths of a per cent.
    Percentage(i64),
    /// Takes an amount off the items, in minor units.
    Amount(i64),
    /// Takes the shipping off.
    FreeShipping,
}

impl Effect {
    /// The word and the number in the table.
    pub const fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Percentage(hundredths) => ("percentage", hundredths),
            Self::Amount(minor) => ("amount", minor),
            Self::FreeShipping => ("free_shipping", 0),
        }
    }

    /// The effect with this word and number.
    pub fn from_parts(word: &str, value: i64) -> Option<Self> {
        match word {
            "percentage" if (0..=10_000).contains(&value) => Some(Self::Percentage(value)),
            "amount" if value >= 0 => Some(Self::Amount(value)),
            "free_shipping" => Some(Self::FreeShipping),
            _ => None,
        }
    }
}

impl Coupon {
    /// Why it does not count for items of this worth; `others` says whether one before it counts.
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
