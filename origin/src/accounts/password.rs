//! Passwords as hashes: argon2id (RFC 9106) with OWASP's parameters. Each costs 19 MiB and some tens
//! of milliseconds, so they are made off the async threads, as many at once as there are cores, and
//! who comes when too many wait is told so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// The most that wait.
const WAITING_MAX: usize = 64;

/// Makes and checks hashes.
#[derive(Debug)]
pub struct Hasher {
    turns: Arc<Semaphore>,
    turns_in_all: u32,
    waiting: AtomicUsize,
    /// The hash of nobody's password: checking against it takes as long as against somebody's.
    nobodys: String,
}

impl Default for Hasher {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let turns_in_all = u32::try_from(cores).unwrap_or(u32::MAX);
        Self {
            turns: Arc::new(Semaphore::new(cores)),
            turns_in_all,
            waiting: AtomicUsize::new(0),
            nobodys: hash(&crate::secret::token()),
        }
    }
}

impl Hasher {
    /// The hash of a password, with a salt of its own.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.off_thread(move || hash(&password)).await
    }

    /// Whether this is the password of that hash. Without a hash it is not, which takes as long.
    pub async fn verify(&self, password: String, known: Option<String>) -> Result<bool, Error> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| self.nobodys.clone());
        let right = self.off_thread(move || {
            PasswordHash::new(&known)
                .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(right.await? && exists)
    }

    /// How many passwords wait for their turn.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Lets no password have its turn any more, until what this gives is dropped.
    pub async fn hold(&self) -> Option<OwnedSemaphorePermit> {
        let turns = Arc::clone(&self.turns);
        turns.acquire_many_owned(self.turns_in_all).await.ok()
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let waiting = Waiting::new(&self.waiting)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        drop(waiting);
        let turn = turn.map_err(|_| Error::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| Error::Busy)
    }
}

/// Somebody who waits, until they do not any more.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn new(count: &'w AtomicUsize) -> Result<Self, Error> {
        if count.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            Ok(Self(count))
        } else {
            count.fetch_sub(1, Ordering::Relaxed);
            Err(Error::Busy)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
        let one = hasher.hash("correct horse".to_owned()).await.unwrap();
        let two = hasher.hash("correct horse".to_owned()).await.unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        let check =
            |text: &str, hash: Option<&String>| hasher.verify(text.to_owned(), hash.cloned());
        assert!(check("correct horse", Some(&one)).await.unwrap());
        assert!(!check("battery staple", Some(&one)).await.unwrap());
        assert!(!check("correct horse", None).await.unwrap());
        assert!(
            !check("correct horse", Some(&"broken".to_owned()))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_told_so() {
        let hasher = Arc::new(Hasher::default());
        let asks = (0..WAITING_MAX * 2).map(|_| {
            let hasher = Arc::clone(&hasher);
            async move { hasher.hash("x".to_owned()).await.is_ok() }
        });
        let done = futures_util::future::join_all(asks).await;
        let count = done.iter().filter(|it| **it).count();
        assert!((WAITING_MAX..WAITING_MAX * 2).contains(&count), "{count}");
        assert!(hasher.hash("x".to_owned()).await.is_ok());
    }
}
