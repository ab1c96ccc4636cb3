//! Background jobs. They run periodically while the server runs, also in several processes on one
//! database at the same time. A process without a node id runs no job that writes, and one whose
//! clock is not trusted runs none that expires or deletes anything.

use std::{fmt::Display, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use crate::{
    accounts, app::App, audit, cache, cart, catalog, db, edges, inventory, media, orders, outbox,
    payments, relay,
};

/// The delay before an endless job that ended is restarted.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The delay after a failure to encode images, for example because the disk is full.
const AVIF_RETRY_DELAY: Duration = Duration::from_secs(60);

async fn encode_avif(app: &App) -> Result<(), media::Error> {
    let waiting = app.metrics.business.avif_waiting.clone();
    let report = move |count| {
        waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    };
    media::encode_queued(media::Library::of_config(&app.config)?, report).await
}

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
        jobs.every(app, second, "fan-out-events", |app| async move {
            relay::fan_out_due(&app).await.map(drop)
        });
        jobs.every(app, second, "send-mail", |app| async move {
            relay::send_mail_due(&app).await.map(drop)
        });
        jobs.every(app, second, "deliver-webhooks", |app| async move {
            relay::deliver_webhooks(&app).await.map(drop)
        });
        jobs.upkeep(app, second / 5, "adjust-limits", |app| async move {
            app.db.adjust_limits();
            app.concurrency.resize(app.db.read_limit());
            Ok::<_, db::Error>(())
        });
        jobs.upkeep(app, second * 5, "sync-clock", |app| async move {
            let synced = app.clock.sync(&app.db).await;
            app.metrics.clock.record(app.clock.skew(), app.db.node());
            synced
        });
        jobs.upkeep(app, second, "check-replica", |app| async move {
            app.db.check_replica().await
        });
        jobs.upkeep(app, second / 5, "refresh-changes", |app| async move {
            app.changes.refresh(&app.db).await
        });
        if let Some(redis) = &app.redis {
            let publisher = Arc::clone(redis);
            jobs.always(app, "publish-invalidations", move |app| {
                let redis = Arc::clone(&publisher);
                async move { cache::publish_invalidations(&redis, &app.changes, &app.db).await }
            });
            let subscriber = Arc::clone(redis);
            jobs.always(app, "subscribe-invalidations", move |app| {
                let redis = Arc::clone(&subscriber);
                async move { cache::subscribe_to_invalidations(&redis, &app.changes, &app.db).await }
            });
        }
        // A job for each, so that an edge that does not respond does not delay others.
        for edge in 0..app.edges.len() {
            jobs.every(app, second / 5, "purge-edges", move |app| async move {
                edges::purge_edge(&app, &app.edges, edge).await.map(drop)
            });
        }
        jobs.expiring(app, second * 5, "release-expired-holds", |app| async move {
            cart::release_expired_holds(&app).await.map(drop)
        });
        jobs.expiring(app, second * 5, "expire-orders", |app| async move {
            orders::expire(&app).await.map(drop)
        });
        jobs.every(app, second * 5, "recover-payments", |app| async move {
            payments::recover(&app).await
        });
        jobs.every(
            app,
            second * 3_600,
            "rebuild-search-index",
            |app| async move { catalog::rebuild_search_index(&app).await },
        );
        if app.config.images.avif {
            jobs.always(app, "encode-avif", |app| async move {
                let encoded = encode_avif(&app).await;
                if encoded.is_err() {
                    tokio::time::sleep(AVIF_RETRY_DELAY).await;
                }
                encoded
            });
        } else if let Err(error) = media::discard_queue(&app.config.avif_queue_dir()) {
            tracing::warn!(error = %error, "the AVIF queue cannot be emptied");
        }
        jobs.every(app, second * 600, "audit-stock", |app| async move {
            let mut reader = app.db.read().await?;
            let (rows, differs) = inventory::ledger_accuracy(&mut reader).await?;
            app.metrics.business.stock(rows, differs);
            Ok::<_, db::Error>(())
        });
        jobs.expiring(
            app,
            second * 3_600,
            "delete-idempotency-keys",
            |app| async move {
                orders::delete_expired_keys(&app.db, app.clock.now())
                    .await
                    .map(drop)
            },
        );
        jobs.expiring(
            app,
            second * 3_600,
            "delete-card-limits",
            |app| async move {
                payments::delete_idle_card_limits(&app.db, app.clock.now())
                    .await
                    .map(drop)
            },
        );
        jobs.expiring(app, second * 3_600, "delete-sessions", |app| async move {
            accounts::delete_expired(&app.db, app.clock.now()).await
        });
        jobs.expiring(app, second * 3_600, "delete-sign-ins", |app| async move {
            audit::delete_old_sign_ins(&app).await
        });
        jobs.expiring(
            app,
            second * 6 * 3_600,
            "delete-abandoned-carts",
            |app| async move { cart::delete_abandoned(&app).await.map(drop) },
        );
        jobs.expiring(app, second * 3_600, "delete-changes", |app| async move {
            cache::delete_old_changes(&app.db, app.clock.now()).await
        });
        jobs.expiring(app, second * 3_600, "delete-messages", |app| async move {
            outbox::delete_old(&app.db, app.clock.now()).await.map(drop)
        });
        jobs
    }

    /// Runs a job at this interval, while this process has a node id.
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

    /// Runs a job that expires or deletes something, while the clock is trusted.
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
        let may_run = |app: &App| may_write(app) && app.clock.is_trusted();
        self.repeat(app, (interval, name), may_run, work);
    }

    /// Runs a job that refreshes the state of this process, unconditionally.
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

    /// Runs a job at this interval while `may_run` allows it. A failure is logged, and the job runs
    /// again at the next interval.
    fn repeat<E, W>(
        &mut self,
        app: &App,
        (interval, name): (Duration, &'static str),
        may_run: impl Fn(&App) -> bool + Send + 'static,
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
                if !may_run(&app) {
                    continue;
                }
                if let Err(error) = work(app.clone()).await {
                    tracing::error!(job = name, error = %error, "job failed");
                }
            }
        });
    }

    /// Runs an endless job, and restarts it after a delay if it ends.
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
                let run = work(app.clone());
                let run_and_wait = async {
                    if let Err(error) = run.await {
                        tracing::warn!(job = name, error = %error, "job is restarted");
                    }
                    tokio::time::sleep(RESTART_DELAY).await;
                };
                tokio::select! {
                    _ = stop.changed() => return,
                    () = run_and_wait => {}
                }
            }
        });
    }

    /// Stops all jobs; each finishes its current run.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.running.join_next().await.is_some() {}
    }
}

/// Whether this process has a node id. The loss of one was logged.
fn may_write(app: &App) -> bool {
    app.db.node().is_some()
}
