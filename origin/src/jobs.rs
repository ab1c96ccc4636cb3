//! Work that nobody asks for: it is done again and again while the server runs, and may be done by
//! several processes on one database at the same time.

use std::{fmt::Display, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use crate::{
    accounts, app::App, audit, cache, cart, catalog, db, edges, inventory, orders, outbox, payments,
};

/// How long after its end a job without one is begun again.
const AGAIN: Duration = Duration::from_secs(1);

/// The jobs of a server; they end with [`Jobs::stop`].
#[derive(Debug)]
pub struct Jobs {
    running: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Jobs {
    /// Starts all of them.
    pub fn start(app: &App) -> Self {
        let (stop, _) = watch::channel(false);
        let mut jobs = Self {
            running: JoinSet::new(),
            stop,
        };
        let second = Duration::from_secs(1);
        jobs.every(app, second, "outbox", |app| async move {
            outbox::fan_out_due(&app).await.map(drop)
        });
        jobs.every(app, second, "mail", |app| async move {
            outbox::send_mail_due(&app).await.map(drop)
        });
        jobs.every(app, second, "webhooks", |app| async move {
            outbox::tell_webhooks(&app).await.map(drop)
        });
        jobs.every(app, second / 5, "connections", |app| async move {
            app.db.look();
            app.admission.follow(app.db.readers());
            Ok::<_, db::Error>(())
        });
        jobs.every(app, second / 5, "changes", |app| async move {
            app.changes.look(&app.db).await
        });
        if app.redis.is_some() {
            jobs.always(
                app,
                "told changes",
                |app| async move { cache::tell(&app).await },
            );
            jobs.always(app, "heard changes", |app| async move {
                cache::listen(&app).await
            });
        }
        // Each by itself: one that does not answer holds up no other.
        for edge in 0..app.edges.len() {
            jobs.every(app, second / 5, "edges", move |app| async move {
                edges::tell_edge(&app, edge).await.map(drop)
            });
        }
        jobs.every(app, second * 5, "holds", |app| async move {
            cart::sweep(&app).await.map(drop)
        });
        jobs.every(app, second * 5, "expiry", |app| async move {
            orders::expire(&app).await.map(drop)
        });
        jobs.every(app, second * 5, "payments", |app| async move {
            payments::recover(&app).await
        });
        jobs.every(app, second * 3_600, "search", |app| async move {
            catalog::rebuild_search(&app).await
        });
        jobs.every(app, second * 600, "stock audit", |app| async move {
            let mut reader = app.db.read().await?;
            let (rows, differs) = inventory::accuracy(&mut reader).await?;
            app.metrics.business.stock(rows, differs);
            Ok::<_, db::Error>(())
        });
        jobs.every(app, second * 3_600, "idempotency", |app| async move {
            orders::forget(&app.db, app.clock.now()).await.map(drop)
        });
        jobs.every(app, second * 3_600, "card tries", |app| async move {
            payments::forget(&app.db, app.clock.now()).await.map(drop)
        });
        jobs.every(app, second * 3_600, "sessions", |app| async move {
            accounts::forget(&app.db, app.clock.now()).await
        });
        jobs.every(app, second * 3_600, "sign-ins", |app| async move {
            audit::forget_sign_ins(&app).await
        });
        jobs.every(
            app,
            second * 6 * 3_600,
            "abandoned carts",
            |app| async move { cart::delete_abandoned(&app).await.map(drop) },
        );
        jobs.every(app, second * 3_600, "forgotten changes", |app| async move {
            cache::forget(&app.db, app.clock.now()).await
        });
        jobs.every(app, second * 3_600, "delivered", |app| async move {
            outbox::forget(&app.db, app.clock.now()).await.map(drop)
        });
        jobs
    }

    /// Does something at these intervals. What fails is logged and tried at the next one.
    fn every<E, W>(
        &mut self,
        app: &App,
        interval: Duration,
        name: &'static str,
        work: impl Fn(App) -> W + Send + 'static,
    ) where
        E: Display,
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        let (app, mut stop) = (app.clone(), self.stop.subscribe());
        self.running.spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stop.changed() => return,
                    _ = ticks.tick() => {}
                }
                if let Err(error) = work(app.clone()).await {
                    tracing::error!(job = name, error = %error, "a job failed");
                }
            }
        });
    }

    /// Does something without an end. When it ends all the same, it is begun again after a moment.
    fn always<E, W>(
        &mut self,
        app: &App,
        name: &'static str,
        work: impl Fn(App) -> W + Send + 'static,
    ) where
        E: Display,
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        let (app, mut stop) = (app.clone(), self.stop.subscribe());
        self.running.spawn(async move {
            loop {
                let done = work(app.clone());
                let again = async {
                    if let Err(error) = done.await {
                        tracing::warn!(job = name, error = %error, "a job is begun again");
                    }
                    tokio::time::sleep(AGAIN).await;
                };
                tokio::select! {
                    _ = stop.changed() => return,
                    () = again => {}
                }
            }
        });
    }

    /// Lets each finish what it is at.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.running.join_next().await.is_some() {}
    }
}
