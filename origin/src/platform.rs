//! The platform: what every domain stands on.

use std::{ops::Deref, sync::Arc};

use crate::{
    cache::Changes, clock::Clock, config::Config, db::Db, limits::Limits,
    redis_client::RedisClient, seal::Sealer, signer::Signer, telemetry::Metrics,
};
use shared::{id::IdGenerator, time::Timestamp};

/// The platform. A clone is a reference to the same platform.
#[derive(Clone, Debug)]
pub struct Platform(Arc<PlatformState>);

/// The parts of a [`Platform`].
#[derive(Debug)]
pub struct PlatformState {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Generates ids.
    pub ids: IdGenerator,
    /// The numbered changes, which invalidate cached responses.
    pub changes: Changes,
    /// Redis, if it is configured.
    pub redis: Option<Arc<RedisClient>>,
    /// The rate limits.
    pub limits: Limits,
    /// Signs access tokens and shared cache entries.
    pub signer: Arc<Signer>,
    /// Encrypts secrets in the database.
    pub sealer: Sealer,
    /// HTTP client for outgoing requests.
    pub http_client: reqwest::Client,
    /// The metrics.
    pub metrics: Metrics,
}

/// The parameters of a write operation besides its transaction.
#[derive(Clone, Copy, Debug)]
pub struct WriteContext<'a> {
    /// Generates ids.
    pub ids: &'a IdGenerator,
    /// The time of the change.
    pub now: Timestamp,
    /// The low-stock threshold, in units.
    pub low_stock: u32,
    /// Counts changes, for the invalidation of caches.
    pub changes: &'a Changes,
}

impl Platform {
    /// Puts the parts together.
    pub fn new(parts: PlatformState) -> Self {
        Self(Arc::new(parts))
    }

    /// The context of a write operation, with the current time.
    pub fn context(&self) -> WriteContext<'_> {
        WriteContext {
            ids: &self.ids,
            now: self.clock.now(),
            low_stock: self.config.low_stock,
            changes: &self.changes,
        }
    }
}

impl Deref for Platform {
    type Target = PlatformState;

    fn deref(&self) -> &PlatformState {
        &self.0
    }
}

/// Defines the handle of a domain: a shared reference to the domain's own parts, which
/// dereferences to the handle of the domain below it, in the order of `ARCHITECTURE.md`.
macro_rules! handle {
    (
        $(#[doc = $doc:literal])*
        pub struct $handle:ident($state:ident) above $below:ident: $below_type:ty {
            $($(#[doc = $field_doc:literal])* pub $field:ident: $type:ty,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub struct $handle(std::sync::Arc<$state>);

        #[doc = concat!("The parts of a [`", stringify!($handle), "`].")]
        #[derive(Debug)]
        pub struct $state {
            #[doc = concat!("The handle below: [`", stringify!($below_type), "`].")]
            pub $below: $below_type,
            $($(#[doc = $field_doc])* pub $field: $type,)*
        }

        impl $handle {
            /// Puts the parts together.
            pub fn new(parts: $state) -> Self {
                Self(std::sync::Arc::new(parts))
            }
        }

        impl std::ops::Deref for $handle {
            type Target = $state;

            fn deref(&self) -> &$state {
                &self.0
            }
        }

        impl std::ops::Deref for $state {
            type Target = $below_type;

            fn deref(&self) -> &$below_type {
                &self.$below
            }
        }
    };
}

pub(crate) use handle;
