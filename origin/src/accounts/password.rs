//! Password hashing: argon2id (RFC 9106) with OWASP's parameters. A hash costs 19 MiB and some tens
//! of milliseconds, so hashes run on blocking threads, at most one per core, behind a bounded
//! queue. A request that finds the queue full fails at once.
//!
//! Anyone can cause a hash, from as many networks as they can rent. Known clients therefore have a
//! queue of their own and a core that unknown clients cannot occupy.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use shared::id::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Network;

use super::Error;

/// The length of each queue: of unknown clients and of known ones.
const WAITING_MAX: usize = 64;
/// The most waiting unknown clients of one site: an IPv6 /48 or an IPv4 /24.
const SITE_WAITING_MAX: usize = 8;
/// The most waiting known clients of one account.
const ACCOUNT_WAITING_MAX: usize = 4;

/// The client on whose behalf a hash is computed.
#[derive(Clone, Copy, Debug)]
pub enum PasswordClient<'n> {
    /// A client with a session, a device token or a link of this account.
    Known(UserId),
    /// A client with a link of a mail, before or without an account.
    Linked,
    /// Any other client, in this network.
    Unknown(&'n Network),
}

/// Computes and verifies password hashes under concurrency limits.
#[derive(Debug)]
pub struct Hasher {
    /// One permit per core.
    permits: Arc<Semaphore>,
    /// The permits of unknown clients: one fewer, if there are several cores.
    unknown_permits: Arc<Semaphore>,
    permit_count: u32,
    known: HashQueue,
    unknown: HashQueue,
    /// The hash of a random password, verified when there is no account, so that both cases take
    /// equally long.
    dummy_hash: String,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::on(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Hasher {
    fn on(cores: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(cores)),
            unknown_permits: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            permit_count: u32::try_from(cores).unwrap_or(u32::MAX),
            known: HashQueue::default(),
            unknown: HashQueue::default(),
            dummy_hash: hash(&crate::secret::token()),
        }
    }

    /// Hashes a password with a new salt.
    pub async fn hash(
        &self,
        client: PasswordClient<'_>,
        password: String,
    ) -> Result<String, Error> {
        self.run_blocking(client, move || hash(&password)).await
    }

    /// Whether the password matches the hash. Without a hash it does not, after the same work.
    pub async fn verify(
        &self,
        client: PasswordClient<'_>,
        password: String,
        known: Option<String>,
    ) -> Result<bool, Error> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| self.dummy_hash.clone());
        let right = self.run_blocking(client, move || {
            PasswordHash::new(&known)
                .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(right.await? && exists)
    }

    /// How many passwords wait for a permit.
    pub fn waiting(&self) -> usize {
        self.known.len() + self.unknown.len()
    }

    /// Takes all permits: no hash starts until the returned permit is dropped.
    pub async fn acquire_all_permits(&self) -> Option<OwnedSemaphorePermit> {
        let permits = Arc::clone(&self.permits);
        permits.acquire_many_owned(self.permit_count).await.ok()
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        client: PasswordClient<'_>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (waiting, unknown_permit) = match client {
            PasswordClient::Known(user) => {
                let key = Some((user.to_string(), ACCOUNT_WAITING_MAX));
                (self.known.enter(key)?, None)
            }
            PasswordClient::Linked => (self.known.enter(None)?, None),
            PasswordClient::Unknown(network) => {
                let key = network
                    .site()
                    .map(|site| (site.to_owned(), SITE_WAITING_MAX));
                let waiting = self.unknown.enter(key)?;
                let permit = Arc::clone(&self.unknown_permits).acquire_owned().await;
                (waiting, Some(permit.map_err(|_| Error::Busy)?))
            }
        };
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        drop(waiting);
        let permit = permit.map_err(|_| Error::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((permit, unknown_permit));
            done
        });
        done.await.map_err(|_| Error::Busy)
    }
}

/// Counts waiting clients: in all, and by site or account.
#[derive(Debug, Default)]
struct HashQueue {
    all: AtomicUsize,
    by_key: Mutex<HashMap<String, usize>>,
}

impl HashQueue {
    fn len(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Enters the queue, unless it is full or its limit for this key is reached.
    fn enter(&self, key: Option<(String, usize)>) -> Result<QueueEntry<'_>, Error> {
        if self.all.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        // From here on, dropping the entry decrements the counts.
        let mut waiting = QueueEntry {
            queue: self,
            key: None,
        };
        if let Some((key, most)) = key {
            let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
            let count = by_key.entry(key.clone()).or_default();
            if *count >= most {
                drop(by_key);
                return Err(Error::Busy);
            }
            *count += 1;
            drop(by_key);
            waiting.key = Some(key);
        }
        Ok(waiting)
    }
}

/// A place in the queue, released when it is dropped.
struct QueueEntry<'q> {
    queue: &'q HashQueue,
    key: Option<String>,
}

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        self.queue.all.fetch_sub(1, Ordering::Relaxed);
        let Some(key) = self.key.take() else { return };
        let by_key = self.queue.by_key.lock();
        let mut by_key = by_key.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_key.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                by_key.remove(&key);
            }
        }
    }
}

/// Argon2id, version 0x13, 19 MiB, two passes, one lane: what the crate has as its default and the
/// OWASP Password Storage Cheat Sheet recommends.
fn argon2() -> Argon2<'static> {
    Argon2::default()
}

#[expect(
    clippy::expect_used,
    reason = "the parameters are constants, and the salt is made here"
)]
fn hash(password: &str) -> String {
    let hash = argon2().hash_password(password.as_bytes());
    hash.expect("argon2 with its own parameters").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_verifies_its_password_and_no_hash_verifies_none() {
        let hasher = Hasher::default();
        let hash = || hasher.hash(PasswordClient::Linked, "correct horse".to_owned());
        let one = hash().await.unwrap();
        let two = hash().await.unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        let check = |text: &str, hash: Option<&String>| {
            hasher.verify(PasswordClient::Linked, text.to_owned(), hash.cloned())
        };
        assert!(check("correct horse", Some(&one)).await.unwrap());
        assert!(!check("battery staple", Some(&one)).await.unwrap());
        assert!(!check("correct horse", None).await.unwrap());
        assert!(
            !check("correct horse", Some(&"broken".to_owned()))
                .await
                .unwrap()
        );
    }

    fn site(number: u8) -> Network {
        Network::of([198, 51, number, 1].into())
    }

    /// How many of these concurrent hashes were computed.
    async fn count_hashed<'n>(
        hasher: &Hasher,
        clients: impl Iterator<Item = PasswordClient<'n>>,
    ) -> usize {
        let hashes = clients.map(|client| hasher.hash(client, "x".to_owned()));
        let done = futures_util::future::join_all(hashes).await;
        done.iter().filter(|it| it.is_ok()).count()
    }

    #[tokio::test]
    async fn a_full_queue_rejects_clients() {
        let hasher = Hasher::on(2);
        let nowhere = Network::default();
        let all = (0..WAITING_MAX * 2).map(|_| PasswordClient::Unknown(&nowhere));
        let count = count_hashed(&hasher, all).await;
        assert!((WAITING_MAX..WAITING_MAX * 2).contains(&count), "{count}");
        let (one, other) = (site(1), site(2));
        let queued = (0..SITE_WAITING_MAX * 4).map(|_| PasswordClient::Unknown(&one));
        let queued = queued.chain([PasswordClient::Unknown(&other)]);
        let count = count_hashed(&hasher, queued).await;
        assert!(
            (SITE_WAITING_MAX + 1..SITE_WAITING_MAX * 3).contains(&count),
            "{count}"
        );
        let of_one = (0..ACCOUNT_WAITING_MAX * 4).map(|_| PasswordClient::Known(UserId::new(1)));
        let of_one = of_one.chain([PasswordClient::Known(UserId::new(2))]);
        let count = count_hashed(&hasher, of_one).await;
        assert!(
            (ACCOUNT_WAITING_MAX + 1..ACCOUNT_WAITING_MAX * 3).contains(&count),
            "{count}"
        );
        assert_eq!(hasher.waiting(), 0);
        assert!(hasher.known.by_key.lock().unwrap().is_empty());
        assert!(hasher.unknown.by_key.lock().unwrap().is_empty());
    }

    /// However many unknown clients wait, a known one is next.
    #[tokio::test]
    async fn known_clients_do_not_wait_for_unknown_ones() {
        for cores in [1, 2] {
            let hasher = Hasher::on(cores);
            let sites: Vec<Network> = (0..100).map(site).collect();
            let unknown = sites
                .iter()
                .map(|it| hasher.hash(PasswordClient::Unknown(it), String::new()));
            let known = async {
                while hasher.unknown.len() < WAITING_MAX - cores {
                    tokio::task::yield_now().await;
                }
                for user in 0..3 {
                    let user = PasswordClient::Known(UserId::new(user));
                    hasher.hash(user, String::new()).await.unwrap();
                }
                hasher.unknown.len()
            };
            let (unknown, left) = tokio::join!(futures_util::future::join_all(unknown), known);
            assert!(left > WAITING_MAX / 2, "{left} of them still waited");
            assert!(unknown.iter().any(Result::is_err));
        }
    }
}
