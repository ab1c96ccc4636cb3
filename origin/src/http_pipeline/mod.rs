//! The server's outside: the routes of all domains put together, and the layers around them.
//!
//! From the outside in: drain (what is left of a body), inner (fields of the edge), observe (ids, log, metrics), raw (codings for the edge), secure (headers for
//! browsers), finish (cache headers, ETag, compression), client (who asks, and whether they may ask here),
//! cached (what was answered before), report (problems as JSON or as a page), admit (how many at once),
//! cross site, limits, catch panics, time limit, body limit, routes.

mod cache_headers;
mod client_address;
mod cross_site;
mod drain_body;
mod edge_coding;
mod edge_fields;
mod edge_probe;
mod files;
mod health;
mod load_shedding;
mod observe;
mod openapi;
mod problems;
mod response_cache;
#[cfg(test)]
mod response_cache_tests;
mod security_headers;

pub use client_address::{ClientAddress, FromProxy, Peer, may_be_proxy};
pub use load_shedding::ConcurrencyLimits;
pub use problems::OverloadPage;

use std::time::Duration;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use http::StatusCode;
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use crate::{
    accounts, app::App, audit, cart, catalog, coupons, inventory, limits, orders, pages, payments,
    shopper, webhooks,
};

/// The whole service.
pub fn router(app: &App) -> Router {
    let time_limit = Duration::from_millis(app.config.request_timeout_ms);
    let routes = Router::new()
        .merge(accounts::routes())
        .merge(audit::routes())
        .merge(catalog::routes())
        .merge(cart::routes())
        .merge(coupons::routes())
        .merge(inventory::routes())
        .merge(orders::routes())
        .merge(payments::routes())
        .merge(shopper::routes())
        .merge(webhooks::routes())
        .merge(pages::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(edge_probe::routes())
        .merge(files::routes(app))
        .fallback(problems::not_found)
        .method_not_allowed_fallback(problems::method_not_allowed);
    with_layers(routes, app, time_limit)
}

/// What operators ask, for a listener of its own.
pub fn operators(app: &App) -> Router {
    health::operator_routes()
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    observe::observe,
                ))
                .layer(middleware::from_fn(cache_headers::finish_response))
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::SERVICE_UNAVAILABLE,
                    OPERATOR_TIME_LIMIT,
                )),
        )
        .with_state(app.clone())
}

/// How long an operator waits for an answer: shorter than the shop's own limit, so that a probe learns of a
/// database that hangs.
const OPERATOR_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Puts the layers around routes; the tests use it for routes that the shop does not have.
fn with_layers(routes: Router<App>, app: &App, time_limit: Duration) -> Router {
    routes
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn(drain_body::drain_body))
                .layer(middleware::from_fn_with_state(app.clone(), edge_fields::remove_unsigned_fields))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    observe::observe,
                ))
                .layer(middleware::from_fn(edge_coding::rename_coding))
                .layer(middleware::from_fn_with_state(app.clone(), security_headers::add_security_headers))
                .layer(middleware::from_fn(cache_headers::finish_response))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    client_address::find_client,
                ))
                .layer(middleware::from_fn_with_state(app.clone(), response_cache::respond_from_cache))
                .layer(middleware::from_fn_with_state(app.clone(), problems::render_problems))
                .layer(middleware::from_fn_with_state(app.clone(), load_shedding::shed_load))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    cross_site::refuse_cross_site,
                ))
                .layer(middleware::from_fn_with_state(app.clone(), limits::limit))
                .layer(CatchPanicLayer::custom(problems::panic_response))
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::REQUEST_TIMEOUT,
                    time_limit,
                ))
                // A route that takes more says so.
                .layer(DefaultBodyLimit::max(app.config.body_max)),
        )
        .with_state(app.clone())
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use clap::{Args, FromArgMatches};
    use http::Request;
    use http_body_util::BodyExt;
    use shared::locale::Locale;
    use tower::ServiceExt;

    use super::*;
    use crate::{clock::Clock, config::Config, web::Json};

    async fn app(folder: &std::path::Path) -> App {
        let data = folder.display().to_string();
        let command = Config::augment_args(clap::Command::new("origin"));
        let matches = command.get_matches_from(["origin", "--data-dir", &data]);
        let config = Config::from_arg_matches(&matches).unwrap();
        let clock = Clock::manual(shared::time::Timestamp::from_millis(0));
        let app = App::connect(config, shared::page::Assets::default(), clock.clone());
        let app = app.await.unwrap();
        app.ids.assign(1, clock.now());
        app
    }

    /// Status and problem type of an answer from routes that only this test has.
    async fn answer(request: http::request::Builder, body: &'static str) -> (u16, String) {
        #[expect(clippy::panic, reason = "this is what is tested")]
        async fn fails() -> &'static str {
            panic!("a secret of the inside")
        }
        async fn takes_json(_: Json<shared::endpoint::NoParameters>) -> &'static str {
            "taken"
        }
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path()).await;
        let routes = Router::new()
            .route("/api/fails", get(fails))
            .route("/api/hangs", get(std::future::pending::<&'static str>))
            .route("/api/takes", axum::routing::post(takes_json));
        let router = with_layers(routes, &app, Duration::from_millis(20));
        let request = request.body(Body::from(body)).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(!text.contains("secret"), "{text}");
        (status, text)
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_tells_nothing() {
        let (status, text) = answer(Request::get("/api/fails"), "").await;
        assert_eq!(status, 500);
        assert!(
            text.contains("/problems/internal") && text.contains("request_id"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn whoever_is_to_come_back_is_where_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path()).await;
        for _ in 0..2 {
            for (path, language) in [
                ("/", "href=\"/zh\""),
                ("/c/tea", "href=\"/zh/c/tea\""),
                ("/c/a\"b", "href=\"/zh/c/a&quot;b\""),
            ] {
                let page = app.overload_page.page(&app, Locale::En, (path, "its-id"));
                assert!(page.contains(language), "{path}");
                assert_eq!(page.matches("its-id").count(), 1);
                assert!(!page.contains("mallard-"), "{path}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_told_so() {
        let (status, text) = answer(Request::get("/api/hangs"), "").await;
        assert_eq!(status, 408);
        assert!(text.contains("/problems/timeout"), "{text}");
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_is_refused_the_same_way_everywhere() {
        let json = "application/json";
        for (media_type, body, status, word) in [
            ("text/plain", "{}", 415, "unsupported-media-type"),
            (json, "{", 400, "bad-request"),
            (json, "[]]", 400, "bad-request"),
        ] {
            let request = Request::post("/api/takes").header("content-type", media_type);
            let found = answer(request, body).await;
            assert_eq!(found.0, status, "{body}: {}", found.1);
            assert!(found.1.contains(word), "{}", found.1);
        }
        let request = Request::post("/api/takes").header("content-type", json);
        assert_eq!(answer(request, "{}").await, (200, "taken".to_owned()));
    }
}
