//! HTTP handlers of orders.

use axum::{
    Router,
    extract::{FromRef, State},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use shared::{
    cache::CachePolicy,
    cart::{CartPath, PlaceOrder},
    endpoint::{CANCEL_ORDER, GET_ANY_ORDER, GET_ORDER, LIST_ORDERS, PLACE_ORDER, RETURN_ORDER},
    operator::ListAllOrders,
    order::{OrderPath, OrderToken, ReturnOrder},
};

use crate::{
    accounts::{OrdersRight, RequireRight},
    cart::Carts,
    limits::Network,
    platform::Platform,
    secret,
    shopper::ResolvedCartPath,
    web::{Answer, HandlerResult, Json, Path, Query, RouterExt},
};

use super::{IdempotencyKey, Orders, batch::PlaceOrderOutcome};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The routes of orders.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Orders: FromRef<S>,
    Carts: FromRef<S>,
    Platform: FromRef<S>,
{
    Router::new()
        .endpoint(&PLACE_ORDER, place_order)
        .endpoint(&GET_ORDER, get_order)
        .endpoint(&CANCEL_ORDER, cancel_order)
        .endpoint(&RETURN_ORDER, return_order)
        .endpoint(&LIST_ORDERS, list_orders)
        .endpoint(&GET_ANY_ORDER, get_any_order)
}

async fn place_order(
    State(orders): State<Orders>,
    ResolvedCartPath(path): ResolvedCartPath<CartPath>,
    network: Network,
    headers: HeaderMap,
    Json(request): Json<PlaceOrder>,
) -> HandlerResult {
    let body = serde_json::to_vec(&request).unwrap_or_default();
    // The cart's token is a secret, so that the scope contains its hash.
    let scope = format!("cart:{}", &secret::hash(&path.cart)[..32]);
    let key = IdempotencyKey::from_headers(&headers, &scope, &body)?;
    let json = HeaderValue::from_static("application/json");
    let replayed = HeaderValue::from_static("true");
    let placed = super::place_order(&orders, &path.cart, request, key, network).await?;
    Ok(match placed {
        PlaceOrderOutcome::New(order) => {
            Answer::json(&order, CachePolicy::Private).status(StatusCode::CREATED)
        }
        PlaceOrderOutcome::Existing(order) => {
            Answer::json(&order, CachePolicy::Private).header(REPLAYED, replayed)
        }
        PlaceOrderOutcome::Replayed(status, body) => Answer::new(json, body, CachePolicy::Private)
            .status(StatusCode::from_u16(status).unwrap_or(StatusCode::OK))
            .header(REPLAYED, replayed),
    })
}

async fn get_order(
    State(orders): State<Orders>,
    Path(path): Path<OrderPath>,
    Query(query): Query<OrderToken>,
) -> HandlerResult {
    let order = super::find(&orders, &path.number, &query.token).await?;
    Ok(Answer::json(&order, CachePolicy::Private))
}

async fn cancel_order(
    State(platform): State<Platform>,
    Path(path): Path<OrderPath>,
    Query(query): Query<OrderToken>,
) -> HandlerResult {
    let order = super::cancel(&platform, &path.number, &query.token).await?;
    Ok(Answer::json(&order, CachePolicy::Private))
}

async fn return_order(
    State(platform): State<Platform>,
    authorized: RequireRight<OrdersRight>,
    Path(path): Path<OrderPath>,
    headers: HeaderMap,
    Json(request): Json<ReturnOrder>,
) -> HandlerResult {
    let key = IdempotencyKey::required(&headers, &format!("return:{}", path.number), &request)?;
    let order =
        super::return_items(&platform, &authorized.actor, &path.number, &request, &key).await?;
    Ok(Answer::json(&order, CachePolicy::Private))
}

async fn list_orders(
    State(platform): State<Platform>,
    _: RequireRight<OrdersRight>,
    Query(query): Query<ListAllOrders>,
) -> HandlerResult {
    let list = super::list_all(&platform, &query).await?;
    Ok(Answer::json(&list, CachePolicy::Private))
}

async fn get_any_order(
    State(platform): State<Platform>,
    _: RequireRight<OrdersRight>,
    Path(path): Path<OrderPath>,
) -> HandlerResult {
    let order = super::find_for_staff(&platform, &path.number).await?;
    Ok(Answer::json(&order, CachePolicy::Private))
}
