//! The payment method `test`: cards with a fixed outcome.

use std::time::Duration;

use shared::{money::Money, payment::TestCard};

use crate::db::Db;

use super::{Charge, ChargeOutcome, ChargeReference, ChargeStatus, Provider, ProviderError};

/// The provider of the method `test`. Its state is in two tables that no other code reads, as a
/// real provider's is elsewhere.
#[derive(Clone, Debug)]
pub struct TestProvider<'d>(pub &'d Db);

const SLOW: Duration = Duration::from_secs(2);

impl TestProvider<'_> {
    async fn put(&self, reference: i64, amount: Money, state: &str) -> Result<(), ProviderError> {
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

impl Provider for TestProvider<'_> {
    async fn charge(&self, charge: Charge) -> Result<ChargeStatus, ProviderError> {
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
                return Err(ProviderError("it timed out".to_owned()));
            }
        }
        let external = None;
        self.look_up(&ChargeReference {
            reference,
            external,
        })
        .await
    }

    async fn look_up(&self, charge: &ChargeReference) -> Result<ChargeStatus, ProviderError> {
        let statement = "
            select state
              from test_charges
             where reference = ?";
        let mut reader = self.0.read().await?;
        let state: Option<String> = sqlx::query_scalar(statement)
            .bind(charge.reference.to_string())
            .fetch_optional(&mut *reader)
            .await?;
        let outcome = match state.as_deref() {
            Some("captured") => ChargeOutcome::Captured,
            Some("confirming") => ChargeOutcome::Confirming,
            Some(_) => ChargeOutcome::Declined("card_declined".to_owned()),
            None => ChargeOutcome::NotFound,
        };
        Ok(outcome.into())
    }

    async fn confirm(&self, charge: &ChargeReference) -> Result<ChargeStatus, ProviderError> {
        let statement = "
            update test_charges
               set state = 'captured'
             where reference = ?
               and state = 'confirming'";
        let mut tx = self.0.write().await?;
        sqlx::query(statement)
            .bind(charge.reference.to_string())
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        self.look_up(charge).await
    }

    async fn refund(
        &self,
        charge: &ChargeReference,
        reference: i64,
        amount: Money,
    ) -> Result<(), ProviderError> {
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
                .bind(charge.reference.to_string())
                .bind(amount.minor)
                .execute(tx.conn())
                .await?;
        }
        Ok(tx.commit().await?)
    }
}
