//! The shared state of handlers, jobs and commands.

use std::{
    ops::Deref,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::extract::FromRef;
use shared::{id::IdGenerator, page::Assets};
use tokio::{sync::Semaphore, time::MissedTickBehavior};

use crate::{
    accounts::{Accounts, AccountsState, Hasher},
    batcher::Batcher,
    cache::{Changes, L2, Lifetimes, MemoryCache},
    cart::{Carts, CartsState},
    catalog::{Catalog, CatalogState, FacetsCache, PresentationCache, TreeCache},
    checkout::Rules,
    clock::Clock,
    config::Config,
    db::{self, Db},
    edges::Edges,
    limits::{ConcurrencyLimits, Limits},
    mail::Mailer,
    orders::{Orders, OrdersState},
    platform::{Platform, PlatformState},
    telemetry::Metrics,
    warehouse::{Warehouse, WarehouseState},
    web::OverloadPage,
    webhooks::{WebhookClient, WebhookSender, WebhookSenderState},
};

/// The shared state. Clones are cheap and share it.
#[derive(Clone, Debug)]
pub struct App(Arc<AppState>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct AppState {
    /// The topmost domain's handle, which dereferences to those of all domains below it.
    pub orders: Orders,
    /// Whether the server is stopping; then readiness fails, so that load balancers stop sending.
    pub stopping: AtomicBool,
    /// The response cache in memory (L1), unless it is turned off.
    pub memory: Option<Arc<MemoryCache>>,
    /// The response cache in Redis (L2), if it is configured.
    pub l2: Option<L2>,
    /// The limits of concurrent requests.
    pub concurrency: ConcurrencyLimits,
    /// The page of load shedding.
    pub overload_page: OverloadPage,
    /// Sends mail.
    pub mailer: Mailer,
    /// The edges to purge.
    pub edges: Edges,
    /// The manifest of the built assets.
    pub assets: Assets,
}

/// The most jobs in a batch.
const BATCH_MAX: usize = 64;

impl App {
    /// Connects to the database and builds everything else from the settings. Nothing that needs an
    /// id can be written before [`App::lease`].
    pub async fn connect(config: Config, assets: Assets, clock: Clock) -> Result<Self, db::Error> {
        let rules =
            Rules::of_config(&config).map_err(|error| db::Error::Configuration(error.into()))?;
        let wrong = |error: String| db::Error::Configuration(error.into());
        config.check_payments().map_err(wrong)?;
        let redis = config.redis().map_err(wrong)?.map(Arc::new);
        let build = redis.as_ref().map(|_| build_hash(&config, &rules, &assets));
        let build = build.transpose().map_err(wrong)?;
        let mailer = config.mailer().map_err(wrong)?;
        let edges = Edges::new(&config).map_err(wrong)?;
        let targets = WebhookClient::new(&config.webhook_hosts).map_err(wrong)?;
        let memory = memory_cache(&config);
        let db = Db::connect(&config.database()).await?;
        let skew_max = Duration::from_millis(config.clock_skew_max_ms);
        let clock = clock.with_database_time(&db, skew_max).await?;
        let concurrency = ConcurrencyLimits::new(db.read_limit());
        let signer = Arc::new(config.signer().map_err(wrong)?);
        let l2 = redis.clone().zip(build);
        let l2 = l2.map(|(redis, build)| L2::new(redis, build, Arc::clone(&signer)));
        let platform = Platform::new(PlatformState {
            ids: IdGenerator::unassigned(),
            db,
            clock,
            changes: Changes::default(),
            redis: redis.clone(),
            limits: Limits::new(redis.clone()),
            signer,
            sealer: config.sealer().map_err(wrong)?,
            http_client: crate::http_client::client().map_err(wrong)?,
            metrics: Metrics::default(),
            config,
        });
        let orders = orders_handle(platform, rules, targets);
        Ok(Self(Arc::new(AppState {
            orders,
            stopping: AtomicBool::new(false),
            memory: memory.map(Arc::new),
            l2,
            mailer,
            edges,
            concurrency,
            overload_page: OverloadPage::default(),
            assets,
        })))
    }

    /// Leases a node id in the database, which must have every migration, and renews the lease
    /// until the database is closed.
    pub async fn lease(&self) -> Result<(), db::LeaseError> {
        let host = hostname();
        let node = self.db.lease(self.lease_request(&host), &self.ids).await?;
        tracing::info!(node, "leased a node id");
        let state = Arc::downgrade(&self.0);
        let mut ticks = tokio::time::interval(self.lease_request("").lasts / RENEWALS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let Some(app) = state.upgrade().map(App) else {
                    return;
                };
                let request = app.lease_request(&host);
                match app.db.renew_lease(request, &app.ids, app.clock.now()).await {
                    Ok(()) => {}
                    Err(db::LeaseError::Database(db::Error::PoolClosed)) => return,
                    Err(error) => {
                        tracing::error!(error = %error, "the lease of the node id could not be renewed");
                    }
                }
            }
        });
        Ok(())
    }

    fn lease_request<'a>(&self, host: &'a str) -> db::LeaseRequest<'a> {
        db::LeaseRequest {
            node: self.config.node_id,
            lasts: Duration::from_millis(self.config.node_lease_ms),
            host,
        }
    }

    /// Gives the node id back and closes the database.
    pub async fn close(&self) {
        if let Err(error) = self.db.release_lease(&self.ids).await {
            tracing::warn!(error = %error, "the lease of the node id could not be released; it expires by itself");
        }
        self.db.close().await;
    }
}

/// Renewals in the duration of a lease.
const RENEWALS: u32 = 5;

/// The host name, so that operators find the process with a node id.
fn hostname() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|it| it.into_string().ok())
        .unwrap_or_else(|| "unnamed host".to_owned())
}

/// The response cache in memory, unless its size is 0.
fn memory_cache(config: &Config) -> Option<MemoryCache> {
    let lifetimes = Lifetimes {
        product_info_ms: config.product_info_ms,
        hot_products_ms: config.hot_products_ms,
    };
    MemoryCache::new(config.l1_bytes, lifetimes)
}

/// The build hash: everything that responses depend on besides the database, which is the program,
/// the settings that pages show, the checkout rules and the assets.
fn build_hash(config: &Config, rules: &Rules, assets: &Assets) -> Result<String, String> {
    let program = std::env::current_exe().and_then(std::fs::read);
    let program = program.map_err(|error| format!("cannot read the program file: {error}"))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&program);
    let shown = format!("{:?} {rules:?} {assets:?}", config.shown());
    hasher.update(shown.as_bytes());
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

/// The handles of all domains, from the lowest to the topmost.
fn orders_handle(platform: Platform, rules: Rules, targets: WebhookClient) -> Orders {
    let accounts = Accounts::new(AccountsState {
        platform,
        hasher: Hasher::default(),
    });
    let sender = WebhookSender::new(WebhookSenderState { accounts, targets });
    let catalog = Catalog::new(CatalogState {
        sender,
        tree: TreeCache::default(),
        facets: FacetsCache::default(),
        presentations: PresentationCache::default(),
        pictures: Arc::new(Semaphore::new(1)),
    });
    let warehouse = Warehouse::new(WarehouseState {
        catalog,
        batcher: Batcher::new(BATCH_MAX),
    });
    let carts = Carts::new(CartsState {
        warehouse,
        rules,
        batcher: Batcher::new(BATCH_MAX),
    });
    Orders::new(OrdersState {
        carts,
        batcher: Batcher::new(BATCH_MAX),
    })
}

impl Deref for AppState {
    type Target = Orders;

    fn deref(&self) -> &Orders {
        &self.orders
    }
}

/// Handlers get the handle of their domain.
macro_rules! handlers_get {
    ($($handle:ty: $($field:ident).+;)*) => {$(
        impl FromRef<App> for $handle {
            fn from_ref(app: &App) -> Self {
                app.$($field).+.clone()
            }
        }
    )*};
}

handlers_get! {
    Platform: platform;
    Accounts: accounts;
    WebhookSender: sender;
    Catalog: catalog;
    Warehouse: warehouse;
    Carts: carts;
    Orders: orders;
}
