//! A request on a connection, from its head to the end of its answer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::vitals::Vitals;

/// A request that is not over yet; it is when this is dropped.
#[derive(Debug)]
pub(super) struct Asked {
    vitals: Arc<Vitals>,
    answer: Option<u64>,
}

impl Asked {
    pub(super) fn new(vitals: Arc<Vitals>) -> Self {
        vitals.request_begun();
        let answer = None;
        Self { vitals, answer }
    }

    /// The body of the answer, which ends the request.
    pub(super) fn answered(mut self, body: Body) -> WatchedBody {
        self.answer = Some(self.vitals.answer_begun());
        WatchedBody { body, asked: self }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.vitals.request_ended(self.answer);
    }
}

/// A body that is watched while it is taken.
#[derive(Debug)]
pub(super) struct WatchedBody {
    body: Body,
    asked: Asked,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let Some(answer) = this.asked.answer {
            // While it is made, it is not the client that is slow.
            this.asked.vitals.answer_wanted(answer, frame.is_pending());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
