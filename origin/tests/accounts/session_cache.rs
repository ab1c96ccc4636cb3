//! The session cache in Redis: it saves database reads, and an ended session stays ended.

use crate::{
    browser::{Browser, PASSWORD, member},
    db_test,
    support::{Shop, redis::Redis},
};
use serde_json::json;

/// Another origin of this shop with this Redis and the shop's keys.
async fn with_redis(shop: &Shop, redis: &Redis) -> Shop {
    let keys = format!("test:{}", "A".repeat(43));
    shop.with(|config| {
        config.redis_url = Some(redis.url.clone());
        config.redis_timeout_ms = 5_000;
        config.token_keys = Some(keys);
    })
    .await
}

/// The key of the only session in Redis.
fn key(redis: &Redis) -> String {
    let keys = redis.command(&["keys", "mallard:*:session:*"]);
    keys.trim().to_owned()
}

async fn delete_sessions_in_database(shop: &Shop) {
    let mut tx = shop.app.db.write().await.unwrap();
    let statement = "delete from sessions";
    sqlx::query(statement).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

db_test! {
    async fn origins_share_cached_sessions(shop) {
        let redis = Redis::start();
        let (here, there) = (with_redis(shop, &redis).await, with_redis(shop, &redis).await);
        let mut ada = member(shop, "ada@example.com").await;
        assert!(ada.is_signed_in(&here).await);
        // The row is deleted, but `there` uses the cache.
        delete_sessions_in_database(shop).await;
        assert!(ada.is_signed_in(&there).await);
        // The cache entry expires after a minute.
        shop.app.clock.advance(60_000);
        assert!(!ada.is_signed_in(&there).await);
        here.app.db.close().await;
        there.app.db.close().await;
    }
}

db_test! {
    async fn signing_out_invalidates_the_cache_of_all_origins(shop) {
        let redis = Redis::start();
        let (here, there) = (with_redis(shop, &redis).await, with_redis(shop, &redis).await);
        member(shop, "ada@example.com").await;
        for everywhere in [false, true] {
            let (mut ada, mut phone) = (Browser::default(), Browser::default());
            for browser in [&mut ada, &mut phone] {
                assert_eq!(browser.login(&here, "ada@example.com", PASSWORD).await.status, 200);
                assert!(browser.is_signed_in(&here).await && browser.is_signed_in(&there).await);
            }
            let cookie = ada.cookie.clone();
            let left = ada.post(&here, "/logout", json!({ "everywhere": everywhere })).await;
            assert_eq!(left.status, 200, "{}", left.text());
            ada.cookie = cookie;
            assert!(!ada.is_signed_in(&there).await && !ada.is_signed_in(&here).await);
            assert_eq!(phone.is_signed_in(&there).await, !everywhere);
        }
        here.app.db.close().await;
        there.app.db.close().await;
    }
}

db_test! {
    /// A read that races with the end of a session does not cache it again.
    async fn an_ended_session_is_not_cached_again(shop) {
        let redis = Redis::start();
        let here = with_redis(shop, &redis).await;
        let mut ada = member(shop, "ada@example.com").await;
        assert!(ada.is_signed_in(&here).await);
        let key = key(&redis);
        redis.command(&["set", &key, ""]);
        assert!(ada.is_signed_in(&here).await, "the session is read from the database");
        assert_eq!(redis.command(&["get", &key]), "\n");
        here.app.db.close().await;
    }
}

db_test! {
    /// Write access to Redis alone does not grant a session.
    async fn entries_without_a_valid_seal_are_ignored(shop) {
        let redis = Redis::start();
        let here = with_redis(shop, &redis).await;
        let mut ada = member(shop, "ada@example.com").await;
        assert!(ada.is_signed_in(&here).await);
        let ada_key = key(&redis);
        let sealed = redis.command(&["get", &ada_key]).trim().to_owned();
        redis.command(&["flushall"]);
        let mut eve = member(shop, "eve@example.com").await;
        assert!(eve.is_signed_in(&here).await);
        let eve_key = key(&redis);
        let own_email = eve.get(&here, "").await.json()["email"].clone();
        let own = redis.command(&["get", &eve_key]).trim().to_owned();
        let promoted = own.replace("\"customer\"", "\"owner\"");
        assert_ne!(promoted, own);
        for forged in [sealed.as_str(), promoted.as_str(), "", "x", "test  {}", "{}"] {
            redis.command(&["set", &eve_key, forged]);
            assert_eq!(eve.get(&here, "").await.json()["email"], own_email, "{forged}");
        }
        here.app.db.close().await;
    }
}

db_test! {
    async fn sessions_work_without_redis(shop) {
        let mut redis = Redis::start();
        let here = with_redis(shop, &redis).await;
        let mut ada = member(shop, "ada@example.com").await;
        assert!(ada.is_signed_in(&here).await);
        redis.kill();
        for _ in 0..10 {
            assert!(ada.is_signed_in(&here).await);
        }
        let cookie = ada.cookie.clone();
        assert_eq!(ada.post(&here, "/logout", json!({})).await.status, 200);
        ada.cookie = cookie;
        assert!(!ada.is_signed_in(&here).await);
        here.app.db.close().await;
    }
}

db_test! {
    /// A change by a process without Redis takes effect where sessions are cached.
    async fn a_role_changed_by_a_command_takes_effect_at_once(shop) {
        let redis = Redis::start();
        let here = with_redis(shop, &redis).await;
        let mut ada = member(shop, "ada@example.com").await;
        assert!(ada.is_signed_in(&here).await);
        assert!(shop.app.redis.is_none());
        let changed = origin::accounts::set_role_by_command(
            &shop.app, "ada@example.com", "staff", "orders",
        );
        changed.await.unwrap();
        here.app.changes.refresh(&here.app.db).await.unwrap();
        assert!(!ada.is_signed_in(&here).await);
        here.app.db.close().await;
    }
}
