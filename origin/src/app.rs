//! What every handler can reach.

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
    cache::{Changes, L2, Memory},
    cart,
    catalog::{FacetsCache, Showcase, TreeCache},
    checkout::Rules,
    clock::Clock,
    config::Config,
    db::{self, Db},
    desk::Desk,
    edges::Edges,
    http::{Admission, Away},
    inventory,
    limits::Limits,
    mail::Mailer,
    orders,
    redis::Redis,
    seal::Sealer,
    telemetry::Metrics,
    webhooks::Targets,
};

/// What every handler can reach. Cloning it costs nothing.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// Whether it was told to stop, so that nobody sends it more.
    pub stopping: AtomicBool,
    /// The database.
    pub db: Db,
    /// The number of the shop, once somebody has asked for it.
    pub shop: OnceCell<i64>,
    /// The time.
    pub clock: Clock,
    /// Makes identities.
    pub ids: IdGenerator,
    /// What of the catalogue has changed.
    pub changes: Changes,
    /// What is kept of answers, if anything.
    pub memory: Option<Arc<Memory>>,
    /// What origins share besides the database, if there is one.
    pub redis: Option<Arc<Redis>>,
    /// What origins share of answers.
    pub l2: Option<L2>,
    /// The category tree.
    pub tree: TreeCache,
    /// What lists can be narrowed by.
    pub facets: FacetsCache,
    /// How what is offered looks.
    pub showcase: Showcase,
    /// How the shop ships and taxes.
    pub rules: Rules,
    /// Where work is done together.
    pub desks: Desks,
    /// What makes and checks hashes of passwords.
    pub hasher: Hasher,
    /// Whose turn it is to have a picture made smaller: one takes hundreds of megabytes.
    pub pictures: Arc<Semaphore>,
    /// How often something may be asked.
    pub limits: Limits,
    /// How much is worked on at the same time.
    pub admission: Admission,
    /// What is said when there is too much to do.
    pub away: Away,
    /// What signs the tokens of programs.
    pub signer: Signer,
    /// What seals secrets that have to be read again.
    pub sealer: Sealer,
    /// Where messages go.
    pub mailer: Mailer,
    /// Who is told that something is no longer right.
    pub edges: Edges,
    /// With what others are asked.
    pub client: reqwest::Client,
    /// Where messages to webhooks may go.
    pub targets: Targets,
    /// What is counted.
    pub metrics: Metrics,
    /// The files that pages load.
    pub assets: Assets,
}

/// The desks.
#[derive(Debug)]
pub struct Desks {
    /// Where carts are changed.
    pub carts: Desk<cart::Job, Result<shared::cart::Cart, cart::Error>>,
    /// Where stock is changed by hand.
    pub stock: Desk<inventory::Job, Result<shared::stock::StockLevels, inventory::Error>>,
    /// Where carts become orders.
    pub orders: Desk<orders::Placement, Result<orders::Placed, orders::Error>>,
}

/// Jobs that a desk does at once, at most.
const BATCH_MAX: usize = 64;

impl Default for Desks {
    fn default() -> Self {
        Self {
            carts: Desk::new(BATCH_MAX),
            stock: Desk::new(BATCH_MAX),
            orders: Desk::new(BATCH_MAX),
        }
    }
}

impl App {
    /// Connects to the database; everything else is made from the settings. Nothing can be written that
    /// needs an identity before [`App::lease`].
    pub async fn connect(config: Config, assets: Assets, clock: Clock) -> Result<Self, db::Error> {
        let rules = config
            .rules()
            .map_err(|error| db::Error::Configuration(error.into()))?;
        let wrong = |error: String| db::Error::Configuration(error.into());
        config.check_payments().map_err(wrong)?;
        let redis = config.redis().map_err(wrong)?.map(Arc::new);
        let limits = Limits::new(redis.clone());
        let maker = redis.as_ref().map(|_| maker(&config, &rules, &assets));
        let maker = maker.transpose().map_err(wrong)?;
        let l2 = redis.clone().zip(maker);
        let signer = config.signer().map_err(wrong)?;
        let sealer = config.sealer().map_err(wrong)?;
        let mailer = config.mailer().map_err(wrong)?;
        let edges = Edges::new(&config).map_err(wrong)?;
        let client = crate::client::client().map_err(wrong)?;
        let targets = Targets::new(&config.webhook_hosts).map_err(wrong)?;
        let memory = config.memory();
        let db = Db::connect(&config.database()).await?;
        let skew_max = Duration::from_millis(config.clock_skew_max_ms);
        let clock = clock.of_database(&db, skew_max).await?;
        let admission = Admission::new(db.read_limit());
        Ok(Self(Arc::new(Parts {
            ids: IdGenerator::unassigned(),
            config,
            stopping: AtomicBool::new(false),
            db,
            shop: OnceCell::new(),
            clock,
            changes: Changes::default(),
            memory: memory.map(Arc::new),
            l2: l2.map(|(redis, maker)| L2::new(redis, maker)),
            redis,
            tree: TreeCache::default(),
            facets: FacetsCache::default(),
            showcase: Showcase::default(),
            rules,
            mailer,
            edges,
            hasher: Hasher::default(),
            signer,
            sealer,
            pictures: Arc::new(Semaphore::new(1)),
            limits,
            admission,
            away: Away::default(),
            client,
            targets,
            desks: Desks::default(),
            metrics: Metrics::default(),
            assets,
        })))
    }

    /// Leases a node id in the database, which must have every migration, and renews it until the database
    /// is closed.
    pub async fn lease(&self) -> Result<(), db::LeaseError> {
        let host = hostname();
        let node = self.db.lease(self.lease_request(&host), &self.ids).await?;
        tracing::info!(node, "leased a node id");
        let parts = Arc::downgrade(&self.0);
        let mut ticks = tokio::time::interval(self.lease_request("").lasts / RENEWALS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let Some(app) = parts.upgrade().map(App) else {
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

    /// What a domain needs to write stock, at this moment.
    pub fn context(&self) -> inventory::Context<'_> {
        inventory::Context {
            ids: &self.ids,
            now: self.clock.now(),
            low_stock: self.config.low_stock,
            changes: &self.changes,
        }
    }
}

/// How often a lease is renewed while it lasts.
const RENEWALS: u32 = 5;

/// What this machine is called, for a person who looks for the process with a node id.
fn hostname() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|it| it.into_string().ok())
        .unwrap_or_else(|| "unnamed host".to_owned())
}

/// The mark of what makes answers: this program, what it is told to show, and the files that pages load.
fn maker(config: &Config, rules: &Rules, assets: &Assets) -> Result<String, String> {
    let program = std::env::current_exe().and_then(std::fs::read);
    let program = program.map_err(|error| format!("cannot read the program file: {error}"))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&program);
    let shown = format!("{:?} {rules:?} {assets:?}", config.shown());
    hasher.update(shown.as_bytes());
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
