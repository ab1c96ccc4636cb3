//! Stripe Checkout, for buyers whose browser runs no JavaScript. One session is one payment,
//! however many cards the buyer tries.
//!
//! See <https://docs.stripe.com/api/checkout/sessions>.

use serde::Deserialize;
use shared::{money::Money, payment::NextStep, time::Timestamp};

use crate::payments::provider::{Charge, ChargeOutcome, ChargeStatus, HostedPage, ProviderError};

use super::{LowercaseCurrency, Metadata, PaymentIntent, StripeError, StripeProvider, call};

/// Marks the PaymentIntent of a session, because the outcome is then decided by the session.
pub(super) const HOSTED_MARK: (&str, &str) = ("payment_intent_data[metadata][hosted]", "true");

/// Stripe accepts sessions between half an hour and a day. The margin allows for latency and for
/// clocks that differ.
const LASTS_MIN_MS: i64 = 35 * 60 * 1_000;
const LASTS_MAX_MS: i64 = 23 * 60 * 60 * 1_000;

/// The fields of a session that are used.
#[derive(Debug, Deserialize)]
pub(super) struct CheckoutSession {
    pub(super) id: String,
    status: Option<String>,
    payment_status: String,
    url: Option<String>,
    amount_total: Option<i64>,
    currency: Option<LowercaseCurrency>,
    payment_intent: Option<IntentRef>,
    metadata: Option<Metadata>,
}

/// A PaymentIntent: its id, or the expanded object.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum IntentRef {
    Id(String),
    Whole(Box<PaymentIntent>),
}

impl CheckoutSession {
    /// The id of our payment.
    pub(super) fn payment(&self) -> Option<&str> {
        self.metadata.as_ref()?.payment.as_deref()
    }
}

impl From<CheckoutSession> for ChargeStatus {
    fn from(session: CheckoutSession) -> Self {
        let (intent, declined) = match session.payment_intent {
            Some(IntentRef::Whole(intent)) => (Some(intent.id.clone()), intent.declined()),
            Some(IntentRef::Id(id)) => (Some(id), None),
            None => (None, None),
        };
        let amount = session.amount_total.zip(session.currency);
        let amount = amount.map(|(minor, LowercaseCurrency(currency))| Money::new(minor, currency));
        let status = session.status.as_deref();
        let outcome = match (status, session.payment_status.as_str(), declined) {
            // Refunds refer to the PaymentIntent.
            (_, "paid", _) if intent.is_some() && amount.is_some() => ChargeOutcome::Captured,
            (Some("expired"), ..) => ChargeOutcome::Declined("expired".to_owned()),
            // The buyer is done and the bank has declined afterwards. Before that they can try
            // again.
            (Some("complete"), _, Some(why)) => ChargeOutcome::Declined(why),
            _ => ChargeOutcome::Confirming,
        };
        let captured = outcome == ChargeOutcome::Captured;
        let next = session.url.filter(|_| outcome == ChargeOutcome::Confirming);
        Self {
            external: intent.filter(|_| captured).or(Some(session.id)),
            next: next.map(|url| NextStep {
                client_secret: None,
                redirect_url: Some(url),
            }),
            amount: amount.filter(|_| captured),
            outcome,
        }
    }
}

impl StripeProvider<'_> {
    /// Creates a session. The fields must be the same for every attempt, because Stripe refuses
    /// other ones under a known idempotency key.
    pub(super) async fn open(
        &self,
        charge: &Charge,
        page: &HostedPage,
    ) -> Result<ChargeStatus, ProviderError> {
        let reference = charge.reference.to_string();
        let amount = charge.amount.minor.to_string();
        let currency = charge.amount.currency.code().to_lowercase();
        let ends = (ends_at(charge.reference, page.until).as_millis() / 1_000).to_string();
        let fields = [
            ("mode", "payment"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", &currency),
            ("line_items[0][price_data][unit_amount]", &amount),
            (
                "line_items[0][price_data][product_data][name]",
                &charge.number,
            ),
            ("client_reference_id", &charge.number),
            ("customer_email", &page.email),
            ("locale", page.locale.code()),
            ("success_url", &charge.return_url),
            ("cancel_url", &charge.return_url),
            ("expires_at", &ends),
            ("metadata[payment]", &reference),
            ("metadata[order]", &charge.number),
            ("payment_intent_data[metadata][payment]", &reference),
            ("payment_intent_data[metadata][order]", &charge.number),
            HOSTED_MARK,
        ];
        let key = format!("payment-{reference}");
        let request = self.post("/v1/checkout/sessions", &key, &fields);
        Ok(match call::<CheckoutSession>(request).await? {
            Ok(session) => session.into(),
            Err(failure) => ChargeOutcome::Declined(failure.into_reason()).into(),
        })
    }

    /// Reads the status of a session; `None` if the id is that of a PaymentIntent.
    pub(super) async fn find_session(
        &self,
        id: &str,
    ) -> Option<Result<ChargeStatus, ProviderError>> {
        if !id.starts_with("cs_") {
            return None;
        }
        let path = format!("/v1/checkout/sessions/{id}");
        let request = self.request(http::Method::GET, &path);
        let found = call::<CheckoutSession>(request.query(&[("expand[]", "payment_intent")])).await;
        let refused = |failure: StripeError| ProviderError(failure.into_reason());
        Some(found.and_then(|it| it.map(ChargeStatus::from).map_err(refused)))
    }
}

/// When the session expires: together with the order's deadline, as far as Stripe allows it. A
/// later payment is refunded.
fn ends_at(payment: i64, until: Option<Timestamp>) -> Timestamp {
    let made = shared::id::created_at(payment).as_millis();
    let (least, most) = (made + LASTS_MIN_MS, made + LASTS_MAX_MS);
    let until = until.map_or(least, Timestamp::as_millis);
    Timestamp::from_millis(until.clamp(least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_session() {
        let session = |more: &str| {
            let json = format!(r#"{{"id":"cs_1","amount_total":500,"currency":"usd",{more}}}"#);
            ChargeStatus::from(serde_json::from_str::<CheckoutSession>(&json).unwrap())
        };
        let open = session(
            r#""status":"open","payment_status":"unpaid","url":"https://pay.example/","payment_intent":null"#,
        );
        assert_eq!(
            (open.outcome, open.amount),
            (ChargeOutcome::Confirming, None)
        );
        let next = open.next.unwrap();
        assert_eq!(next.redirect_url.as_deref(), Some("https://pay.example/"));
        let intent = r#"{"id":"pi_1","status":"requires_payment_method","amount":500,"currency":"usd","last_payment_error":{"code":"card_declined"},"metadata":{"hosted":"true"}}"#;
        for (more, outcome, external) in [
            (
                r#""status":"complete","payment_status":"paid","payment_intent":"pi_1""#.to_owned(),
                ChargeOutcome::Captured,
                "pi_1",
            ),
            (
                r#""status":"complete","payment_status":"paid""#.to_owned(),
                ChargeOutcome::Confirming,
                "cs_1",
            ),
            (
                r#""status":"complete","payment_status":"unpaid","payment_intent":"pi_1""#
                    .to_owned(),
                ChargeOutcome::Confirming,
                "cs_1",
            ),
            (
                format!(r#""status":"open","payment_status":"unpaid","payment_intent":{intent}"#),
                ChargeOutcome::Confirming,
                "cs_1",
            ),
            (
                format!(
                    r#""status":"complete","payment_status":"unpaid","payment_intent":{intent}"#
                ),
                ChargeOutcome::Declined("card_declined".into()),
                "cs_1",
            ),
            (
                format!(
                    r#""status":"expired","payment_status":"unpaid","payment_intent":{intent}"#
                ),
                ChargeOutcome::Declined("expired".into()),
                "cs_1",
            ),
        ] {
            let said = session(&more);
            assert_eq!(
                (said.outcome, said.external.as_deref()),
                (outcome, Some(external)),
                "{more}"
            );
        }
    }

    #[test]
    fn a_session_ends_with_the_order_where_it_may() {
        let made = Timestamp::from_millis(1_790_000_000_000);
        let payment = shared::id::IdGenerator::new(1).next(made);
        let lasts = |until: Option<i64>| {
            let until = until.map(|ms| Timestamp::from_millis(made.as_millis() + ms));
            ends_at(payment, until).as_millis() - made.as_millis()
        };
        let hour = 60 * 60 * 1_000;
        assert_eq!(lasts(Some(2 * hour)), 2 * hour);
        assert_eq!(lasts(Some(-hour)), LASTS_MIN_MS);
        assert_eq!(lasts(Some(hour / 2)), LASTS_MIN_MS);
        assert_eq!(lasts(None), LASTS_MIN_MS);
        assert_eq!(lasts(Some(7 * 24 * hour)), LASTS_MAX_MS);
    }
}
