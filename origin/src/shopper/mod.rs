//! Who shops in a browser: a guest, known by the cookie of a cart, or somebody who has signed in.
//! Owns no tables.
//!
//! What must stay true: only the server reads the cookies that open something; a page that is kept
//! for everybody never sets one; a guest's cart is never made somebody's.

mod cookie;
mod web;

pub use cookie::{bring_cart, leave, welcome};
pub use web::{Of, routes};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, request::Parts};
use shared::{
    cart::{Cart, CartPath, LinePath},
    locale::Locale,
    visitor::Visitor,
};

use crate::{
    accounts::{self, Caller, Person},
    app::App,
    cart::{self, Change},
    web::Refusal,
};

/// The word that stands for the cart of the browser that asks.
const CURRENT: &str = "current";

/// Who shops in the browser that asks.
#[derive(Clone, Debug)]
pub struct Shopper {
    /// Who has signed in.
    pub person: Option<Person>,
    /// The token of the cart that a guest's cookie names.
    guest: Option<String>,
    /// Whether they had signed in, and the session has ended.
    pub has_ended: bool,
}

impl FromRequestParts<App> for Shopper {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        // What is no longer good as a session is a guest's browser again.
        let person = match Caller::from_request_parts(parts, app).await? {
            Caller::Person(person) => Some(person),
            Caller::Nobody | Caller::Program(..) | Caller::Operator => None,
        };
        let guest = cookie::cart(&app.config, &parts.headers);
        let had_session = accounts::names_session(&app.config, &parts.headers);
        Ok(Self {
            has_ended: person.is_none() && guest.is_none() && had_session,
            person,
            guest,
        })
    }
}

impl Shopper {
    /// Somebody who has just signed in.
    pub fn signed_in(person: Person) -> Self {
        Self {
            person: Some(person),
            guest: None,
            has_ended: false,
        }
    }

    /// The token of the guest's cart.
    pub fn guest(headers: &HeaderMap, app: &App) -> Option<String> {
        cookie::cart(&app.config, headers)
    }

    /// The token of the cart, if there is one.
    pub async fn cart_token(&self, app: &App) -> Result<Option<String>, accounts::Error> {
        match &self.person {
            Some(person) => accounts::find_cart(app, person.user).await,
            None => Ok(self.guest.clone()),
        }
    }

    /// The cart, whether it has become an order or not.
    pub async fn cart(&self, app: &App, locale: Locale) -> Result<Option<Cart>, Refusal> {
        let Some(token) = self.cart_token(app).await? else {
            return Ok(None);
        };
        match cart::read(app, &token, locale).await {
            Ok(cart) => Ok(Some(cart)),
            Err(cart::Error::NoSuchCart) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The cart that can still be filled, if there is one.
    pub async fn open_cart(&self, app: &App, locale: Locale) -> Result<Option<Cart>, Refusal> {
        let cart = self.cart(app, locale).await?;
        Ok(cart.filter(|cart| cart.order.is_none()))
    }

    /// Puts something in, into a new cart where there is none. Also answers the cookies that bring
    /// the browser its cart.
    pub async fn add(
        &self,
        app: &App,
        sku: &str,
        quantity: i64,
        locale: Locale,
    ) -> Result<(Cart, Vec<HeaderValue>), Refusal> {
        let add = || Change::Add(sku.to_owned(), quantity);
        if let Some(token) = self.cart_token(app).await? {
            match cart::change(app, Some(&token), None, add(), locale).await {
                Ok(cart) => return Ok((cart, Vec::new())),
                Err(cart::Error::NoSuchCart | cart::Error::Ordered) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let made = match &self.person {
            Some(person) => accounts::open_cart(app, person.user, None, locale).await?,
            None => cart::change(app, None, None, Change::Create, locale).await?,
        };
        let cart = cart::change(app, Some(&made.id), None, add(), locale).await?;
        let cookies = match self.person {
            Some(_) => Vec::new(),
            None => bring_cart(&app.config, &cart.id),
        };
        Ok((cart, cookies))
    }

    /// What the header of a page shows.
    async fn visitor(&self, app: &App, locale: Locale) -> Result<Visitor, Refusal> {
        let account = match &self.person {
            Some(person) => Some(accounts::account(app, person.user).await?),
            None => None,
        };
        let cart = self.open_cart(app, locale).await?;
        let lines = cart.iter().flat_map(|cart| &cart.lines);
        Ok(Visitor {
            signed_in: account.is_some(),
            name: account.map(|it| it.name).filter(|name| !name.is_empty()),
            items: lines.map(|line| line.quantity).sum(),
        })
    }
}

/// A path that names a cart.
pub trait NamesCart {
    /// The name.
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
