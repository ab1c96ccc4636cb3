//! Static files: the built assets and the shop's images. Their names contain the hash of their
//! content, so they are immutable.

use std::path::PathBuf;

use axum::{
    Router,
    extract::{Request, State},
    middleware,
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, StatusCode, Uri, header};
use shared::{cache::CachePolicy, cache_key};
use tower_http::services::ServeDir;

use crate::{
    app::App,
    media::{self, Stage},
};

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
        .layer(middleware::from_fn_with_state(
            app.config.media_dir(),
            serve_webp_for_avif,
        ))
        .layer(middleware::from_fn(sandbox_media));
    assets
        .merge(media)
        .layer(middleware::from_fn(apply_cache_policy))
}

/// The policy of a successful response, unless a layer below has chosen another.
async fn apply_cache_policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if matches!(
        response.status(),
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        let policy = response.extensions_mut().remove::<CachePolicy>();
        let policy = policy.unwrap_or(CachePolicy::Immutable);
        cache_headers::apply(&policy, response.headers_mut());
    }
    response
}

/// While an AVIF is not encoded, its URL serves the WebP rendition, and caches ask again soon.
async fn serve_webp_for_avif(
    State(folder): State<PathBuf>,
    mut request: Request,
    next: Next,
) -> Response {
    // Normalized: percent-encoded spellings of a name are the same file.
    let path = cache_key::key(request.uri().path(), None);
    let Some(stem) = path
        .strip_prefix("/media/")
        .and_then(|name| name.strip_suffix(".avif"))
        .filter(|stem| is_rendition(stem))
    else {
        return next.run(request).await;
    };
    // `ServeDir` does not evaluate If-Range, and the content of this URL changes once. A response
    // without a range is always allowed (RFC 9110 §14.2).
    if request.headers().contains_key(header::IF_RANGE) {
        request.headers_mut().remove(header::RANGE);
    }
    let stage = media::stage_of(&folder.join(format!("{stem}.avif"))).await;
    if stage != Stage::Encoded
        && let Ok(webp) = Uri::try_from(format!("/media/{stem}.webp"))
    {
        *request.uri_mut() = webp;
    }
    let mut response = next.run(request).await;
    if stage == Stage::Waiting {
        response.extensions_mut().insert(CachePolicy::interim());
    }
    response
}

/// Whether this is the name of a rendition without its extension: hexadecimal digits, a hyphen and
/// a width.
fn is_rendition(stem: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    !stem.is_empty() && stem.bytes().all(allowed)
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
