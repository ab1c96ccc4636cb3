//! The pages: each handler loads the struct of `shared` that `ui` renders. Owns no tables.
//!
//! Invariant: a cacheable page contains nothing about the client that requested it.

mod cart;
mod checkout;
mod filter;
mod icons;
mod info;
mod order;
mod search;
mod sitemap;
mod web;
mod well_known;

pub use checkout::{address_of, resume_checkout};
pub use web::routes;

use shared::{locale::Locale, page::Shell};

use crate::{app::App, catalog};

/// The shell of a personal page, which search engines must not index.
pub async fn personal_shell(
    app: &App,
    locale: Locale,
    path: &str,
) -> Result<Shell, catalog::Error> {
    let tree = catalog::tree(app).await?;
    Ok(shell(app, &tree, locale, path.to_owned(), None))
}

/// The shell of a page. `path` and `canonical` are without the language prefix.
fn shell(
    app: &App,
    tree: &catalog::Tree,
    locale: Locale,
    path: String,
    canonical: Option<String>,
) -> Shell {
    Shell {
        locale,
        path,
        canonical,
        base_url: app.config.base_url.clone(),
        shop_name: app.config.shop_name.clone(),
        categories: tree.top(locale),
        assets: app.assets.clone(),
        searched: None,
    }
}

/// The shell of an error page. It needs no query, and search engines must not index it.
pub fn shell_of_error(app: &App, locale: Locale, path: &str) -> Shell {
    shell(app, &app.tree.last_known(), locale, path.to_owned(), None)
}
