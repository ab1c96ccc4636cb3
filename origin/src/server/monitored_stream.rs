//! A connection whose reads and writes update its activity and its frame budget.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{activity::ConnectionActivity, frame_budget::FrameBudget};

/// The bytes that a client has to receive within the write time limit, unless fewer remain. Less is
/// no progress: a client must not hold a connection by reading one byte at a time.
const PROGRESS_MIN: usize = 16 * 1_024;

/// A monitored connection.
#[derive(Debug)]
pub(super) struct MonitoredStream<S> {
    stream: S,
    activity: Arc<ConnectionActivity>,
    budget: FrameBudget,
    /// The bytes written since writing stalled.
    progress: usize,
}

impl<S> MonitoredStream<S> {
    pub(super) fn new(stream: S, activity: Arc<ConnectionActivity>) -> Self {
        let budget = FrameBudget::new(activity.now_ms());
        Self {
            stream,
            activity,
            budget,
            progress: 0,
        }
    }

    /// Records the result of a write.
    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending if !self.activity.is_stalled() => {
                self.progress = 0;
                self.activity.set_stalled(true);
            }
            Poll::Ready(Ok(bytes)) => {
                self.budget.wrote(*bytes);
                self.progress = self.progress.saturating_add(*bytes);
                if self.progress >= PROGRESS_MIN {
                    self.flushed();
                }
            }
            _ => {}
        }
    }

    fn flushed(&mut self) {
        self.progress = 0;
        if self.activity.is_stalled() {
            self.activity.set_stalled(false);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MonitoredStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let bytes = &buffer.filled()[filled..];
        match this.budget.read(bytes, this.activity.now_ms()) {
            Ok(true) => this.activity.on_request_bytes(),
            Ok(false) => {}
            Err(flood) => {
                this.activity.set_flooded();
                return Poll::Ready(Err(io::Error::other(flood)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MonitoredStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        // After a flush nothing is left to write.
        if flushed.is_ready() {
            this.flushed();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, poll};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::server::activity::{MonotonicClock, TimeLimits};

    const LIMITS: TimeLimits = TimeLimits {
        head_ms: 1_000_000,
        idle_ms: 1_000_000,
        write_ms: 30_000,
    };

    /// Whether a client that reads this many bytes every ten seconds receives the body in time.
    async fn receives_in_time(bytes: usize, length: usize) -> bool {
        let (ours, mut theirs) = tokio::io::duplex(1_024);
        let clock = MonotonicClock::manual();
        let activity = Arc::new(ConnectionActivity::new(clock.clone(), LIMITS));
        let mut watched = MonitoredStream::new(ours, Arc::clone(&activity));
        let body = vec![7; length];
        let writes = async {
            watched.write_all(&body).await.unwrap();
            watched.flush().await.unwrap();
        };
        tokio::pin!(writes);
        let mut buffer = vec![0; bytes];
        loop {
            for byte in buffer.chunks_mut(512) {
                if poll!(&mut writes).is_ready() {
                    return true;
                }
                // A byte that has not arrived yet is read in a later round.
                let _ = theirs.read(byte).now_or_never();
                tokio::task::yield_now().await;
            }
            if activity.deadline().0 <= activity.now_ms() {
                return false;
            }
            clock.pass(10_000);
        }
    }

    #[tokio::test]
    async fn slow_readers_are_disconnected() {
        assert!(!receives_in_time(1, 100_000).await);
        assert!(!receives_in_time(4_000, 100_000).await);
        assert!(receives_in_time(10_000, 100_000).await);
        // A body that fits into the buffer is written regardless of the reader.
        assert!(receives_in_time(1, 1_000).await);
    }
}
