//! The payment method `stripe`: PaymentIntents over Stripe's HTTP API, and signed events.
//!
//! See <https://docs.stripe.com/api/payment_intents> and
//! <https://docs.stripe.com/webhooks#verify-manually>.

mod session;

use ring::hmac;
use serde::{Deserialize, Deserializer, de::Error as _};
use shared::{
    money::{Currency, Money},
    payment::NextStep,
    time::Timestamp,
};

use crate::platform::Platform;

use super::{Charge, ChargeOutcome, ChargeReference, ChargeStatus, Provider, ProviderError};

use session::CheckoutSession;

/// The API version that the types below describe.
const VERSION: &str = "2024-06-20";
/// Events that are older, or further in the future, are refused as replays.
const AGE_MAX_S: i64 = 300;

/// Stripe, with the shop's API key.
#[derive(Debug)]
pub struct StripeProvider<'a> {
    platform: &'a Platform,
    key: &'a str,
}

/// The fields of a PaymentIntent that are used.
#[derive(Debug, Deserialize)]
struct PaymentIntent {
    id: String,
    status: String,
    amount: i64,
    currency: LowercaseCurrency,
    client_secret: Option<String>,
    next_action: Option<NextAction>,
    last_payment_error: Option<StripeError>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    payment: Option<String>,
    hosted: Option<String>,
}

/// A currency in lower case, as Stripe writes it.
#[derive(Clone, Copy, Debug)]
struct LowercaseCurrency(Currency);

impl<'de> Deserialize<'de> for LowercaseCurrency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?.to_uppercase();
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

#[derive(Debug, Deserialize)]
struct NextAction {
    redirect_to_url: Option<RedirectToUrl>,
}

#[derive(Debug, Deserialize)]
struct RedirectToUrl {
    url: String,
}

/// An error of the API, or of the last payment attempt.
#[derive(Debug, Deserialize)]
struct StripeError {
    code: Option<String>,
    decline_code: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    payment_intent: Option<Box<PaymentIntent>>,
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: StripeError,
}

#[derive(Debug, Deserialize)]
struct IntentSearch {
    data: Vec<PaymentIntent>,
}

#[derive(Debug, Deserialize)]
struct StripeRefund {
    status: String,
}

impl StripeError {
    /// The reason code of the decline.
    fn into_reason(self) -> String {
        let reason = self.decline_code.or(self.code).or(self.kind);
        // The column `payments.reason` holds 64 characters.
        let reason = reason.unwrap_or_else(|| "declined".to_owned());
        reason.chars().take(64).collect()
    }
}

impl PaymentIntent {
    /// Why the payment failed, if it did.
    fn declined(self) -> Option<String> {
        match (self.status.as_str(), self.last_payment_error) {
            ("canceled", _) => Some("canceled".to_owned()),
            ("requires_payment_method", Some(error)) => Some(error.into_reason()),
            _ => None,
        }
    }
}

impl From<PaymentIntent> for ChargeStatus {
    fn from(mut intent: PaymentIntent) -> Self {
        let redirect = intent.next_action.take().and_then(|it| it.redirect_to_url);
        let (id, secret) = (intent.id.clone(), intent.client_secret.take());
        let amount = Money::new(intent.amount, intent.currency.0);
        // On a hosted page the buyer can try another card after a failure; the session says when it
        // is over.
        let hosted = intent.metadata.hosted.is_some() && intent.status != "canceled";
        let captured = intent.status == "succeeded";
        let outcome = match intent.declined() {
            _ if captured => ChargeOutcome::Captured,
            Some(why) if !hosted => ChargeOutcome::Declined(why),
            _ => ChargeOutcome::Confirming,
        };
        let next = (outcome == ChargeOutcome::Confirming).then_some(NextStep {
            client_secret: secret,
            redirect_url: redirect.map(|it| it.url),
        });
        Self {
            outcome,
            external: Some(id),
            next,
            amount: captured.then_some(amount),
        }
    }
}

impl<'a> StripeProvider<'a> {
    /// `None` if the shop has no Stripe key.
    pub fn new(platform: &'a Platform) -> Option<Self> {
        let key = platform.config.stripe_secret_key.as_deref()?;
        Some(Self { platform, key })
    }

    fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.platform.config.stripe_url);
        self.platform
            .http_client
            .request(method, url)
            .bearer_auth(self.key)
            .header("stripe-version", VERSION)
    }

    fn post(&self, path: &str, key: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.request(http::Method::POST, path)
            .header("idempotency-key", key)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }
}

/// Sends a request; the inner error is a refusal by Stripe.
async fn call<T: serde::de::DeserializeOwned>(
    request: reqwest::RequestBuilder,
) -> Result<Result<T, StripeError>, ProviderError> {
    let unknown = |error: reqwest::Error| ProviderError(error.without_url().to_string());
    let response = request.send().await.map_err(unknown)?;
    let status = response.status();
    let body = response.bytes().await.map_err(unknown)?;
    let damaged = |error: serde_json::Error| ProviderError(format!("status {status}: {error}"));
    match status.as_u16() {
        200..=299 => serde_json::from_slice(&body).map(Ok).map_err(damaged),
        // A bad request stays bad. Other errors may be temporary.
        400 | 402 | 404 => {
            let failed: ErrorBody = serde_json::from_slice(&body).map_err(damaged)?;
            Ok(Err(failed.error))
        }
        _ => Err(ProviderError(format!("status {status}"))),
    }
}

impl Provider for StripeProvider<'_> {
    async fn charge(&self, charge: Charge) -> Result<ChargeStatus, ProviderError> {
        if let Some(page) = &charge.page {
            return self.open(&charge, page).await;
        }
        let (amount, reference) = (
            charge.amount.minor.to_string(),
            charge.reference.to_string(),
        );
        let currency = charge.amount.currency.code().to_lowercase();
        let mut fields = vec![
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("metadata[payment]", &reference),
            ("metadata[order]", &charge.number),
            ("automatic_payment_methods[enabled]", "true"),
        ];
        if let Some(token) = &charge.token {
            fields.extend([
                ("payment_method", token.as_str()),
                ("confirm", "true"),
                ("return_url", &charge.return_url),
            ]);
        }
        let key = format!("payment-{reference}");
        let request = self.post("/v1/payment_intents", &key, &fields);
        Ok(match call::<PaymentIntent>(request).await? {
            Ok(intent) => intent.into(),
            Err(mut failure) => {
                let intent = failure.payment_intent.take();
                ChargeStatus {
                    external: intent.map(|it| it.id),
                    ..ChargeOutcome::Declined(failure.into_reason()).into()
                }
            }
        })
    }

    async fn look_up(&self, charge: &ChargeReference) -> Result<ChargeStatus, ProviderError> {
        let refused = |failure: StripeError| ProviderError(failure.into_reason());
        if let Some(external) = &charge.external {
            if let Some(found) = self.find_session(external).await {
                return found;
            }
            let path = format!("/v1/payment_intents/{external}");
            let found = call::<PaymentIntent>(self.request(http::Method::GET, &path)).await?;
            return found.map(ChargeStatus::from).map_err(refused);
        }
        // The response was lost. The search index lags by up to a minute.
        let query = format!("metadata['payment']:'{}'", charge.reference);
        let request = self
            .request(http::Method::GET, "/v1/payment_intents/search")
            .query(&[("query", query)]);
        let found = call::<IntentSearch>(request).await?.map_err(refused)?;
        let intent = found.data.into_iter().next();
        Ok(intent.map_or(ChargeOutcome::NotFound.into(), ChargeStatus::from))
    }

    /// The buyer confirms with Stripe directly, so that only the status is read.
    async fn confirm(&self, charge: &ChargeReference) -> Result<ChargeStatus, ProviderError> {
        self.look_up(charge).await
    }

    async fn refund(
        &self,
        charge: &ChargeReference,
        reference: i64,
        amount: Money,
    ) -> Result<(), ProviderError> {
        let intent = charge.external.as_deref();
        let intent = intent.ok_or_else(|| ProviderError("unknown charge".to_owned()))?;
        let fields = [
            ("payment_intent", intent),
            ("amount", &amount.minor.to_string()),
        ];
        let request = self.post("/v1/refunds", &format!("refund-{reference}"), &fields);
        match call::<StripeRefund>(request).await? {
            Ok(refund) if ["succeeded", "pending"].contains(&refund.status.as_str()) => Ok(()),
            Ok(refund) => Err(ProviderError(format!("the refund is {}", refund.status))),
            Err(failure) => Err(ProviderError(failure.into_reason())),
        }
    }
}

/// A verified event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeEvent {
    /// The event id.
    pub id: String,
    /// The payment that it is about; `None` for other events.
    pub about: Option<ChargeReference>,
    /// The status, if it is final.
    pub answer: Option<ChargeStatus>,
}

#[derive(Debug, Deserialize)]
struct EventBody {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: EventObject,
}

#[derive(Debug, Deserialize)]
struct EventObject {
    object: serde_json::Value,
}

/// Verifies the signature and the time of an event, and parses it. `signature` is the header
/// `Stripe-Signature`.
pub fn verify_event(
    secret: &str,
    signature: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<StripeEvent, String> {
    let parts = || signature.split(',').filter_map(|part| part.split_once('='));
    let time = parts().find(|(name, _)| name.trim() == "t");
    let time = time.ok_or("the signature has no timestamp")?.1;
    let seconds: i64 = time.parse().map_err(|_| "the timestamp is not a number")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    let genuine = parts()
        .filter(|(name, _)| name.trim() == "v1")
        .filter_map(|(_, tag)| hex(tag))
        .any(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    if !genuine {
        return Err("the signature is not valid".to_owned());
    }
    if (now.as_millis() / 1_000).abs_diff(seconds) > AGE_MAX_S.unsigned_abs() {
        return Err("the event is too old".to_owned());
    }
    parse_event(body).map_err(|error| error.to_string())
}

/// Parses an event. Only events of payments have an `about`.
fn parse_event(body: &[u8]) -> Result<StripeEvent, serde_json::Error> {
    let event: EventBody = serde_json::from_slice(body)?;
    let object = event.data.object;
    let (payment, object, answer) = if event.kind.starts_with("payment_intent.") {
        let intent: PaymentIntent = serde_json::from_value(object)?;
        let payment = intent.metadata.payment.clone();
        (payment, intent.id.clone(), ChargeStatus::from(intent))
    } else if event.kind.starts_with("checkout.session.") {
        let session: CheckoutSession = serde_json::from_value(object)?;
        let payment = session.payment().map(str::to_owned);
        (payment, session.id.clone(), ChargeStatus::from(session))
    } else {
        (None, String::new(), ChargeOutcome::Confirming.into())
    };
    let reference = payment.and_then(|it| it.parse().ok());
    let about = reference.map(|reference| ChargeReference {
        reference,
        external: Some(object),
    });
    // Events arrive in any order; only a capture is final.
    let is_final = about.is_some() && answer.outcome == ChargeOutcome::Captured;
    Ok(StripeEvent {
        id: event.id,
        about,
        answer: Some(answer).filter(|_| is_final),
    })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let digits = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    digits.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The signature was computed with Stripe's command-line tool for this secret, time and body.
    #[test]
    fn only_a_signed_recent_event_is_accepted() {
        let body = br#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","status":"succeeded","amount":500,"currency":"usd","metadata":{"payment":"42"}}}}"#;
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"whsec_test");
        let tag = hmac::sign(&key, &[b"1790000000.".as_slice(), body].concat());
        let tag: String = tag.as_ref().iter().map(|it| format!("{it:02x}")).collect();
        let header = format!("t=1790000000,v0=00,v1=ff,v1={tag}");
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let read = verify_event("whsec_test", &header, body, at(1_790_000_300)).unwrap();
        assert_eq!(read.id, "evt_1");
        assert_eq!(read.about.unwrap().reference, 42);
        assert_eq!(read.answer.unwrap().outcome, ChargeOutcome::Captured);
        for (secret, header, body, now) in [
            ("whsec_other", header.as_str(), &body[..], 1_790_000_000),
            ("whsec_test", &header, &body[1..], 1_790_000_000),
            ("whsec_test", &header, body, 1_790_000_301),
            ("whsec_test", &header, body, 1_789_999_699),
            (
                "whsec_test",
                &header.replace("t=1790000000", "t=1790000001"),
                body,
                1_790_000_000,
            ),
            ("whsec_test", "v1=ff", body, 1_790_000_000),
            ("whsec_test", "t=1790000000,v1=zz", body, 1_790_000_000),
            ("whsec_test", "", body, 1_790_000_000),
        ] {
            assert!(
                verify_event(secret, header, body, at(now)).is_err(),
                "{header} {now}"
            );
        }
    }

    #[test]
    fn the_status_of_an_intent() {
        let intent =
            |json: &str| ChargeStatus::from(serde_json::from_str::<PaymentIntent>(json).unwrap());
        let done = intent(r#"{"id":"pi_1","status":"succeeded","amount":500,"currency":"eur"}"#);
        assert_eq!((done.outcome, done.next), (ChargeOutcome::Captured, None));
        let euros = Money::new(500, "EUR".parse().unwrap());
        assert_eq!(done.amount, Some(euros));
        let declined = intent(
            r#"{"id":"pi_1","status":"requires_payment_method","amount":500,"currency":"usd","last_payment_error":{"code":"card_declined","decline_code":"insufficient_funds"}}"#,
        );
        assert_eq!(
            declined.outcome,
            ChargeOutcome::Declined("insufficient_funds".into())
        );
        let confirming = intent(
            r#"{"id":"pi_1","status":"requires_action","amount":500,"currency":"usd","client_secret":"pi_1_secret","next_action":{"type":"redirect_to_url","redirect_to_url":{"url":"https://bank.example/"}}}"#,
        );
        assert_eq!(confirming.outcome, ChargeOutcome::Confirming);
        let next = confirming.next.unwrap();
        assert_eq!(next.client_secret.as_deref(), Some("pi_1_secret"));
        assert_eq!(next.redirect_url.as_deref(), Some("https://bank.example/"));
    }

    proptest! {
        /// No input panics, unsigned events are refused, and so are signed bodies that are no
        /// event.
        #[test]
        fn no_event_panics_and_unsigned_ones_are_refused(
            header in "[ -~]{0,80}",
            body in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let now = Timestamp::from_millis(1_790_000_000_000);
            prop_assert!(verify_event("whsec_test", &header, &body, now).is_err());
            let key = hmac::Key::new(hmac::HMAC_SHA256, b"whsec_test");
            let tag = hmac::sign(&key, &[b"1790000000.".as_slice(), &body].concat());
            let tag: String = tag.as_ref().iter().map(|it| format!("{it:02x}")).collect();
            let signed = format!("t=1790000000,v1={tag}");
            prop_assert!(verify_event("whsec_test", &signed, &body, now).is_err());
        }
    }
}
