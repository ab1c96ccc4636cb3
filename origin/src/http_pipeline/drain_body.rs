//! Reads the rest of a request body that the handler did not read. If a server responds and closes
//! the connection while the client still sends, the connection is reset and the client may lose the
//! response (RFC 9112 §9.6).

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody as _},
    extract::Request,
    middleware::Next,
    response::Response,
};
use futures_util::{Stream as _, StreamExt as _, stream::poll_fn};
use http::{Version, header::EXPECT};

use crate::media;

/// The most bytes to drain: the size of the largest body that any route accepts.
const BYTES_MAX: u64 = media::FILE_MAX;
/// The longest time to drain a body.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Responds at once, and drains the request body in the background.
pub async fn drain_body(request: Request, next: Next) -> Response {
    // An HTTP/2 stream is reset on its own, after its response.
    if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let rest = Arc::new(Mutex::new(UnreadBody {
        stream: body.into_data_stream(),
        expected: !parts.headers.contains_key(EXPECT),
        ended: false,
    }));
    let taken = Arc::clone(&rest);
    let body = Body::from_stream(poll_fn(move |context| poll(&taken, context)));
    let response = next.run(Request::from_parts(parts, body)).await;
    if is_unread(&rest) {
        tokio::spawn(async move {
            // After the time limit hyper closes the connection.
            let _ = tokio::time::timeout(TIME_MAX, read(&rest, BYTES_MAX)).await;
        });
    }
    response
}

struct UnreadBody {
    stream: BodyDataStream,
    /// Whether the client sends the body: with `Expect: 100-continue` it waits until somebody
    /// reads.
    expected: bool,
    ended: bool,
}

type Chunk = Option<Result<Bytes, axum::Error>>;

fn poll(rest: &Mutex<UnreadBody>, context: &mut Context<'_>) -> Poll<Chunk> {
    let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
    rest.expected = true;
    let chunk = std::pin::Pin::new(&mut rest.stream).poll_next(context);
    rest.ended |= matches!(chunk, Poll::Ready(None | Some(Err(_))));
    chunk
}

fn is_unread(rest: &Mutex<UnreadBody>) -> bool {
    let rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
    rest.expected && !rest.ended
}

async fn read(rest: &Mutex<UnreadBody>, mut left: u64) {
    while let Some(Ok(chunk)) = poll_fn(|context| poll(rest, context)).next().await {
        match left.checked_sub(chunk.len() as u64) {
            Some(fewer) => left = fewer,
            None => return,
        }
    }
}
