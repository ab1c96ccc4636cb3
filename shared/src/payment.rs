//! Payments and refunds of orders.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{locale::Locale, money::Money, order::OrderState};

/// A payment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payment {
    /// The id.
    pub id: String,
    /// The state.
    pub state: PaymentState,
    /// The amount.
    pub amount: Money,
    /// A code for the reason of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the buyer must do next, while the payment waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextStep>,
    /// The current state of the order.
    pub order: OrderState,
}

/// What the buyer must do before the payment is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextStep {
    /// The secret with which the buyer's browser continues with the payment provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The page on which the buyer confirms the payment; it leads back to the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
}

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Started; the result is not known yet.
    Started,
    /// The buyer must confirm the payment.
    Confirming,
    /// Captured.
    Captured,
    /// Failed.
    Failed,
}

impl PaymentState {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Started,
        Self::Confirming,
        Self::Captured,
        Self::Failed,
    ];

    /// The name in JSON and in the database.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Confirming => "confirming",
            Self::Captured => "captured",
            Self::Failed => "failed",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Pays an order with its payment method.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PayOrder {
    /// For the method `test`: the test card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<TestCard>,
    /// For the method `stripe`: the id of a PaymentMethod of Stripe. Without it the response has a
    /// `client_secret` to continue with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub payment_method: Option<String>,
    /// For the method `stripe`, instead of `payment_method`: the buyer pays on a page of Stripe's
    /// in this language, at the `redirect_url` of the response, and returns to the order's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted: Option<Locale>,
}

/// The event was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// Always true.
    pub received: bool,
}

/// The cards of the method `test`. Each always behaves the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestCard {
    /// The payment succeeds.
    Succeeds,
    /// The payment is declined.
    Declined,
    /// The payment succeeds once the buyer has confirmed it.
    Confirm,
    /// The payment succeeds after two seconds.
    Slow,
    /// The payment succeeds, but the response is lost; the result appears when it is requested
    /// again.
    TimesOut,
}

impl TestCard {
    /// All cards.
    pub const ALL: [Self; 5] = [
        Self::Succeeds,
        Self::Declined,
        Self::Confirm,
        Self::Slow,
        Self::TimesOut,
    ];

    /// The name in JSON.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Succeeds => "succeeds",
            Self::Declined => "declined",
            Self::Confirm => "confirm",
            Self::Slow => "slow",
            Self::TimesOut => "times_out",
        }
    }

    /// The card with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|card| card.as_str() == name)
    }
}

/// Path parameters: the order and the payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentPath {
    /// The order number.
    pub number: String,
    /// The payment's id.
    pub payment: String,
}

/// Moves an order to its next state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepOrder {
    /// The new state: `paid` for a payment received elsewhere, `shipped`, `delivered`, `completed`;
    /// `cancelled` cancels an unpaid order.
    pub state: OrderState,
}

/// Refunds an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundOrder {
    /// The amount; everything not refunded yet when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Whether the items go back into stock. Only with a full refund.
    #[serde(default)]
    pub restock: bool,
}
