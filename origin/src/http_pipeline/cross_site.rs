//! Refuses unsafe requests that a browser sends from a page of another site (CSRF). Browsers send
//! `Sec-Fetch-Site` (W3C Fetch Metadata), older ones `Origin` (RFC 6454), and no page can change
//! either. A request without both is not from a browser, so it does not carry a victim's cookies.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use shared::problem::ProblemKind;

use crate::{app::App, web::Refusal};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Refuses a request with an unsafe method that comes from another site.
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
    // Behind a proxy `Host` is an internal name (`origin` behind the edge), so it is compared on
    // loopback addresses only, where somebody tries the shop on their own machine.
    origin == base_url || authority.is_some_and(is_loopback) && authority == host
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_same_origin_pages_may_send_unsafe_requests() {
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
            &[("origin", "http://[::1]:3000"), ("host", "[::1]:3000")],
            &[("origin", "http://localhost"), ("host", "localhost")],
        ] {
            assert!(here(good), "{good:?}");
        }
        for bad in [
            &[("sec-fetch-site", "cross-site")][..],
            // Other hosts under the same domain are refused too.
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://shop.example"),
            ],
            &[("origin", "https://evil.example")],
            &[("origin", "null"), ("host", "shop.example")],
            &[("origin", "http://shop.example"), ("host", "origin")],
            // An attacker's page can have the internal host name, too.
            &[("origin", "http://origin"), ("host", "origin")],
            &[
                ("origin", "https://backend.example"),
                ("host", "backend.example"),
            ],
            &[
                ("origin", "http://localhost.evil"),
                ("host", "localhost.evil"),
            ],
            &[("origin", "http://127.0.0.1:80"), ("host", "127.0.0.1:81")],
            &[("origin", "localhost"), ("host", "localhost")],
            &[("origin", "https://shop.example.evil.example")],
        ] {
            assert!(!here(bad), "{bad:?}");
        }
    }
}
