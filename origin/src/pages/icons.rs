//! The web app manifest (W3C Web Application Manifest) and the icons, rendered from the shop's SVG.

use axum::{Router, extract::State, routing::get};
use http::HeaderValue;
use serde_json::json;
use shared::{cache::CachePolicy, page::MANIFEST, problem::ProblemKind};

use crate::{
    app::App,
    media,
    web::{Answer, HandlerResult, Path, Refusal},
};

/// The icon sizes: Apple's home screen, and the two of the manifest.
const SIDES: [u32; 3] = [180, 192, 512];

/// The routes of the manifest and the icons.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(MANIFEST, get(get_manifest))
        .route("/icon/{side}", get(get_icon))
}

async fn get_manifest(State(app): State<App>) -> Answer {
    let icon = |side: u32, purpose: &str| {
        json!({ "src": format!("/icon/{side}.png"), "sizes": format!("{side}x{side}"),
                "type": "image/png", "purpose": purpose })
    };
    let manifest = json!({
        "name": app.config.shop_name,
        "short_name": app.config.shop_name,
        "start_url": "/",
        "display": "minimal-ui",
        "background_color": "#faf8f4",
        "theme_color": "#faf8f4",
        "icons": [icon(192, "any"), icon(512, "any"), icon(512, "maskable")],
    });
    let media_type = HeaderValue::from_static("application/manifest+json");
    Answer::new(media_type, manifest.to_string(), CachePolicy::release())
}

#[derive(serde::Deserialize)]
struct IconPath {
    side: String,
}

async fn get_icon(State(app): State<App>, Path(path): Path<IconPath>) -> HandlerResult {
    let missing = || Refusal::of(ProblemKind::NotFound);
    let side = path
        .side
        .strip_suffix(".png")
        .and_then(|it| it.parse().ok());
    let side = side
        .filter(|side| SIDES.contains(side))
        .ok_or_else(missing)?;
    let png = draw(&app, side).await?;
    let media_type = HeaderValue::from_static("image/png");
    Ok(Answer::new(media_type, png, CachePolicy::release()))
}

/// The shop's icon as PNG, `side` pixels wide and high.
pub(super) async fn draw(app: &App, side: u32) -> Result<Vec<u8>, Refusal> {
    let missing = || Refusal::of(ProblemKind::NotFound);
    let name = app.assets.icon.trim_start_matches('/');
    let file = app.config.assets_dir.join(name);
    let svg = tokio::fs::read_to_string(file)
        .await
        .map_err(|_| missing())?;
    let drawn = tokio::task::spawn_blocking(move || media::icon(&svg, side)).await;
    drawn.ok().and_then(Result::ok).ok_or_else(missing)
}
