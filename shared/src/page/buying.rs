//! The pages of a purchase: cart, checkout, order. They are about the one who asks, so nobody keeps
//! them.

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
    /// What is in it; nothing when nobody has put anything in yet.
    pub cart: Option<Cart>,
    /// What was wrong with what was asked for.
    pub form: FormState,
}

/// A step of checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CheckoutStep {
    /// Who buys, and where it goes.
    Address,
    /// How it goes there.
    Shipping,
    /// How it is paid.
    Payment,
    /// Everything once more, before it counts.
    Review,
}

impl CheckoutStep {
    /// All steps, in order.
    pub const ALL: [Self; 4] = [Self::Address, Self::Shipping, Self::Payment, Self::Review];

    /// The word in messages.
    pub const fn word(self) -> &'static str {
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
    /// Which.
    pub step: CheckoutStep,
    /// What is bought.
    pub cart: Cart,
    /// The step's form.
    pub form: FormState,
    /// Whether somebody has signed in.
    pub signed_in: bool,
    /// The addresses of their book.
    pub book: Vec<SavedAddress>,
    /// The ways to send it.
    pub methods: Vec<ShippingMethod>,
    /// The ways to pay.
    pub payments: Vec<String>,
    /// With what the order is asked for once, however often it is sent.
    pub key: String,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPage {
    /// The order.
    pub order: Order,
    /// Whether it was placed just now.
    pub thanks: bool,
    /// Its last payment.
    pub payment: Option<Payment>,
    /// What was wrong with what was asked for.
    pub form: FormState,
    /// With what a payment is asked for once, however often it is sent.
    pub key: String,
    /// How to pay by transfer, in the words of the shop.
    pub transfer: String,
    /// How much time there is to pay it.
    #[serde(default)]
    pub time_left: Option<TimeLeft>,
}

/// How much time is left, as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeLeft {
    /// Less than two hours.
    Minutes(i64),
    /// Less than two days.
    Hours(i64),
    /// So much that the day is enough.
    Days,
}

impl TimeLeft {
    const HOUR_MS: i64 = 3_600_000;

    /// From now until then; nothing when it is over. Rounded down: nobody is promised too much.
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

/// Where a guest finds an order again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindOrderPage {
    /// Number and address.
    pub form: FormState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_as_people_say_it() {
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
