//! Payment providers.

mod stripe;
mod test;

use shared::{
    locale::Locale,
    money::Money,
    payment::{NextStep, TestCard},
    time::Timestamp,
};

use crate::{db, platform::Platform};

use stripe::StripeProvider;
pub use stripe::verify_event;
use test::TestProvider;

/// A charge to create.
#[derive(Clone, Debug)]
pub struct Charge {
    /// The id of our payment. Charging the same reference twice charges once.
    pub reference: i64,
    /// The amount.
    pub amount: Money,
    /// The number of the order.
    pub number: String,
    /// Where the provider sends the buyer back to.
    pub return_url: String,
    /// The card, for the method `test`.
    pub card: Option<TestCard>,
    /// The provider's token for the buyer's card. Without one the buyer continues with the
    /// provider.
    pub token: Option<String>,
    /// For payments on a page that the provider hosts.
    pub page: Option<HostedPage>,
}

/// The payment page that the provider hosts.
#[derive(Clone, Debug)]
pub struct HostedPage {
    /// Its language.
    pub locale: Locale,
    /// The buyer's e-mail address, to fill in the form.
    pub email: String,
    /// The order's payment deadline.
    pub until: Option<Timestamp>,
}

/// Identifies a charge that was created before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeReference {
    /// The id of our payment.
    pub reference: i64,
    /// The provider's id, if known.
    pub external: Option<String>,
}

/// The outcome of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeOutcome {
    /// The money was captured.
    Captured,
    /// Declined, with the provider's reason code.
    Declined(String),
    /// The buyer or the bank has to confirm it.
    Confirming,
    /// The provider does not know the reference.
    NotFound,
}

/// The status of a charge, as the provider reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeStatus {
    /// The outcome.
    pub outcome: ChargeOutcome,
    /// The provider's id.
    pub external: Option<String>,
    /// The next action of the buyer, if one is required.
    pub next: Option<NextStep>,
    /// The captured amount, if the provider reports it.
    pub amount: Option<Money>,
}

impl From<ChargeOutcome> for ChargeStatus {
    fn from(outcome: ChargeOutcome) -> Self {
        Self {
            outcome,
            external: None,
            next: None,
            amount: None,
        }
    }
}

/// The provider did not respond, so that the status is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider does not respond: {0}")]
pub struct ProviderError(pub String);

impl From<db::Error> for ProviderError {
    fn from(error: db::Error) -> Self {
        Self(error.to_string())
    }
}

/// A payment provider. Calls are idempotent: repeating one with the same reference has no further
/// effect.
pub trait Provider {
    /// Creates a charge.
    fn charge(
        &self,
        charge: Charge,
    ) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;
    /// Reads the status of a charge.
    fn look_up(
        &self,
        charge: &ChargeReference,
    ) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;
    /// Continues a charge after the buyer has confirmed it.
    fn confirm(
        &self,
        charge: &ChargeReference,
    ) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;
    /// Refunds a part of a charge.
    fn refund(
        &self,
        charge: &ChargeReference,
        reference: i64,
        amount: Money,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// The payment methods with a provider.
#[derive(Debug)]
pub enum Providers<'a> {
    /// The method `test`.
    Test(TestProvider<'a>),
    /// The method `stripe`.
    Stripe(StripeProvider<'a>),
}

/// The provider of a payment method; `None` for `manual`.
pub fn find<'a>(platform: &'a Platform, method: &str) -> Option<Providers<'a>> {
    match method {
        "test" => Some(Providers::Test(TestProvider(&platform.db))),
        "stripe" => StripeProvider::new(platform).map(Providers::Stripe),
        _ => None,
    }
}

impl Provider for Providers<'_> {
    async fn charge(&self, charge: Charge) -> Result<ChargeStatus, ProviderError> {
        match self {
            Self::Test(it) => it.charge(charge).await,
            Self::Stripe(it) => it.charge(charge).await,
        }
    }

    async fn look_up(&self, charge: &ChargeReference) -> Result<ChargeStatus, ProviderError> {
        match self {
            Self::Test(it) => it.look_up(charge).await,
            Self::Stripe(it) => it.look_up(charge).await,
        }
    }

    async fn confirm(&self, charge: &ChargeReference) -> Result<ChargeStatus, ProviderError> {
        match self {
            Self::Test(it) => it.confirm(charge).await,
            Self::Stripe(it) => it.confirm(charge).await,
        }
    }

    async fn refund(
        &self,
        charge: &ChargeReference,
        reference: i64,
        amount: Money,
    ) -> Result<(), ProviderError> {
        match self {
            Self::Test(it) => it.refund(charge, reference, amount).await,
            Self::Stripe(it) => it.refund(charge, reference, amount).await,
        }
    }
}
