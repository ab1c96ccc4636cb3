//! The visitor endpoint, and the path parameters that name a cart.

use axum::{
    Router,
    extract::{FromRequestParts, State},
};
use http::request::Parts;
use serde::de::DeserializeOwned;
use shared::{cache::CachePolicy, catalog::InLocale, endpoint::GET_VISITOR};

use crate::{
    app::App,
    cart,
    web::{Answer, HandlerResult, Path, Query, Refusal, RouterExt},
};

use super::{CURRENT, NamesCart, Shopper};

/// The endpoint of the shopper.
pub fn routes() -> Router<App> {
    Router::new().endpoint(&GET_VISITOR, get_visitor)
}

/// Path parameters in which `current` is resolved to the cart of this browser.
#[derive(Clone, Debug)]
pub struct ResolvedCartPath<P>(pub P);

impl<P: DeserializeOwned + NamesCart + Send> FromRequestParts<App> for ResolvedCartPath<P> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let Path(mut path) = Path::<P>::from_request_parts(parts, app).await?;
        if path.cart_mut() == CURRENT {
            let shopper = Shopper::from_request_parts(parts, app).await?;
            let token = shopper.cart_token(app).await?;
            *path.cart_mut() = token.ok_or(cart::Error::NoSuchCart)?;
        }
        Ok(Self(path))
    }
}

impl Shopper {
    /// Whether a path names the current cart of the browser.
    pub fn is_current_cart(path: &str) -> bool {
        path == CURRENT
    }
}

async fn get_visitor(
    State(app): State<App>,
    shopper: Shopper,
    Query(query): Query<InLocale>,
) -> HandlerResult {
    let visitor = shopper.visitor(&app, query.locale).await?;
    Ok(Answer::json(&visitor, CachePolicy::Private))
}
