//! The visitor endpoint, and the path parameters that name a cart.

use axum::{
    Router,
    extract::{FromRef, FromRequestParts, State},
};
use http::request::Parts;
use serde::de::DeserializeOwned;
use shared::{cache::CachePolicy, catalog::InLocale, endpoint::GET_VISITOR};

use crate::{
    cart::{self, Carts},
    platform::Platform,
    web::{Answer, HandlerResult, Path, Query, Refusal, RouterExt},
};

use super::{CURRENT, NamesCart, Shopper};

/// The endpoint of the shopper.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Carts: FromRef<S>,
    Platform: FromRef<S>,
{
    Router::new().endpoint(&GET_VISITOR, get_visitor)
}

/// Path parameters in which `current` is resolved to the cart of this browser.
#[derive(Clone, Debug)]
pub struct ResolvedCartPath<P>(pub P);

impl<S, P> FromRequestParts<S> for ResolvedCartPath<P>
where
    S: Send + Sync,
    P: DeserializeOwned + NamesCart + Send,
    Platform: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let platform = &Platform::from_ref(state);
        let Path(mut path) = Path::<P>::from_request_parts(parts, state).await?;
        if path.cart_mut() == CURRENT {
            let shopper = Shopper::from_request_parts(parts, state).await?;
            let token = shopper.cart_token(platform).await?;
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
    State(carts): State<Carts>,
    shopper: Shopper,
    Query(query): Query<InLocale>,
) -> HandlerResult {
    let visitor = shopper.visitor(&carts, query.locale).await?;
    Ok(Answer::json(&visitor, CachePolicy::Private))
}
