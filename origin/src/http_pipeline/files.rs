//! Static files: the built assets and the shop's images. Their names contain the hash of their
//! content, so they are immutable.

use axum::{Router, middleware, middleware::Next};
use axum::{extract::Request, response::Response};
use http::{HeaderValue, StatusCode, header};
use shared::cache::CachePolicy;
use tower_http::services::ServeDir;

use crate::app::App;

use super::cache_headers;

/// The policy of an image that is opened as a document. SVG can contain scripts, so nothing is
/// allowed.
const MEDIA_CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// The routes of both folders.
pub fn routes(app: &App) -> Router<App> {
    let assets = ServeDir::new(app.config.assets_dir.join("assets"))
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let media = ServeDir::new(app.config.media_dir())
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let assets = Router::new().nest_service("/assets", assets);
    let media = Router::new()
        .nest_service("/media", media)
        .layer(middleware::from_fn(sandbox_media));
    assets.merge(media).layer(middleware::from_fn(immutable))
}

async fn immutable(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if matches!(
        response.status(),
        StatusCode::OK | StatusCode::PARTIAL_CONTENT
    ) {
        cache_headers::apply(&CachePolicy::Immutable, response.headers_mut());
    }
    response
}

async fn sandbox_media(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status().is_success() {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, MEDIA_CSP);
    }
    response
}
