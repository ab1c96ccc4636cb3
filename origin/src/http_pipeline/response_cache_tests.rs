//! Tests of the response cache in front of handlers that echo their request or wait.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{Router, body::Body, extract::OriginalUri, routing::get};
use clap::{Args, FromArgMatches};
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use shared::cache::{CachePolicy, Tag};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::*;
use crate::{clock::Clock, config::Config, db, web::Answer};

async fn app(folder: &std::path::Path) -> App {
    let data = folder.display().to_string();
    let command = Config::augment_args(clap::Command::new("origin"));
    let matches = command.get_matches_from(["origin", "--data-dir", &data]);
    let config = Config::from_arg_matches(&matches).unwrap();
    let clock = Clock::manual("2026-10-01T12:00:00Z".parse().unwrap());
    let app = App::connect(config, Default::default(), clock)
        .await
        .unwrap();
    db::migrate(&app.db).await.unwrap();
    app.lease().await.unwrap();
    app
}

async fn ask(router: Router, request: http::request::Builder) -> String {
    let request = request.body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn policy() -> CachePolicy {
    CachePolicy::catalogue([Tag::Product(1)].into_iter().collect())
}

#[tokio::test]
async fn a_handler_gets_the_cache_key_and_no_client_headers() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path()).await;
    let echo =
        async |OriginalUri(uri): OriginalUri, mut headers: HeaderMap, request: Request<Body>| {
            // The trace continues in outgoing requests; it does not identify the client.
            headers.remove("traceparent");
            Answer::html(format!("{uri} {} {headers:?}", request.uri()), policy())
        };
    let routes = Router::new().route("/p/{slug}", get(echo));
    let router = with_layers(routes, &app, Duration::from_secs(5));
    let secret = "a-secret-of-somebody";
    let first = Request::get("/p/%74ea?utm_source=a-secret-of-somebody")
        .header(header::COOKIE, format!("session={secret}; cart={secret}"))
        .header(header::AUTHORIZATION, secret)
        .header(header::ACCEPT_LANGUAGE, secret)
        .header(header::USER_AGENT, secret)
        .header(header::ACCEPT, secret)
        .header(header::HOST, secret)
        .header("x-forwarded-for", secret)
        .header("if-none-match", "\"a-secret-of-somebody\"");
    let made = ask(router.clone(), first).await;
    assert_eq!(made, "/p/tea /p/tea {}");
    let second = Request::get("/p/tea").header(header::COOKIE, "session=another");
    assert_eq!(ask(router, second).await, made);
}

#[tokio::test]
async fn a_request_that_joins_a_flight_gets_no_response_older_than_itself() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path()).await;
    let (price, begun) = (Arc::new(AtomicU64::new(1)), Arc::new(Semaphore::new(0)));
    let go_on = Arc::new(Semaphore::new(0));
    let handler = {
        let (price, begun, go_on) = (price.clone(), begun.clone(), go_on.clone());
        move || {
            let (price, begun, go_on) = (price.clone(), begun.clone(), go_on.clone());
            async move {
                let read = price.load(Ordering::SeqCst);
                begun.add_permits(1);
                go_on.acquire().await.unwrap().forget();
                Answer::html(read.to_string(), policy())
            }
        }
    };
    let routes = Router::new().route("/p/{slug}", get(handler));
    let router = with_layers(routes, &app, Duration::from_secs(5));
    let early = tokio::spawn(ask(router.clone(), Request::get("/p/tea")));
    begun.acquire().await.unwrap().forget();
    // The handler has read the price, and now the price changes.
    let mut tx = app.db.write().await.unwrap();
    let tags = [Tag::Product(1)];
    app.changes
        .record(&mut tx, app.clock.now(), &tags)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app.changes.refresh(&app.db).await.unwrap();
    price.store(2, Ordering::SeqCst);
    let late = tokio::spawn(ask(router, Request::get("/p/tea")));
    // Give the second request time to join the flight.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    go_on.add_permits(2);
    assert_eq!(late.await.unwrap(), "2");
    early.await.unwrap();
}
