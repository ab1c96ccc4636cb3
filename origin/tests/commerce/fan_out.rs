//! Fan-out of events to mail and webhooks, which fail independently.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::State, routing::post};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    db_test,
    shopper::*,
    support::{Reply, Shop},
};

/// A webhook receiver that records its messages.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    topics: Vec<String>,
    refuses: bool,
    delay: Option<oneshot::Receiver<()>>,
}

impl Receiver {
    async fn open(&self) -> String {
        let routes = Router::new()
            .route("/hooks", post(receive))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    /// The topics that it has accepted.
    fn topics(&self) -> Vec<String> {
        self.0.lock().unwrap().topics.clone()
    }

    fn refuse(&self) {
        self.0.lock().unwrap().refuses = true;
    }

    /// Whether a request of [`Self::delay_next`] has arrived.
    fn is_waiting(&self) -> bool {
        self.0.lock().unwrap().delay.is_none()
    }

    /// Delays the next response until the sender is used.
    fn delay_next(&self) -> oneshot::Sender<()> {
        let (release, released) = oneshot::channel();
        self.0.lock().unwrap().delay = Some(released);
        release
    }
}

async fn receive(State(receiver): State<Receiver>, body: String) -> StatusCode {
    let delay = receiver.0.lock().unwrap().delay.take();
    if let Some(delay) = delay {
        delay.await.unwrap();
    }
    let mut inner = receiver.0.lock().unwrap();
    if inner.refuses {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let message: Value = serde_json::from_str(&body).unwrap();
    inner
        .topics
        .push(message["type"].as_str().unwrap().to_owned());
    StatusCode::NO_CONTENT
}

async fn add_webhook(shop: &Shop, url: &str) -> Reply {
    let request = Request::post("/api/v1/operator/webhooks")
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator");
    let webhook = json!({ "url": url, "topics": ["order.placed"] });
    shop.send_body(request, Body::from(webhook.to_string()))
        .await
}

db_test! {
    /// Mail that cannot be sent delays no webhook, and a webhook that does not respond delays no
    /// mail.
    async fn receivers_fail_independently(shop) {
        shop.save(vec![only("tea", "5.00", 20)]).await;
        let (working, failing) = (Receiver::default(), Receiver::default());
        for url in [working.open().await, failing.open().await] {
            let made = add_webhook(shop, &url).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        failing.refuse();
        // A file in place of the mailbox folder makes every delivery fail.
        let folder = shop.app.config.data_dir.join("mail");
        std::fs::write(&folder, "").unwrap();
        let mut expected = Vec::new();
        for number in 1..=3 {
            let path = ready_cart(shop, "tea-1", 1).await;
            assert_eq!(place(shop, &path).await.status, 201);
            expected.push("order.placed".to_owned());
            // Failing messages are retried until they are parked.
            for _ in 0..14 {
                assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 0);
                origin::relay::deliver_webhooks(&shop.app).await.unwrap();
                assert_eq!(working.topics(), expected, "order {number}");
                shop.app.clock.advance(2 * 60 * 60 * 1_000);
            }
        }
        let mut reader = shop.app.db.read().await.unwrap();
        let parked = origin::outbox::list_parked(&mut reader).await.unwrap();
        drop(reader);
        let of = |topic: &str| parked.iter().filter(|it| it.1 == topic).count();
        assert_eq!((of("mail"), of("webhook"), parked.len()), (3, 3, 6), "{parked:?}");
        std::fs::remove_file(&folder).unwrap();
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 1, "what is parked is passed by");
        let mut tx = shop.app.db.write().await.unwrap();
        origin::outbox::retry(&mut tx, shop.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(origin::relay::deliver_due(&shop.app).await.unwrap(), 3);
    }
}

db_test! {
    /// A slow receiver delays no other.
    async fn a_slow_webhook_delays_no_other(shop) {
        shop.save(vec![only("tea", "5.00", 20)]).await;
        let (slow, working) = (Receiver::default(), Receiver::default());
        for url in [slow.open().await, working.open().await] {
            let made = add_webhook(shop, &url).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        let until = slow.delay_next();
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        origin::relay::deliver_due(&shop.app).await.unwrap();
        let delivery = origin::relay::deliver_webhooks(&shop.app);
        let meanwhile = async {
            while working.topics().is_empty() {
                tokio::task::yield_now().await;
            }
            // Later messages are delivered while the first one is still in progress.
            let path = ready_cart(shop, "tea-1", 1).await;
            assert_eq!(place(shop, &path).await.status, 201);
            origin::relay::deliver_due(&shop.app).await.unwrap();
            while working.topics().len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(slow.topics().is_empty());
            until.send(()).unwrap();
        };
        let (delivered, ()) = tokio::join!(delivery, meanwhile);
        delivered.unwrap();
        origin::relay::deliver_webhooks(&shop.app).await.unwrap();
        assert_eq!(slow.topics().len(), 2);
    }
}

db_test! {
    /// A message that one process delivers is taken by no other until its lease ends; then it is,
    /// because the first process may have died.
    async fn a_message_in_delivery_is_leased(shop) {
        shop.save(vec![only("tea", "5.00", 20)]).await;
        let second_origin = shop.with(|_| ()).await;
        let receiver = Receiver::default();
        let made = add_webhook(shop, &receiver.open().await).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let path = ready_cart(shop, "tea-1", 1).await;
        assert_eq!(place(shop, &path).await.status, 201);
        origin::relay::deliver_due(&shop.app).await.unwrap();
        let until = receiver.delay_next();
        let first = origin::relay::deliver_webhooks(&shop.app);
        let meanwhile = async {
            while !receiver.is_waiting() {
                tokio::task::yield_now().await;
            }
            for (wait_ms, taken) in [(shop.app.config.outbox_lease_ms - 1, 0), (1, 1)] {
                shop.app.clock.advance(wait_ms);
                let delivered = origin::relay::deliver_webhooks(&second_origin.app).await;
                assert_eq!((delivered.unwrap(), receiver.topics().len()), (taken, taken));
            }
            until.send(()).unwrap();
        };
        let (delivered, ()) = tokio::join!(first, meanwhile);
        assert_eq!((delivered.unwrap(), receiver.topics().len()), (1, 2));
        assert_eq!(count(shop, "select max(attempts) from outbox").await, 2);
        second_origin.app.db.close().await;
    }
}
