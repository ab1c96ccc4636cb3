//! Node ids are leased: no two processes share one, and without one nothing is written.

use std::{collections::HashSet, time::Duration};

use origin::db::{FIRST_AUTOMATIC, LeaseError, LeaseRequest};
use shared::id::IdGenerator;

use crate::{db_test, response_cache::set_price, shopper::*, support::Shop};

const LASTS: Duration = Duration::from_secs(10);

fn request(node: Option<u16>) -> LeaseRequest<'static> {
    LeaseRequest {
        node,
        lasts: LASTS,
        host: "here",
    }
}

/// Expires the lease, as if the process had died.
async fn expire(shop: &Shop, node: u16) {
    let mut tx = shop.app.db.write().await.unwrap();
    sqlx::query("update nodes set expires_at = 1 where node_id = ?")
        .bind(i64::from(node))
        .execute(tx.conn())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn renew(shop: &Shop) -> Result<(), LeaseError> {
    let app = &shop.app;
    app.db
        .renew_lease(request(app.config.node_id), &app.ids, app.clock.now())
        .await
}

db_test! {
    /// Many processes with default settings start at the same time.
    async fn no_two_processes_share_a_node_id(shop) {
        let others = futures_util::future::join_all((0..12).map(|_| shop.with(|_| ()))).await;
        let all = || others.iter().chain([shop]);
        let nodes: HashSet<u16> = all().map(|it| it.app.db.node().unwrap()).collect();
        assert_eq!(nodes.len(), 13);
        assert!(nodes.iter().all(|it| *it >= FIRST_AUTOMATIC));
        let now = shop.app.clock.now();
        let ids: HashSet<i64> = all().flat_map(|it| [it.app.ids.next(now), it.app.ids.next(now)]).collect();
        assert_eq!(ids.len(), 26);
        for other in others {
            other.app.close().await;
        }
    }
}

db_test! {
    /// Released node ids are reused, and so are those of dead processes.
    async fn node_ids_are_reused_and_generated_ids_are_not(shop) {
        let other = shop.with(|_| ()).await;
        let node = other.app.db.node().unwrap();
        let last = other.app.ids.next(shop.app.clock.now());
        other.app.close().await;
        let next = shop.with(|_| ()).await;
        assert_eq!(next.app.db.node(), Some(node));
        // Also if the new holder's clock is behind.
        let early = shared::time::Timestamp::from_millis(shop.app.clock.now().as_millis() - 60_000);
        assert!(next.app.ids.next(early) > last);
        next.app.db.close().await;
        expire(shop, node).await;
        let successor = shop.with(|_| ()).await;
        assert_eq!(successor.app.db.node(), Some(node));
        successor.app.close().await;
    }
}

db_test! {
    /// A configured node id is refused while a live process holds it, and accepted after its holder
    /// has died.
    async fn a_configured_node_id_is_refused_while_it_is_held(shop) {
        let holder = shop.with(|config| config.node_id = Some(7)).await;
        let ids = IdGenerator::unassigned();
        // The other process renews its lease every two seconds.
        let refused = shop.app.db.lease(request(Some(7)), &ids);
        let refused = async { (refused.await, true) };
        let renews = async {
            loop {
                renew(&holder).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (refused, _) = tokio::select! {
            refused = refused => refused,
            () = renews => unreachable!(),
        };
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("node id 7") && error.contains("--node-id"), "{error}");
        expire(shop, 7).await;
        let successor = shop.with(|config| config.node_id = Some(7)).await;
        assert_eq!(successor.app.db.node(), Some(7));
        successor.app.close().await;
        holder.app.db.close().await;
    }
}

db_test! {
    /// Waits for the lease of a dead process that holds the configured id.
    async fn the_lease_of_a_dead_holder_expires(shop) {
        let short = LeaseRequest { lasts: Duration::from_millis(300), ..request(Some(8)) };
        let (dead, ids) = (shop.without_lease().await, IdGenerator::unassigned());
        dead.db.lease(short, &ids).await.unwrap();
        let successor = shop.with(|config| config.node_id = Some(8)).await;
        assert_eq!(successor.app.db.node(), Some(8));
        assert!(dead.db.write().await.is_err());
        successor.app.close().await;
        dead.db.close().await;
    }
}

db_test! {
    /// A process that was suspended until another one took over its id writes nothing, not even
    /// transactions that it had begun, until it has an id again.
    async fn a_process_without_a_lease_writes_nothing(shop) {
        set_price(shop, "tea", "1.00").await;
        let suspended = shop.with(|config| config.node_id = Some(7)).await;
        let path = ready_cart(&suspended, "tea-1", 1).await;
        let begun = suspended.app.db.write().await.unwrap();
        let mut begun = Some(begun);
        if shop.url().starts_with("sqlite") {
            // No other process can have written meanwhile.
            begun = None;
        }
        expire(shop, 7).await;
        let successor = shop.with(|config| config.node_id = Some(7)).await;
        renew(&suspended).await.unwrap();
        assert_eq!(suspended.app.db.node(), None);
        if let Some(begun) = begun {
            assert!(begun.commit().await.is_err());
        }
        assert!(suspended.app.db.write().await.is_err());
        assert_eq!(place(&suspended, &path).await.status, 503);
        assert_eq!(suspended.get_ops("/readyz").await.status, 503);
        assert_eq!(suspended.get("/p/tea").await.status, 200);
        successor.app.close().await;
        renew(&suspended).await.unwrap();
        assert_eq!(suspended.app.db.node(), Some(7));
        assert_eq!(suspended.get_ops("/readyz").await.status, 200);
        assert_eq!(place(&suspended, &path).await.status, 201);
        suspended.app.close().await;
    }
}

db_test! {
    /// If a lease may have expired between two renewals, each transaction checks it in the
    /// database.
    async fn a_doubtful_lease_is_checked_before_each_write(shop) {
        let app = shop.without_lease().await;
        // The lease is doubtful immediately, and nothing renews it.
        let short = LeaseRequest { lasts: Duration::from_millis(1), ..request(Some(9)) };
        app.db.lease(short, &app.ids).await.unwrap();
        while app.db.is_lease_certain() {
            tokio::task::yield_now().await;
        }
        // No other process has taken the id.
        app.db.write().await.unwrap().commit().await.unwrap();
        let successor = shop.with(|config| config.node_id = Some(9)).await;
        assert!(app.db.write().await.is_err());
        assert_eq!(app.db.node(), None);
        successor.app.close().await;
        app.db.close().await;
    }
}
