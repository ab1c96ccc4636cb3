//! Work that nobody asks for: it is done again and again while the server runs, and may be done by
//! several processes on one database at the same time. A process without a node id does none of it, and
//! one whose clock cannot be trusted ends nothing for its age.

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
        jobs.upkeep(app, second / 5, "connections", |app| async move {
            app.db.adjust_limits();
            app.admission.follow(app.db.read_limit());
            Ok::<_, db::Error>(())
        });
        jobs.upkeep(app, second * 5, "clock", |app| async move {
            let synced = app.clock.sync(&app.db).await;
            app.metrics.clock.record(app.clock.skew(), app.db.node());
            synced
        });
        jobs.upkeep(app, second, "replica", |app| async move {
            app.db.check_replica().await
        });
        jobs.upkeep(app, second / 5, "changes", |app| async move {
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
        jobs.expiring(app, second * 5, "holds", |app| async move {
            cart::sweep(&app).await.map(drop)
        });
        jobs.expiring(app, second * 5, "expiry", |app| async move {
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
        jobs.expiring(app, second * 3_600, "idempotency", |app| async move {
            orders::forget(&app.db, app.clock.now()).await.map(drop)
        });
        jobs.expiring(app, second * 3_600, "card tries", |app| async move {
            payments::forget(&app.db, app.clock.now()).await.map(drop)
        });
        jobs.expiring(app, second * 3_600, "sessions", |app| async move {
            accounts::forget(&app.db, app.clock.now()).await
        });
        jobs.expiring(app, second * 3_600, "sign-ins", |app| async move {
            audit::forget_sign_ins(&app).await
        });
        jobs.expiring(
            app,
            second * 6 * 3_600,
            "abandoned carts",
            |app| async move { cart::delete_abandoned(&app).await.map(drop) },
        );
        jobs.expiring(app, second * 3_600, "forgotten changes", |app| async move {
            cache::forget(&app.db, app.clock.now()).await
        });
        jobs.expiring(app, second * 3_600, "delivered", |app| async move {
            outbox::forget(&app.db, app.clock.now()).await.map(drop)
        });
        jobs
    }

    /// Does something at these intervals, as long as this process has a node id.
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
        self.repeat(app, (interval, name), may_write, work);
    }

    /// Ends or deletes at these intervals what is over, as long as the time is certain.
    fn expiring<E, W>(
        &mut self,
        app: &App,
        interval: Duration,
        name: &'static str,
        work: impl Fn(App) -> W + Send + 'static,
    ) where
        E: Display,
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        let may = |app: &App| may_write(app) && app.clock.is_trusted();
        self.repeat(app, (interval, name), may, work);
    }

    /// Keeps at these intervals what this process knows up to date, whatever happens.
    fn upkeep<E, W>(
        &mut self,
        app: &App,
        interval: Duration,
        name: &'static str,
        work: impl Fn(App) -> W + Send + 'static,
    ) where
        E: Display,
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.repeat(app, (interval, name), |_| true, work);
    }

    /// Does something at these intervals while it may be done. What fails is logged and tried at the next
    /// one.
    fn repeat<E, W>(
        &mut self,
        app: &App,
        (interval, name): (Duration, &'static str),
        may: impl Fn(&App) -> bool + Send + 'static,
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
                if !may(&app) {
                    continue;
                }
                if let Err(error) = work(app.clone()).await {
                    tracing::error!(job = name, error = %error, "job failed");
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
                        tracing::warn!(job = name, error = %error, "job is restarted");
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

/// Whether there is a node id to write with. What became of it was logged.
fn may_write(app: &App) -> bool {
    app.db.node().is_some()
}
