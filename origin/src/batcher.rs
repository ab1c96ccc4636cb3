//! A batcher (group commit): jobs that arrive at the same time run together, in one transaction,
//! and each caller gets the result of its own job.
//!
//! There is no background task. A caller that finds no batch running takes all queued jobs, its own
//! included, and runs them; meanwhile the next batch gathers. Callers that have just got their
//! results often submit again at once. So if the last batch was large, the next one waits a moment
//! for them, because two half batches cost more than a full one. A batch runs in its own task, so
//! that a client that disconnects does not cancel the jobs of others.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use shared::problem::Problem;
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use crate::db;

/// The longest time that a batch waits until it is as large as the last one.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// A batcher for jobs `J` with results `A`.
#[derive(Debug)]
pub struct Batcher<J, A> {
    queue: Arc<Mutex<Vec<Submission<J, A>>>>,
    running: Arc<AsyncMutex<()>>,
    /// The jobs of the last batch, and those that were queued when it ended.
    last_batch_size: Arc<AtomicUsize>,
    batch_max: usize,
}

#[derive(Debug)]
struct Submission<J, A> {
    job: J,
    answer: oneshot::Sender<A>,
}

/// The batch of this job could not be committed, with the problem for its client.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the batch could not be written")]
pub struct NotWritten(pub Box<Problem>);

/// The batch ended without a result for this job: it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was cancelled")]
pub struct BatchAborted;

/// Commits a batch and retries it on conflicts. If it cannot be written, every job has failed with
/// the same problem, which is logged once.
pub async fn commit_batch<J, D, T, E, W>(
    jobs: &[J],
    try_commit: impl Fn() -> W,
    is_conflict: impl Fn(&E) -> bool,
) -> Result<Vec<D>, Vec<Result<T, E>>>
where
    E: Into<Problem> + From<NotWritten>,
    W: Future<Output = Result<Vec<D>, E>>,
{
    let committed = db::retry_on_conflict(try_commit, is_conflict).await;
    committed.map_err(|error| {
        let not_written = NotWritten(Box::new(error.into()));
        let failed = jobs.iter().map(|_| Err(not_written.clone().into()));
        failed.collect()
    })
}

impl<J: Send + 'static, A: Send + 'static> Batcher<J, A> {
    /// A batcher with at most so many jobs in a batch.
    pub fn new(batch_max: usize) -> Self {
        Self {
            queue: Arc::default(),
            running: Arc::default(),
            last_batch_size: Arc::default(),
            batch_max: batch_max.max(1),
        }
    }

    /// Submits a job and waits for its result. `work` returns the results in the order of the jobs.
    pub async fn submit<F, W>(&self, job: J, work: F) -> Result<A, BatchAborted>
    where
        F: Fn(Vec<J>) -> W,
        W: Future<Output = Vec<A>> + Send + 'static,
    {
        let (answer, mut answered) = oneshot::channel();
        lock(&self.queue).push(Submission { job, answer });
        loop {
            let running = tokio::select! {
                biased;
                answer = &mut answered => return answer.map_err(|_| BatchAborted),
                running = Arc::clone(&self.running).lock_owned() => running,
            };
            self.gather().await;
            let (jobs, answers): (Vec<_>, Vec<_>) = self
                .take()
                .into_iter()
                .map(|it| (it.job, it.answer))
                .unzip();
            if jobs.is_empty() {
                drop(running);
                return answered.await.map_err(|_| BatchAborted);
            }
            let batch = work(jobs);
            let (last_batch_size, queue) =
                (Arc::clone(&self.last_batch_size), Arc::clone(&self.queue));
            tokio::spawn(async move {
                let count = answers.len();
                for (to, answer) in answers.into_iter().zip(batch.await) {
                    // The caller may have been cancelled.
                    let _ = to.send(answer);
                }
                last_batch_size.store(count + lock(&queue).len(), Ordering::Relaxed);
                drop(running);
            });
        }
    }

    /// Whether a batch is running.
    pub fn is_busy(&self) -> bool {
        self.running.try_lock().is_err()
    }

    /// Waits a moment for more jobs, unless the last batch had only one.
    async fn gather(&self) {
        let last_batch_size = self
            .last_batch_size
            .load(Ordering::Relaxed)
            .min(self.batch_max);
        let begun = Instant::now();
        while last_batch_size > 1
            && lock(&self.queue).len() < last_batch_size
            && begun.elapsed() < GATHER_MAX
        {
            tokio::task::yield_now().await;
        }
    }

    /// Takes the next batch from the queue, oldest jobs first.
    fn take(&self) -> Vec<Submission<J, A>> {
        let mut queue = lock(&self.queue);
        let count = queue.len().min(self.batch_max);
        queue.drain(..count).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn concurrent_jobs_are_batched_in_order() {
        let batcher = Arc::new(Batcher::new(8));
        let batches = Arc::new(AtomicUsize::new(0));
        let submissions = (0..64_usize).map(|job| {
            let (batcher, batches) = (Arc::clone(&batcher), Arc::clone(&batches));
            tokio::spawn(async move {
                batcher
                    .submit(job, |jobs| {
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
        let submissions: Vec<_> = submissions.collect();
        for (job, submission) in submissions.into_iter().enumerate() {
            assert_eq!(submission.await.unwrap(), Ok(job * 2));
        }
        assert!(batches.load(Ordering::Relaxed) <= 10);
    }

    #[tokio::test]
    async fn a_cancelled_submission_does_not_cancel_the_batch() {
        let batcher = Arc::new(Batcher::new(8));
        let work = |jobs: Vec<u32>| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            jobs
        };
        let first = batcher.submit(1, work);
        assert!(
            tokio::time::timeout(Duration::from_millis(5), first)
                .await
                .is_err()
        );
        assert_eq!(batcher.submit(2, work).await, Ok(2));
    }

    #[tokio::test]
    async fn a_panicking_batch_is_reported_and_the_batcher_goes_on() {
        let batcher = Batcher::new(8);
        let broken = batcher.submit(0_u32, |jobs| async move {
            assert_ne!(jobs, [0], "this is what is tested");
            jobs
        });
        assert_eq!(broken.await, Err(BatchAborted));
        assert_eq!(batcher.submit(1, |jobs| async move { jobs }).await, Ok(1));
    }
}
