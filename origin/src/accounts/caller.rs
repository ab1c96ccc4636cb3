//! Who asks: nobody, somebody with an account, or a program of the shop. Handlers say in their
//! arguments who may, and everybody else is refused before anything else is read.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use shared::{
    account::Right,
    id::KeyId,
    problem::{Problem, ProblemKind},
};

use crate::{app::App, web::Refusal};

use super::{keys, model::Person, remembered, second_factor, tokens, web::session_token};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that the shop knows.
    Nobody,
    /// Somebody with an account: in a browser, or through a program of theirs.
    Person(Person),
    /// A program of the shop, with a key of its own.
    Program(KeyId, Vec<Right>),
    /// Whoever knows the token of the settings. May do everything.
    Operator,
}

/// Who did something, as the audit log names them: `user:17`, `key:4`, `operator`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody knows who asks.
    #[error("the request is not authenticated")]
    Unknown,
    /// They have no right to it.
    #[error("the right for this action is missing")]
    Forbidden,
    /// They would have the right to it with a second factor.
    #[error("the shop requires a second factor")]
    SecondFactor,
    /// They gave their password too long ago.
    #[error("the password must be entered again")]
    Unproved,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(match denied {
            Denied::Unknown => ProblemKind::Unauthorized,
            Denied::Forbidden => ProblemKind::Forbidden,
            Denied::SecondFactor => ProblemKind::SecondFactorRequired,
            Denied::Unproved => ProblemKind::Reauthenticate,
        })
    }
}

impl Caller {
    /// Who they are, if they may do this.
    pub fn needs(&self, right: Right) -> Result<Actor, Denied> {
        match self {
            Self::Nobody => Err(Denied::Unknown),
            Self::Person(person) if person.may(right) => Ok(person.actor()),
            Self::Program(key, rights) if rights.contains(&right) => {
                Ok(Actor(format!("key:{key}")))
            }
            Self::Operator => Ok(Actor("operator".to_owned())),
            Self::Person(person) if person.withheld => Err(Denied::SecondFactor),
            Self::Person(_) | Self::Program(..) => Err(Denied::Forbidden),
        }
    }

    /// That they have given their password lately, which money and roles need. Keys of programs and the
    /// operator's token have none.
    pub fn proved(&self, app: &App) -> Result<(), Denied> {
        match self {
            Self::Person(person) => {
                let age_ms = app.clock.now().as_millis() - person.proved_at.as_millis();
                if age_ms < app.config.reauthenticate_ms {
                    Ok(())
                } else {
                    Err(Denied::Unproved)
                }
            }
            Self::Nobody | Self::Program(..) | Self::Operator => Ok(()),
        }
    }

    /// Who they are, if they own the shop.
    pub fn owns(&self) -> Result<Actor, Denied> {
        match self {
            Self::Nobody => Err(Denied::Unknown),
            Self::Person(person) if person.is_owner() => Ok(person.actor()),
            Self::Operator => Ok(Actor("operator".to_owned())),
            Self::Person(person) if person.withheld => Err(Denied::SecondFactor),
            Self::Person(_) | Self::Program(..) => Err(Denied::Forbidden),
        }
    }

    async fn of(app: &App, headers: &HeaderMap) -> Result<Self, Refusal> {
        let now = app.clock.now();
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value
                .to_str()
                .ok()
                .and_then(bearer)
                .ok_or(Denied::Unknown)?;
            if is_operator(app, token) {
                return Ok(Self::Operator);
            }
            if token.starts_with(keys::PREFIX) {
                let key = keys::find(&app.db, token).await?;
                let (key, rights) = key.ok_or(Denied::Unknown)?;
                return Ok(Self::Program(key, rights));
            }
            let person = tokens::who(app, token).await?.ok_or(Denied::Unknown)?;
            return Ok(Self::Person(withholding(app, person)));
        }
        let Some(token) = session_token(&app.config, headers) else {
            return Ok(Self::Nobody);
        };
        let person = remembered::find(app, &token, now).await?;
        Ok(person.map_or(Self::Nobody, |it| Self::Person(withholding(app, it))))
    }
}

/// Somebody as the shop sees them: without their rights where it requires a second factor that they have not.
fn withholding(app: &App, person: Person) -> Person {
    Person {
        withheld: second_factor::is_required(app, person.role) && !person.second_factor,
        ..person
    }
}

/// The token of an `Authorization` (RFC 6750); the scheme's name has no case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether this is the operators' token. The hashes are compared, so that the time it takes tells
/// nothing about it.
fn is_operator(app: &App, token: &str) -> bool {
    let known = app.config.operator_token.as_ref();
    known.is_some_and(|it| blake3::hash(it.as_bytes()) == blake3::hash(token.as_bytes()))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Self::of(app, &parts.headers).await
    }
}

/// Somebody who has signed in; everybody else is refused.
#[derive(Clone, Debug)]
pub struct Me(pub Person);

impl FromRequestParts<App> for Me {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        match Caller::of(app, &parts.headers).await? {
            Caller::Person(person) => Ok(Self(person)),
            Caller::Nobody => Err(Denied::Unknown.into()),
            Caller::Program(..) | Caller::Operator => Err(Denied::Forbidden.into()),
        }
    }
}

/// Somebody who owns the shop.
#[derive(Clone, Debug)]
pub struct Owner(pub Actor);

impl FromRequestParts<App> for Owner {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Ok(Self(Caller::of(app, &parts.headers).await?.owns()?))
    }
}

/// Somebody who owns the shop, and has given their password lately.
#[derive(Clone, Debug)]
pub struct OwnerNow(pub Actor);

impl FromRequestParts<App> for OwnerNow {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = Caller::of(app, &parts.headers).await?;
        let actor = caller.owns()?;
        caller.proved(app)?;
        Ok(Self(actor))
    }
}

/// Somebody who has the right `R`, and has given their password lately.
#[derive(Clone, Debug)]
pub struct MayNow<R> {
    /// Who.
    pub actor: Actor,
    right: PhantomData<fn() -> R>,
}

impl<R: Named> FromRequestParts<App> for MayNow<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = Caller::of(app, &parts.headers).await?;
        let actor = caller.needs(R::RIGHT)?;
        caller.proved(app)?;
        Ok(Self {
            actor,
            right: PhantomData,
        })
    }
}

/// Somebody who has the right `R`.
#[derive(Clone, Debug)]
pub struct May<R> {
    /// Who.
    pub actor: Actor,
    right: PhantomData<fn() -> R>,
}

/// A right as a type.
pub trait Named {
    /// The right.
    const RIGHT: Right;
}

macro_rules! rights {
    ($($name:ident),*) => {$(
        #[doc = concat!("[`Right::", stringify!($name), "`] as a type.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Named for $name {
            const RIGHT: Right = Right::$name;
        }
    )*};
}

rights!(Catalogue, Orders, Stock, Customers, Settings);

impl<R: Named> FromRequestParts<App> for May<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Ok(Self {
            actor: Caller::of(app, &parts.headers).await?.needs(R::RIGHT)?,
            right: PhantomData,
        })
    }
}
