//! Redis, where there is one: what several origins share besides the database. Nothing that must be true
//! is kept there. Whoever asks it gets an answer in time or none, and goes on without.

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

use self::{address::Address, breaker::Breaker};

/// How long connecting may take. Nobody waits for it: who asks meanwhile goes on without an answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// For how long somebody insists on an answer, and how long after a failure they ask again.
const INSIST_MAX: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_millis(20);

/// A Redis that several origins use.
pub struct Redis {
    address: Address,
    timeout: Duration,
    breaker: Breaker,
    /// The connection, from when somebody wants it until it has failed.
    connection: Mutex<Option<Opening>>,
}

/// A connection that is being made, or is there.
type Opening = Shared<BoxFuture<'static, Result<Connection, RedisError>>>;

/// What commands are sent over; each clone may be used at the same time.
#[derive(Clone)]
pub enum Connection {
    /// To the one server, or the one that a Sentinel names.
    Server(MultiplexedConnection),
    /// To all of a cluster.
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("Redis")
            .field("timeout", &self.timeout)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// The Redis at this address, which is connected to when it is asked first.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, String> {
        Ok(Self {
            address: Address::parse(url)?,
            timeout,
            breaker: Breaker::default(),
            connection: Mutex::default(),
        })
    }

    /// What Redis answers; nothing when it does not in time, and while it is left alone because of that.
    pub async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> Result<T, RedisError>,
    ) -> Option<T> {
        if !self.breaker.allows(Instant::now()) {
            return None;
        }
        let opening = self.opening();
        let asked = async {
            let mut connection = opening.clone().await?;
            question(&mut connection).await
        };
        let why = match tokio::time::timeout(self.timeout, asked).await {
            Ok(Ok(answer)) => {
                if self.breaker.succeeded() {
                    tracing::info!("Redis responds again");
                }
                return Some(answer);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "timed out".to_owned(),
        };
        self.forget(&opening);
        if self.breaker.failed(Instant::now()) {
            tracing::warn!(
                error = why,
                "Redis does not respond; it is not used until it does"
            );
        }
        None
    }

    /// Asks again and again for a moment, also while Redis is left alone: for what must not get lost by chance.
    pub async fn insist<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let answered = async {
            loop {
                let opening = self.opening();
                let asked = async {
                    let mut connection = opening.clone().await?;
                    command.query_async(&mut connection).await
                };
                match asked.await {
                    Ok(answer) => return answer,
                    Err(_) => self.forget(&opening),
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::time::timeout(INSIST_MAX, answered).await.ok()
    }

    /// Whether it is asked at all just now.
    pub fn is_trusted(&self) -> bool {
        self.breaker.is_closed()
    }

    /// A connection of its own, for what is told to all who listen.
    pub async fn listen(&self, channel: &str) -> Result<PubSub, RedisError> {
        let mut channels = self.address.listen().await?;
        channels.subscribe(channel).await?;
        Ok(channels)
    }

    fn opening(&self) -> Opening {
        let mut slot = self.slot();
        let open = || {
            let address = self.address.clone();
            let connect = async move {
                let connected = tokio::time::timeout(CONNECT_MAX, address.connect()).await;
                connected.unwrap_or_else(|_| {
                    Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
                })
            };
            // A task of its own: it takes longer than one who asks will wait.
            let task = tokio::spawn(connect);
            let opened = task.map(|done| match done {
                Ok(connected) => connected,
                Err(error) => Err(std::io::Error::other(error).into()),
            });
            opened.boxed().shared()
        };
        slot.get_or_insert_with(open).clone()
    }

    /// Has the next one connect anew: what was on the other side may be another one by now. A connection
    /// that is still being made goes on.
    fn forget(&self, failed: &Opening) {
        let mut slot = self.slot();
        let is_this = slot.as_ref().is_some_and(|it| it.ptr_eq(failed));
        if is_this && failed.peek().is_some() {
            *slot = None;
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Opening>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionLike for Connection {
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
