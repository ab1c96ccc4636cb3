//! robots.txt (RFC 9309) and the sitemap (sitemaps.org, with the alternate languages of each page).

use std::fmt::Write;

use axum::{Router, extract::State, routing::get};
use http::HeaderValue;
use shared::{
    cache::CachePolicy,
    id::ProductId,
    locale::Locale,
    page::{HOME, INFO, category_path, info_path, operator, product_path},
    problem::ProblemKind,
    time::Timestamp,
};

use crate::{
    app::App,
    catalog::{self, Category},
    web::{Answer, HandlerResult, Path, Refusal},
};

/// Products per part of the sitemap. The protocol allows 50,000 URLs, and each page has one in
/// every language.
const PART: u32 = 10_000;

/// The routes of robots.txt, the sitemap index and its parts.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/robots.txt", get(get_robots))
        .route("/sitemap.xml", get(get_sitemap))
        .route("/sitemap/{part}", get(get_sitemap_part))
}

async fn get_robots(State(app): State<App>) -> Answer {
    let mut text = String::from("User-agent: *\n");
    for path in operator::ALL {
        let _ = writeln!(text, "Disallow: {path}");
    }
    let _ = writeln!(text, "\nSitemap: {}/sitemap.xml", app.config.base_url);
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Answer::new(media_type, text, CachePolicy::release())
}

async fn get_sitemap(State(app): State<App>) -> HandlerResult {
    let base = &app.config.base_url;
    let mut xml = String::from(INDEX_HEAD);
    let _ = writeln!(
        xml,
        "<sitemap><loc>{base}/sitemap/pages.xml</loc></sitemap>"
    );
    for from in catalog::sitemap_parts(&app, PART).await? {
        let _ = writeln!(
            xml,
            "<sitemap><loc>{base}/sitemap/products-{from}.xml</loc></sitemap>"
        );
    }
    xml.push_str("</sitemapindex>\n");
    Ok(answer(xml))
}

#[derive(serde::Deserialize)]
struct PartPath {
    part: String,
}

async fn get_sitemap_part(State(app): State<App>, Path(path): Path<PartPath>) -> HandlerResult {
    let name = path.part.strip_suffix(".xml").unwrap_or_default();
    let pages = match name.strip_prefix("products-").map(str::parse::<ProductId>) {
        Some(Ok(from)) => {
            let slugs = catalog::list_slugs(&app, from, PART).await?;
            slugs
                .into_iter()
                .map(|(slug, at)| (product_path(&slug), Some(at)))
                .collect()
        }
        None if name == "pages" => {
            let tree = catalog::tree(&app).await?;
            let dates = catalog::category_dates(&app).await?;
            let dated = |it: &Category| (category_path(&it.slug), dates.get(&it.id).copied());
            let categories = tree.all().iter().map(dated);
            let info = INFO.map(|slug| (info_path(slug), None));
            [(HOME.path.to_owned(), None)]
                .into_iter()
                .chain(categories)
                .chain(info)
                .collect()
        }
        _ => return Err(Refusal::of(ProblemKind::NotFound)),
    };
    Ok(answer(part(&app.config.base_url, pages)))
}

/// A part of the sitemap. Paths consist of encoded segments and need no XML escaping.
fn part(base: &str, pages: Vec<(String, Option<Timestamp>)>) -> String {
    let mut xml = String::from(PART_HEAD);
    for (path, at) in pages {
        for locale in Locale::ALL {
            let _ = write!(xml, "<url><loc>{base}{}</loc>", locale.path(&path));
            if let Some(at) = at {
                let _ = write!(xml, "<lastmod>{at}</lastmod>");
            }
            for other in Locale::ALL {
                let (tag, path) = (other.tag(), other.path(&path));
                let _ = write!(
                    xml,
                    r#"<xhtml:link rel="alternate" hreflang="{tag}" href="{base}{path}"/>"#
                );
            }
            let _ = write!(
                xml,
                r#"<xhtml:link rel="alternate" hreflang="x-default" href="{base}{}"/>"#,
                Locale::default().path(&path)
            );
            xml.push_str("</url>\n");
        }
    }
    xml.push_str("</urlset>\n");
    xml
}

fn answer(xml: String) -> Answer {
    let media_type = HeaderValue::from_static("application/xml; charset=utf-8");
    Answer::new(media_type, xml, catalog::shop_policy())
}

const INDEX_HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
"#;
const PART_HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">
"#;
