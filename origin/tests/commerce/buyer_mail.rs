//! Mail to buyers.

use serde_json::json;

use crate::{db_test, shopper::*};

db_test! {
    /// The buyer gets one message per event, in order and in their language, even if two processes
    /// deliver at the same time and the mailbox fails for a while.
    async fn the_buyer_gets_each_mail_once(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        let mut order = order_of(shop, &path).await;
        order["locale"] = json!("zh");
        let placed = send(shop, "POST", &format!("{path}/order"), &order).await.json();
        // A file in place of the mailbox folder makes every delivery fail.
        let folder = shop.app.config.data_dir.join("mail");
        std::fs::write(&folder, "").unwrap();
        assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 0);
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 0, "it waits");
        let to = format!("/api/v1/orders/{}/cancel?token={}", placed["number"].as_str().unwrap(), placed["token"].as_str().unwrap());
        assert_eq!(send(shop, "POST", &to, &json!({})).await.status, 200);
        assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 0, "order is kept");
        shop.app.clock.advance(10_000);
        for _ in 0..3 {
            let both = tokio::join!(
                origin::relay::deliver_due(&shop.app),
                origin::relay::deliver_due(&shop.app),
            );
            both.0.unwrap();
            both.1.unwrap();
        }
        let mails = mailbox(shop);
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|it| it.contains("To: ada@example.org")));
        assert_eq!(count(shop, "select count(*) from outbox where delivered_at is null").await, 0);
    }
}

db_test! {
    /// A message that keeps failing is parked, listed, and delivered after a retry.
    async fn undeliverable_messages_are_parked(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        let folder = shop.app.config.data_dir.join("mail");
        std::fs::write(&folder, "").unwrap();
        for _ in 0..14 {
            assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 0);
            shop.app.clock.advance(2 * 60 * 60 * 1_000);
        }
        let mut reader = shop.app.db.read().await.unwrap();
        let parked = origin::outbox::list_parked(&mut reader).await.unwrap();
        drop(reader);
        assert_eq!(parked.len(), 1);
        assert!(parked[0].3 == 12 && parked[0].4.contains("mailbox folder"), "{parked:?}");
        std::fs::remove_file(&folder).unwrap();
        let mut tx = shop.app.db.write().await.unwrap();
        assert_eq!(origin::outbox::retry(&mut tx, shop.app.clock.now()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 1);
        assert_eq!(mailbox(shop).len(), 1);
    }
}

db_test! {
    /// Parked messages contain personal data and are deleted after a month.
    async fn parked_messages_are_deleted_after_a_month(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        std::fs::write(shop.app.config.data_dir.join("mail"), "").unwrap();
        for _ in 0..14 {
            assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 0);
            shop.app.clock.advance(2 * 60 * 60 * 1_000);
        }
        let forgotten = async || origin::outbox::delete_old(&shop.app.db, shop.app.clock.now()).await.unwrap();
        shop.app.clock.advance(28 * 24 * 60 * 60 * 1_000);
        assert_eq!(forgotten().await, 1, "the event, which was handed on");
        assert_eq!(forgotten().await, 0);
        shop.app.clock.advance(24 * 60 * 60 * 1_000);
        assert_eq!(forgotten().await, 1);
        assert_eq!(count(shop, "select count(*) from outbox").await, 0);
    }
}

db_test! {
    /// Delivered messages are kept for a week.
    async fn delivered_messages_are_kept_for_a_week(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 1);
        // The event and the mail.
        for (wait_ms, deleted) in [(0, 0), (7 * 24 * 60 * 60 * 1_000, 0), (1, 2)] {
            shop.app.clock.advance(wait_ms);
            let done = origin::outbox::delete_old(&shop.app.db, shop.app.clock.now()).await;
            assert_eq!(done.unwrap(), deleted, "{wait_ms} ms");
        }
    }
}
