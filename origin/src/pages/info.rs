//! The information pages of the shop.

use axum::{
    Router,
    extract::{OriginalUri, State},
    routing::get,
};
use shared::{
    locale::Locale,
    page::{INFO, InfoPage, SHIPPING, info_path},
};

use crate::{
    app::App,
    catalog,
    web::{Answer, HandlerResult},
};

use super::shell;

/// The routes of these pages, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    INFO.iter().fold(Router::new(), |router, slug| {
        router.route(&locale.path(&info_path(slug)), get(show_info))
    })
}

async fn show_info(State(app): State<App>, OriginalUri(uri): OriginalUri) -> HandlerResult {
    let (locale, path) = Locale::split(uri.path());
    let tree = catalog::tree(&app).await?;
    let methods = if path == SHIPPING.path {
        app.rules.describe(app.config.currency, locale)
    } else {
        Vec::new()
    };
    let page = InfoPage {
        slug: path.trim_start_matches('/').to_owned(),
        methods,
        contact: app.config.contact.clone(),
        email: app.config.contact_email.clone(),
    };
    let shell = shell(&app, &tree, locale, path.to_owned(), Some(path.to_owned()));
    Ok(Answer::html(
        ui::info(&shell, &page),
        catalog::shop_policy(),
    ))
}
