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

use super::{keys, model::Person, remembered, tokens, web::session_token};

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
    #[error("nobody knows who asks")]
    Unknown,
    /// They have no right to it.
    #[error("they have no right to it")]
    Forbidden,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(match denied {
            Denied::Unknown => ProblemKind::Unauthorized,
            Denied::Forbidden => ProblemKind::Forbidden,
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
            Self::Person(_) | Self::Program(..) => Err(Denied::Forbidden),
        }
    }

    /// Who they are, if they own the shop.
    pub fn owns(&self) -> Result<Actor, Denied> {
        match self {
            Self::Nobody => Err(Denied::Unknown),
            Self::Person(person) if person.is_owner() => Ok(person.actor()),
            Self::Operator => Ok(Actor("operator".to_owned())),
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
            let person = tokens::who(app, token).await?;
            return Ok(Self::Person(person.ok_or(Denied::Unknown)?));
        }
        let Some(token) = session_token(&app.config, headers) else {
            return Ok(Self::Nobody);
        };
        let person = remembered::find(app, &token, now).await?;
        Ok(person.map_or(Self::Nobody, Self::Person))
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
