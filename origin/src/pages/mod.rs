//! The pages: each loads the struct of `shared` that `ui` renders. Owns no tables.
//!
//! What must stay true: a page that may be kept holds nothing about the person who asked.

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

/// What surrounds a page that is about the one who looks at it: nobody else shall find it.
pub async fn personal_shell(
    app: &App,
    locale: Locale,
    path: &str,
) -> Result<Shell, catalog::Error> {
    let tree = catalog::tree(app).await?;
    Ok(shell(app, &tree, locale, path.to_owned(), None))
}

/// What surrounds a page. `path` and `canonical` are without the language's prefix.
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

/// What surrounds a page that says that something failed: it asks the database nothing, and search
/// engines shall not know it.
pub fn shell_of_error(app: &App, locale: Locale, path: &str) -> Shell {
    shell(app, &app.tree.last_known(), locale, path.to_owned(), None)
}
