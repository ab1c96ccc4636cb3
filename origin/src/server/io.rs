//! A connection whose bytes are watched on their way.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{frames::Meter, vitals::Vitals};

/// What a client has to take within the write limit, unless less is left: 16 KiB. One byte at a time is too
/// slow.
const TAKEN_MIN: usize = 16 * 1_024;

/// A connection whose bytes are watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    vitals: Arc<Vitals>,
    meter: Meter,
    /// What was taken since writing was held up.
    taken: usize,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, vitals: Arc<Vitals>) -> Self {
        let meter = Meter::new(vitals.now_ms());
        Self {
            stream,
            vitals,
            meter,
            taken: 0,
        }
    }

    /// Takes note of what became of a write.
    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending if !self.vitals.is_stalled() => {
                self.taken = 0;
                self.vitals.stalled(true);
            }
            Poll::Ready(Ok(bytes)) => {
                self.meter.wrote(*bytes);
                self.taken = self.taken.saturating_add(*bytes);
                if self.taken >= TAKEN_MIN {
                    self.flushed();
                }
            }
            _ => {}
        }
    }

    fn flushed(&mut self) {
        self.taken = 0;
        if self.vitals.is_stalled() {
            self.vitals.stalled(false);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let known = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let bytes = &buffer.filled()[known..];
        match this.meter.read(bytes, this.vitals.now_ms()) {
            Ok(true) => this.vitals.head_begun(),
            Ok(false) => {}
            Err(flood) => {
                this.vitals.flooded();
                return Poll::Ready(Err(io::Error::other(flood)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
        // Whoever flushes has nothing left to write.
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
    use crate::server::vitals::{Ticks, TimeLimits};

    const LIMITS: TimeLimits = TimeLimits {
        head_ms: 1_000_000,
        idle_ms: 1_000_000,
        write_ms: 30_000,
    };

    /// A client that takes so much every ten seconds: whether it gets all of it before it is due to be ended.
    async fn gets_it_all(bytes: usize, length: usize) -> bool {
        let (ours, mut theirs) = tokio::io::duplex(1_024);
        let ticks = Ticks::manual();
        let vitals = Arc::new(Vitals::new(ticks.clone(), LIMITS));
        let mut watched = Watched::new(ours, Arc::clone(&vitals));
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
                // What is not there yet comes later.
                let _ = theirs.read(byte).now_or_never();
                tokio::task::yield_now().await;
            }
            if vitals.due().0 <= vitals.now_ms() {
                return false;
            }
            ticks.pass(10_000);
        }
    }

    #[tokio::test]
    async fn who_reads_too_slowly_is_ended_and_who_reads_is_not() {
        assert!(!gets_it_all(1, 100_000).await);
        assert!(!gets_it_all(4_000, 100_000).await);
        assert!(gets_it_all(10_000, 100_000).await);
        // What fits is written, however slowly it is read.
        assert!(gets_it_all(1, 1_000).await);
    }
}
