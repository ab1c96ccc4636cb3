//! A request on a connection, from its head to the end of its answer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::activity::ConnectionActivity;

/// A request that is not over yet; it is when this is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    activity: Arc<ConnectionActivity>,
    response: Option<u64>,
}

impl Exchange {
    pub(super) fn new(activity: Arc<ConnectionActivity>) -> Self {
        activity.begin_request();
        let response = None;
        Self { activity, response }
    }

    /// The body of the answer, which ends the request.
    pub(super) fn respond(mut self, body: Body) -> ResponseBody {
        self.response = Some(self.activity.begin_response());
        ResponseBody {
            body,
            exchange: self,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.activity.end_request(self.response);
    }
}

/// A body that is watched while it is taken.
#[derive(Debug)]
pub(super) struct ResponseBody {
    body: Body,
    exchange: Exchange,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let Some(response) = this.exchange.response {
            // While it is made, it is not the client that is slow.
            this.exchange
                .activity
                .poll_response(response, frame.is_pending());
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
