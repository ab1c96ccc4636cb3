//! Payments: how an order is paid, and what goes back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{locale::Locale, money::Money, order::OrderState};

/// A payment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payment {
    /// Its identity.
    pub id: String,
    /// What has become of it.
    pub state: PaymentState,
    /// How much.
    pub amount: Money,
    /// Why it failed, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the buyer has to do, while something is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextStep>,
    /// What the order is now.
    pub order: OrderState,
}

/// What the buyer has to do before the money comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextStep {
    /// With what the buyer's browser goes on with the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Where the buyer goes to say yes; they come back to the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
}

/// What has become of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// On its way; nobody knows yet.
    Started,
    /// The buyer has to say yes once more.
    Confirming,
    /// The money is here.
    Captured,
    /// There is no money.
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

    /// The word in JSON and in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Confirming => "confirming",
            Self::Captured => "captured",
            Self::Failed => "failed",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Pays an order in the way that was chosen for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PayOrder {
    /// With the method `test`: which of its cards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<TestCard>,
    /// With the method `stripe`: the id of the PaymentMethod that Stripe has made of the buyer's card.
    /// Without it the answer has a `client_secret` to go on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub payment_method: Option<String>,
    /// With the method `stripe`, and without `payment_method`: the buyer pays on a page of Stripe's in
    /// this language, to which `redirect_url` of the answer leads, and comes back to the order's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted: Option<Locale>,
}

/// An event was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// It was.
    pub received: bool,
}

/// The cards of the method `test`. Each always does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestCard {
    /// Pays.
    Succeeds,
    /// Does not pay.
    Declined,
    /// Pays once the buyer has confirmed.
    Confirm,
    /// Pays after two seconds.
    Slow,
    /// Pays, but nobody hears of it until they ask again.
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

    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeds => "succeeds",
            Self::Declined => "declined",
            Self::Confirm => "confirm",
            Self::Slow => "slow",
            Self::TimesOut => "times_out",
        }
    }

    /// The card with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|card| card.word() == word)
    }
}

/// Which payment: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentPath {
    /// The order's number.
    pub number: String,
    /// The payment's id.
    pub payment: String,
}

/// Takes an order to its next state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepOrder {
    /// What it becomes: `paid` for a payment that came by itself, `shipped`, `delivered`,
    /// `completed`; `cancelled` gives up an order that is not paid.
    pub state: OrderState,
}

/// Pays something back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundOrder {
    /// How much; everything that is left when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Whether the goods are back on the shelf. Only with everything that is left.
    #[serde(default)]
    pub restock: bool,
}
