//! Those who move the money.

use std::time::Duration;

use shared::{money::Money, payment::TestCard};

use crate::db::{self, Db};

/// What is to be charged.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// Our own number for it. Asking twice with the same one charges once.
    pub reference: i64,
    /// How much.
    pub amount: Money,
    /// With the method `test`: which card.
    pub card: Option<TestCard>,
}

/// What has become of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The money is here.
    Captured,
    /// There is no money: why, in a word.
    Declined(String),
    /// The buyer has to say yes once more.
    Confirming,
    /// The provider has never heard of it.
    NeverHeard,
}

/// The provider did not say what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider does not answer: {0}")]
pub struct Unknown(pub String);

impl From<db::Error> for Unknown {
    fn from(error: db::Error) -> Self {
        Self(error.to_string())
    }
}

/// One who moves money. Every call may be repeated with the same reference and does the same once.
pub trait Provider {
    /// Charges.
    fn charge(&self, charge: Charge) -> impl Future<Output = Result<Outcome, Unknown>> + Send;
    /// Says what has become of a charge.
    fn look_up(&self, reference: i64) -> impl Future<Output = Result<Outcome, Unknown>> + Send;
    /// Goes on with a charge that the buyer has confirmed.
    fn confirm(&self, reference: i64) -> impl Future<Output = Result<Outcome, Unknown>> + Send;
    /// Pays back a part of a charge.
    fn refund(
        &self,
        charge: i64,
        reference: i64,
        amount: Money,
    ) -> impl Future<Output = Result<(), Unknown>> + Send;
}

/// The provider of the method `test`: its cards always do the same. What it knows is kept in two tables
/// that nobody else reads, as a real one keeps it elsewhere.
#[derive(Clone, Debug)]
pub struct Test<'d>(pub &'d Db);

const SLOW: Duration = Duration::from_secs(2);

impl Test<'_> {
    async fn put(&self, reference: i64, amount: Money, state: &str) -> Result<(), Unknown> {
        let mut tx = self.0.write().await?;
        let known = "
            select count(*)
              from test_charges
             where reference = ?";
        let known: i64 = sqlx::query_scalar(known)
            .bind(reference.to_string())
            .fetch_one(tx.conn())
            .await?;
        if known == 0 {
            let statement = "
                insert into test_charges (reference, amount_minor, state)
                values (?, ?, ?)";
            sqlx::query(statement)
                .bind(reference.to_string())
                .bind(amount.minor)
                .bind(state)
                .execute(tx.conn())
                .await?;
        }
        Ok(tx.commit().await?)
    }
}

impl Provider for Test<'_> {
    async fn charge(&self, charge: Charge) -> Result<Outcome, Unknown> {
        let Charge {
            reference, amount, ..
        } = charge;
        match charge.card.unwrap_or(TestCard::Succeeds) {
            TestCard::Succeeds => self.put(reference, amount, "captured").await?,
            TestCard::Declined => self.put(reference, amount, "declined").await?,
            TestCard::Confirm => self.put(reference, amount, "confirming").await?,
            TestCard::Slow => {
                tokio::time::sleep(SLOW).await;
                self.put(reference, amount, "captured").await?;
            }
            TestCard::TimesOut => {
                self.put(reference, amount, "captured").await?;
                return Err(Unknown("it took too long".to_owned()));
            }
        }
        self.look_up(reference).await
    }

    async fn look_up(&self, reference: i64) -> Result<Outcome, Unknown> {
        let statement = "
            select state
              from test_charges
             where reference = ?";
        let mut reader = self.0.read().await?;
        let state: Option<String> = sqlx::query_scalar(statement)
            .bind(reference.to_string())
            .fetch_optional(&mut *reader)
            .await?;
        Ok(match state.as_deref() {
            Some("captured") => Outcome::Captured,
            Some("confirming") => Outcome::Confirming,
            Some(_) => Outcome::Declined("card_declined".to_owned()),
            None => Outcome::NeverHeard,
        })
    }

    async fn confirm(&self, reference: i64) -> Result<Outcome, Unknown> {
        let statement = "
            update test_charges
               set state = 'captured'
             where reference = ?
               and state = 'confirming'";
        let mut tx = self.0.write().await?;
        sqlx::query(statement)
            .bind(reference.to_string())
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        self.look_up(reference).await
    }

    async fn refund(&self, charge: i64, reference: i64, amount: Money) -> Result<(), Unknown> {
        let mut tx = self.0.write().await?;
        let known = "
            select count(*)
              from test_refunds
             where reference = ?";
        let known: i64 = sqlx::query_scalar(known)
            .bind(reference.to_string())
            .fetch_one(tx.conn())
            .await?;
        if known == 0 {
            let statement = "
                insert into test_refunds (reference, charge, amount_minor)
                values (?, ?, ?)";
            sqlx::query(statement)
                .bind(reference.to_string())
                .bind(charge.to_string())
                .bind(amount.minor)
                .execute(tx.conn())
                .await?;
        }
        Ok(tx.commit().await?)
    }
}
