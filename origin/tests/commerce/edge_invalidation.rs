//! Invalidation of edges: all affected tags, and no others.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::State, routing::post};
use http::{HeaderMap, Request, StatusCode};
use origin::{clock::Clock, edges::purge_edges};
use serde_json::{Value, json};
use shared::edge::{PURGE, PurgeMode, PurgeRequest, SIGNED_HEADER, is_signed};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop, en, product},
};

const SECRET: &str = "what edge and origin share";

/// An edge or a Cloudflare zone: the purge requests that it received, and how many it fails first.
#[derive(Clone, Default)]
struct Edge(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    orders: Vec<PurgeRequest>,
    bodies: Vec<Value>,
    failures: usize,
    /// The shop's clock: signatures are valid for a minute.
    clock: Option<Clock>,
}

impl Edge {
    async fn open(&self, shop: &Shop) -> String {
        self.0.lock().unwrap().clock = Some(shop.app.clock.clone());
        let routes = Router::new()
            .route(PURGE, post(purge))
            .route("/client/v4/zones/zone/purge_cache", post(purge_zone))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    fn fails(&self, times: usize) {
        self.0.lock().unwrap().failures = times;
    }

    /// The tags received since the last call, and the requests to purge everything.
    fn received(&self) -> (BTreeSet<String>, Vec<PurgeMode>) {
        let orders = std::mem::take(&mut self.0.lock().unwrap().orders);
        let tags = orders.iter().flat_map(|it| &it.tags);
        let everything = orders.iter().filter(|it| it.everything);
        (
            tags.map(|tag| tag.name.clone()).collect(),
            everything.map(|it| it.mode).collect(),
        )
    }
}

async fn purge(State(edge): State<Edge>, headers: HeaderMap, body: String) -> StatusCode {
    let mut inner = edge.0.lock().unwrap();
    let field = headers[SIGNED_HEADER].to_str().unwrap();
    let now = inner.clock.as_ref().unwrap().now();
    if !is_signed(
        SECRET,
        "POST",
        PURGE,
        body.as_bytes(),
        field,
        now.as_millis() / 1_000,
    ) {
        return StatusCode::FORBIDDEN;
    }
    if inner.failures > 0 {
        inner.failures -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    inner.orders.push(serde_json::from_str(&body).unwrap());
    StatusCode::NO_CONTENT
}

async fn purge_zone(
    State(edge): State<Edge>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let mut inner = edge.0.lock().unwrap();
    assert_eq!(headers["authorization"], "Bearer token");
    if inner.failures > 0 {
        inner.failures -= 1;
        let errors = json!([{ "code": 10_429, "message": "slow down" }]);
        let said = json!({ "success": false, "errors": errors });
        return (StatusCode::TOO_MANY_REQUESTS, said.to_string());
    }
    inner.bodies.push(serde_json::from_str(&body).unwrap());
    (StatusCode::OK, json!({ "success": true }).to_string())
}

/// The same shop with this edge, fully synchronized.
async fn with_edge(shop: &Shop, edge: &Edge) -> Shop {
    let url = edge.open(shop).await;
    let shop = shop.with(|config| {
        config.edge_urls = vec![url];
        config.edge_secret = Some(SECRET.to_owned());
    });
    let shop = shop.await;
    // A new edge may hold any entry, so that it is purged completely.
    purge_edges(&shop.app, &shop.app.edges).await.unwrap();
    edge.received();
    shop
}

async fn change_stock(shop: &Shop, delta: i64) -> Reply {
    let request = Request::post("/api/v1/operator/stock")
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    let changes = json!({ "changes": [{ "sku": "tea-1", "delta": delta }] });
    shop.send_body(request, Body::from(changes.to_string()))
        .await
}

fn set(tags: &[String]) -> BTreeSet<String> {
    tags.iter().cloned().collect()
}

async fn id(shop: &Shop, statement: &'static str) -> i64 {
    count(shop, statement).await
}

db_test! {
    /// A changed product invalidates itself, its old and new categories with their ancestors, and
    /// the home page.
    async fn a_product_invalidates_its_own_tags(shop) {
        let edge = Edge::default();
        let shop = &with_edge(shop, &edge).await;
        shop.categories(&["kitchen", "kitchen/cups", "garden"]).await;
        let in_category = |category: &str, price| {
            let mut mug = product("Ridge mug", price);
            mug.category = Some(category.into());
            mug
        };
        shop.save(vec![product("Other", "1.00")]).await;
        shop.save(vec![in_category("kitchen/cups", "24.50")]).await;
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        edge.received();
        let mug = id(shop, "select id from products where slug = 'ridge-mug'").await;
        let cups = id(shop, "select id from categories where external_id = 'kitchen/cups'").await;
        let kitchen = id(shop, "select id from categories where external_id = 'kitchen'").await;
        let garden = id(shop, "select id from categories where external_id = 'garden'").await;

        shop.save(vec![in_category("kitchen/cups", "25.00")]).await;
        assert!(purge_edges(&shop.app, &shop.app.edges).await.unwrap() > 0);
        let everywhere = ["home".to_owned(), "missing".to_owned(), "search".to_owned()];
        let here = [format!("p{mug}"), format!("c{cups}"), format!("c{kitchen}")];
        let here = [&here[..], &everywhere[..]].concat();
        assert_eq!(edge.received(), (set(&here), vec![]));

        shop.save(vec![in_category("garden", "25.00")]).await;
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        let both = [&here[..], &[format!("c{garden}")]].concat();
        assert_eq!(edge.received(), (set(&both), vec![]));

        // Saving without a change invalidates nothing.
        shop.save(vec![in_category("garden", "25.00")]).await;
        assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 0);
    }
}

db_test! {
    /// A stock change invalidates only if the displayed availability changes.
    async fn stock_invalidates_when_availability_changes(shop) {
        let edge = Edge::default();
        let shop = &with_edge(shop, &edge).await;
        shop.save(vec![only("tea", "5.00", 20)]).await;
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        edge.received();
        let tea = id(shop, "select id from products where slug = 'tea'").await;
        assert_eq!(change_stock(shop, -1).await.status, 200);
        assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 0, "nineteen look like twenty");
        assert_eq!(change_stock(shop, -19).await.status, 200);
        assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 1);
        assert_eq!(edge.received(), (set(&[format!("p{tea}"), "home".into()]), vec![]));
    }
}

db_test! {
    /// A search result is invalidated by the products that it shows, not by other sales.
    async fn a_search_is_invalidated_by_its_products(shop) {
        let edge = Edge::default();
        let shop = &with_edge(shop, &edge).await;
        shop.save(vec![only("tea", "5.00", 20), only("cup", "5.00", 20)]).await;
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        edge.received();
        let tea = id(shop, "select id from products where slug = 'tea'").await;
        let shown = format!("categories,search,p{tea}");
        for (path, tags) in [
            ("/search?q=tea", shown.as_str()),
            ("/api/v1/search?q=tea", &shown),
            ("/api/v1/suggestions?q=te", "categories,search"),
            ("/search?q=tea&availability=in_stock", "home,categories"),
            ("/api/v1/search?q=tea&availability=in_stock", "home,categories"),
            ("/search?q=nothing", "home,categories"),
        ] {
            assert_eq!(shop.get(path).await.header("cache-tag"), tags, "{path}");
        }
        assert_eq!(change_stock(shop, -20).await.status, 200);
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        assert!(!edge.received().0.contains("search"));
        let sold_out = shop.get("/api/v1/search?q=tea").await;
        assert!(sold_out.text().contains("\"out\""), "{}", sold_out.text());
        shop.save(vec![only("teapot", "5.00", 20)]).await;
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        assert!(edge.received().0.contains("search"));
        assert!(shop.get("/api/v1/suggestions?q=teap").await.text().contains("teapot"));
    }
}

db_test! {
    /// The menu is on every page: a new category invalidates everything.
    async fn a_new_category_invalidates_everything(shop) {
        let edge = Edge::default();
        let shop = &with_edge(shop, &edge).await;
        let request = Request::put("/api/v1/operator/categories/kitchen")
            .header("content-type", "application/json")
            .header("if-none-match", "*")
            .header("authorization", "Bearer operator");
        let draft = json!({ "slug": "kitchen", "names": en("Kitchen") });
        let saved = shop.send_body(request, Body::from(draft.to_string())).await;
        assert_eq!(saved.status, 201, "{}", saved.text());
        assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 2);
        let trees = set(&["categories".into(), "home".into(), "missing".into()]);
        assert_eq!(edge.received(), (trees, vec![PurgeMode::Soft]));
    }
}

db_test! {
    /// A failing edge is retried later, without delaying others.
    async fn a_failing_edge_is_retried(shop) {
        let (failing, working) = (Edge::default(), Edge::default());
        let urls = vec![failing.open(shop).await, working.open(shop).await];
        let shop = &shop.with(|config| {
            config.edge_urls = urls;
            config.edge_secret = Some(SECRET.to_owned());
        }).await;
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        for number in 0..20 {
            failing.fails(1);
            working.received();
            shop.save(vec![only(&format!("tea-{number}"), "5.00", 20)]).await;
            assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 1, "the one that is well");
            assert!(working.received().0.contains("missing"), "{number}");
            assert!(failing.received().0.is_empty());
            shop.app.clock.advance(10 * 60 * 1_000);
        }
        // It has missed many changes, which become a single purge.
        assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 1);
        assert_eq!(failing.received().0.iter().filter(|it| it.starts_with('p')).count(), 20);
        assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 0);
    }
}

db_test! {
    /// Changes by any process, with or without configured edges, are sent by those that serve.
    async fn changes_of_other_processes_are_sent(shop) {
        let edge = Edge::default();
        let serving = &with_edge(shop, &edge).await;
        // The command has no edges configured.
        assert!(shop.app.edges.is_empty());
        shop.save(vec![only("tea", "5.00", 20)]).await;
        let tea = id(shop, "select id from products where slug = 'tea'").await;
        serving.app.changes.refresh(&serving.app.db).await.unwrap();
        assert_eq!(purge_edges(&serving.app, &serving.app.edges).await.unwrap(), 1);
        assert!(edge.received().0.contains(&format!("p{tea}")));
        // One of two serving processes sends it.
        let second_origin = &serving.with(|_| ()).await;
        shop.save(vec![only("tea", "6.00", 20)]).await;
        for origin in [serving, second_origin] {
            origin.app.changes.refresh(&origin.app.db).await.unwrap();
        }
        let both = tokio::join!(purge_edges(&serving.app, &serving.app.edges), purge_edges(&second_origin.app, &second_origin.app.edges));
        assert_eq!(both.0.unwrap() + both.1.unwrap(), 1);
        assert!(edge.received().0.contains(&format!("p{tea}")));
        assert_eq!(count(shop, "select count(*) from outbox where topic = 'purge'").await, 0);
    }
}

db_test! {
    /// A new product is visible immediately where a 404 was cached, also if another process has
    /// created it.
    async fn a_new_product_replaces_a_cached_404(shop) {
        let edge = Edge::default();
        let serving = &with_edge(shop, &edge).await;
        for path in ["/p/tea", "/api/v1/products/tea"] {
            let missing = serving.get(path).await;
            assert_eq!(missing.status, StatusCode::NOT_FOUND);
            assert_eq!(missing.header("cache-tag"), "missing", "{path}");
        }
        shop.save(vec![only("tea", "5.00", 20)]).await;
        serving.app.changes.refresh(&serving.app.db).await.unwrap();
        for path in ["/p/tea", "/api/v1/products/tea"] {
            assert_eq!(serving.get(path).await.status, StatusCode::OK, "{path}");
        }
        purge_edges(&serving.app, &serving.app.edges).await.unwrap();
        assert!(edge.received().0.contains("missing"));
    }
}

db_test! {
    /// A Cloudflare zone is purged through its API, within its rate limit.
    async fn a_cloudflare_zone_is_purged_by_its_api(shop) {
        let zone = Edge::default();
        let url = zone.open(shop).await;
        let shop = &shop.with(|config| {
            config.cloudflare_zone = Some("zone".to_owned());
            config.cloudflare_token = Some("token".to_owned());
            config.cloudflare_url = url;
        }).await;
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        zone.0.lock().unwrap().bodies.clear();
        zone.fails(1);
        for name in ["tea", "cup", "mug"] {
            shop.save(vec![only(name, "5.00", 20)]).await;
        }
        assert_eq!(purge_edges(&shop.app, &shop.app.edges).await.unwrap(), 0);
        shop.app.clock.advance(10_000);
        purge_edges(&shop.app, &shop.app.edges).await.unwrap();
        let bodies = std::mem::take(&mut zone.0.lock().unwrap().bodies);
        // Three products, the home page, searches and cached 404s share one request.
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(bodies[0]["tags"].as_array().unwrap().len(), 6);
    }
}

db_test! {
    /// A running server invalidates its edges.
    async fn a_running_server_invalidates_its_edges(shop) {
        let edge = Edge::default();
        let shop = &with_edge(shop, &edge).await;
        let jobs = origin::jobs::Jobs::start(&shop.app);
        shop.save(vec![product("Ridge mug", "5.00")]).await;
        let mut received = BTreeSet::new();
        until(async || {
            received.append(&mut edge.received().0);
            received.contains("home")
        })
        .await;
        jobs.stop().await;
    }
}
