//! The response cache: hits, invalidation, collapsing of concurrent misses, and limits.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use http::{Request, StatusCode, header};
use serde_json::json;
use shared::edge::{ADDRESS_HEADER, MIN_VERSION_HEADER, VERSION_HEADER, signed_address};

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

/// The number of requests with this outcome in this cache layer.
pub async fn served(shop: &Shop, layer: &str, outcome: &str) -> u64 {
    let name = format!("cache_requests_total{{layer=\"{layer}\",outcome=\"{outcome}\"}} ");
    let metrics = shop.get_ops("/metrics").await;
    let line = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(&name));
    line.unwrap().parse().unwrap()
}

async fn in_coding(shop: &Shop, path: &str, coding: &str) -> Reply {
    let request = Request::get(path).header(header::ACCEPT_ENCODING, coding);
    shop.send(request).await
}

/// Sets the price of a product, as an import does.
pub async fn set_price(shop: &Shop, slug: &str, price: &str) {
    shop.save(vec![only(slug, price, 9)]).await;
}

pub fn price_of(reply: &Reply) -> i64 {
    reply.json()["price"]["from"]["minor"]
        .as_i64()
        .unwrap_or_else(|| {
            reply.json()["price"]["from"]["minor"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
}

db_test! {
    async fn a_response_is_rendered_once_for_all_codings(shop) {
        shop.categories(&["kitchen"]).await;
        shop.save(vec![only("tea", "5.00", 9)]).await;
        for path in ["/api/v1/products/tea", "/p/tea", "/zh/p/tea", "/c/kitchen", "/", "/api/v1/products?limit=5"] {
            let missed = served(shop, "l1", "miss").await;
            let plain = shop.get(path).await;
            assert_eq!(plain.status, StatusCode::OK, "{path}");
            for coding in ["br", "gzip", "zstd", "identity"] {
                for _ in 0..2 {
                    let coded = in_coding(shop, path, coding).await;
                    assert_eq!(coded.status, StatusCode::OK, "{path}");
                    let body = decoded(&coded);
                    assert_eq!(body, plain.body, "{path} in {coding}");
                    assert_eq!(coded.header("content-length"), coded.body.len().to_string());
                    let own = Request::get(path).header(header::ACCEPT_ENCODING, coding);
                    let again = shop.send(own.header(header::IF_NONE_MATCH, coded.header("etag"))).await;
                    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
                    assert_eq!(again.header("cache-tag"), coded.header("cache-tag"));
                }
            }
            let head = shop.send(Request::head(path)).await;
            assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
            assert_eq!(head.header("content-length"), plain.body.len().to_string());
            assert_eq!(served(shop, "l1", "miss").await, missed + 1, "{path}");
        }
        // Different spellings of a URL have the same cache key.
        let hits = served(shop, "l1", "hit").await;
        shop.get("/p/%74ea?utm_source=letter").await;
        assert_eq!(served(shop, "l1", "hit").await, hits + 1);
        // Query parameters that the contract does not know are left to the handler.
        assert_eq!(shop.get("/api/v1/products?limit=5&limits=5").await.status, StatusCode::BAD_REQUEST);
    }
}

fn decoded(reply: &Reply) -> Vec<u8> {
    use std::io::Read as _;
    let mut body = Vec::new();
    let coded = reply.body.as_slice();
    let read = match reply.header("content-encoding") {
        "br" => brotli::Decompressor::new(coded, 4_096).read_to_end(&mut body),
        "gzip" => flate2::read::GzDecoder::new(coded).read_to_end(&mut body),
        "zstd" => zstd::Decoder::new(coded).unwrap().read_to_end(&mut body),
        _ => return reply.body.clone(),
    };
    read.unwrap();
    body
}

db_test! {
    async fn a_change_invalidates_only_affected_responses(shop) {
        shop.categories(&["tea", "cups"]).await;
        let in_category = |slug: &str, category: &str, price: &str| {
            let mut it = only(slug, price, 9);
            it.category = Some(category.to_owned());
            it
        };
        shop.save(vec![in_category("oolong", "tea", "5.00"), in_category("cup", "cups", "5.00")]).await;
        let touched = ["/api/v1/products/oolong", "/p/oolong", "/c/tea", "/", "/api/v1/products/hot"];
        let untouched = ["/api/v1/products/cup", "/p/cup", "/c/cups"];
        for path in touched.iter().chain(&untouched) {
            assert_eq!(shop.get(path).await.status, StatusCode::OK, "{path}");
        }
        let batch = [origin::catalog::PreparedProduct { product: in_category("oolong", "tea", "6.00"), images: Vec::new() }];
        let mut tx = shop.app.db.write().await.unwrap();
        origin::catalog::save_products(&mut tx, shop.app.context(), &batch).await.unwrap();
        // Uncommitted changes are not visible.
        assert!(shop.get("/p/oolong").await.text().contains("5.00"));
        tx.commit().await.unwrap();
        for path in touched {
            let missed = served(shop, "l1", "miss").await;
            let reply = shop.get(path).await;
            assert!(reply.text().contains("6.00") || reply.text().contains("600"), "{path}: {}", reply.text());
            assert_eq!(served(shop, "l1", "miss").await, missed + 1, "{path}");
        }
        for path in untouched {
            let hits = served(shop, "l1", "hit").await;
            shop.get(path).await;
            assert_eq!(served(shop, "l1", "hit").await, hits + 1, "{path}");
        }
    }
}

db_test! {
    /// The last unit of a variant is sold while other variants of the product are left.
    async fn a_sold_out_variant_is_not_offered(shop) {
        let mut mug = only("mug", "5.00", 50);
        let mut blue = mug.variants[0].clone();
        blue.sku = "mug-blue".to_owned();
        blue.stock = Some(1);
        mug.variants.push(blue);
        for (variant, colour) in mug.variants.iter_mut().zip(["red", "blue"]) {
            variant.options = vec![("colour".to_owned(), colour.to_owned())];
        }
        shop.save(vec![mug]).await;
        let availability = async || {
            let product = shop.json("/api/v1/products/mug").await;
            let variants = product["variants"].as_array().unwrap().clone();
            let blue = variants.iter().find(|it| it["sku"] == "mug-blue").unwrap();
            blue["availability"].as_str().unwrap().to_owned()
        };
        assert_ne!(availability().await, "out");
        let cart = ready_cart(shop, "mug-blue", 1).await;
        assert_eq!(place(shop, &cart).await.status, 201);
        assert_eq!(availability().await, "out");
    }
}

db_test! {
    async fn a_new_category_is_on_every_page(shop) {
        shop.categories(&["tea"]).await;
        shop.save(vec![only("oolong", "5.00", 9)]).await;
        for path in ["/p/oolong", "/", "/c/tea"] {
            shop.get(path).await;
        }
        shop.categories(&["cups"]).await;
        for path in ["/p/oolong", "/", "/c/tea", "/c/cups"] {
            assert!(shop.get(path).await.text().contains("/c/cups"), "{path}");
        }
    }
}

db_test! {
    /// A thousand concurrent misses render the response once.
    async fn concurrent_misses_are_collapsed(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let replies = join_all((0..1_000).map(|_| shop.get("/p/tea"))).await;
        let bodies: BTreeSet<&[u8]> = replies.iter().map(|it| it.body.as_slice()).collect();
        assert_eq!(bodies.len(), 1);
        assert!(replies.iter().all(|it| it.status == StatusCode::OK));
        assert_eq!(served(shop, "l1", "miss").await, 1);
        assert_eq!(served(shop, "l1", "collapsed").await + served(shop, "l1", "hit").await, 999);
        // The first client disconnects; the others get their responses.
        let first = async {
            let asked = shop.get("/zh/p/tea");
            tokio::time::timeout(std::time::Duration::from_micros(1), asked).await.is_ok()
        };
        let (_, others) = tokio::join!(first, join_all((0..20).map(|_| shop.get("/zh/p/tea"))));
        assert!(others.iter().all(|it| it.status == StatusCode::OK));
    }
}

db_test! {
    /// Two origins on one database, one of which changes prices: no response is older than the
    /// version that its origin has synchronized to.
    async fn versions_never_go_back(shop) {
        set_price(shop, "tea", "1.00").await;
        let other = shop.with(|_| ()).await;
        let (here, there) = (AtomicUsize::new(100), AtomicUsize::new(100));
        let done = AtomicBool::new(false);
        let reads = async |shop: &Shop, least: &AtomicUsize| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let wanted = least.load(Ordering::Relaxed);
                let price = usize::try_from(price_of(&shop.get("/api/v1/products/tea").await)).unwrap();
                assert!(price >= wanted && price >= seen, "{price} after {wanted} and {seen}");
                seen = price;
                tokio::task::yield_now().await;
            }
        };
        let writes = async {
            for price in 101..160 {
                set_price(shop, "tea", &format!("1.{:02}", price - 100)).await;
                here.store(price, Ordering::Relaxed);
                other.app.changes.refresh(&other.app.db).await.unwrap();
                there.store(price, Ordering::Relaxed);
            }
            done.store(true, Ordering::Relaxed);
        };
        tokio::join!(writes, reads(shop, &here), reads(shop, &here), reads(&other, &there));
        other.app.db.close().await;
    }
}

db_test! {
    /// The rendering of a response begins before a change is known, and its data already contains
    /// the change after it. Once a client has received it, no version in between is served.
    async fn no_older_version_after_a_newer_one(shop) {
        let other = shop.with(|_| ()).await;
        let (known, db) = (&other.app.changes, &other.app.db);
        set_price(shop, "tea", "1.00").await;
        known.refresh(db).await.unwrap();
        let mut readers = Vec::new();
        for _ in 0..db.read_limit() {
            readers.push(db.read().await.unwrap());
        }
        let changes = async {
            let (_, pool) = db.pools().find(|(name, _)| *name == "read").unwrap();
            while pool.stats().limit.waiting == 0 {
                tokio::task::yield_now().await;
            }
            set_price(shop, "tea", "2.00").await;
            known.refresh(&shop.app.db).await.unwrap();
            set_price(shop, "tea", "3.00").await;
            readers.clear();
        };
        let (reply, ()) = tokio::join!(other.get("/api/v1/products/tea"), changes);
        assert_eq!(price_of(&reply), 300);
        shop.app.changes.refresh(&shop.app.db).await.unwrap();
        assert_eq!(known.latest(), shop.app.changes.latest());
        set_price(shop, "tea", "4.00").await;
        known.catch_up(db, known.latest()).await;
        assert_eq!(known.latest(), shop.app.changes.latest(), "nothing was learnt, and nothing is read");
        other.app.db.close().await;
    }
}

db_test! {
    /// The edge has seen a newer version than this origin: its signed request makes the origin
    /// synchronize first.
    async fn a_signed_newer_version_makes_the_origin_sync(shop) {
        let secret = "what edge and origin share";
        let other = shop.with(|config| {
            config.edge_secret = Some(secret.to_owned());
        }).await;
        set_price(shop, "tea", "1.00").await;
        let known = other.get("/api/v1/products/tea").await;
        assert_eq!(price_of(&known), 100);
        set_price(shop, "tea", "2.00").await;
        let newest = shop.get("/api/v1/products/tea").await.header(VERSION_HEADER).to_owned();
        assert!(newest.parse::<u64>().unwrap() > known.header(VERSION_HEADER).parse().unwrap());
        let request_with = |signed: bool| {
            let seconds = shop.app.clock.now().as_millis() / 1_000;
            let secret = if signed { secret } else { "guessed" };
            Request::get("/api/v1/products/tea")
                .header(MIN_VERSION_HEADER, &newest)
                .header(ADDRESS_HEADER, signed_address(secret, None, seconds))
        };
        // Unsigned requests do not make the origin synchronize.
        assert_eq!(price_of(&other.send(request_with(false)).await), 100);
        let reply = other.send(request_with(true)).await;
        assert_eq!((price_of(&reply), reply.header(VERSION_HEADER)), (200, newest.as_str()));
        other.app.db.close().await;
    }
}

db_test! {
    /// A shared response depends on the URL alone. The tests of the cache layer
    /// (`http_pipeline/response_cache_tests.rs`) cover the inputs of handlers.
    async fn request_details_do_not_reach_shared_responses(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let secret = "a-secret-of-somebody";
        let request = Request::get("/p/tea?utm_source=a-secret-of-somebody")
            .header("cookie", format!("__Host-session={secret}; cart={secret}; visitor=1"))
            .header("authorization", format!("Bearer {secret}"))
            .header("x-forwarded-host", secret)
            .header("accept-language", secret)
            .header("user-agent", secret)
            .header("referer", format!("https://{secret}.example"));
        let first = shop.send(request).await;
        let second = shop.get("/p/tea").await;
        assert_eq!(first.status, StatusCode::OK);
        assert_eq!(first.body, second.body);
        assert!(!second.text().contains(secret));
        assert!(second.headers.values().all(|it| !it.as_bytes().windows(secret.len()).any(|at| at == secret.as_bytes())));
        assert!(second.headers.get(header::SET_COOKIE).is_none());
    }
}

db_test! {
    /// While the database is unavailable, cached responses are served, also when they are stale.
    async fn cached_responses_survive_the_database(shop) {
        let alone = shop.with(|_| ()).await;
        shop.save(vec![only("tea", "5.00", 9)]).await;
        for path in ["/p/tea", "/api/v1/products/tea", "/"] {
            assert_eq!(alone.get(path).await.status, StatusCode::OK);
        }
        alone.app.db.close().await;
        for hours in [0, 3] {
            alone.app.clock.advance(hours * 60 * 60 * 1_000);
            for path in ["/p/tea", "/api/v1/products/tea", "/"] {
                assert_eq!(alone.get(path).await.status, StatusCode::OK, "{path} after {hours} h");
            }
        }
        assert_eq!(served(&alone, "l1", "stale").await, 3);
        assert_eq!(alone.get("/p/other").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}

db_test! {
    async fn missing_resources_are_cached_briefly(shop) {
        let missed = served(shop, "l1", "miss").await;
        for _ in 0..3 {
            let reply = shop.get("/p/nothing").await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND);
            assert!(reply.text().contains("<html"));
        }
        assert_eq!(served(shop, "l1", "miss").await, missed + 1);
        shop.app.clock.advance(10_001);
        assert_eq!(shop.get("/p/nothing").await.status, StatusCode::NOT_FOUND);
        assert_eq!(served(shop, "l1", "miss").await, missed + 2, "it is cached for ten seconds");
        shop.save(vec![only("nothing", "5.00", 9)]).await;
        assert_eq!(shop.get("/p/nothing").await.status, StatusCode::OK);
    }
}

db_test! {
    /// The cache never exceeds its size limit.
    async fn the_cache_has_a_size_limit(shop) {
        let small = shop.with(|config| config.l1_bytes = 300_000).await;
        let products = (0..60).map(|it| only(&format!("tea{it}"), "5.00", 9)).collect();
        shop.save(products).await;
        for number in 0..60 {
            assert_eq!(small.get(&format!("/p/tea{number}")).await.status, StatusCode::OK);
        }
        let (bytes, entries) = small.app.memory.as_ref().unwrap().size();
        assert!(bytes <= 300_000 && entries > 2, "{bytes} bytes, {entries} entries");
        let none = shop.with(|config| config.l1_bytes = 0).await;
        assert_eq!(none.get("/p/tea1").await.status, StatusCode::OK);
        small.app.db.close().await;
        none.app.db.close().await;
    }
}

db_test! {
    /// Stock changes through the API invalidate cached responses.
    async fn stock_changes_invalidate(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        shop.get("/p/tea").await;
        let changes = json!({ "changes": [{ "sku": "tea-1", "delta": -9 }] });
        let request = Request::post("/api/v1/operator/stock")
            .header("content-type", "application/json")
            .header("authorization", "Bearer operator");
        let changed = shop.send_body(request, axum::body::Body::from(changes.to_string())).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!(shop.json("/api/v1/products/tea").await["availability"], "out");
    }
}
