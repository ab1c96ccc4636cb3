//! The shared state of handlers, jobs and commands.

use std::{
    ops::Deref,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use shared::{id::IdGenerator, page::Assets};
use tokio::{
    sync::{OnceCell, Semaphore},
    time::MissedTickBehavior,
};

use crate::{
    accounts::{Hasher, Signer},
    batcher::Batcher,
    cache::{Changes, L2, MemoryCache},
    cart,
    catalog::{FacetsCache, PresentationCache, TreeCache},
    checkout::Rules,
    clock::Clock,
    config::Config,
    db::{self, Db},
    edges::Edges,
    http_pipeline::{ConcurrencyLimits, OverloadPage},
    inventory,
    limits::Limits,
    mail::Mailer,
    orders,
    redis_client::RedisClient,
    seal::Sealer,
    telemetry::Metrics,
    webhooks::WebhookClient,
};

/// The shared state. Clones are cheap and share it.
#[derive(Clone, Debug)]
pub struct App(Arc<AppState>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct AppState {
    /// The settings.
    pub config: Config,
    /// Whether the server is stopping; then readiness fails, so that load balancers stop sending.
    pub stopping: AtomicBool,
    /// The database.
    pub db: Db,
    /// The id of the shop, once it has been read from the database.
    pub shop_id: OnceCell<i64>,
    /// The clock.
    pub clock: Clock,
    /// Generates ids.
    pub ids: IdGenerator,
    /// The numbered changes, which invalidate cached responses.
    pub changes: Changes,
    /// The response cache in memory (L1), unless it is turned off.
    pub memory: Option<Arc<MemoryCache>>,
    /// Redis, if it is configured.
    pub redis: Option<Arc<RedisClient>>,
    /// The response cache in Redis (L2), if it is configured.
    pub l2: Option<L2>,
    /// The category tree.
    pub tree: TreeCache,
    /// The facets of product lists.
    pub facets: FacetsCache,
    /// The presentation of offers.
    pub presentations: PresentationCache,
    /// The rules for shipping and tax.
    pub rules: Rules,
    /// The batchers of concurrent writes.
    pub batchers: Batchers,
    /// Hashes and verifies passwords.
    pub hasher: Hasher,
    /// Limits how many images are scaled concurrently: one takes hundreds of megabytes.
    pub pictures: Arc<Semaphore>,
    /// The rate limits.
    pub limits: Limits,
    /// The limits of concurrent requests.
    pub concurrency: ConcurrencyLimits,
    /// The page of load shedding.
    pub overload_page: OverloadPage,
    /// Signs access tokens and shared cache entries.
    pub signer: Signer,
    /// Encrypts secrets in the database.
    pub sealer: Sealer,
    /// Sends mail.
    pub mailer: Mailer,
    /// The edges to purge.
    pub edges: Edges,
    /// HTTP client for outgoing requests.
    pub http_client: reqwest::Client,
    /// HTTP client for webhooks, which checks their addresses.
    pub targets: WebhookClient,
    /// The metrics.
    pub metrics: Metrics,
    /// The manifest of the built assets.
    pub assets: Assets,
}

/// The batchers of concurrent writes.
#[derive(Debug)]
pub struct Batchers {
    /// Changes of carts.
    pub carts: Batcher<cart::CartJob, Result<shared::cart::Cart, cart::Error>>,
    /// Changes of stock by staff.
    pub stock: Batcher<inventory::StockJob, Result<shared::stock::StockLevels, inventory::Error>>,
    /// Placements of orders.
    pub orders: Batcher<orders::Placement, Result<orders::PlaceOrderOutcome, orders::Error>>,
}

/// The most jobs in a batch.
const BATCH_MAX: usize = 64;

impl Default for Batchers {
    fn default() -> Self {
        Self {
            carts: Batcher::new(BATCH_MAX),
            stock: Batcher::new(BATCH_MAX),
            orders: Batcher::new(BATCH_MAX),
        }
    }
}

impl App {
    /// Connects to the database and builds everything else from the settings. Nothing that needs an
    /// id can be written before [`App::lease`].
    pub async fn connect(config: Config, assets: Assets, clock: Clock) -> Result<Self, db::Error> {
        let rules = config
            .rules()
            .map_err(|error| db::Error::Configuration(error.into()))?;
        let wrong = |error: String| db::Error::Configuration(error.into());
        config.check_payments().map_err(wrong)?;
        let redis = config.redis().map_err(wrong)?.map(Arc::new);
        let limits = Limits::new(redis.clone());
        let build = redis.as_ref().map(|_| build_hash(&config, &rules, &assets));
        let build = build.transpose().map_err(wrong)?;
        let l2 = redis.clone().zip(build);
        let signer = config.signer().map_err(wrong)?;
        let sealer = config.sealer().map_err(wrong)?;
        let mailer = config.mailer().map_err(wrong)?;
        let edges = Edges::new(&config).map_err(wrong)?;
        let http_client = crate::http_client::client().map_err(wrong)?;
        let targets = WebhookClient::new(&config.webhook_hosts).map_err(wrong)?;
        let memory = config.memory();
        let db = Db::connect(&config.database()).await?;
        let skew_max = Duration::from_millis(config.clock_skew_max_ms);
        let clock = clock.with_database_time(&db, skew_max).await?;
        let concurrency = ConcurrencyLimits::new(db.read_limit());
        Ok(Self(Arc::new(AppState {
            ids: IdGenerator::unassigned(),
            config,
            stopping: AtomicBool::new(false),
            db,
            shop_id: OnceCell::new(),
            clock,
            changes: Changes::default(),
            memory: memory.map(Arc::new),
            l2: l2.map(|(redis, build)| L2::new(redis, build)),
            redis,
            tree: TreeCache::default(),
            facets: FacetsCache::default(),
            presentations: PresentationCache::default(),
            rules,
            mailer,
            edges,
            hasher: Hasher::default(),
            signer,
            sealer,
            pictures: Arc::new(Semaphore::new(1)),
            limits,
            concurrency,
            overload_page: OverloadPage::default(),
            http_client,
            targets,
            batchers: Batchers::default(),
            metrics: Metrics::default(),
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

    /// The context in which stock is written, with the current time.
    pub fn context(&self) -> inventory::WriteContext<'_> {
        inventory::WriteContext {
            ids: &self.ids,
            now: self.clock.now(),
            low_stock: self.config.low_stock,
            changes: &self.changes,
        }
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
