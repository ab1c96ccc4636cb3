//! Which process has which node id: no two have the same, and nothing is written without one.

use std::{collections::HashSet, time::Duration};

use origin::db::{FIRST_AUTOMATIC, LeaseError, LeaseRequest};
use shared::id::IdGenerator;

use crate::{db_test, kept::set_price, shopper::*, support::Shop};

const LASTS: Duration = Duration::from_secs(10);

fn request(node: Option<u16>) -> LeaseRequest<'static> {
    LeaseRequest {
        node,
        lasts: LASTS,
        host: "here",
    }
}

/// As if the process had died a while ago.
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
    /// Many processes with default settings start in the same moment.
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
    /// What a process gives back at its end is taken again, and so is what a dead one has left.
    async fn a_node_id_is_used_again_and_its_identities_are_not(shop) {
        let other = shop.with(|_| ()).await;
        let node = other.app.db.node().unwrap();
        let last = other.app.ids.next(shop.app.clock.now());
        other.app.close().await;
        let next = shop.with(|_| ()).await;
        assert_eq!(next.app.db.node(), Some(node));
        // Also when its clock is behind.
        let early = shared::time::Timestamp::from_millis(shop.app.clock.now().as_millis() - 60_000);
        assert!(next.app.ids.next(early) > last);
        next.app.db.close().await;
        expire(shop, node).await;
        let heir = shop.with(|_| ()).await;
        assert_eq!(heir.app.db.node(), Some(node));
        heir.app.close().await;
    }
}

db_test! {
    /// An id that somebody has chosen and that a live process has is refused, by name; one that a dead process
    /// had is not.
    async fn a_chosen_node_id_is_refused_while_its_holder_lives(shop) {
        let holder = shop.with(|config| config.node_id = Some(7)).await;
        let ids = IdGenerator::unassigned();
        // The other one renews it every two seconds by itself.
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
        let heir = shop.with(|config| config.node_id = Some(7)).await;
        assert_eq!(heir.app.db.node(), Some(7));
        heir.app.close().await;
        holder.app.db.close().await;
    }
}

db_test! {
    /// A chosen id whose holder has died without giving it back is had when the lease is over.
    async fn a_dead_holder_is_waited_for(shop) {
        let short = LeaseRequest { lasts: Duration::from_millis(300), ..request(Some(8)) };
        let (dead, ids) = (shop.empty_handed().await, IdGenerator::unassigned());
        dead.db.lease(short, &ids).await.unwrap();
        let heir = shop.with(|config| config.node_id = Some(8)).await;
        assert_eq!(heir.app.db.node(), Some(8));
        assert!(dead.db.write().await.is_err());
        heir.app.close().await;
        dead.db.close().await;
    }
}

db_test! {
    /// A process slept while its lease ran out, and another one has its id: it writes nothing, not even what
    /// it had begun, until it has an id again.
    async fn who_has_lost_a_node_id_writes_nothing(shop) {
        set_price(shop, "tea", "1.00").await;
        let slept = shop.with(|config| config.node_id = Some(7)).await;
        let path = ready_cart(&slept, "tea-1", 1).await;
        let begun = slept.app.db.write().await.unwrap();
        let mut begun = Some(begun);
        if shop.url().starts_with("sqlite") {
            // Nobody else could have written meanwhile.
            begun = None;
        }
        expire(shop, 7).await;
        let heir = shop.with(|config| config.node_id = Some(7)).await;
        renew(&slept).await.unwrap();
        assert_eq!(slept.app.db.node(), None);
        if let Some(begun) = begun {
            assert!(begun.commit().await.is_err());
        }
        assert!(slept.app.db.write().await.is_err());
        assert_eq!(place(&slept, &path).await.status, 503);
        assert_eq!(slept.ask_ops("/readyz").await.status, 503);
        assert_eq!(slept.get("/p/tea").await.status, 200);
        heir.app.close().await;
        renew(&slept).await.unwrap();
        assert_eq!(slept.app.db.node(), Some(7));
        assert_eq!(slept.ask_ops("/readyz").await.status, 200);
        assert_eq!(place(&slept, &path).await.status, 201);
        slept.app.close().await;
    }
}

db_test! {
    /// Between two renewals, once the lease is in doubt, the database is asked in each transaction.
    async fn a_lease_in_doubt_is_looked_up_before_anything_is_written(shop) {
        let app = shop.empty_handed().await;
        // It is in doubt at once, and nobody renews it.
        let short = LeaseRequest { lasts: Duration::from_millis(1), ..request(Some(9)) };
        app.db.lease(short, &app.ids).await.unwrap();
        while app.db.is_lease_certain() {
            tokio::task::yield_now().await;
        }
        // Nobody has taken it.
        app.db.write().await.unwrap().commit().await.unwrap();
        let heir = shop.with(|config| config.node_id = Some(9)).await;
        assert!(app.db.write().await.is_err());
        assert_eq!(app.db.node(), None);
        heir.app.close().await;
        app.db.close().await;
    }
}
