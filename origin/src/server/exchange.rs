//! A request on a connection, from its head to the end of its response body.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::activity::ConnectionActivity;

/// A request in flight; it ends when this is dropped.
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

    /// Wraps the response body; the request ends with it.
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

/// A response body that records when hyper polls it.
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
            // While the handler produces the frame, the client is not the slow one.
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
