//! Redis as the shared cache layer and as the channel of invalidation messages. Without it, and
//! while it is down, responses are the same but slower.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use http::StatusCode;
use origin::{cache, jobs::Jobs};
use shared::edge::VERSION_HEADER;

use crate::{
    db_test,
    response_cache::{price_of, served, set_price},
    support::{Shop, redis::Redis},
};

/// Another origin of this shop that uses this Redis.
async fn with_redis(shop: &Shop, redis: &Redis) -> Shop {
    shop.with(|config| {
        config.redis_url = Some(redis.url.clone());
        config.redis_timeout_ms = 5_000;
    })
    .await
}

/// Waits until a background write has reached Redis.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let holds = tokio::time::timeout(Duration::from_secs(30), holds).await;
    holds.expect("what is waited for does not come");
}

async fn assert_responses_are_shared(shop: &Shop, redis: Redis) {
    set_price(shop, "tea", "1.00").await;
    let (here, there) = (
        with_redis(shop, &redis).await,
        with_redis(shop, &redis).await,
    );
    for (count, path) in [(1, "/p/tea"), (2, "/api/v1/products/tea")] {
        let made = here.get(path).await;
        until(async || redis.keys() == count).await;
        let read = there.get(path).await;
        assert_eq!(read.status, StatusCode::OK);
        assert_eq!(read.body, made.body);
        for name in [
            "etag",
            "cache-control",
            "cdn-cache-control",
            "cache-tag",
            "content-type",
            VERSION_HEADER,
        ] {
            assert_eq!(read.header(name), made.header(name), "{name}");
        }
        assert_eq!(served(&there, "l2", "hit").await, count as u64);
    }
    // A 404 is not shared between origins.
    assert_eq!(here.get("/p/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(there.get("/p/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(served(&there, "l2", "hit").await, 2);
    // An origin without its database serves responses that others have cached.
    here.get("/zh/p/tea").await;
    until(async || redis.keys() == 3).await;
    there.app.db.close().await;
    assert_eq!(there.get("/zh/p/tea").await.status, StatusCode::OK);
    close(&[&here, &there]).await;
}

async fn close(shops: &[&Shop]) {
    for shop in shops {
        shop.app.db.close().await;
    }
}

db_test! {
    async fn origins_share_cached_responses(shop) {
        assert_responses_are_shared(shop, Redis::start()).await;
    }
}

db_test! {
    async fn a_redis_cluster_works(shop) {
        assert_responses_are_shared(shop, Redis::cluster()).await;
    }
}

db_test! {
    async fn redis_sentinels_work(shop) {
        assert_responses_are_shared(shop, Redis::sentinel()).await;
    }
}

db_test! {
    /// An origin never serves a cached response that is older than its version, and never
    /// overwrites a newer one in Redis.
    async fn redis_never_serves_or_stores_older_versions(shop) {
        let redis = Redis::start();
        set_price(shop, "tea", "1.00").await;
        let (here, there) = (with_redis(shop, &redis).await, with_redis(shop, &redis).await);
        let path = "/api/v1/products/tea";
        assert_eq!(price_of(&here.get(path).await), 100);
        until(async || redis.keys() == 1).await;
        set_price(shop, "tea", "2.00").await;
        there.app.changes.refresh(&there.app.db).await.unwrap();
        // The cached response is valid at the version of `here`, but not at a newer one.
        assert_eq!(price_of(&there.get(path).await), 200);
        let key = redis.command(&["keys", "mallard:*:answer:*"]);
        let as_of = || redis.command(&["getrange", key.trim(), "0", "19"]).trim().parse::<u64>().unwrap();
        until(async || as_of() == there.app.changes.latest()).await;
        let newest = as_of();
        // Its version is old, so that its responses are not stored for the others.
        assert!(here.app.changes.latest() < newest);
        let memory = here.app.memory.as_ref().unwrap();
        let stale = memory.get(path).unwrap();
        let shop_id = here.app.changes.shop_id(&here.app.db).await.unwrap();
        let l2 = here.app.l2.as_ref().unwrap();
        l2.put(shop_id, path, &stale, here.app.clock.now()).await;
        assert_eq!(as_of(), newest);
        // An origin that finds a newer version in Redis synchronizes with the database.
        let third = with_redis(shop, &redis).await;
        assert_eq!(price_of(&third.get(path).await), 200);
        assert_eq!(served(&third, "l2", "hit").await, 1);
        close(&[&here, &there, &third]).await;
    }
}

db_test! {
    /// A restored backup has fewer changes than the database had before. Cached responses of the
    /// lost changes are ignored.
    async fn responses_of_lost_changes_are_ignored(shop) {
        let redis = Redis::start();
        set_price(shop, "tea", "1.00").await;
        let before = with_redis(shop, &redis).await;
        set_price(shop, "tea", "2.00").await;
        before.get("/api/v1/products/tea").await;
        until(async || redis.keys() == 1).await;
        let back = "
            update versions
               set version = version - 1
             where name = 'changes'";
        let mut tx = shop.app.db.write().await.unwrap();
        sqlx::query(back).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        let after = with_redis(shop, &redis).await;
        after.get("/api/v1/products/tea").await;
        assert_eq!(served(&after, "l1", "miss").await, 1);
        assert_eq!(after.app.memory.as_ref().unwrap().get("/api/v1/products/tea").unwrap().version(), after.app.changes.latest());
        close(&[&before, &after]).await;
    }
}

db_test! {
    /// Two shops in one Redis share nothing, and neither do two with different settings.
    async fn shops_do_not_share_cached_responses(shop) {
        let redis = Redis::start();
        set_price(shop, "tea", "1.00").await;
        let one = with_redis(shop, &redis).await;
        let renamed = shop.with(|config| {
            config.shop_name = "Somewhere else".to_owned();
            config.redis_url = Some(redis.url.clone());
        }).await;
        let elsewhere = Shop::on_sqlite().await;
        set_price(&elsewhere, "tea", "3.00").await;
        let elsewhere = with_redis(&elsewhere, &redis).await;
        for (count, shop) in [(1, &one), (2, &renamed), (3, &elsewhere)] {
            assert_eq!(shop.get("/p/tea").await.status, StatusCode::OK);
            until(async || redis.keys() == count).await;
            assert_eq!(served(shop, "l2", "hit").await, 0);
        }
        close(&[&one, &renamed, &elsewhere]).await;
    }
}

db_test! {
    /// Redis fails while clients read and prices change: no errors, no old prices, and no repeated
    /// timeouts.
    async fn a_failing_redis_only_costs_speed(shop) {
        let mut redis = Redis::start();
        set_price(shop, "tea", "1.00").await;
        let origins = [with_redis(shop, &redis).await, with_redis(shop, &redis).await];
        let least = [AtomicUsize::new(100), AtomicUsize::new(100)];
        let done = AtomicBool::new(false);
        let reads = async |number: usize| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let wanted = least[number].load(Ordering::Relaxed);
                let reply = origins[number].get("/api/v1/products/tea").await;
                assert_eq!(reply.status, StatusCode::OK);
                let price = usize::try_from(price_of(&reply)).unwrap();
                assert!(price >= wanted && price >= seen, "{price} after {wanted} and {seen}");
                seen = price;
                tokio::task::yield_now().await;
            }
        };
        let writes = async {
            for price in 101..140 {
                if price == 120 {
                    redis.kill();
                }
                set_price(shop, "tea", &format!("1.{:02}", price - 100)).await;
                for (origin, least) in origins.iter().zip(&least) {
                    origin.app.changes.refresh(&origin.app.db).await.unwrap();
                    least.store(price, Ordering::Relaxed);
                }
            }
            done.store(true, Ordering::Relaxed);
        };
        tokio::join!(writes, reads(0), reads(0), reads(1), reads(1));
        for origin in &origins {
            assert!(!origin.app.redis.as_ref().unwrap().is_available());
            assert!(served(origin, "l2", "unanswered").await > 0);
        }
        close(&[&origins[0], &origins[1]]).await;
    }
}

/// One of two origins changes a price; waits until the other one shows it.
async fn assert_origins_agree(shop: &Shop, other: &Shop) {
    for price in ["2.00", "3.00", "4.00"] {
        set_price(shop, "tea", price).await;
        let minor: i64 = price.replace('.', "").parse().unwrap();
        let agrees = async || price_of(&other.get("/api/v1/products/tea").await) == minor;
        until(agrees).await;
    }
}

db_test! {
    /// Invalidation messages over Redis suffice; nothing is polled here.
    async fn two_origins_with_redis_agree(shop) {
        let redis = Redis::start();
        set_price(shop, "tea", "1.00").await;
        let (here, there) = (with_redis(shop, &redis).await, with_redis(shop, &redis).await);
        let agree = async {
            // Until it listens.
            until(async || redis.command(&["pubsub", "numsub", &channel(&redis)]).ends_with("1\n")).await;
            assert_origins_agree(&here, &there).await;
        };
        tokio::select! {
            ended = cache::publish_invalidations(
                here.app.redis.as_ref().unwrap(), &here.app.changes, &here.app.db,
            ) => panic!("{ended:?}"),
            ended = cache::subscribe_to_invalidations(
                there.app.redis.as_ref().unwrap(), &there.app.changes, &there.app.db,
            ) => panic!("{ended:?}"),
            () = agree => {}
        }
        close(&[&here, &there]).await;
    }
}

db_test! {
    /// A client that disconnects during a commit does not prevent its after-commit actions.
    async fn after_commit_actions_survive_a_disconnect(shop) {
        let (done, is_done) = tokio::sync::oneshot::channel();
        let mut tx = shop.app.db.write().await.unwrap();
        tx.after_commit(async move { done.send(()).unwrap() });
        let mut commit = Box::pin(tx.commit());
        assert!(futures_util::poll!(&mut commit).is_pending());
        drop(commit);
        is_done.await.unwrap();
    }
}

/// The channel with a subscriber, if there is one.
fn channel(redis: &Redis) -> String {
    redis.command(&["pubsub", "channels"]).trim().to_owned()
}

db_test! {
    async fn two_origins_without_redis_agree(shop) {
        set_price(shop, "tea", "1.00").await;
        let there = shop.with(|_| ()).await;
        let jobs = Jobs::start(&there.app);
        assert_origins_agree(shop, &there).await;
        jobs.stop().await;
        close(&[&there]).await;
    }
}

db_test! {
    /// The subscriber reconnects when Redis starts later, and stops at shutdown.
    async fn redis_may_start_later(shop) {
        let mut redis = Redis::start();
        let url = redis.url.clone();
        redis.kill();
        set_price(shop, "tea", "1.00").await;
        let other = with_redis(shop, &redis).await;
        let jobs = Jobs::start(&other.app);
        let replies = join_all((0..20).map(|_| other.get("/p/tea"))).await;
        assert!(replies.iter().all(|it| it.status == StatusCode::OK));
        let back = Redis::start_at(redis.port);
        assert_eq!(back.url, url);
        // Each request has a new cache key, until one of them is stored in Redis.
        let mut asked = 0;
        until(async || {
            asked += 1;
            other.get(&format!("/search?q=tea{asked}")).await;
            back.keys() > 0
        }).await;
        until(async || !channel(&back).is_empty()).await;
        jobs.stop().await;
        close(&[&other]).await;
    }
}
