//! HTTP handlers of coupons, for staff.

use axum::{Router, extract::State};
use http::StatusCode;
use shared::{
    cache::CachePolicy,
    coupon::{CouponPath, ListCoupons, SaveCoupon},
    endpoint::{GET_COUPON, LIST_COUPONS, SAVE_COUPON},
};

use crate::{
    accounts::{Catalogue, RequireRight},
    app::App,
    web::{Answer, HandlerResult, Json, Path, Query, RouterExt},
};

use super::edit;

/// The routes of coupons.
pub fn routes() -> Router<App> {
    Router::new()
        .endpoint(&LIST_COUPONS, list_coupons)
        .endpoint(&GET_COUPON, get_coupon)
        .endpoint(&SAVE_COUPON, save_coupon)
}

async fn list_coupons(
    State(app): State<App>,
    _: RequireRight<Catalogue>,
    Query(query): Query<ListCoupons>,
) -> HandlerResult {
    let list = edit::list(&app, &query).await?;
    Ok(Answer::json(&list, CachePolicy::Private))
}

async fn get_coupon(
    State(app): State<App>,
    _: RequireRight<Catalogue>,
    Path(path): Path<CouponPath>,
) -> HandlerResult {
    let coupon = edit::find_coupon(&app, &path.code).await?;
    Ok(Answer::json(&coupon, CachePolicy::Private))
}

async fn save_coupon(
    State(app): State<App>,
    authorized: RequireRight<Catalogue>,
    Path(path): Path<CouponPath>,
    Json(request): Json<SaveCoupon>,
) -> HandlerResult {
    let (coupon, is_new) = edit::save(&app, &authorized.actor, &path.code, &request).await?;
    let answer = Answer::json(&coupon, CachePolicy::Private);
    Ok(if is_new {
        answer.status(StatusCode::CREATED)
    } else {
        answer
    })
}
