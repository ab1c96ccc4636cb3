//! Passwords as hashes: argon2id (RFC 9106) with OWASP's parameters. Each costs 19 MiB and some tens
//! of milliseconds, so they are made off the async threads, as many at once as there are cores, and
//! who comes when too many wait is told so.
//!
//! Anybody can ask for a hash, from as many networks as they can rent. Clients that are known have places
//! of their own, in the queue and on a core, which no number of unknown ones takes.

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

/// The most unknown clients that wait, and the most known ones.
const WAITING_MAX: usize = 64;
/// The most unknown clients of one site that wait: an IPv6 /48, or an IPv4 /24.
const OF_SITE_MAX: usize = 8;
/// The most that wait for one account whose owner is known.
const OF_ACCOUNT_MAX: usize = 4;

/// Who asks for a hash.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'n> {
    /// Whoever has shown that the account is theirs: a session, a browser that has signed in before, the
    /// link of a message.
    Known(UserId),
    /// Whoever has the link of a message, which is one account's or will be.
    Linked,
    /// Anybody else, in this network.
    Unknown(&'n Network),
}

/// Makes and checks hashes.
#[derive(Debug)]
pub struct Hasher {
    /// As many as there are cores.
    turns: Arc<Semaphore>,
    /// The turns that unknown clients have: one less, if there are several.
    unknown_turns: Arc<Semaphore>,
    turns_in_all: u32,
    known: Queue,
    unknown: Queue,
    /// The hash of nobody's password: checking against it takes as long as against somebody's.
    nobodys: String,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::on(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Hasher {
    fn on(cores: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(cores)),
            unknown_turns: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            turns_in_all: u32::try_from(cores).unwrap_or(u32::MAX),
            known: Queue::default(),
            unknown: Queue::default(),
            nobodys: hash(&crate::secret::token()),
        }
    }

    /// The hash of a password, with a salt of its own.
    pub async fn hash(&self, asker: Asker<'_>, password: String) -> Result<String, Error> {
        self.off_thread(asker, move || hash(&password)).await
    }

    /// Whether this is the password of that hash. Without a hash it is not, which takes as long.
    pub async fn verify(
        &self,
        asker: Asker<'_>,
        password: String,
        known: Option<String>,
    ) -> Result<bool, Error> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| self.nobodys.clone());
        let right = self.off_thread(asker, move || {
            PasswordHash::new(&known)
                .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(right.await? && exists)
    }

    /// How many passwords wait for their turn.
    pub fn waiting(&self) -> usize {
        self.known.len() + self.unknown.len()
    }

    /// Lets no password have its turn any more, until what this gives is dropped.
    pub async fn hold(&self) -> Option<OwnedSemaphorePermit> {
        let turns = Arc::clone(&self.turns);
        turns.acquire_many_owned(self.turns_in_all).await.ok()
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        asker: Asker<'_>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (waiting, unknown_turn) = match asker {
            Asker::Known(user) => {
                let key = Some((user.to_string(), OF_ACCOUNT_MAX));
                (self.known.wait(key)?, None)
            }
            Asker::Linked => (self.known.wait(None)?, None),
            Asker::Unknown(network) => {
                let key = network.site().map(|site| (site.to_owned(), OF_SITE_MAX));
                let waiting = self.unknown.wait(key)?;
                let turn = Arc::clone(&self.unknown_turns).acquire_owned().await;
                (waiting, Some(turn.map_err(|_| Error::Busy)?))
            }
        };
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        drop(waiting);
        let turn = turn.map_err(|_| Error::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, unknown_turn));
            done
        });
        done.await.map_err(|_| Error::Busy)
    }
}

/// Those who wait: all of them, and how many of each site or account.
#[derive(Debug, Default)]
struct Queue {
    all: AtomicUsize,
    of: Mutex<HashMap<String, usize>>,
}

impl Queue {
    fn len(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Waits, unless too many do; of this key at most so many.
    fn wait(&self, key: Option<(String, usize)>) -> Result<Waiting<'_>, Error> {
        if self.all.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        // From here on dropping it counts back.
        let mut waiting = Waiting {
            queue: self,
            key: None,
        };
        if let Some((key, most)) = key {
            let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            let count = of.entry(key.clone()).or_default();
            if *count >= most {
                drop(of);
                return Err(Error::Busy);
            }
            *count += 1;
            drop(of);
            waiting.key = Some(key);
        }
        Ok(waiting)
    }
}

/// Somebody who waits, until they do not any more.
struct Waiting<'q> {
    queue: &'q Queue,
    key: Option<String>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.all.fetch_sub(1, Ordering::Relaxed);
        let Some(key) = self.key.take() else { return };
        let of = self.queue.of.lock();
        let mut of = of.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = of.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                of.remove(&key);
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
    async fn a_password_is_known_by_its_hash_and_nobody_has_one() {
        let hasher = Hasher::default();
        let hash = || hasher.hash(Asker::Linked, "correct horse".to_owned());
        let one = hash().await.unwrap();
        let two = hash().await.unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        let check = |text: &str, hash: Option<&String>| {
            hasher.verify(Asker::Linked, text.to_owned(), hash.cloned())
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

    /// How many of so many at once were answered.
    async fn answered<'n>(hasher: &Hasher, askers: impl Iterator<Item = Asker<'n>>) -> usize {
        let asks = askers.map(|asker| hasher.hash(asker, "x".to_owned()));
        let done = futures_util::future::join_all(asks).await;
        done.iter().filter(|it| it.is_ok()).count()
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_told_so() {
        let hasher = Hasher::on(2);
        let nowhere = Network::default();
        let all = (0..WAITING_MAX * 2).map(|_| Asker::Unknown(&nowhere));
        let count = answered(&hasher, all).await;
        assert!((WAITING_MAX..WAITING_MAX * 2).contains(&count), "{count}");
        let (one, other) = (site(1), site(2));
        let asks = (0..OF_SITE_MAX * 4).map(|_| Asker::Unknown(&one));
        let asks = asks.chain([Asker::Unknown(&other)]);
        let count = answered(&hasher, asks).await;
        assert!(
            (OF_SITE_MAX + 1..OF_SITE_MAX * 3).contains(&count),
            "{count}"
        );
        let of_one = (0..OF_ACCOUNT_MAX * 4).map(|_| Asker::Known(UserId::new(1)));
        let of_one = of_one.chain([Asker::Known(UserId::new(2))]);
        let count = answered(&hasher, of_one).await;
        assert!(
            (OF_ACCOUNT_MAX + 1..OF_ACCOUNT_MAX * 3).contains(&count),
            "{count}"
        );
        assert_eq!(hasher.waiting(), 0);
        assert!(hasher.known.of.lock().unwrap().is_empty());
        assert!(hasher.unknown.of.lock().unwrap().is_empty());
    }

    /// However many unknown clients wait, one that is known is next.
    #[tokio::test]
    async fn who_is_known_does_not_wait_for_who_is_not() {
        for cores in [1, 2] {
            let hasher = Hasher::on(cores);
            let sites: Vec<Network> = (0..100).map(site).collect();
            let crowd = sites
                .iter()
                .map(|it| hasher.hash(Asker::Unknown(it), String::new()));
            let known = async {
                while hasher.unknown.len() < WAITING_MAX - cores {
                    tokio::task::yield_now().await;
                }
                for user in 0..3 {
                    let user = Asker::Known(UserId::new(user));
                    hasher.hash(user, String::new()).await.unwrap();
                }
                hasher.unknown.len()
            };
            let (crowd, left) = tokio::join!(futures_util::future::join_all(crowd), known);
            assert!(left > WAITING_MAX / 2, "{left} of them still waited");
            assert!(crowd.iter().any(Result::is_err));
        }
    }
}
