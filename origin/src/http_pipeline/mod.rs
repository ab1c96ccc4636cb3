//! The HTTP pipeline: the routes of all domains, and the layers around them.
//!
//! From the outside in: `drain_body` (unread request bodies), `edge_fields` (fields that only the
//! edge may send), `observe` (ids, log, metrics), `edge_coding` (codings for the edge),
//! `security_headers`, `cache_headers` (cache headers, ETag, compression), `client_address` (the
//! client, and whether it may connect here), `response_cache`, `problems` (problem details as JSON
//! or as a page), `load_shedding` (concurrency limits), `cross_site`, rate limits, catch panics,
//! time limit, body limit, routes.

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
mod rate_limits;
mod response_cache;
#[cfg(test)]
mod response_cache_tests;
mod security_headers;

pub use client_address::{FromProxy, Peer, may_be_proxy};

use std::time::Duration;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use http::StatusCode;
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use crate::{
    accounts, app::App, cart, catalog, coupons, orders, pages, payments, shopper, warehouse,
    webhooks,
};

/// The whole HTTP service for shoppers and API clients.
pub fn router(app: &App) -> Router {
    let time_limit = Duration::from_millis(app.config.request_timeout_ms);
    let routes = Router::new()
        .merge(accounts::routes())
        .merge(catalog::routes())
        .merge(cart::routes())
        .merge(coupons::routes())
        .merge(warehouse::routes())
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

/// The operators' endpoints, for a listener of their own.
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

/// The time limit of operators' requests. It is shorter than the shop's own, so that a readiness
/// probe fails in time when the database hangs.
const OPERATOR_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Puts the layers around routes. Tests call it with routes of their own.
fn with_layers(routes: Router<App>, app: &App, time_limit: Duration) -> Router {
    routes
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn(drain_body::drain_body))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    edge_fields::remove_unsigned_fields,
                ))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    observe::observe,
                ))
                .layer(middleware::from_fn(edge_coding::rename_coding))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    security_headers::add_security_headers,
                ))
                .layer(middleware::from_fn(cache_headers::finish_response))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    client_address::find_client,
                ))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    response_cache::respond_from_cache,
                ))
                .layer(middleware::from_fn_with_state(app.clone(), problems::render_problems))
                .layer(middleware::from_fn_with_state(app.clone(), load_shedding::shed_load))
                .layer(middleware::from_fn_with_state(
                    app.clone(),
                    cross_site::refuse_cross_site,
                ))
                .layer(middleware::from_fn_with_state(app.clone(), rate_limits::limit_rates))
                .layer(CatchPanicLayer::custom(problems::panic_response))
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::REQUEST_TIMEOUT,
                    time_limit,
                ))
                // Routes that accept larger bodies override this.
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

    /// Status and body of a response from routes that only this test has.
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
    async fn a_panic_is_a_500_without_details() {
        let (status, text) = answer(Request::get("/api/fails"), "").await;
        assert_eq!(status, 500);
        assert!(
            text.contains("/problems/internal") && text.contains("request_id"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn the_overload_page_links_to_the_requested_path() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path()).await;
        for _ in 0..2 {
            for (path, language) in [
                ("/", "href=\"/zh\""),
                ("/c/tea", "href=\"/zh/c/tea\""),
                ("/c/a\"b", "href=\"/zh/c/a&quot;b\""),
            ] {
                let page = problems::overload_page(&app, Locale::En, (path, "its-id"));
                assert!(page.contains(language), "{path}");
                assert_eq!(page.matches("its-id").count(), 1);
                assert!(!page.contains("mallard-"), "{path}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_gets_408() {
        let (status, text) = answer(Request::get("/api/hangs"), "").await;
        assert_eq!(status, 408);
        assert!(text.contains("/problems/timeout"), "{text}");
    }

    #[tokio::test]
    async fn a_body_that_is_not_json_is_a_problem() {
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
