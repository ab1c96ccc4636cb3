//! HTTP handlers of payments.

use axum::{
    Router,
    extract::{FromRef, State},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use shared::{
    cache::CachePolicy,
    endpoint::{CONFIRM_PAYMENT, GET_PAYMENT, PAY_ORDER, REFUND_ORDER, STEP_ORDER, STRIPE_EVENT},
    order::{OrderPath, OrderToken},
    payment::{PayOrder, PaymentPath, Received, RefundOrder, StepOrder},
};

use crate::{
    accounts::{OrdersRight, RequireReauthenticatedRight, RequireRight},
    limits::Network,
    orders::{IdempotencyKey, Orders},
    platform::Platform,
    web::{Answer, HandlerResult, Json, Path, Query, RouterExt},
};

use super::{event, staff::advance_order};

/// The routes of payments.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Orders: FromRef<S>,
    Platform: FromRef<S>,
{
    Router::new()
        .endpoint(&PAY_ORDER, pay_order)
        .endpoint(&GET_PAYMENT, get_payment)
        .endpoint(&CONFIRM_PAYMENT, confirm_payment)
        .endpoint(&STRIPE_EVENT, stripe_event)
        .endpoint(&STEP_ORDER, step_order)
        .endpoint(&REFUND_ORDER, refund_order)
}

async fn pay_order(
    State(orders): State<Orders>,
    Path(path): Path<OrderPath>,
    Query(query): Query<OrderToken>,
    network: Network,
    headers: HeaderMap,
    Json(request): Json<PayOrder>,
) -> HandlerResult {
    let key = IdempotencyKey::required(&headers, &format!("pay:{}", path.number), &request)?;
    let order = (path.number.as_str(), query.token.as_str());
    let paid = super::pay(&orders, order, request, &key, &network).await?;
    let answer = Answer::json(&paid.payment, CachePolicy::Private).status(StatusCode::CREATED);
    Ok(if paid.replayed {
        let replayed = HeaderName::from_static("idempotent-replayed");
        answer.header(replayed, HeaderValue::from_static("true"))
    } else {
        answer
    })
}

async fn get_payment(
    State(orders): State<Orders>,
    Path(path): Path<PaymentPath>,
    Query(query): Query<OrderToken>,
) -> HandlerResult {
    let payment = super::find(&orders, (&path.number, &query.token), &path.payment).await?;
    Ok(Answer::json(&payment, CachePolicy::Private))
}

async fn confirm_payment(
    State(orders): State<Orders>,
    Path(path): Path<PaymentPath>,
    Query(query): Query<OrderToken>,
) -> HandlerResult {
    let payment = super::confirm(&orders, (&path.number, &query.token), &path.payment).await?;
    Ok(Answer::json(&payment, CachePolicy::Private))
}

/// The signature covers the raw bytes of the body.
async fn stripe_event(
    State(orders): State<Orders>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    event::handle_stripe_event(&orders, &headers, &body).await?;
    let received = Received { received: true };
    Ok(Answer::json(&received, CachePolicy::Private))
}

async fn step_order(
    State(orders): State<Orders>,
    authorized: RequireRight<OrdersRight>,
    Path(path): Path<OrderPath>,
    Json(request): Json<StepOrder>,
) -> HandlerResult {
    let order = advance_order(&orders, &authorized.actor, &path.number, request.state).await?;
    Ok(Answer::json(&order, CachePolicy::Private))
}

async fn refund_order(
    State(platform): State<Platform>,
    authorized: RequireReauthenticatedRight<OrdersRight>,
    Path(path): Path<OrderPath>,
    headers: HeaderMap,
    Json(request): Json<RefundOrder>,
) -> HandlerResult {
    let key = IdempotencyKey::required(&headers, &format!("refund:{}", path.number), &request)?;
    let order = super::refund(&platform, &authorized.actor, &path.number, &request, &key).await?;
    Ok(Answer::json(&order, CachePolicy::Private))
}
