//! The server's outside: the routes of all domains put together, and the layers around them.
//!
//! From the outside in: observe (ids, log, metrics), secure (headers for browsers), finish (cache
//! headers, ETag, compression), report (problems as JSON or as a page), catch panics, time limit,
//! body limit, routes.

mod coding;
mod files;
mod finish;
mod health;
mod observe;
mod openapi;
mod report;
mod secure;

use std::time::Duration;

use axum::{Router, middleware};
use http::StatusCode;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};

use crate::{app::App, catalog, pages};

/// The whole service.
pub fn router(app: &App) -> Router {
    let time_limit = Duration::from_millis(app.config.request_timeout_ms);
    let routes = Router::new()
        .merge(catalog::routes())
        .merge(pages::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(files::routes(app))
        .fallback(report::nothing_here)
        .method_not_allowed_fallback(report::not_this_way);
    layered(routes, app, time_limit)
}

/// Puts the layers around routes; the tests use it for routes that the shop does not have.
fn layered(routes: Router<App>, app: &App, time_limit: Duration) -> Router {
    routes
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    observe::observe,
                ))
                .layer(middleware::from_fn(secure::secure))
                .layer(middleware::from_fn(finish::finish))
                .layer(middleware::from_fn_with_state(app.clone(), report::report))
                .layer(CatchPanicLayer::custom(report::panicked))
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::REQUEST_TIMEOUT,
                    time_limit,
                ))
                .layer(RequestBodyLimitLayer::new(app.config.body_max)),
        )
        .with_state(app.clone())
}
