//! Background jobs of a running server that no request waits for.

use origin::jobs::Jobs;

use crate::{db_test, shopper::*};

db_test! {
    /// A running server learns the changes of other processes without a request.
    async fn a_running_server_learns_changes_of_others(shop) {
        let other = shop.with(|_| ()).await;
        shop.save(vec![only("tea", "5.00", 9)]).await;
        shop.app.changes.refresh(&shop.app.db).await.unwrap();
        assert_ne!(other.app.changes.latest(), shop.app.changes.latest());
        let jobs = Jobs::start(&other.app);
        until(async || other.app.changes.latest() == shop.app.changes.latest()).await;
        jobs.stop().await;
        other.app.db.close().await;
    }
}

db_test! {
    /// A running server indexes products that were saved by an older version.
    async fn a_running_server_rebuilds_the_search_index(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        shop.remove_search_index().await;
        let jobs = Jobs::start(&shop.app);
        let version = "select count(*) from versions where name = 'search' and version > 0";
        until(async || count(shop, version).await == 1).await;
        jobs.stop().await;
        assert!(count(shop, "select count(*) from search_words").await > 0);
    }
}
