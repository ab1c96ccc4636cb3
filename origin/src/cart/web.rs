//! HTTP handlers of carts.

use axum::{
    Router,
    extract::{FromRef, State},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::{
    cache::CachePolicy,
    cart::{AddLine, Cart, CartPath, LinePath, MergeCart, SetQuantity, UpdateCart},
    catalog::InLocale,
    endpoint::{
        ADD_LINE, CLEAR_CART, CREATE_CART, GET_CART, HOLD_CART, LIST_SHIPPING_METHODS, MERGE_CART,
        RELEASE_CART, REMOVE_LINE, SET_QUANTITY, UPDATE_CART,
    },
};

use crate::{
    limits::{self, LimitSubject, Network, Rule},
    platform::Platform,
    shopper::{ResolvedCartPath, Shopper},
    web::{Answer, HandlerResult, Json, Path, Query, RouterExt},
};

use super::{CartChange, Carts, Error, change_cart};

/// The routes of carts.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Carts: FromRef<S>,
    Platform: FromRef<S>,
{
    Router::new()
        .endpoint(&CREATE_CART, create_cart)
        .endpoint(&GET_CART, get_cart)
        .endpoint(&UPDATE_CART, update_cart)
        .endpoint(&ADD_LINE, add_line)
        .endpoint(&CLEAR_CART, clear_cart)
        .endpoint(&SET_QUANTITY, set_quantity)
        .endpoint(&REMOVE_LINE, remove_line)
        .endpoint(&HOLD_CART, hold_cart)
        .endpoint(&RELEASE_CART, release_cart)
        .endpoint(&MERGE_CART, merge_cart)
        .endpoint(&LIST_SHIPPING_METHODS, list_shipping_methods)
}

/// A response with the cart, and its version as `ETag`.
fn cart_response(cart: &Cart) -> Answer {
    let answer = Answer::json(cart, CachePolicy::Private);
    match HeaderValue::from_str(&format!("\"{}\"", cart.version)) {
        Ok(tag) => answer.header(header::ETAG, tag),
        Err(_) => answer,
    }
}

/// Parses the version in `If-Match` (RFC 9110, section 13.1.1); `None` if the header is missing or
/// `*`.
fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let version = version.and_then(|it| it.parse().ok());
    // An entity tag of another format matches no version.
    version.map(Some).ok_or(Error::Stale)
}

async fn create_cart(State(carts): State<Carts>, Query(query): Query<InLocale>) -> HandlerResult {
    let cart = change_cart(&carts, None, None, CartChange::Create, query.locale).await?;
    Ok(cart_response(&cart).status(StatusCode::CREATED))
}

async fn get_cart(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    Query(query): Query<InLocale>,
) -> HandlerResult {
    Ok(cart_response(
        &super::find(&carts, &path.cart, query.locale).await?,
    ))
}

async fn update_cart(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    Query(query): Query<InLocale>,
    network: Network,
    headers: HeaderMap,
    Json(update): Json<UpdateCart>,
) -> HandlerResult {
    if update.coupons.is_some() {
        let rule = Rule::per_minute("coupons", carts.config.limit_coupons);
        let cart = LimitSubject::Cart(&path.cart);
        carts.limits.check(rule, cart, carts.clock.now()).await?;
        let rule = limits::coupon_rule(&carts.config);
        let now = carts.clock.now();
        carts
            .limits
            .check_network(&carts.config, &network, rule, now)
            .await?;
    }
    let what = CartChange::Update(Box::new(update));
    let seen = if_match(&headers)?;
    let cart = change_cart(&carts, Some(&path.cart), seen, what, query.locale).await?;
    Ok(cart_response(&cart))
}

/// Creates the cart with its first line if the client has none.
async fn add_line(
    State(carts): State<Carts>,
    Path(path): Path<CartPath>,
    shopper: Shopper,
    Query(query): Query<InLocale>,
    headers: HeaderMap,
    Json(line): Json<AddLine>,
) -> HandlerResult {
    if Shopper::is_current_cart(&path.cart) {
        let added = shopper.add(&carts, &line.sku, line.quantity, query.locale);
        let (cart, cookies) = added.await?;
        return Ok(cart_response(&cart).cookies(cookies));
    }
    let what = CartChange::Add(line.sku, line.quantity);
    let seen = if_match(&headers)?;
    let cart = change_cart(&carts, Some(&path.cart), seen, what, query.locale).await?;
    Ok(cart_response(&cart))
}

async fn clear_cart(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    Query(query): Query<InLocale>,
    headers: HeaderMap,
) -> HandlerResult {
    let seen = if_match(&headers)?;
    let cart = change_cart(
        &carts,
        Some(&path.cart),
        seen,
        CartChange::Clear,
        query.locale,
    )
    .await?;
    Ok(cart_response(&cart))
}

async fn set_quantity(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<LinePath>,
    Query(query): Query<InLocale>,
    headers: HeaderMap,
    Json(set): Json<SetQuantity>,
) -> HandlerResult {
    let what = CartChange::Set(path.sku, set.quantity);
    let seen = if_match(&headers)?;
    let cart = change_cart(&carts, Some(&path.cart), seen, what, query.locale).await?;
    Ok(cart_response(&cart))
}

async fn remove_line(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<LinePath>,
    Query(query): Query<InLocale>,
    headers: HeaderMap,
) -> HandlerResult {
    let what = CartChange::Set(path.sku, 0);
    let seen = if_match(&headers)?;
    let cart = change_cart(&carts, Some(&path.cart), seen, what, query.locale).await?;
    Ok(cart_response(&cart))
}

async fn hold_cart(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    Query(query): Query<InLocale>,
    network: Network,
    headers: HeaderMap,
) -> HandlerResult {
    let seen = if_match(&headers)?;
    let what = CartChange::Hold(network);
    let cart = change_cart(&carts, Some(&path.cart), seen, what, query.locale).await?;
    Ok(cart_response(&cart))
}

async fn release_cart(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    Query(query): Query<InLocale>,
    headers: HeaderMap,
) -> HandlerResult {
    let seen = if_match(&headers)?;
    let cart = change_cart(
        &carts,
        Some(&path.cart),
        seen,
        CartChange::Release,
        query.locale,
    )
    .await?;
    Ok(cart_response(&cart))
}

async fn merge_cart(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    Query(query): Query<InLocale>,
    headers: HeaderMap,
    Json(merge): Json<MergeCart>,
) -> HandlerResult {
    let what = CartChange::Merge(merge.from);
    let seen = if_match(&headers)?;
    let cart = change_cart(&carts, Some(&path.cart), seen, what, query.locale).await?;
    Ok(cart_response(&cart))
}

async fn list_shipping_methods(
    State(carts): State<Carts>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    Query(query): Query<InLocale>,
) -> HandlerResult {
    let methods = super::list_shipping_methods(&carts, &path.cart, query.locale).await?;
    Ok(Answer::json(&methods, CachePolicy::Private))
}
