//! The lease of a node id: ids generated under it are unique among all processes. It is a row in
//! the database, expires by the database's time unless it is renewed, and every write transaction
//! depends on it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use shared::{
    id::{IdGenerator, NODE_MAX},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, error::DatabaseError};

use crate::monotonic::steady_ms;

use super::{Db, Error, Tx};

/// The first node id that is assigned automatically. Lower ones are for operators to choose, and
/// for processes of an older program that takes no lease.
pub const FIRST_AUTOMATIC: u16 = 512;
/// The number of attempts to lease a node id while other processes are faster.
const ATTEMPTS: usize = 64;
/// How long to wait before checking again whether the previous holder of a node id is alive.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Why no node id could be leased.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process holds the requested node id and renews its lease.
    #[error(
        "node id {node} is held by another process, on {host}; omit --node-id or choose another"
    )]
    Held {
        /// The node id.
        node: u16,
        /// The host of the other process.
        host: String,
    },
    /// Every node id has a holder.
    #[error("all node ids from {FIRST_AUTOMATIC} to {NODE_MAX} are held by other processes")]
    NoneLeft,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

/// The state of the lease, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Lease {
    held: Mutex<Option<HeldLease>>,
    /// The time, by the steady clock, until which no other process can have the node id. Zero if
    /// nothing was leased.
    certain_until_ms: AtomicI64,
    /// How many leases were lost.
    lost: AtomicU64,
}

#[derive(Clone, Debug)]
struct HeldLease {
    node: u16,
    holder: String,
    is_lost: bool,
}

/// The number of lost leases when a transaction began. It cannot be committed if the number has
/// increased since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseMark(u64);

/// A new lease.
struct NewLease {
    node: u16,
    /// Until then other processes may have generated ids with this node id.
    ids_until: i64,
    /// The steady clock before the lease was requested.
    asked_ms: i64,
}

/// The parameters of a lease.
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest<'a> {
    /// A certain node id, or any.
    pub node: Option<u16>,
    /// How long the lease lasts unless it is renewed.
    pub lasts: Duration,
    /// The host of this process, for operators.
    pub host: &'a str,
}

impl Lease {
    fn held(&self) -> Option<HeldLease> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    fn set(&self, held: Option<HeldLease>, certain_until_ms: i64) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        self.certain_until_ms
            .store(certain_until_ms, Ordering::Release);
    }

    fn lose(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut().filter(|held| !held.is_lost) {
            held.is_lost = true;
            self.lost.fetch_add(1, Ordering::AcqRel);
            self.certain_until_ms.store(i64::MIN, Ordering::Release);
            tracing::error!(
                node = held.node,
                "the lease of the node id is lost; nothing can be written until it is leased again"
            );
        }
    }

    fn mark(&self) -> LeaseMark {
        LeaseMark(self.lost.load(Ordering::Acquire))
    }

    fn is_certain(&self) -> bool {
        match self.certain_until_ms.load(Ordering::Acquire) {
            0 => true,
            until => steady_ms() < until,
        }
    }

    /// Checks that a transaction may write. If the lease may have expired, this locks its row, so
    /// that no other process takes the node id before the transaction ends.
    pub(super) async fn check(
        &self,
        conn: &mut AnyConnection,
        for_update: &'static str,
        began: Option<LeaseMark>,
    ) -> Result<LeaseMark, Error> {
        let mark = self.mark();
        if began.is_some_and(|began| began != mark) {
            return Err(lost_lease());
        }
        if self.is_certain() {
            return Ok(mark);
        }
        let Some(held) = self.held() else {
            return Ok(mark);
        };
        if held.is_lost {
            return Err(lost_lease());
        }
        let statement = if for_update.is_empty() {
            "select holder from nodes where node_id = ?"
        } else {
            "select holder from nodes where node_id = ? for update"
        };
        let holder: Option<String> = sqlx::query_scalar(statement)
            .bind(i64::from(held.node))
            .fetch_optional(conn)
            .await?;
        if holder.as_deref() != Some(&held.holder) {
            self.lose();
            return Err(lost_lease());
        }
        Ok(mark)
    }
}

fn lost_lease() -> Error {
    Error::Io(std::io::Error::other(
        "this process has lost its node id to another one",
    ))
}

impl Db {
    /// Leases a node id and generates ids with it. If another process holds the requested node id,
    /// this waits until its lease expires, and fails if it is renewed meanwhile.
    pub async fn lease(
        &self,
        request: LeaseRequest<'_>,
        ids: &IdGenerator,
    ) -> Result<u16, LeaseError> {
        let holder = crate::secret::token();
        let taken = match request.node {
            Some(node) => self.lease_node(node, &holder, request).await?,
            None => self.lease_any(&holder, request).await?,
        };
        ids.assign(taken.node, Timestamp::from_millis(taken.ids_until));
        let held = HeldLease {
            node: taken.node,
            holder,
            is_lost: false,
        };
        let certain_until_ms = certain_until(taken.asked_ms, request.lasts);
        self.lease.set(Some(held), certain_until_ms);
        Ok(taken.node)
    }

    /// Renews the lease, or takes a new one if it was lost. A job calls this periodically.
    pub async fn renew_lease(
        &self,
        request: LeaseRequest<'_>,
        ids: &IdGenerator,
        now: Timestamp,
    ) -> Result<(), LeaseError> {
        let Some(held) = self.lease.held() else {
            return Ok(());
        };
        if held.is_lost {
            let node = self.lease(request, ids).await?;
            tracing::warn!(node, "this process has leased a node id again");
            return Ok(());
        }
        let asked_ms = steady_ms();
        let lasts_ms = millis(request.lasts);
        let mut tx = self.begin().await?;
        let until = self.now(&mut tx).await? + lasts_ms;
        let ids_until = ids.last().max(now).as_millis() + lasts_ms;
        let statement = "
            update nodes
               set expires_at = ?, ids_until = ?
             where node_id = ?
               and holder = ?";
        let renewed = sqlx::query(statement)
            .bind(until)
            .bind(ids_until)
            .bind(i64::from(held.node))
            .bind(&held.holder)
            .execute(tx.conn())
            .await?;
        if renewed.rows_affected() == 0 {
            tx.rollback().await?;
            self.lease.lose();
            return Ok(());
        }
        tx.commit().await?;
        let certain_until_ms = certain_until(asked_ms, request.lasts);
        self.lease
            .certain_until_ms
            .store(certain_until_ms, Ordering::Release);
        Ok(())
    }

    /// Releases the lease, so that another process can take the node id at once.
    pub async fn release_lease(&self, ids: &IdGenerator) -> Result<(), Error> {
        let Some(held) = self.lease.held().filter(|held| !held.is_lost) else {
            return Ok(());
        };
        let mut tx = self.begin().await?;
        let statement = "
            update nodes
               set expires_at = 0, ids_until = ?, holder = ''
             where node_id = ?
               and holder = ?";
        sqlx::query(statement)
            .bind(ids.last().as_millis() + 1)
            .bind(i64::from(held.node))
            .bind(&held.holder)
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        // A concurrent renewal finds nothing to renew.
        self.lease.set(None, i64::MIN);
        Ok(())
    }

    /// The node id of this process; none if it has no lease or has lost it.
    pub fn node(&self) -> Option<u16> {
        let held = self.lease.held().filter(|held| !held.is_lost);
        held.map(|held| held.node)
    }

    /// Whether the lease is certainly valid, as far as the steady clock tells without a query.
    pub fn is_lease_certain(&self) -> bool {
        self.lease.is_certain()
    }

    async fn lease_node(
        &self,
        node: u16,
        holder: &str,
        request: LeaseRequest<'_>,
    ) -> Result<NewLease, LeaseError> {
        let mut seen: Option<i64> = None;
        loop {
            let asked_ms = steady_ms();
            let taken = |ids_until| NewLease {
                node,
                ids_until,
                asked_ms,
            };
            let mut tx = self.begin().await?;
            let now = self.now(&mut tx).await?;
            let statement = "
                select host, expires_at
                  from nodes
                 where node_id = ?";
            let row = sqlx::query(statement)
                .bind(i64::from(node))
                .fetch_optional(tx.conn())
                .await?;
            let Some(row) = row else {
                match add_node(tx, node, holder, now, request).await? {
                    Some(ids_until) => return Ok(taken(ids_until)),
                    None => continue,
                }
            };
            let (host, expires_at): (String, i64) =
                (row.try_get("host")?, row.try_get("expires_at")?);
            if expires_at < now {
                match take_expired(tx, node, holder, now, request).await? {
                    Some(ids_until) => return Ok(taken(ids_until)),
                    None => continue,
                }
            }
            tx.rollback().await?;
            match seen {
                Some(seen) if expires_at > seen => return Err(LeaseError::Held { node, host }),
                Some(_) => {}
                None => {
                    let wait_ms = expires_at - now;
                    tracing::info!(
                        node,
                        wait_ms,
                        "waiting for the previous lease of the node id to expire"
                    );
                    seen = Some(expires_at);
                }
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    async fn lease_any(
        &self,
        holder: &str,
        request: LeaseRequest<'_>,
    ) -> Result<NewLease, LeaseError> {
        for _ in 0..ATTEMPTS {
            let asked_ms = steady_ms();
            let mut tx = self.begin().await?;
            let now = self.now(&mut tx).await?;
            let statement = "
                select node_id
                  from nodes
                 where node_id >= ?
                   and expires_at < ?
                 order by expires_at, node_id
                 limit 1";
            let free: Option<i64> = sqlx::query_scalar(statement)
                .bind(i64::from(FIRST_AUTOMATIC))
                .bind(now)
                .fetch_optional(tx.conn())
                .await?;
            let (node, leased) = if let Some(node) = free {
                let node = u16::try_from(node).unwrap_or(NODE_MAX);
                (node, take_expired(tx, node, holder, now, request).await?)
            } else {
                let statement = "
                    select max(node_id)
                      from nodes
                     where node_id >= ?";
                let last: Option<i64> = sqlx::query_scalar(statement)
                    .bind(i64::from(FIRST_AUTOMATIC))
                    .fetch_one(tx.conn())
                    .await?;
                let next = last.map_or(i64::from(FIRST_AUTOMATIC), |last| last + 1);
                let node = u16::try_from(next).ok().filter(|it| *it <= NODE_MAX);
                let node = node.ok_or(LeaseError::NoneLeft)?;
                (node, add_node(tx, node, holder, now, request).await?)
            };
            if let Some(ids_until) = leased {
                return Ok(NewLease {
                    node,
                    ids_until,
                    asked_ms,
                });
            }
        }
        Err(LeaseError::NoneLeft)
    }

    async fn now(&self, tx: &mut Tx) -> Result<i64, Error> {
        let now = sqlx::query_scalar(self.dialect.select_now());
        now.fetch_one(tx.conn()).await
    }
}

/// Takes over a node id whose lease has expired. None if another process was faster; otherwise the
/// time until which ids were generated with it.
async fn take_expired(
    mut tx: Tx,
    node: u16,
    holder: &str,
    now: i64,
    request: LeaseRequest<'_>,
) -> Result<Option<i64>, Error> {
    let statement = "
        select ids_until
          from nodes
         where node_id = ?";
    let ids_until: i64 = sqlx::query_scalar(statement)
        .bind(i64::from(node))
        .fetch_one(tx.conn())
        .await?;
    let until = now + millis(request.lasts);
    let statement = "
        update nodes
           set holder = ?, host = ?, expires_at = ?, ids_until = ?
         where node_id = ?
           and expires_at < ?
           and ids_until = ?";
    let taken = sqlx::query(statement)
        .bind(holder)
        .bind(request.host)
        .bind(until)
        .bind(ids_until.max(until))
        .bind(i64::from(node))
        .bind(now)
        .bind(ids_until)
        .execute(tx.conn())
        .await?;
    if taken.rows_affected() == 0 {
        tx.rollback().await?;
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(ids_until))
}

/// Takes a node id that was never used. None if another process was faster.
async fn add_node(
    mut tx: Tx,
    node: u16,
    holder: &str,
    now: i64,
    request: LeaseRequest<'_>,
) -> Result<Option<i64>, Error> {
    let statement = "
        insert into nodes (node_id, holder, host, expires_at, ids_until)
        values (?, ?, ?, ?, ?)";
    let added = sqlx::query(statement)
        .bind(i64::from(node))
        .bind(holder)
        .bind(request.host)
        .bind(now + millis(request.lasts))
        .bind(now + millis(request.lasts))
        .execute(tx.conn())
        .await;
    match added {
        Ok(_) => tx.commit().await.map(|()| Some(0)),
        Err(error)
            if error
                .as_database_error()
                .is_some_and(DatabaseError::is_unique_violation) =>
        {
            tx.rollback().await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Three quarters of the lease: a safety margin, because clocks run at different speeds.
fn certain_until(asked_ms: i64, lasts: Duration) -> i64 {
    asked_ms + millis(lasts) / 4 * 3
}
