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

use tokio::sync::{Mutex as AsyncMutex, oneshot};

/// The longest that a batch waits for the rest of a crowd.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// A desk for jobs `J` with answers `A`.
#[derive(Debug)]
pub struct Batcher<J, A> {
    queue: Arc<Mutex<Vec<Submission<J, A>>>>,
    running: Arc<AsyncMutex<()>>,
    /// How many were at the desk when the last batch ended: those who were answered, and those who
    /// had come meanwhile.
    last_batch_size: Arc<AtomicUsize>,
    batch_max: usize,
}

#[derive(Debug)]
struct Submission<J, A> {
    job: J,
    answer: oneshot::Sender<A>,
}

/// The batch ended without an answer, which means that it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was cancelled")]
pub struct BatchAborted;

impl<J: Send + 'static, A: Send + 'static> Batcher<J, A> {
    /// A desk that does so many jobs at once, at most.
    pub fn new(batch_max: usize) -> Self {
        Self {
            queue: Arc::default(),
            running: Arc::default(),
            last_batch_size: Arc::default(),
            batch_max: batch_max.max(1),
        }
    }

    /// Puts a job on the desk and waits for its answer. `work` answers jobs in their order.
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
                    // Who has hung up needs no answer.
                    let _ = to.send(answer);
                }
                last_batch_size.store(count + lock(&queue).len(), Ordering::Relaxed);
                drop(running);
            });
        }
    }

    /// Whether somebody is at the desk.
    pub fn is_busy(&self) -> bool {
        self.running.try_lock().is_err()
    }

    /// Waits a moment for the rest of a crowd. Who is alone does not wait.
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

    /// What lies there, the first ones first.
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
