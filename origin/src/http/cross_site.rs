//! Refuses what a browser sends from a page of another site. Browsers say where a request comes from
//! (`Sec-Fetch-Site`, W3C Fetch Metadata; older ones `Origin`, RFC 6454), and no page can change that; what
//! says nothing is no browser, and carries nobody's cookie unless they gave it.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use shared::problem::ProblemKind;

use crate::{app::App, web::Refusal};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Lets a request through that changes nothing, or that does not come from another site.
pub async fn refuse_cross_site(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_from_here(&app.config.base_url, request.headers()) {
        next.run(request).await
    } else {
        Refusal::of(ProblemKind::CrossSite).into_response()
    }
}

fn is_from_here(base_url: &str, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    if let Some(site) = text(SEC_FETCH_SITE) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return true;
    };
    let host = text(header::HOST.as_str());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    origin == base_url || host.is_some() && authority == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_shop_may_change_something() {
        let base = "https://shop.example";
        let here = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_from_here(base, &headers)
        };
        for good in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://shop.example")],
            &[
                ("origin", "http://127.0.0.1:3000"),
                ("host", "127.0.0.1:3000"),
            ],
        ] {
            assert!(here(good), "{good:?}");
        }
        for bad in [
            &[("sec-fetch-site", "cross-site")][..],
            // A neighbour under the same domain is another site's page too.
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://shop.example"),
            ],
            &[("origin", "https://evil.example")],
            &[("origin", "null"), ("host", "shop.example")],
            &[("origin", "http://shop.example"), ("host", "origin")],
            &[("origin", "https://shop.example.evil.example")],
        ] {
            assert!(!here(bad), "{bad:?}");
        }
    }
}
