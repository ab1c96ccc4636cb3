//! Problem details (RFC 9457, `application/problem+json`) with stable types.

use serde::{Deserialize, Serialize};

/// The media type of problem details in JSON.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Declares the problem types, each with its name, status, title and meaning.
macro_rules! kinds {
    ($($name:ident = $value:literal, $status:literal, $title:literal, $meaning:literal;)*) => {
        /// The problem types of Mallard. A published name never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemKind {$(
            #[doc = $meaning]
            $name,
        )*}

        impl ProblemKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name: the last segment of the type's URL.
            pub const fn as_str(&self) -> &'static str {
                match self {$(Self::$name => $value),*}
            }

            /// The HTTP status code.
            pub const fn status(self) -> u16 {
                match self {$(Self::$name => $status),*}
            }

            /// A short title, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self {$(Self::$name => $title),*}
            }

            /// The meaning of the problem for the client.
            pub const fn meaning(self) -> &'static str {
                match self {$(Self::$name => $meaning),*}
            }
        }
    };
}

kinds! {
    BadRequest = "bad-request", 400, "Bad request",
        "The request is malformed and could not be understood.";
    Invalid = "invalid", 400, "Invalid input",
        "Some fields are missing or invalid; `errors` names each of them.";
    Unauthorized = "unauthorized", 401, "Authentication required",
        "Sign in, or send credentials with `Authorization: Bearer`.";
    WrongCredentials = "wrong-credentials", 401, "Wrong credentials",
        "The email address or the password is incorrect.";
    CodeRequired = "code-required", 401, "Verification code required",
        "The password is correct; send a code of the second factor in `code` as well.";
    WrongCode = "wrong-code", 401, "Wrong verification code",
        "The code of the second factor is incorrect or has already been used; wait for the next one.";
    SecondFactorRequired = "second-factor-required", 403, "Second factor required",
        "The shop requires a second factor for owners and staff: set one up at `/api/v1/account/second-factor`, and do not turn it off.";
    Reauthenticate = "reauthenticate", 403, "Password required again",
        "Refunds, roles and keys need a password that was entered recently: call `POST /api/v1/account/reauthenticate` and try again.";
    Forbidden = "forbidden", 403, "Forbidden",
        "You are authenticated, but you lack the right to do this.";
    CrossSite = "cross-site", 403, "Cross-site request refused",
        "A browser sent this request from a page of another site; nothing was changed.";
    NotFound = "not-found", 404, "Not found",
        "No resource exists at this address.";
    MethodNotAllowed = "method-not-allowed", 405, "Method not allowed",
        "The address does not support this method; `Allow` lists the methods that it supports.";
    Timeout = "timeout", 408, "Request timeout",
        "The request took too long to arrive or to process.";
    AlreadyOrdered = "already-ordered", 409, "Already ordered",
        "The cart has become an order and can no longer be changed.";
    Changed = "changed", 409, "Prices have changed",
        "Prices or the total differ from what the shopper saw; `errors` has the current ones. Nothing was ordered.";
    CartChanged = "cart-changed", 409, "Cart has changed",
        "The total differs from what the shopper saw although no price has changed: the quantities, coupons or shipping method have. Nothing was ordered.";
    TooMuchUnpaid = "too-much-unpaid", 409, "Too many unpaid orders",
        "The buyer or their network has reached a limit for unpaid orders; `errors` says which. Pay or cancel one of them, or order less. Nothing was ordered.";
    CannotOrder = "cannot-order", 409, "Cart cannot be ordered",
        "Something is missing or out of stock; `errors` says what. Nothing was ordered.";
    StockConflict = "stock-conflict", 409, "Stock conflict",
        "The stock differs from what the changes expect: it has another version or too few units; `errors` names each. Nothing was changed.";
    IllegalStep = "illegal-step", 409, "Step not possible",
        "The order cannot take this step in its current state.";
    NotEmpty = "not-empty", 409, "Category not empty",
        "The category still contains products or other categories; move them first.";
    SecondFactorOn = "second-factor-on", 409, "Second factor already on",
        "The account already has a second factor; turn it off before you set up another one.";
    OpenOrders = "open-orders", 409, "Open orders",
        "The account has open orders; it can be deleted once they are completed.";
    IdempotencyInFlight = "idempotency-in-flight", 409, "Request in progress",
        "A request with this `Idempotency-Key` is still being processed; try again for its response.";
    Stale = "stale", 412, "Version outdated",
        "`If-Match` names an older version; read the resource again and repeat your change.";
    IdempotencyMismatch = "idempotency-mismatch", 422, "Idempotency key reused",
        "This `Idempotency-Key` was used for a request with other content; use a new key.";
    TooLarge = "too-large", 413, "Body too large",
        "The request body is larger than this endpoint accepts.";
    UnsupportedMediaType = "unsupported-media-type", 415, "Unsupported media type",
        "The request body must be JSON, and `Content-Type` must say so.";
    TooManyRequests = "too-many-requests", 429, "Too many requests",
        "The rate limit is exceeded; `Retry-After` says when to try again.";
    PaymentPaused = "payment-paused", 429, "Too many declined cards",
        "Card payments are paused after too many declined cards; `Retry-After` says when to try again.";
    Internal = "internal", 500, "Internal error",
        "The server failed and nothing was changed; the request id leads to the cause in the logs.";
    Unavailable = "unavailable", 503, "Service unavailable",
        "The server is temporarily unavailable; `Retry-After` says when to try again.";
}

impl ProblemKind {
    /// The URL of the type, relative to the shop; it leads to an explanation.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.as_str())
    }

    /// The type with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// Problem details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// The URL of the type, relative to the shop; it leads to an explanation.
    #[serde(rename = "type")]
    pub kind: String,
    /// The title of the type.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What happened in this case, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request id, as in the `X-Request-Id` header and in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The invalid fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// How many seconds to wait before trying again, as in `Retry-After`.
    #[serde(skip)]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of this type, without details.
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

    /// Sets what happened in this case.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets how long to wait before trying again, rounded up to seconds.
    #[must_use]
    pub fn retry_after(mut self, wait: std::time::Duration) -> Self {
        let more = u64::from(wait.subsec_nanos() > 0);
        self.retry_after_s = Some((wait.as_secs() + more).max(1));
        self
    }

    /// Adds an invalid field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            detail: detail.into(),
        });
        self
    }
}

/// An invalid field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldError {
    /// The field's name: a query parameter, a path parameter or a JSON Pointer into the body.
    pub field: String,
    /// What is wrong with it, for people.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_round_trip() {
        for kind in ProblemKind::ALL {
            assert_eq!(ProblemKind::from_name(kind.as_str()), Some(*kind));
        }
    }

    #[test]
    fn absent_fields_are_omitted() {
        let json = serde_json::to_string(&Problem::new(ProblemKind::NotFound)).unwrap();
        assert_eq!(
            json,
            r#"{"type":"/problems/not-found","title":"Not found","status":404}"#
        );
    }
}
