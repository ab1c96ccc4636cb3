//! The shopper of a browser: a guest with a cart cookie, or a person who has signed in. Owns no
//! tables.
//!
//! Invariants: scripts cannot read cookies that grant access; a shared page never sets a cookie; a
//! guest's cart is never assigned to an account.

mod cookie;
mod web;

pub use cookie::{cart_cookies, sign_in_cookies, sign_out_cookies};
pub use web::{ResolvedCartPath, routes};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, HeaderValue, request::Parts};
use shared::{
    cart::{Cart, CartPath, LinePath},
    locale::Locale,
    visitor::Visitor,
};

use crate::{
    accounts::{self, Person, Principal},
    cart::{self, CartChange, Carts},
    platform::Platform,
    web::Refusal,
};

/// In place of a cart's token in a path: the cart of this browser.
const CURRENT: &str = "current";

/// The shopper of the browser that sent the request.
#[derive(Clone, Debug)]
pub struct Shopper {
    /// The person who has signed in.
    pub person: Option<Person>,
    /// The cart token in a guest's cookie.
    guest: Option<String>,
    /// Whether the browser has the cookie of a session that has expired.
    pub session_ended: bool,
}

impl<S> FromRequestParts<S> for Shopper
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        // A browser with an expired session counts as a guest's.
        let person = match Principal::authenticate(platform, &parts.headers).await? {
            Principal::Person(person) => Some(person),
            Principal::Anonymous | Principal::ApiKey(..) | Principal::Operator => None,
        };
        let guest = cookie::cart_token(&platform.config, &parts.headers);
        let had_session = accounts::has_session_cookie(&platform.config, &parts.headers);
        Ok(Self {
            session_ended: person.is_none() && guest.is_none() && had_session,
            person,
            guest,
        })
    }
}

impl Shopper {
    /// The shopper after a sign-in.
    pub fn signed_in(person: Person) -> Self {
        Self {
            person: Some(person),
            guest: None,
            session_ended: false,
        }
    }

    /// The token of the guest's cart.
    pub fn guest(headers: &HeaderMap, platform: &Platform) -> Option<String> {
        cookie::cart_token(&platform.config, headers)
    }

    /// The token of the shopper's cart, if there is one.
    pub async fn cart_token(&self, platform: &Platform) -> Result<Option<String>, accounts::Error> {
        match &self.person {
            Some(person) => accounts::find_cart(platform, person.user).await,
            None => Ok(self.guest.clone()),
        }
    }

    /// The cart, whether it has been ordered or not.
    pub async fn cart(&self, carts: &Carts, locale: Locale) -> Result<Option<Cart>, Refusal> {
        let Some(token) = self.cart_token(carts).await? else {
            return Ok(None);
        };
        match cart::find(carts, &token, locale).await {
            Ok(cart) => Ok(Some(cart)),
            Err(cart::Error::NoSuchCart) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The cart, if it exists and has not been ordered.
    pub async fn open_cart(&self, carts: &Carts, locale: Locale) -> Result<Option<Cart>, Refusal> {
        let cart = self.cart(carts, locale).await?;
        Ok(cart.filter(|cart| cart.order.is_none()))
    }

    /// Adds an item, and creates a cart if there is none. Also returns the cookies of a new guest
    /// cart.
    pub async fn add(
        &self,
        carts: &Carts,
        sku: &str,
        quantity: i64,
        locale: Locale,
    ) -> Result<(Cart, Vec<HeaderValue>), Refusal> {
        let add = || CartChange::Add(sku.to_owned(), quantity);
        if let Some(token) = self.cart_token(carts).await? {
            match cart::change_cart(carts, Some(&token), None, add(), locale).await {
                Ok(cart) => return Ok((cart, Vec::new())),
                Err(cart::Error::NoSuchCart | cart::Error::Ordered) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let made = match &self.person {
            Some(person) => accounts::open_cart(carts, person.user, None, locale).await?,
            None => cart::change_cart(carts, None, None, CartChange::Create, locale).await?,
        };
        let cart = cart::change_cart(carts, Some(&made.id), None, add(), locale).await?;
        let cookies = match self.person {
            Some(_) => Vec::new(),
            None => cart_cookies(&carts.config, &cart.id),
        };
        Ok((cart, cookies))
    }

    /// The personal part of a page's header.
    async fn visitor(&self, carts: &Carts, locale: Locale) -> Result<Visitor, Refusal> {
        let account = match &self.person {
            Some(person) => Some(accounts::account(carts, person.user).await?),
            None => None,
        };
        let cart = self.open_cart(carts, locale).await?;
        let lines = cart.iter().flat_map(|cart| &cart.lines);
        Ok(Visitor {
            signed_in: account.is_some(),
            name: account.map(|it| it.name).filter(|name| !name.is_empty()),
            items: lines.map(|line| line.quantity).sum(),
        })
    }
}

/// Path parameters with the token of a cart.
pub trait NamesCart {
    /// The token.
    fn cart_mut(&mut self) -> &mut String;
}

impl NamesCart for CartPath {
    fn cart_mut(&mut self) -> &mut String {
        &mut self.cart
    }
}

impl NamesCart for LinePath {
    fn cart_mut(&mut self) -> &mut String {
        &mut self.cart
    }
}
