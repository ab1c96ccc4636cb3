//! The pages of a purchase: cart, checkout and order. They are personal, so no cache stores them.

use serde::{Deserialize, Serialize};

use crate::{
    account::SavedAddress,
    cart::{Cart, ShippingMethod},
    form::FormState,
    order::Order,
    payment::Payment,
    time::Timestamp,
};

/// The cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartPage {
    /// The cart; none if nothing was ever added.
    pub cart: Option<Cart>,
    /// The state of the submitted form.
    pub form: FormState,
}

/// A step of checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CheckoutStep {
    /// Email and shipping address.
    Address,
    /// Shipping method.
    Shipping,
    /// Payment method.
    Payment,
    /// Review before the order is placed.
    Review,
}

impl CheckoutStep {
    /// All steps, in order.
    pub const ALL: [Self; 4] = [Self::Address, Self::Shipping, Self::Payment, Self::Review];

    /// The name in message keys.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Shipping => "shipping",
            Self::Payment => "payment",
            Self::Review => "review",
        }
    }
}

/// A page of checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutPage {
    /// The step.
    pub step: CheckoutStep,
    /// The cart.
    pub cart: Cart,
    /// The step's form.
    pub form: FormState,
    /// Whether the shopper is signed in.
    pub signed_in: bool,
    /// The shopper's saved addresses.
    pub book: Vec<SavedAddress>,
    /// The available shipping methods.
    pub methods: Vec<ShippingMethod>,
    /// The available payment methods.
    pub payments: Vec<String>,
    /// The idempotency key of the order.
    pub key: String,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPage {
    /// The order.
    pub order: Order,
    /// Whether the order was just placed.
    pub thanks: bool,
    /// The latest payment.
    pub payment: Option<Payment>,
    /// The state of the submitted form.
    pub form: FormState,
    /// The idempotency key of the next payment.
    pub key: String,
    /// The shop's instructions for bank transfers.
    pub transfer: String,
    /// The time left to pay.
    #[serde(default)]
    pub time_left: Option<TimeLeft>,
}

/// A remaining time, rounded for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeLeft {
    /// Less than two hours.
    Minutes(i64),
    /// Less than two days.
    Hours(i64),
    /// Two days or more: the date says enough.
    Days,
}

impl TimeLeft {
    const HOUR_MS: i64 = 3_600_000;

    /// From `now` until `then`; none if that has passed. Rounds down, so that it never promises too
    /// much.
    pub fn between(now: Timestamp, then: Timestamp) -> Option<Self> {
        let left = then.as_millis() - now.as_millis();
        match left / Self::HOUR_MS {
            _ if left <= 0 => None,
            0 | 1 => Some(Self::Minutes((left / 60_000).max(1))),
            hours @ 2..48 => Some(Self::Hours(hours)),
            _ => Some(Self::Days),
        }
    }
}

/// The form with which a guest finds an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindOrderPage {
    /// The order number and the email address.
    pub form: FormState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_time_is_rounded_for_display() {
        let now = Timestamp::from_millis(1_000_000);
        let after = |ms: i64| TimeLeft::between(now, Timestamp::from_millis(1_000_000 + ms));
        const MINUTE: i64 = 60_000;
        const HOUR: i64 = 60 * MINUTE;
        assert_eq!(after(0), None);
        assert_eq!(after(-1), None);
        assert_eq!(after(1), Some(TimeLeft::Minutes(1)));
        assert_eq!(after(30 * MINUTE - 1), Some(TimeLeft::Minutes(29)));
        assert_eq!(after(2 * HOUR - 1), Some(TimeLeft::Minutes(119)));
        assert_eq!(after(2 * HOUR), Some(TimeLeft::Hours(2)));
        assert_eq!(after(48 * HOUR - 1), Some(TimeLeft::Hours(47)));
        assert_eq!(after(48 * HOUR), Some(TimeLeft::Days));
    }
}
