//! The listener: HTTP/1.1 and HTTP/2 on one port, with limits, and a graceful shutdown.
//!
//! Invariants: idle connections never keep a client with a request out; a connection without
//! activity is closed after a time limit.

mod activity;
mod exchange;
mod frame_budget;
mod monitored_stream;
mod registry;

use std::{
    convert::Infallible,
    io::{Error, ErrorKind},
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinHandle,
    time::Instant,
};
use tower::ServiceExt as _;

use activity::{CloseReason, ConnectionActivity, MonotonicClock, TimeLimits};
use exchange::Exchange;
use monitored_stream::MonitoredStream;
use registry::{Registration, Registry};

use crate::{
    app::App,
    http_pipeline::{self, FromProxy, Peer},
};

/// The largest head of a request: line and headers together.
const HEAD_MAX: usize = 64 * 1_024;
/// The most headers of a request.
const HEADERS_MAX: usize = 100;
/// The most requests that one HTTP/2 connection has in flight.
const STREAMS_MAX: u32 = 250;
/// The backlog of connections to accept. Thousands come at once when a load balancer starts, and
/// one that does not fit retries a second later. The system may allow fewer.
const BACKLOG: u32 = 8_192;
/// The delay after a failed accept, for example for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// How long to wait for evicted connections to close before more are evicted.
const ROOM_AGAIN: Duration = Duration::from_millis(50);
/// File descriptors for everything but clients: the database, Redis, webhooks, images, operators.
const OTHER_DESCRIPTORS: u64 = 512;

/// Raises the system's limit of open files if necessary, and returns how many of the wanted
/// connections it allows.
pub fn connections_possible(wanted: usize) -> usize {
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX);
    let needed = needed.saturating_add(OTHER_DESCRIPTORS);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return wanted;
    };
    let raised = soft.max(needed.min(hard));
    let allowed = match setrlimit(Resource::RLIMIT_NOFILE, raised, hard) {
        Ok(()) => raised,
        Err(_) => soft,
    };
    if allowed >= needed {
        return wanted;
    }
    // With a very low limit use half of it, or no client could connect.
    let possible = allowed.saturating_sub(OTHER_DESCRIPTORS).max(allowed / 2);
    let possible = usize::try_from(possible).unwrap_or(wanted);
    tracing::warn!(
        wanted,
        possible,
        "the system allows fewer open files than --connections-max needs; raise it (ulimit -n)"
    );
    possible
}

/// Binds the configured address. The error says what to do if it is in use.
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
        ErrorKind::AddrInUse => {
            format!("{address} is in use by another program; choose another with {flag}")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restarted server need not wait until old connections have left TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The operators' listener, which serves until it is stopped.
#[derive(Debug)]
pub struct Operators {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Operators {
    /// Starts serving in a task.
    pub fn start(app: &App, listener: TcpListener) -> Self {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(listen = %address, "serving the operators' listener");
        }
        let (stop, stopped) = oneshot::channel();
        let app = app.clone();
        let task = tokio::spawn(async move {
            let router = http_pipeline::operators(&app);
            let stopped = async {
                stopped.await.ok();
            };
            serve(&app, router, listener, stopped).await;
        });
        Self { task, stop }
    }

    /// Stops serving.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        // The task ends by itself; if it has panicked, that was logged.
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
    let acceptor = Acceptor::new(app);
    let graceful = GracefulShutdown::new();
    let builder = builder();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept(app, &listener) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok(Some(accepted)) => serve_connection(app, &router, &builder, &graceful, accepted),
            Ok(None) => app.metrics.count_closed_connection("network"),
            // The client closed the connection before the accept.
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    finish(app, graceful).await;
}

fn is_the_clients(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

/// Accepts connections within the limits.
#[derive(Debug)]
struct Acceptor {
    permits: Arc<Semaphore>,
    registry: Arc<Registry>,
    clock: MonotonicClock,
    limits: TimeLimits,
}

/// An accepted connection.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    activity: Arc<ConnectionActivity>,
    proxy: Arc<AtomicBool>,
    permit: OwnedSemaphorePermit,
    registration: Registration,
}

impl Acceptor {
    fn new(app: &App) -> Self {
        let config = &app.config;
        Self {
            permits: Arc::new(Semaphore::new(config.connections_max)),
            registry: Arc::new(Registry::new(config.net.connections_per_network)),
            clock: MonotonicClock::Since(Instant::now()),
            limits: TimeLimits {
                head_ms: config.header_timeout_ms,
                idle_ms: config.net.idle_timeout_ms,
                write_ms: config.net.write_timeout_ms,
            },
        }
    }

    /// Accepts the next connection; none if its network has too many.
    async fn accept(&self, app: &App, listener: &TcpListener) -> Result<Option<Accepted>, Error> {
        let permit = self.permit().await?;
        let (stream, peer) = listener.accept().await?;
        // Responses are written whole, so Nagle's algorithm would only delay them. Fails if the
        // client is gone.
        let _ = stream.set_nodelay(true);
        let activity = Arc::new(ConnectionActivity::new(self.clock.clone(), self.limits));
        let is_proxy = http_pipeline::may_be_proxy(&app.config, peer.ip());
        let proxy = Arc::new(AtomicBool::new(is_proxy));
        let registration = self.registry.register(peer.ip(), &activity, &proxy);
        Ok(registration.map(|registration| Accepted {
            stream,
            peer,
            activity,
            proxy,
            permit,
            registration,
        }))
    }

    /// A permit for one more connection. Evicts idle connections if there is none.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return Ok(permit);
            }
            self.registry.make_room();
            let freed = Arc::clone(&self.permits).acquire_owned();
            if let Ok(freed) = tokio::time::timeout(ROOM_AGAIN, freed).await {
                return freed.map_err(Error::other);
            }
        }
    }
}

/// Serves a connection in a task, until it ends or a limit closes it.
fn serve_connection(
    app: &App,
    router: &Router,
    builder: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    accepted: Accepted,
) {
    let Accepted {
        stream,
        peer,
        activity,
        proxy,
        permit,
        registration,
    } = accepted;
    let (router, watched) = (router.clone(), Arc::clone(&activity));
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        let exchange = Exchange::new(Arc::clone(&watched));
        // Every request carries the peer address of its connection.
        request.extensions_mut().insert(Peer(peer));
        request
            .extensions_mut()
            .insert(FromProxy(Arc::clone(&proxy)));
        let response = router.clone().oneshot(request);
        async move {
            let response = response.await?;
            Ok::<_, Infallible>(response.map(|body| exchange.respond(body)))
        }
    });
    let stream = TokioIo::new(MonitoredStream::new(stream, Arc::clone(&activity)));
    let connection = builder.serve_connection(stream, TowerToHyperService::new(service));
    let connection = graceful.watch(connection.into_owned());
    let app = app.clone();
    tokio::spawn(async move {
        app.metrics.connections.inc();
        let reason = tokio::select! {
            // An error of the connection is the client's; its requests were logged.
            _ = connection => activity.is_flooded().then_some(CloseReason::Flood),
            reason = activity.wait_until_due() => Some(reason),
        };
        if let Some(reason) = reason {
            app.metrics.count_closed_connection(reason.as_str());
        }
        app.metrics.connections.dec();
        drop((permit, registration));
    });
}

async fn finish(app: &App, graceful: GracefulShutdown) {
    let limit = Duration::from_millis(app.config.shutdown_ms);
    tracing::info!("stopping: accepting no new connections, finishing requests in flight");
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

/// The settings of HTTP/1.1 and HTTP/2. Time limits are in [`ConnectionActivity`], because hyper's
/// begin only when the protocol is known.
fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX);
    builder
}
