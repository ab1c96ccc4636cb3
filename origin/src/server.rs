//! The listener: HTTP/1.1 and HTTP/2 on one port, bounded, and a stop that finishes what it began.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use ::http::Request;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinHandle,
};

use tower::ServiceExt as _;

use crate::{
    app::App,
    http::{self, Peer},
};

/// The largest head of a request: line and headers together.
const HEAD_MAX: usize = 64 * 1_024;
/// The most headers of a request.
const HEADERS_MAX: usize = 100;
/// The most requests that one HTTP/2 connection has in flight.
const STREAMS_MAX: u32 = 250;
/// How many connections may wait to be accepted: thousands come at once when a load balancer starts, and one
/// for which there is no room tries again a second later. The system may allow fewer.
const BACKLOG: u32 = 8_192;
/// How long to wait after the system could not accept a connection, for example for want of file
/// descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Binds the configured address, with a sentence that says what to do when it is taken.
pub fn bind(app: &App) -> Result<TcpListener, String> {
    bind_to(app.config.listen, "--listen")
}

/// Binds the operators' address, if there is one.
pub fn bind_operators(app: &App) -> Result<Option<TcpListener>, String> {
    let address = app.config.net.ops_listen.0;
    let bound = address.map(|address| bind_to(address, "--ops-listen"));
    bound.transpose()
}

fn bind_to(address: SocketAddr, flag: &str) -> Result<TcpListener, String> {
    listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another program; choose another with {flag}")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A server that is started anew need not wait until the system has forgotten the last one's connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The operators' listener, which answers until it is stopped.
#[derive(Debug)]
pub struct Operators {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Operators {
    /// Answers in a task of its own.
    pub fn start(app: &App, listener: TcpListener) -> Self {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(listen = %address, "answering operators");
        }
        let (stop, stopped) = oneshot::channel();
        let app = app.clone();
        let task = tokio::spawn(async move {
            let router = http::operators(&app);
            let stopped = async {
                stopped.await.ok();
            };
            serve(&app, router, listener, stopped).await;
        });
        Self { task, stop }
    }

    /// Stops answering.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        // It ends by itself, or has failed and is over.
        let _ = self.task.await;
    }
}

/// Serves until `stop` ends, then finishes the requests in flight within the configured time.
pub async fn serve(
    app: &App,
    router: Router,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(app.config.connections_max));
    let graceful = GracefulShutdown::new();
    let builder = builder(app);
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                // Every request knows who is at the other end of its connection.
                let service = router.clone().map_request(move |mut request: Request<_>| {
                    request.extensions_mut().insert(Peer(peer));
                    request
                });
                let service = TowerToHyperService::new(service);
                let connection =
                    builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                let connection = graceful.watch(connection.into_owned());
                let app = app.clone();
                tokio::spawn(async move {
                    app.metrics.connections.inc();
                    // A connection that breaks off is the client's affair; its requests were logged.
                    let _ = connection.await;
                    app.metrics.connections.dec();
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    finish(app, graceful).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are written whole, so there is nothing to wait for.
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

async fn finish(app: &App, graceful: GracefulShutdown) {
    let limit = Duration::from_millis(app.config.shutdown_ms);
    tracing::info!("stopping: no new connections, finishing what is in flight");
    if tokio::time::timeout(limit, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            limit_ms = app.config.shutdown_ms,
            "some requests did not finish in time"
        );
    }
}

fn builder(app: &App) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(app.config.header_timeout_ms))
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX);
    builder
}
