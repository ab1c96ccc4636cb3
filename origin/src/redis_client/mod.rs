//! The Redis client. Several origins can share cached responses, sessions and rate limits through
//! Redis. It never holds the only copy of anything. A query returns within the time limit, with or
//! without a reply, and callers continue without one.

mod address;
mod breaker;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::redis::{
    Cmd, FromRedisValue, Pipeline, RedisError, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection, PubSub},
    cluster_async::ClusterConnection,
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

use self::{address::RedisAddress, breaker::RedisBreaker};

/// The time limit of connecting. Queries do not wait that long; they continue without a reply.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The total time of [`RedisClient::retry`], and its delay after a failure.
const RETRY_MAX: Duration = Duration::from_millis(500);
const RETRY_DELAY: Duration = Duration::from_millis(20);

/// A client of one Redis.
pub struct RedisClient {
    address: RedisAddress,
    timeout: Duration,
    breaker: RedisBreaker,
    /// The connection, from its first use until it fails.
    connection: Mutex<Option<PendingConnection>>,
}

/// A connection that is being opened, or is open.
type PendingConnection = Shared<BoxFuture<'static, Result<RedisConnection, RedisError>>>;

/// A multiplexed connection; clones can be used concurrently.
#[derive(Clone)]
pub enum RedisConnection {
    /// To the one server, or the one that a Sentinel names.
    Server(MultiplexedConnection),
    /// To all of a cluster.
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("Redis")
            .field("timeout", &self.timeout)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl RedisClient {
    /// A client for this address. It connects on the first query.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, String> {
        Ok(Self {
            address: RedisAddress::parse(url)?,
            timeout,
            breaker: RedisBreaker::default(),
            connection: Mutex::default(),
        })
    }

    /// Runs a command. None if Redis fails or does not reply in time, or while the breaker is open.
    pub async fn query<T>(
        &self,
        command: impl AsyncFnOnce(&mut RedisConnection) -> Result<T, RedisError>,
    ) -> Option<T> {
        if !self.breaker.allows(Instant::now()) {
            return None;
        }
        let pending = self.pending();
        let reply = async {
            let mut connection = pending.clone().await?;
            command(&mut connection).await
        };
        let reason = match tokio::time::timeout(self.timeout, reply).await {
            Ok(Ok(answer)) => {
                if self.breaker.succeeded() {
                    tracing::info!("Redis responds again");
                }
                return Some(answer);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "timed out".to_owned(),
        };
        self.discard(&pending);
        if self.breaker.failed(Instant::now()) {
            tracing::warn!(
                error = reason,
                "Redis does not respond; it is not used until it does"
            );
        }
        None
    }

    /// Runs a command and retries it for a short time, also while the breaker is open: for
    /// invalidations, which should not get lost because of one failure.
    pub async fn retry<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let replied = async {
            loop {
                let pending = self.pending();
                let reply = async {
                    let mut connection = pending.clone().await?;
                    command.query_async(&mut connection).await
                };
                match reply.await {
                    Ok(answer) => return answer,
                    Err(_) => self.discard(&pending),
                }
                tokio::time::sleep(RETRY_DELAY).await;
            }
        };
        tokio::time::timeout(RETRY_MAX, replied).await.ok()
    }

    /// Whether the breaker is closed.
    pub fn is_available(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Subscribes to a channel, on a connection of its own.
    pub async fn subscribe(&self, channel: &str) -> Result<PubSub, RedisError> {
        let mut channels = self.address.connect_pub_sub().await?;
        channels.subscribe(channel).await?;
        Ok(channels)
    }

    fn pending(&self) -> PendingConnection {
        let mut slot = self.slot();
        let open = || {
            let address = self.address.clone();
            let connect = async move {
                let connected = tokio::time::timeout(CONNECT_MAX, address.connect()).await;
                connected.unwrap_or_else(|_| {
                    Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
                })
            };
            // In its own task, because connecting may take longer than a query waits.
            let task = tokio::spawn(connect);
            let opened = task.map(|done| match done {
                Ok(connected) => connected,
                Err(error) => Err(std::io::Error::other(error).into()),
            });
            opened.boxed().shared()
        };
        slot.get_or_insert_with(open).clone()
    }

    /// Discards a failed connection, so that the next query opens a new one (the server may have
    /// changed). A connection that is still being opened stays.
    fn discard(&self, failed: &PendingConnection) {
        let mut slot = self.slot();
        let is_this = slot.as_ref().is_some_and(|it| it.ptr_eq(failed));
        if is_this && failed.peek().is_some() {
            *slot = None;
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<PendingConnection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(it) => it.req_packed_command(command),
            Self::Cluster(it) => it.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(it) => it.req_packed_commands(commands, offset, count),
            Self::Cluster(it) => it.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(it) => it.get_db(),
            Self::Cluster(it) => it.get_db(),
        }
    }
}
