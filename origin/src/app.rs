//! What every handler can reach.

use std::{ops::Deref, sync::Arc};

use shared::{id::IdGenerator, page::Assets};

use crate::{
    catalog::TreeCache,
    clock::Clock,
    config::Config,
    db::{self, Db},
    telemetry::Metrics,
};

/// What every handler can reach. Cloning it costs nothing.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Makes identities.
    pub ids: IdGenerator,
    /// The category tree.
    pub tree: TreeCache,
    /// What is counted.
    pub metrics: Metrics,
    /// The files that pages load.
    pub assets: Assets,
}

impl App {
    /// Connects to the database; everything else is made from the settings.
    pub async fn connect(config: Config, assets: Assets, clock: Clock) -> Result<Self, db::Error> {
        let db = Db::connect(&config.database()).await?;
        Ok(Self(Arc::new(Parts {
            ids: IdGenerator::new(config.node_id),
            config,
            db,
            clock,
            tree: TreeCache::default(),
            metrics: Metrics::default(),
            assets,
        })))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
