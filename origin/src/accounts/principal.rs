//! The principal of a request: anonymous, a person with an account, an API key, or the operator.
//! Handlers require a right through an extractor in their arguments, so that a request without it
//! is rejected before its path, query or body is read.

use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, header, request::Parts};
use shared::{
    account::Right,
    id::KeyId,
    problem::{Problem, ProblemKind},
};

use crate::{audit::Actor, platform::Platform, web::Refusal};

use super::{keys, model::Person, second_factor, session_cache, tokens, web::session_token};

/// On whose behalf a request is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The request has no credentials.
    Anonymous,
    /// A person with an account, by a session cookie or an access token.
    Person(Person),
    /// An API key of the shop, with its rights.
    ApiKey(KeyId, Vec<Right>),
    /// The operator token of the settings. It has every right.
    Operator,
}

/// Why a principal is not authorized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// The request has no valid credentials.
    #[error("the request is not authenticated")]
    Unauthenticated,
    /// The principal lacks the right.
    #[error("the right for this action is missing")]
    Forbidden,
    /// The person has the right, but not the second factor that the shop requires for it.
    #[error("the shop requires a second factor")]
    SecondFactorRequired,
    /// The person's last password check is too long ago.
    #[error("the password must be entered again")]
    ReauthenticationRequired,
}

impl From<AuthorizationError> for Problem {
    fn from(error: AuthorizationError) -> Self {
        Self::new(match error {
            AuthorizationError::Unauthenticated => ProblemKind::Unauthorized,
            AuthorizationError::Forbidden => ProblemKind::Forbidden,
            AuthorizationError::SecondFactorRequired => ProblemKind::SecondFactorRequired,
            AuthorizationError::ReauthenticationRequired => ProblemKind::Reauthenticate,
        })
    }
}

impl Principal {
    /// The principal as an actor, if it has this right.
    pub fn require_right(&self, right: Right) -> Result<Actor, AuthorizationError> {
        match self {
            Self::Anonymous => Err(AuthorizationError::Unauthenticated),
            Self::Person(person) if person.has_right(right) => Ok(person.actor()),
            Self::ApiKey(key, rights) if rights.contains(&right) => Ok(Actor(format!("key:{key}"))),
            Self::Operator => Ok(Actor("operator".to_owned())),
            Self::Person(person) if person.withheld => {
                Err(AuthorizationError::SecondFactorRequired)
            }
            Self::Person(_) | Self::ApiKey(..) => Err(AuthorizationError::Forbidden),
        }
    }

    /// Requires a recent password check, which changes of money and roles need. API keys and the
    /// operator token have no password and always pass.
    pub fn require_reauthentication(&self, platform: &Platform) -> Result<(), AuthorizationError> {
        match self {
            Self::Person(person) => {
                let age_ms = platform.clock.now().as_millis() - person.proved_at.as_millis();
                if age_ms < platform.config.reauthenticate_ms {
                    Ok(())
                } else {
                    Err(AuthorizationError::ReauthenticationRequired)
                }
            }
            Self::Anonymous | Self::ApiKey(..) | Self::Operator => Ok(()),
        }
    }

    /// The principal as an actor, if it is an owner of the shop or the operator.
    pub fn require_owner(&self) -> Result<Actor, AuthorizationError> {
        match self {
            Self::Anonymous => Err(AuthorizationError::Unauthenticated),
            Self::Person(person) if person.is_owner() => Ok(person.actor()),
            Self::Operator => Ok(Actor("operator".to_owned())),
            Self::Person(person) if person.withheld => {
                Err(AuthorizationError::SecondFactorRequired)
            }
            Self::Person(_) | Self::ApiKey(..) => Err(AuthorizationError::Forbidden),
        }
    }

    /// Authenticates a request. `Authorization` takes precedence over the session cookie.
    pub async fn authenticate(platform: &Platform, headers: &HeaderMap) -> Result<Self, Refusal> {
        let now = platform.clock.now();
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value
                .to_str()
                .ok()
                .and_then(bearer)
                .ok_or(AuthorizationError::Unauthenticated)?;
            if is_operator(platform, token) {
                return Ok(Self::Operator);
            }
            if token.starts_with(keys::PREFIX) {
                let key = keys::find(&platform.db, token).await?;
                let (key, rights) = key.ok_or(AuthorizationError::Unauthenticated)?;
                return Ok(Self::ApiKey(key, rights));
            }
            let person = tokens::find_person(platform, token)
                .await?
                .ok_or(AuthorizationError::Unauthenticated)?;
            return Ok(Self::Person(withhold_rights(platform, person)));
        }
        let Some(token) = session_token(&platform.config, headers) else {
            return Ok(Self::Anonymous);
        };
        let person = session_cache::find(platform, &token, now).await?;
        Ok(person.map_or(Self::Anonymous, |it| {
            Self::Person(withhold_rights(platform, it))
        }))
    }
}

/// Withholds the rights of a person who lacks a second factor that the shop requires.
fn withhold_rights(platform: &Platform, person: Person) -> Person {
    Person {
        withheld: second_factor::is_required(platform, person.role) && !person.second_factor,
        ..person
    }
}

/// The token of an `Authorization: Bearer` field (RFC 6750 §2.1). Scheme names are
/// case-insensitive (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether this is the operator token. Comparing hashes takes constant time, so the duration
/// reveals nothing about the token.
fn is_operator(platform: &Platform, token: &str) -> bool {
    let known = platform.config.operator_token.as_ref();
    known.is_some_and(|it| blake3::hash(it.as_bytes()) == blake3::hash(token.as_bytes()))
}

impl<S> FromRequestParts<S> for Principal
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        Self::authenticate(platform, &parts.headers).await
    }
}

/// Extracts the signed-in person and rejects every other request.
#[derive(Clone, Debug)]
pub struct RequireSignIn(pub Person);

impl<S> FromRequestParts<S> for RequireSignIn
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        match Principal::authenticate(platform, &parts.headers).await? {
            Principal::Person(person) => Ok(Self(person)),
            Principal::Anonymous => Err(AuthorizationError::Unauthenticated.into()),
            Principal::ApiKey(..) | Principal::Operator => {
                Err(AuthorizationError::Forbidden.into())
            }
        }
    }
}

/// Requires an owner of the shop or the operator.
#[derive(Clone, Debug)]
pub struct RequireOwner(pub Actor);

impl<S> FromRequestParts<S> for RequireOwner
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        Ok(Self(
            Principal::authenticate(platform, &parts.headers)
                .await?
                .require_owner()?,
        ))
    }
}

/// Requires an owner of the shop with a recent password check.
#[derive(Clone, Debug)]
pub struct RequireReauthenticatedOwner(pub Actor);

impl<S> FromRequestParts<S> for RequireReauthenticatedOwner
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        let principal = Principal::authenticate(platform, &parts.headers).await?;
        let actor = principal.require_owner()?;
        principal.require_reauthentication(platform)?;
        Ok(Self(actor))
    }
}

/// Requires the right `R` and a recent password check.
#[derive(Clone, Debug)]
pub struct RequireReauthenticatedRight<R> {
    /// The authorized principal.
    pub actor: Actor,
    right: PhantomData<fn() -> R>,
}

impl<S, R: RightMarker> FromRequestParts<S> for RequireReauthenticatedRight<R>
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        let principal = Principal::authenticate(platform, &parts.headers).await?;
        let actor = principal.require_right(R::RIGHT)?;
        principal.require_reauthentication(platform)?;
        Ok(Self {
            actor,
            right: PhantomData,
        })
    }
}

/// Requires the right `R`.
#[derive(Clone, Debug)]
pub struct RequireRight<R> {
    /// The authorized principal.
    pub actor: Actor,
    right: PhantomData<fn() -> R>,
}

/// Marks a type that stands for a right.
pub trait RightMarker {
    /// The right.
    const RIGHT: Right;
}

macro_rules! rights {
    ($($marker:ident: $right:ident),*) => {$(
        #[doc = concat!("[`Right::", stringify!($right), "`] as a type.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $marker;

        impl RightMarker for $marker {
            const RIGHT: Right = Right::$right;
        }
    )*};
}

rights!(
    CatalogueRight: Catalogue,
    OrdersRight: Orders,
    StockRight: Stock,
    CustomersRight: Customers,
    SettingsRight: Settings
);

impl<S, R: RightMarker> FromRequestParts<S> for RequireRight<R>
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        Ok(Self {
            actor: Principal::authenticate(platform, &parts.headers)
                .await?
                .require_right(R::RIGHT)?,
            right: PhantomData,
        })
    }
}
