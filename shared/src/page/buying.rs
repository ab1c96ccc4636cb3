//! The pages of a purchase: cart, checkout, order. They are about the one who asks, so nobody keeps
//! them.

use serde::{Deserialize, Serialize};

use crate::{
    account::SavedAddress,
    cart::{Cart, ShippingMethod},
    form::Form,
    order::Order,
    payment::Payment,
};

/// The cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartPage {
    /// What is in it; nothing when nobody has put anything in yet.
    pub cart: Option<Cart>,
    /// What was wrong with what was asked for.
    pub form: Form,
}

/// A step of checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// Who buys, and where it goes.
    Address,
    /// How it goes there.
    Shipping,
    /// How it is paid.
    Payment,
    /// Everything once more, before it counts.
    Review,
}

impl Step {
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
    pub step: Step,
    /// What is bought.
    pub cart: Cart,
    /// The step's form.
    pub form: Form,
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
    pub form: Form,
    /// With what a payment is asked for once, however often it is sent.
    pub key: String,
    /// How to pay by transfer, in the words of the shop.
    pub transfer: String,
}

/// Where a guest finds an order again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindOrderPage {
    /// Number and address.
    pub form: Form,
}
