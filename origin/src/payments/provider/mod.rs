//! Those who move the money.

mod stripe;
mod test;

use shared::{
    locale::Locale,
    money::Money,
    payment::{NextStep, TestCard},
    time::Timestamp,
};

use crate::{app::App, db};

use stripe::StripeProvider;
pub use stripe::verify_event;
use test::TestProvider;

/// What is to be charged.
#[derive(Clone, Debug)]
pub struct Charge {
    /// Our own number for it. Asking twice with the same one charges once.
    pub reference: i64,
    /// How much.
    pub amount: Money,
    /// For which order.
    pub number: String,
    /// Where the buyer comes back to.
    pub return_url: String,
    /// With the method `test`: which card.
    pub card: Option<TestCard>,
    /// With a real provider: its token for the buyer's card. Without one the buyer goes on with the
    /// provider.
    pub token: Option<String>,
    /// For a buyer who pays on a page of the provider's: what that page is to be like.
    pub page: Option<HostedPage>,
}

/// A page of the provider's on which a buyer pays.
#[derive(Clone, Debug)]
pub struct HostedPage {
    /// Its language.
    pub locale: Locale,
    /// The buyer's address, which they need not type again.
    pub email: String,
    /// Until when the order is to be paid.
    pub until: Option<Timestamp>,
}

/// A charge that was asked for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeReference {
    /// Our own number for it.
    pub reference: i64,
    /// What the provider calls it, if that was heard.
    pub external: Option<String>,
}

/// What has become of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeOutcome {
    /// The money is here.
    Captured,
    /// There is no money: why, in a word.
    Declined(String),
    /// The buyer has to do something, or the bank.
    Confirming,
    /// The provider has never heard of it.
    NotFound,
}

/// What a provider says of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeStatus {
    /// What has become of it.
    pub outcome: ChargeOutcome,
    /// What the provider calls it.
    pub external: Option<String>,
    /// What the buyer has to do.
    pub next: Option<NextStep>,
    /// How much came, where the provider says it.
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

/// The provider did not say what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider does not respond: {0}")]
pub struct ProviderError(pub String);

impl From<db::Error> for ProviderError {
    fn from(error: db::Error) -> Self {
        Self(error.to_string())
    }
}

/// One who moves money. Every call may be repeated with the same reference and does the same once.
pub trait Provider {
    /// Charges.
    fn charge(
        &self,
        charge: Charge,
    ) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;
    /// Says what has become of a charge.
    fn look_up(
        &self,
        charge: &ChargeReference,
    ) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;
    /// Goes on with a charge that the buyer has confirmed.
    fn confirm(
        &self,
        charge: &ChargeReference,
    ) -> impl Future<Output = Result<ChargeStatus, ProviderError>> + Send;
    /// Pays back a part of a charge.
    fn refund(
        &self,
        charge: &ChargeReference,
        reference: i64,
        amount: Money,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// The ways to pay of which somebody else is asked for the money.
#[derive(Debug)]
pub enum Providers<'a> {
    /// The method `test`.
    Test(TestProvider<'a>),
    /// The method `stripe`.
    Stripe(StripeProvider<'a>),
}

/// The provider of this method; nothing when the shop takes the money itself.
pub fn of<'a>(app: &'a App, method: &str) -> Option<Providers<'a>> {
    match method {
        "test" => Some(Providers::Test(TestProvider(&app.db))),
        "stripe" => StripeProvider::new(app).map(Providers::Stripe),
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
