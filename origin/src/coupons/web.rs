//! HTTP handlers of coupons, for staff.

use axum::{
    Router,
    extract::{FromRef, State},
};
use http::StatusCode;
use shared::{
    cache::CachePolicy,
    coupon::{CouponPath, ListCoupons, SaveCoupon},
    endpoint::{GET_COUPON, LIST_COUPONS, SAVE_COUPON},
};

use crate::{
    accounts::{CatalogueRight, RequireRight},
    platform::Platform,
    web::{Answer, HandlerResult, Json, Path, Query, RouterExt},
};

use super::edit;

/// The routes of coupons.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Platform: FromRef<S>,
{
    Router::new()
        .endpoint(&LIST_COUPONS, list_coupons)
        .endpoint(&GET_COUPON, get_coupon)
        .endpoint(&SAVE_COUPON, save_coupon)
}

async fn list_coupons(
    State(platform): State<Platform>,
    _: RequireRight<CatalogueRight>,
    Query(query): Query<ListCoupons>,
) -> HandlerResult {
    let list = edit::list(&platform, &query).await?;
    Ok(Answer::json(&list, CachePolicy::Private))
}

async fn get_coupon(
    State(platform): State<Platform>,
    _: RequireRight<CatalogueRight>,
    Path(path): Path<CouponPath>,
) -> HandlerResult {
    let coupon = edit::find_coupon(&platform, &path.code).await?;
    Ok(Answer::json(&coupon, CachePolicy::Private))
}

async fn save_coupon(
    State(platform): State<Platform>,
    authorized: RequireRight<CatalogueRight>,
    Path(path): Path<CouponPath>,
    Json(request): Json<SaveCoupon>,
) -> HandlerResult {
    let (coupon, is_new) = edit::save(&platform, &authorized.actor, &path.code, &request).await?;
    let answer = Answer::json(&coupon, CachePolicy::Private);
    Ok(if is_new {
        answer.status(StatusCode::CREATED)
    } else {
        answer
    })
}
