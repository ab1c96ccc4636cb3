//! Stripe's own page to pay on, for buyers whose browser runs no script of Stripe's. One session is one
//! payment, however many cards are tried on its page.
//! See <https://docs.stripe.com/api/checkout/sessions>.

use serde::Deserialize;
use shared::{money::Money, payment::NextStep, time::Timestamp};

use crate::payments::provider::{Answer, Charge, HostedPage, Outcome, Unknown};

use super::{Failure, Intent, Lower, Metadata, Stripe, answer};

/// What the intent of a session is marked with, since the session says what has become of it.
pub(super) const MARK: (&str, &str) = ("payment_intent_data[metadata][hosted]", "true");

/// A session lasts half an hour at least and a day at most, by Stripe's clock. It is given somewhat more,
/// or less, for the way there and for clocks that differ.
const LASTS_MIN_MS: i64 = 35 * 60 * 1_000;
const LASTS_MAX_MS: i64 = 23 * 60 * 60 * 1_000;

/// What is used of a session.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    status: Option<String>,
    payment_status: String,
    url: Option<String>,
    amount_total: Option<i64>,
    currency: Option<Lower>,
    payment_intent: Option<Named>,
    metadata: Option<Metadata>,
}

/// An intent: its id, or all of it where that was asked for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Named {
    Id(String),
    Whole(Box<Intent>),
}

impl Session {
    /// Our own number for the payment.
    pub(super) fn payment(&self) -> Option<&str> {
        self.metadata.as_ref()?.payment.as_deref()
    }
}

impl From<Session> for Answer {
    fn from(session: Session) -> Self {
        let (intent, declined) = match session.payment_intent {
            Some(Named::Whole(intent)) => (Some(intent.id.clone()), intent.declined()),
            Some(Named::Id(id)) => (Some(id), None),
            None => (None, None),
        };
        let amount = session.amount_total.zip(session.currency);
        let amount = amount.map(|(minor, Lower(currency))| Money::new(minor, currency));
        let status = session.status.as_deref();
        let outcome = match (status, session.payment_status.as_str(), declined) {
            // The money belongs to the intent, which is what pays back.
            (_, "paid", _) if intent.is_some() && amount.is_some() => Outcome::Captured,
            (Some("expired"), ..) => Outcome::Declined("expired".to_owned()),
            // The buyer is done, and the bank has said no afterwards. Before that they try again.
            (Some("complete"), _, Some(why)) => Outcome::Declined(why),
            _ => Outcome::Confirming,
        };
        let captured = outcome == Outcome::Captured;
        let next = session.url.filter(|_| outcome == Outcome::Confirming);
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

impl Stripe<'_> {
    /// Opens a session. The fields are the same whenever they are sent, because Stripe refuses others
    /// under a key that it knows.
    pub(super) async fn open(&self, charge: &Charge, page: &HostedPage) -> Result<Answer, Unknown> {
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
            MARK,
        ];
        let key = format!("payment-{reference}");
        let request = self.post("/v1/checkout/sessions", &key, &fields);
        Ok(match answer::<Session>(request).await? {
            Ok(session) => session.into(),
            Err(failure) => Outcome::Declined(failure.word()).into(),
        })
    }

    /// What has become of a session; nothing when the id is that of an intent.
    pub(super) async fn find_session(&self, id: &str) -> Option<Result<Answer, Unknown>> {
        if !id.starts_with("cs_") {
            return None;
        }
        let path = format!("/v1/checkout/sessions/{id}");
        let request = self.request(http::Method::GET, &path);
        let found = answer::<Session>(request.query(&[("expand[]", "payment_intent")])).await;
        let refused = |failure: Failure| Unknown(failure.word());
        Some(found.and_then(|it| it.map(Answer::from).map_err(refused)))
    }
}

/// When a session ends that is opened for this payment: with the order where Stripe allows it. Who pays
/// after that gets the money back.
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
    fn what_becomes_of_a_session() {
        let session = |more: &str| {
            let json = format!(r#"{{"id":"cs_1","amount_total":500,"currency":"usd",{more}}}"#);
            Answer::from(serde_json::from_str::<Session>(&json).unwrap())
        };
        let open = session(
            r#""status":"open","payment_status":"unpaid","url":"https://pay.example/","payment_intent":null"#,
        );
        assert_eq!((open.outcome, open.amount), (Outcome::Confirming, None));
        let next = open.next.unwrap();
        assert_eq!(next.redirect_url.as_deref(), Some("https://pay.example/"));
        let intent = r#"{"id":"pi_1","status":"requires_payment_method","amount":500,"currency":"usd","last_payment_error":{"code":"card_declined"},"metadata":{"hosted":"true"}}"#;
        for (more, outcome, external) in [
            (
                r#""status":"complete","payment_status":"paid","payment_intent":"pi_1""#.to_owned(),
                Outcome::Captured,
                "pi_1",
            ),
            (
                r#""status":"complete","payment_status":"paid""#.to_owned(),
                Outcome::Confirming,
                "cs_1",
            ),
            (
                r#""status":"complete","payment_status":"unpaid","payment_intent":"pi_1""#
                    .to_owned(),
                Outcome::Confirming,
                "cs_1",
            ),
            (
                format!(r#""status":"open","payment_status":"unpaid","payment_intent":{intent}"#),
                Outcome::Confirming,
                "cs_1",
            ),
            (
                format!(
                    r#""status":"complete","payment_status":"unpaid","payment_intent":{intent}"#
                ),
                Outcome::Declined("card_declined".into()),
                "cs_1",
            ),
            (
                format!(
                    r#""status":"expired","payment_status":"unpaid","payment_intent":{intent}"#
                ),
                Outcome::Declined("expired".into()),
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
