//! Properties of all responses: problems, headers, conditional requests, compression, limits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use origin::db;
use support::{Shop, product};

async fn shop_with_a_mug() -> Shop {
    let shop = Shop::on_sqlite().await;
    shop.save(vec![product("mug", "10.00")]).await;
    shop
}

/// Status, media type and problem type of a response below `/api`.
async fn refusal(shop: &Shop, method: Method, path: &str) -> (u16, String, String) {
    let reply = shop.send(Request::builder().method(method).uri(path)).await;
    let problem = reply.json();
    assert_eq!(problem["status"], reply.status.as_u16());
    let kind = problem["type"].as_str().unwrap().to_owned();
    (
        reply.status.as_u16(),
        reply.header("content-type").to_owned(),
        kind,
    )
}

#[tokio::test]
async fn errors_of_the_api_are_problems() {
    let shop = shop_with_a_mug().await;
    for (method, path, status, kind) in [
        (Method::GET, "/api", 404, "not-found"),
        (Method::GET, "/api/v1/nothing", 404, "not-found"),
        (Method::GET, "/api/v1/products/nobody", 404, "not-found"),
        (
            Method::GET,
            "/api/v1/products/9223372036854775807",
            404,
            "not-found",
        ),
        (Method::GET, "/api/v1/products/%FF", 400, "bad-request"),
        (
            Method::GET,
            "/api/v1/products?category=nowhere",
            404,
            "not-found",
        ),
        (Method::GET, "/api/v1/products?limit=0", 400, "invalid"),
        (Method::GET, "/api/v1/products?limit=101", 400, "invalid"),
        (
            Method::GET,
            "/api/v1/products?limit=99999999999",
            400,
            "invalid",
        ),
        (Method::GET, "/api/v1/products?price_min=-1", 400, "invalid"),
        (
            Method::GET,
            "/api/v1/products?price_min=1.5",
            400,
            "invalid",
        ),
        (Method::GET, "/api/v1/products?cursor=%00", 400, "invalid"),
        (
            Method::GET,
            "/api/v1/products?cursor=AAAAAAAAAAAAAAAAAAAAAAAA&sort=price_up",
            400,
            "invalid",
        ),
        (
            Method::GET,
            "/api/v1/products?sort=%27;drop%20table%20products",
            400,
            "invalid",
        ),
        (Method::GET, "/api/v1/products?unknown=1", 400, "invalid"),
        (
            Method::GET,
            "/api/v1/products?brand=1&brand=2&brand=3&brand=4&brand=5&brand=6&brand=7&brand=8&brand=9",
            400,
            "invalid",
        ),
        (Method::GET, "/api/v1/categories?locale=de", 400, "invalid"),
        (
            Method::DELETE,
            "/api/v1/products",
            405,
            "method-not-allowed",
        ),
        (
            Method::POST,
            "/api/v1/products/mug",
            405,
            "method-not-allowed",
        ),
    ] {
        let found = refusal(&shop, method.clone(), path).await;
        let media_type = "application/problem+json".to_owned();
        assert_eq!(
            found,
            (status, media_type, format!("/problems/{kind}")),
            "{method} {path}"
        );
    }
    shop.audit().await;
}

#[tokio::test]
async fn errors_of_pages_are_html() {
    let shop = shop_with_a_mug().await;
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/zh/nothing", 404),
        (Method::GET, "/p/nobody", 404),
        (Method::GET, "/c/nowhere", 404),
        (Method::GET, "/p/%FF", 400),
        (Method::GET, "/assets/nothing.js", 404),
        (Method::GET, "/media/../mallard.db", 404),
        (Method::GET, "/media/%2e%2e/test.db", 404),
        (Method::POST, "/", 405),
        (Method::GET, "/sitemap/nothing.xml", 404),
    ] {
        let reply = shop
            .send(Request::builder().method(method.clone()).uri(path))
            .await;
        assert_eq!(reply.status.as_u16(), status, "{method} {path}");
        assert_eq!(
            reply.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_405_lists_the_allowed_methods() {
    let shop = shop_with_a_mug().await;
    let reply = shop.send(Request::delete("/api/v1/products")).await;
    assert_eq!(reply.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn only_a_404_is_cached_and_it_has_no_request_id() {
    let shop = shop_with_a_mug().await;
    let missing = shop.get("/api/v1/products/nobody").await;
    assert!(missing.header("cdn-cache-control").contains("max-age=10"));
    assert!(missing.json().get("request_id").is_none());
    let wrong = shop.get("/api/v1/products?limit=0").await;
    assert_eq!(wrong.header("cache-control"), "no-store");
    assert_eq!(wrong.json()["request_id"], wrong.header("x-request-id"));
    assert_eq!(wrong.json()["errors"][0]["field"], "limit");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let shop = shop_with_a_mug().await;
    for (size, status) in [(1_048_576, 400), (1_048_577, 413)] {
        let request =
            Request::post("/api/v1/account/login").header("content-type", "application/json");
        let reply = shop.send_body(request, Body::from(vec![b' '; size])).await;
        assert_eq!(reply.status.as_u16(), status);
        let too_large = reply.json()["type"] == "/problems/too-large";
        assert_eq!(too_large, status == 413);
    }
}

#[tokio::test]
async fn shared_responses_have_lifetimes_and_cache_tags() {
    let shop = shop_with_a_mug().await;
    for path in [
        "/",
        "/p/mug",
        "/zh/p/mug",
        "/api/v1/products/mug",
        "/api/v1/products",
    ] {
        let reply = shop.get(path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
        assert_eq!(reply.header("cache-control"), "public, max-age=0", "{path}");
        assert!(
            reply
                .header("cdn-cache-control")
                .contains("stale-while-revalidate"),
            "{path}"
        );
        assert!(!reply.header("cache-tag").is_empty(), "{path}");
        assert!(reply.headers.get("set-cookie").is_none(), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
    }
    let reply = shop.get_ops("/readyz").await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("cache-control")),
        (200, "no-store")
    );
}

#[tokio::test]
async fn each_coding_has_its_own_etag_and_a_match_is_a_304() {
    let shop = Shop::on_sqlite().await;
    shop.save(
        (0..30)
            .map(|n| product(&format!("mug-{n}"), "10.00"))
            .collect(),
    )
    .await;
    let path = "/api/v1/products";
    let mut tags = Vec::new();
    for coding in ["identity", "gzip", "br"] {
        let reply = shop.etag(path, coding).await;
        let word = if coding == "identity" { "" } else { coding };
        assert_eq!(reply.header("content-encoding"), word);
        assert_eq!(reply.header("vary"), "Accept-Encoding");
        assert_eq!(reply.header("content-length"), reply.body.len().to_string());
        let tag = reply.header("etag").to_owned();
        assert!(tag.starts_with('"'), "a strong tag: {tag}");
        let request = Request::get(path)
            .header("accept-encoding", coding)
            .header("if-none-match", format!("W/\"other\", {tag}"));
        let again = shop.send(request).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), tag);
        // A cache updates stored headers from a 304, so it must not contain a CSP.
        assert_eq!(again.header("content-security-policy"), "");
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3);
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let shop = shop_with_a_mug().await;
    let get = shop.get("/api/v1/products/mug").await;
    let head = shop.send(Request::head("/api/v1/products/mug")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for name in ["content-length", "content-type", "etag", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn valid_request_ids_and_traces_are_kept() {
    let shop = shop_with_a_mug().await;
    let with_id = |id: &str| Request::get("/healthz").header("x-request-id", id);
    assert_eq!(
        shop.send(with_id("abc-1.2_3")).await.header("x-request-id"),
        "abc-1.2_3"
    );
    for harmful in ["", "a b", "<script>", &"x".repeat(65)] {
        let reply = shop.send(with_id(harmful)).await;
        assert_ne!(reply.header("x-request-id"), harmful);
        assert!(!reply.header("x-request-id").is_empty());
    }
}

/// The operators' endpoints have a listener of their own: no spelling of a URL reaches them from
/// the shop's.
#[tokio::test]
async fn operators_endpoints_are_not_on_the_shops_listener() {
    let shop = shop_with_a_mug().await;
    for name in ["metrics", "readyz"] {
        assert_eq!(
            shop.get_ops(&format!("/{name}")).await.status,
            StatusCode::OK
        );
        for path in [
            "/NAME",
            "/NAME/",
            "//NAME",
            "/./NAME",
            "/%2e/NAME",
            "/x/../NAME",
            "/x/%2e%2e/NAME",
            "/docs/../NAME",
            "/NAME?x=1",
            "/zh/NAME",
            "/api/v1/NAME",
        ] {
            let path = path.replace("NAME", name);
            let reply = shop.get(&path).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
            assert!(!reply.text().contains("http_requests_total"), "{path}");
        }
    }
    let health = shop.get("/healthz").await;
    assert_eq!((health.status, health.text()), (StatusCode::OK, "ok\n"));
    // The operators' listener does not serve the shop.
    for path in ["/", "/p/mug", "/api/v1/products/mug"] {
        assert_eq!(
            shop.get_ops(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn metrics_are_labelled_by_route_and_never_by_client_input() {
    let shop = shop_with_a_mug().await;
    shop.get("/api/v1/products/mug").await;
    shop.get("/secret-address").await;
    shop.send(Request::builder().method("BREW").uri("/")).await;
    let text = shop.get_ops("/metrics").await.text().to_owned();
    let counted = |labels: &str| text.contains(&format!("http_requests_total{{{labels}}} 1"));
    assert!(
        counted(r#"method="GET",route="/api/v1/products/{product}",status="200""#),
        "{text}"
    );
    assert!(counted(r#"method="GET",route="",status="404""#), "{text}");
    assert!(
        counted(r#"method="OTHER",route="/",status="405""#),
        "{text}"
    );
    assert!(!text.contains("secret-address") && !text.contains("BREW"));
    for name in [
        "http_request_duration_seconds_bucket",
        "db_pool_open_connections",
    ] {
        assert!(text.contains(name), "{name}");
    }
}

#[tokio::test]
async fn an_unreachable_database_is_a_503() {
    let shop = shop_with_a_mug().await;
    shop.app.db.close().await;
    let reply = shop.get("/api/v1/products/mug").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.json()["type"], "/problems/unavailable");
    assert_eq!(reply.header("retry-after"), "2");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(
        shop.get("/p/mug").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        shop.get_ops("/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(shop.get("/healthz").await.status, StatusCode::OK);
}

db_test! {
    /// With a database that can be read but not written, the server is not ready.
    async fn readiness_requires_a_writable_database(shop) {
        for _ in 0..3 {
            let ready = shop.get_ops("/readyz").await;
            assert_eq!((ready.status, &ready.json()["writes"]), (StatusCode::OK, &"ok".into()));
        }
        let full = match shop.app.db.dialect() {
            db::Dialect::Sqlite => "create trigger full before update on versions
                begin select raise(abort, 'disk full'); end",
            db::Dialect::Mysql => "create trigger full before update on versions
                for each row signal sqlstate '45000' set message_text = 'disk full'",
        };
        let change = async |statement: &'static str| {
            let mut tx = shop.app.db.write().await.unwrap();
            sqlx::raw_sql(statement).execute(tx.conn()).await.unwrap();
            tx.commit().await.unwrap();
        };
        change(full).await;
        let reply = shop.get_ops("/readyz").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reply.json()["writes"].as_str().unwrap().contains("disk is full"));
        assert_eq!(shop.get("/healthz").await.status, StatusCode::OK);
        change("drop trigger full").await;
        assert_eq!(shop.get_ops("/readyz").await.status, StatusCode::OK);
        shop.app.stopping.store(true, std::sync::atomic::Ordering::Release);
        let stopping = shop.get_ops("/readyz").await;
        assert_eq!((stopping.status.as_u16(), &stopping.json()["server"]), (503, &"stopping".into()));
    }
}

#[tokio::test]
async fn a_product_page_requested_by_id_redirects_to_its_slug() {
    let shop = shop_with_a_mug().await;
    let id = shop.json("/api/v1/products/mug").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let reply = shop.get(&format!("/zh/p/{id}")).await;
    assert_eq!(reply.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(reply.header("location"), "/zh/p/mug");
}

#[tokio::test]
async fn the_sitemap_lists_every_page() {
    let shop = Shop::on_sqlite().await;
    shop.categories(&["kitchen"]).await;
    let mut mug = product("mug", "10.00");
    mug.category = Some("kitchen".to_owned());
    shop.save(vec![mug, product("pan", "10.00")]).await;
    let robots = shop.get("/robots.txt").await;
    assert!(
        robots
            .text()
            .contains("Sitemap: http://127.0.0.1:8080/sitemap.xml")
    );
    let index = shop.get("/sitemap.xml").await.text().to_owned();
    let mut addresses = Vec::new();
    for part in index.split("<loc>").skip(1) {
        let address = part.split("</loc>").next().unwrap();
        let path = address.strip_prefix("http://127.0.0.1:8080").unwrap();
        let part = shop.get(path).await;
        assert_eq!(part.status, StatusCode::OK, "{path}");
        let locs = part.text().split("<loc>").skip(1);
        addresses.extend(locs.map(|loc| loc.split("</loc>").next().unwrap().to_owned()));
    }
    let pages = shop.get("/sitemap/pages.xml").await;
    let mut entries = pages.text().lines();
    let category = entries.find(|it| it.contains("/c/kitchen<")).unwrap();
    assert!(category.contains("<lastmod>20"), "{category}");
    for tag in ["en", "zh-Hans", "x-default"] {
        let hreflang = format!("hreflang=\"{tag}\"");
        assert!(category.contains(&hreflang), "{category}");
    }
    for path in [
        "/",
        "/zh",
        "/c/kitchen",
        "/zh/c/kitchen",
        "/p/mug",
        "/zh/p/pan",
    ] {
        let address = format!("http://127.0.0.1:8080{path}");
        assert!(addresses.contains(&address), "{address}: {addresses:?}");
    }
}

#[tokio::test]
async fn every_problem_type_is_explained_at_its_address() {
    let shop = Shop::on_sqlite().await;
    for kind in shared::problem::ProblemKind::ALL {
        let reply = shop.get(&kind.uri()).await;
        assert!(reply.text().contains(kind.title()), "{}", kind.uri());
    }
}

/// The published document; a change of the contract changes the snapshot.
#[tokio::test]
async fn the_openapi_document() {
    let shop = Shop::on_sqlite().await;
    let document = shop.json("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

/// The API documentation is served with its files.
#[tokio::test]
async fn the_api_documentation_is_served() {
    let shop = Shop::on_sqlite().await;
    let page = shop.get("/docs/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        shop.get("/docs/swagger-ui-bundle.js").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn other_spellings_of_a_page_are_redirected() {
    let shop = shop_with_a_mug().await;
    for (path, to) in [
        ("/p/mug/", "/p/mug"),
        ("/P/Mug?variant=1", "/p/mug?variant=1"),
        ("/zh//p/mug", "/zh/p/mug"),
        ("/Shipping", "/shipping"),
    ] {
        let reply = shop.get(path).await;
        assert_eq!(reply.status, 308, "{path}");
        assert_eq!(reply.header("location"), to);
        let there = shop.get(to.split('?').next().unwrap()).await;
        assert_eq!(there.status, 200, "{to}");
    }
}

#[tokio::test]
async fn well_known_uris_are_served() {
    let shop = shop_with_a_mug().await;
    assert_eq!(shop.get("/.well-known/security.txt").await.status, 404);
    let reachable = shop
        .with(|config| config.contact_email = Some("desk@shop.example".to_owned()))
        .await;
    let reply = reachable.get("/.well-known/security.txt").await;
    let text = reply.text();
    assert!(
        text.contains("Contact: mailto:desk@shop.example\n"),
        "{text}"
    );
    assert!(
        text.contains("Expires: 2027-03-30T00:00:00.000Z\n"),
        "{text}"
    );
    let change = shop.get("/.well-known/change-password").await;
    assert_eq!(change.status, 303);
    assert_eq!(change.header("location"), "/account/profile");
}

/// Browsers would block or upgrade images over plain HTTP on an HTTPS page.
#[tokio::test]
async fn a_shop_on_https_shows_images_from_https_only() {
    let shop = shop_with_a_mug().await;
    let secure = shop
        .with(|config| {
            "https://shop.example".clone_into(&mut config.base_url);
            config.payment_methods = vec!["manual".to_owned()];
        })
        .await;
    for (shop, plain) in [(&shop, true), (&secure, false)] {
        let page = shop.get("/p/mug").await;
        let policy = page.header("content-security-policy");
        assert_eq!(policy.contains(" http: "), plain, "{policy}");
    }
}

/// Fields between edge and origin are accepted with the edge's signature only.
#[tokio::test]
async fn edge_fields_require_the_edges_signature() {
    use shared::edge::{ADDRESS_HEADER, READY, signed_address};
    let shop = shop_with_a_mug().await;
    let shop = shop
        .with(|config| config.edge_secret = Some("secret".to_owned()))
        .await;
    let seconds = shop.app.clock.now().as_millis() / 1_000;
    let ask = async |path: &str, secret: &str| {
        let request = Request::get(path)
            .header("accept-encoding", "gzip")
            .header("mallard-raw", "1")
            .header(ADDRESS_HEADER, signed_address(secret, None, seconds));
        shop.send(request).await
    };
    let page = ask("/", "secret").await;
    let codings = |page: &support::Reply| {
        let names = ["content-encoding", "mallard-coding"];
        names.map(|name| page.header(name).to_owned())
    };
    assert_eq!(codings(&page), ["", "gzip"]);
    assert_eq!(codings(&ask("/", "guess").await), ["gzip", ""]);
    assert_eq!(ask(READY, "secret").await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(READY, "guess").await.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.get(READY).await.status, StatusCode::NOT_FOUND);
    shop.app.db.close().await;
    let refused = ask(READY, "secret").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "");
}

/// All responses of a shop on HTTPS have `Strict-Transport-Security`; over plain HTTP there is
/// none, because browsers ignore it there (RFC 6797 §8.1).
#[tokio::test]
async fn a_shop_on_https_sends_hsts() {
    let shop = shop_with_a_mug().await;
    let field = "strict-transport-security";
    let secure = shop
        .with(|config| {
            "https://shop.example".clone_into(&mut config.base_url);
            config.payment_methods = vec!["manual".to_owned()];
        })
        .await;
    for path in ["/", "/zh/p/mug", "/api/v1/products", "/nothing", "/account"] {
        assert_eq!(shop.get(path).await.header(field), "", "{path}");
        let promised = secure.get(path).await;
        assert_eq!(promised.header(field), "max-age=63072000", "{path}");
    }
}
