//! A desk: work that arrives at the same time is done together, in one transaction, and each who
//! asked gets an answer of their own.
//!
//! There is no task that waits for work. Whoever finds nobody at the desk takes everything that lies
//! there, their own included, and sees it through; meanwhile the next batch gathers. Those who were
//! answered just now often come back at once: where there is a crowd, a batch waits a moment for them,
//! because two half batches cost more than a whole one. A batch runs in a task of its own, so that a
//! client who hangs up takes nobody's work along.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Mutex as Turn, oneshot};

/// The longest that a batch waits for the rest of a crowd.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// A desk for jobs `J` with answers `A`.
#[derive(Debug)]
pub struct Desk<J, A> {
    waiting: Arc<Mutex<Vec<Waiting<J, A>>>>,
    turn: Arc<Turn<()>>,
    /// How many were at the desk when the last batch ended: those who were answered, and those who
    /// had come meanwhile.
    crowd: Arc<AtomicUsize>,
    batch_max: usize,
}

#[derive(Debug)]
struct Waiting<J, A> {
    job: J,
    answer: oneshot::Sender<A>,
}

/// The batch ended without an answer, which means that it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was cancelled")]
pub struct BrokenOff;

impl<J: Send + 'static, A: Send + 'static> Desk<J, A> {
    /// A desk that does so many jobs at once, at most.
    pub fn new(batch_max: usize) -> Self {
        Self {
            waiting: Arc::default(),
            turn: Arc::default(),
            crowd: Arc::default(),
            batch_max: batch_max.max(1),
        }
    }

    /// Puts a job on the desk and waits for its answer. `work` answers jobs in their order.
    pub async fn ask<F, W>(&self, job: J, work: F) -> Result<A, BrokenOff>
    where
        F: Fn(Vec<J>) -> W,
        W: Future<Output = Vec<A>> + Send + 'static,
    {
        let (answer, mut answered) = oneshot::channel();
        lock(&self.waiting).push(Waiting { job, answer });
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.map_err(|_| BrokenOff),
                turn = Arc::clone(&self.turn).lock_owned() => turn,
            };
            self.gather().await;
            let (jobs, answers): (Vec<_>, Vec<_>) = self
                .take()
                .into_iter()
                .map(|waiting| (waiting.job, waiting.answer))
                .unzip();
            if jobs.is_empty() {
                drop(turn);
                return answered.await.map_err(|_| BrokenOff);
            }
            let batch = work(jobs);
            let (crowd, waiting) = (Arc::clone(&self.crowd), Arc::clone(&self.waiting));
            tokio::spawn(async move {
                let count = answers.len();
                for (to, answer) in answers.into_iter().zip(batch.await) {
                    // Who has hung up needs no answer.
                    let _ = to.send(answer);
                }
                crowd.store(count + lock(&waiting).len(), Ordering::Relaxed);
                drop(turn);
            });
        }
    }

    /// Whether somebody is at the desk.
    pub fn is_busy(&self) -> bool {
        self.turn.try_lock().is_err()
    }

    /// Waits a moment for the rest of a crowd. Who is alone does not wait.
    async fn gather(&self) {
        let crowd = self.crowd.load(Ordering::Relaxed).min(self.batch_max);
        let begun = Instant::now();
        while crowd > 1 && lock(&self.waiting).len() < crowd && begun.elapsed() < GATHER_MAX {
            tokio::task::yield_now().await;
        }
    }

    /// What lies there, the first ones first.
    fn take(&self) -> Vec<Waiting<J, A>> {
        let mut waiting = lock(&self.waiting);
        let count = waiting.len().min(self.batch_max);
        waiting.drain(..count).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_arrives_together_is_done_together_and_in_order() {
        let desk = Arc::new(Desk::new(8));
        let batches = Arc::new(AtomicUsize::new(0));
        let asks = (0..64_usize).map(|job| {
            let (desk, batches) = (Arc::clone(&desk), Arc::clone(&batches));
            tokio::spawn(async move {
                desk.ask(job, |jobs| {
                    let batches = Arc::clone(&batches);
                    async move {
                        assert!(jobs.is_sorted() && jobs.len() <= 8);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        batches.fetch_add(1, Ordering::Relaxed);
                        jobs.into_iter().map(|job| job * 2).collect()
                    }
                })
                .await
            })
        });
        let asks: Vec<_> = asks.collect();
        for (job, ask) in asks.into_iter().enumerate() {
            assert_eq!(ask.await.unwrap(), Ok(job * 2));
        }
        assert!(batches.load(Ordering::Relaxed) <= 10);
    }

    #[tokio::test]
    async fn who_hangs_up_takes_nobodys_work_along() {
        let desk = Arc::new(Desk::new(8));
        let work = |jobs: Vec<u32>| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            jobs
        };
        let first = desk.ask(1, work);
        assert!(
            tokio::time::timeout(Duration::from_millis(5), first)
                .await
                .is_err()
        );
        assert_eq!(desk.ask(2, work).await, Ok(2));
    }

    #[tokio::test]
    async fn a_batch_that_panics_is_said_and_the_desk_goes_on() {
        let desk = Desk::new(8);
        let broken = desk.ask(0_u32, |jobs| async move {
            assert_ne!(jobs, [0], "this is what is tested");
            jobs
        });
        assert_eq!(broken.await, Err(BrokenOff));
        assert_eq!(desk.ask(1, |jobs| async move { jobs }).await, Ok(1));
    }
}
