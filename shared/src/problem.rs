//! What is said when something is wrong: RFC 9457 `application/problem+json`, with a stable type.

use serde::{Deserialize, Serialize};

/// The media type of a problem in JSON.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Declares the problem types, each with its word, status, title and meaning.
macro_rules! kinds {
    ($($name:ident = $word:literal, $status:literal, $title:literal, $meaning:literal;)*) => {
        /// Every kind of problem that Mallard reports. The word never changes once published.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemKind {$(
            #[doc = $meaning]
            $name,
        )*}

        impl ProblemKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The last part of the type's address.
            pub const fn word(self) -> &'static str {
                match self {$(Self::$name => $word),*}
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self {$(Self::$name => $status),*}
            }

            /// What it is, in a few words; the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self {$(Self::$name => $title),*}
            }

            /// What it means for the one who asked.
            pub const fn meaning(self) -> &'static str {
                match self {$(Self::$name => $meaning),*}
            }
        }
    };
}

kinds! {
    BadRequest = "bad-request", 400, "Bad request",
        "The request could not be understood as it was sent.";
    Invalid = "invalid", 400, "Invalid input",
        "Some fields are missing or wrong; `errors` names each of them.";
    Unauthorized = "unauthorized", 401, "Not allowed",
        "Say who you are: sign in, or send `Authorization: Bearer`.";
    WrongCredentials = "wrong-credentials", 401, "Not recognised",
        "E-mail address and password do not belong together, or there is no such account.";
    CodeRequired = "code-required", 401, "A code is needed",
        "The password is right; send a code of the second factor in `code`, too.";
    WrongCode = "wrong-code", 401, "Wrong code",
        "The code of the second factor is wrong, or was used before; wait for the next one.";
    SecondFactorRequired = "second-factor-required", 403, "A second factor is required",
        "The shop requires a second factor of those who run it: set one up under `/api/v1/account/second-factor`, or leave it on.";
    Reauthenticate = "reauthenticate", 403, "Password needed again",
        "Money and roles need a password that was given lately: `POST /api/v1/account/reauthenticate`, and try again.";
    Forbidden = "forbidden", 403, "Not yours to do",
        "You are known here, but have no right to this.";
    CrossSite = "cross-site", 403, "From another site",
        "A browser sent this from a page of another site; nothing was done.";
    NotFound = "not-found", 404, "Not found",
        "There is nothing at this address.";
    MethodNotAllowed = "method-not-allowed", 405, "Method not allowed",
        "The address exists, the method does not; `Allow` lists those that do.";
    Timeout = "timeout", 408, "Request timeout",
        "The request took too long to arrive or to answer.";
    AlreadyOrdered = "already-ordered", 409, "Already ordered",
        "The cart has become an order and does not change any more.";
    Changed = "changed", 409, "Something has changed",
        "Prices or the total are not what the shopper saw; `errors` says what they are now. Nothing was ordered.";
    CartChanged = "cart-changed", 409, "The cart has changed",
        "The cart comes to something else than the shopper saw, though no price has changed: quantities, coupons or the way it is sent. Nothing was ordered.";
    TooMuchUnpaid = "too-much-unpaid", 409, "Too much is not paid",
        "The buyer or the network has as much on orders that are not paid as it may; `errors` says what is the limit. Pay one of them, give one up, or order less. Nothing was ordered.";
    CannotOrder = "cannot-order", 409, "Cannot be ordered",
        "Something is missing or there is not enough of it; `errors` names it. Nothing was ordered.";
    StockConflict = "stock-conflict", 409, "Stock is different",
        "The stock is not what the changes expect: another version, or too little of it; `errors` names each. Nothing was changed.";
    IllegalStep = "illegal-step", 409, "Not possible any more",
        "In its present state the order cannot take this step.";
    NotEmpty = "not-empty", 409, "Not empty",
        "There is still something in it: products, or other categories.";
    SecondFactorOn = "second-factor-on", 409, "There is one already",
        "The account has a second factor; turn it off before you set up another one.";
    OpenOrders = "open-orders", 409, "Orders on their way",
        "The account has orders that are not done; it can be erased when they are.";
    IdempotencyInFlight = "idempotency-in-flight", 409, "Being worked on",
        "A request with this `Idempotency-Key` is being answered just now; try again for its answer.";
    Stale = "stale", 412, "Changed meanwhile",
        "`If-Match` names an older version; read it again and decide anew.";
    IdempotencyMismatch = "idempotency-mismatch", 422, "Another request",
        "This `Idempotency-Key` belongs to a request with other content.";
    TooLarge = "too-large", 413, "Body too large",
        "The body is larger than this endpoint takes.";
    UnsupportedMediaType = "unsupported-media-type", 415, "Unsupported media type",
        "The body must be JSON and say so in `Content-Type`.";
    TooManyRequests = "too-many-requests", 429, "Too many requests",
        "This was asked too often; `Retry-After` says when to try again.";
    PaymentPaused = "payment-paused", 429, "Too many declined cards",
        "So many cards were declined that none is taken for a while; `Retry-After` says when to try again.";
    Internal = "internal", 500, "Internal error",
        "The server failed. Nothing was changed; the request id finds the cause in the logs.";
    Unavailable = "unavailable", 503, "Service unavailable",
        "The server cannot answer just now; `Retry-After` says when to try again.";
}

impl ProblemKind {
    /// The type's address, relative to the shop; it leads to an explanation.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.word())
    }

    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

/// A problem, as JSON carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// The type's address, relative to the shop.
    #[serde(rename = "type")]
    pub kind: String,
    /// The type in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request's id, as in the `X-Request-Id` header and in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What is wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// When to try again, in seconds; said in `Retry-After`.
    #[serde(skip)]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of this kind, without details.
    pub fn new(kind: ProblemKind) -> Self {
        Self {
            kind: kind.uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: None,
            request_id: None,
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to try again; whole seconds, and not too early.
    #[must_use]
    pub fn retry_after(mut self, wait: std::time::Duration) -> Self {
        let more = u64::from(wait.subsec_nanos() > 0);
        self.retry_after_s = Some((wait.as_secs() + more).max(1));
        self
    }

    /// Adds what is wrong with one field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            detail: detail.into(),
        });
        self
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldError {
    /// The field's name: a query parameter, a path parameter or a JSON Pointer into the body.
    pub field: String,
    /// What is wrong, for a person.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_lead_back() {
        for kind in ProblemKind::ALL {
            assert_eq!(ProblemKind::from_word(kind.word()), Some(*kind));
        }
    }

    #[test]
    fn what_is_absent_is_not_written() {
        let json = serde_json::to_string(&Problem::new(ProblemKind::NotFound)).unwrap();
        assert_eq!(
            json,
            r#"{"type":"/problems/not-found","title":"Not found","status":404}"#
        );
    }
}
