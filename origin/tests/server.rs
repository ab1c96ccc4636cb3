//! The listener, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use std::{net::SocketAddr, time::Duration};

use axum::body::{Body, Bytes};
use clap::{Args, FromArgMatches};
use origin::{app::App, clock::Clock, config::Config, db, server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

struct Running {
    app: App,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

/// A shop on a free port, with an additional route that responds when the test tells it to.
async fn running(flags: &[&str]) -> (Running, oneshot::Sender<()>) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let args = ["origin", "--listen", "127.0.0.1:0", "--data-dir", &data];
    let matches = Config::augment_args(clap::Command::new("origin"))
        .get_matches_from(args.iter().chain(flags));
    let config = Config::from_arg_matches(&matches).unwrap();
    let app = App::connect(config, support::assets(), Clock::System)
        .await
        .unwrap();
    db::migrate(&app.db).await.unwrap();
    app.lease().await.unwrap();
    let (release, released) = oneshot::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(Some(released)));
    let slow = axum::routing::get(move || {
        let released = released.lock().unwrap().take();
        async move {
            if let Some(released) = released {
                released.await.ok();
            }
            "finished"
        }
    });
    let router = origin::http_pipeline::router(&app)
        .route("/slow", slow)
        .route("/endless", axum::routing::get(async || endless()));
    let listener = server::bind(&app).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = app.clone();
    let served = tokio::spawn(async move {
        let stopped = async {
            stopped.await.ok();
        };
        server::serve(&app, router, listener, stopped).await;
    });
    (
        Running {
            app: running,
            address,
            stop,
            served,
            _folder: folder,
        },
        release,
    )
}

/// A body that is larger than all buffers between server and client.
fn endless() -> Body {
    let part = Bytes::from_static(&[b'x'; 65_536]);
    Body::from_stream(futures_util::stream::repeat_with(move || {
        Ok::<_, std::io::Error>(part.clone())
    }))
}

/// Awaits a future, and fails the test after a time limit.
async fn within_time_limit<T>(what: &str, it: impl Future<Output = T>) -> T {
    let time_limit = Duration::from_secs(60);
    tokio::time::timeout(time_limit, it).await.expect(what)
}

impl Running {
    /// Waits until every connection is closed.
    async fn wait_until_closed(&self, what: &str) {
        let closed = async {
            while self.app.metrics.connections.get() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within_time_limit(what, closed).await;
    }

    /// The number of connections that the server closed for a reason.
    async fn closed_for(&self, reason: &str) -> u64 {
        let memory = self
            .app
            .memory
            .as_deref()
            .map(origin::cache::MemoryCache::size);
        let text = self
            .app
            .metrics
            .render(&self.app.db, memory, false)
            .unwrap();
        let name = format!("http_connections_cut_total{{reason=\"{reason}\"}} ");
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix(&name)?.parse().ok());
        count.unwrap_or(0)
    }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn a_graceful_shutdown_finishes_requests_and_accepts_none() {
    let (running, release) = running(&[]).await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    // Once a later request has its response, the server has received the first one.
    let health = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&exchange(running.address, health).await), "200");
    running.stop.send(()).unwrap();
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.served.is_finished());
    release.send(()).unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("finished"),
        "{answer}"
    );
    running.served.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_block_the_shutdown() {
    let (running, _tell) = running(&["--shutdown-ms", "50"]).await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let health = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    exchange(running.address, health).await;
    running.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), running.served)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_client_with_slow_headers_is_disconnected() {
    let (running, _tell) = running(&["--header-timeout-ms", "50"]).await;
    let answer = exchange(running.address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await;
    assert!(answer.is_empty() || status(&answer) == "408", "{answer}");
}

#[tokio::test]
async fn malformed_and_huge_heads_get_a_4xx() {
    let (running, _tell) = running(&[]).await;
    let long_line = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    let long_header = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "x".repeat(70_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "x: y\r\n".repeat(200)
    );
    for request in [
        "NONSENSE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        &long_line,
        &long_header,
        &many,
    ] {
        let answer = exchange(running.address, request.as_bytes()).await;
        assert!(
            status(&answer).starts_with('4'),
            "{request:.60}: {answer:.80}"
        );
    }
}

#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    let (running, _tell) = running(&[]).await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/healthz", running.address));
    let request = request.body(Body::empty()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_flag_that_changes_it() {
    let (running, _tell) = running(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = support::config(folder.path(), "sqlite::memory:");
    config.listen = running.address;
    let app = App::connect(config, support::assets(), Clock::System)
        .await
        .unwrap();
    let error = server::bind(&app).unwrap_err();
    assert!(error.contains(&running.address.to_string()), "{error}");
    assert!(error.contains("--listen"), "{error}");
}

/// A client whose request body is not read still gets the response, and can reuse the connection.
#[tokio::test]
async fn an_unread_request_body_does_not_lose_the_response() {
    let (running, _tell) = running(&[]).await;
    let body = vec![b'x'; 3 * 1_024 * 1_024];
    for (path, expected) in [
        ("/nothing", "404"),
        ("/api/v1/account/login", "413"),
        ("/cart", "405"),
    ] {
        let head = |method: &str, length: usize, rest: &str| {
            format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n{rest}\r\n"
            )
        };
        for _ in 0..5 {
            let first = head("PUT", body.len(), "").replace("PUT /api", "POST /api");
            let next = head("PUT", 0, "connection: close\r\n");
            let request = [first.as_bytes(), &body, next.as_bytes()].concat();
            let answers = exchange(running.address, &request).await;
            assert_eq!(status(&answers), expected, "{path}");
            assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{path}: {answers}");
        }
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
/// A request head that announces a longer body than the client sends.
const HALF_HEADERS: &[u8] = &[0, 0, 90, 1, 4, 0, 0, 0, 1, 0x82];

/// A client that stops sending is disconnected, at any point of a request.
#[tokio::test]
async fn silent_clients_are_disconnected() {
    let (running, _tell) = running(&["--header-timeout-ms", "50"]).await;
    let half = &PREFACE[..9];
    for (what, sent) in [
        ("nothing", vec![]),
        ("one byte", vec![&b"G"[..]]),
        ("half a preface", vec![half]),
        ("a preface", vec![PREFACE]),
        ("settings", vec![PREFACE, SETTINGS]),
        ("a ping", vec![PREFACE, SETTINGS, PING]),
        ("half a head", vec![PREFACE, SETTINGS, HALF_HEADERS]),
        ("half of HTTP/1", vec![b"GET / HTTP/1.1\r\nhost:"]),
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(&sent.concat()).await.unwrap();
        let mut answer = Vec::new();
        // The connection may be closed or reset.
        let _ = within_time_limit(what, stream.read_to_end(&mut answer)).await;
    }
    running.wait_until_closed("all connections closed").await;
    assert_eq!(running.closed_for("head").await, 8);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (running, _tell) = running(&["--idle-timeout-ms", "50"]).await;
    let answer = exchange(running.address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
    let (mut sender, connection) = http2(running.address).await;
    let request = http::Request::get(format!("http://{}/healthz", running.address));
    let asked = sender.send_request(request.body(Body::empty()).unwrap());
    let (response, ended) = tokio::join!(
        asked,
        within_time_limit("HTTP/2 connection closed", connection)
    );
    assert_eq!(response.unwrap().status(), 200);
    drop(ended);
    running.wait_until_closed("both connections closed").await;
    assert_eq!(running.closed_for("idle").await, 2);
}

type Http2 = hyper::client::conn::http2::SendRequest<Body>;

async fn http2(address: SocketAddr) -> (Http2, impl Future<Output = hyper::Result<()>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap()
}

/// A client that does not read its response is disconnected, and gets no more than was already
/// sent.
#[tokio::test]
async fn a_response_that_is_not_read_closes_the_connection() {
    let (running, _tell) = running(&["--write-timeout-ms", "50"]).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    running.wait_until_closed("HTTP/1 connection closed").await;
    // The flow-control window of one stream is closed, while the connection responds to other
    // frames.
    let (mut sender, connection) = http2(running.address).await;
    let request = http::Request::get(format!("http://{}/endless", running.address));
    let asked = sender.send_request(request.body(Body::empty()).unwrap());
    let connection = tokio::spawn(connection);
    let response = asked.await.unwrap();
    assert_eq!(response.status(), 200);
    let _ = within_time_limit("HTTP/2 connection closed", connection).await;
    drop(response);
    running.wait_until_closed("HTTP/2 connection closed").await;
    assert_eq!(running.closed_for("write").await, 2);
}

#[tokio::test]
async fn a_flood_of_frames_closes_the_connection() {
    let (running, _tell) = running(&[]).await;
    for frame in [PING, SETTINGS] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let (mut reads, mut writes) = stream.split();
        let floods = async {
            writes.write_all(&[PREFACE, SETTINGS].concat()).await?;
            loop {
                writes.write_all(&frame.repeat(100)).await?;
            }
            #[allow(unreachable_code)]
            Ok::<_, std::io::Error>(())
        };
        let reads_on = async { tokio::io::copy(&mut reads, &mut tokio::io::sink()).await };
        let ended = async {
            tokio::select! { it = floods => drop(it), it = reads_on => drop(it) }
        };
        within_time_limit("end of the flood", ended).await;
    }
    running.wait_until_closed("both connections closed").await;
    assert_eq!(running.closed_for("flood").await, 2);
    let health = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&exchange(running.address, health).await), "200");
}

/// Clients with requests are served, however many silent ones are connected; requests in flight
/// continue.
#[tokio::test]
async fn silent_connections_are_evicted_for_new_ones() {
    let (running, release) = running(&["--connections-max", "8"]).await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let health = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&exchange(running.address, health).await), "200");
    let mut silent = Vec::new();
    for number in 0..50 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
        let asked = within_time_limit("response", exchange(running.address, health));
        assert_eq!(status(&asked.await), "200", "{number}");
    }
    assert!(running.closed_for("room").await > 0);
    release.send(()).unwrap();
    let mut answer = [0; 15];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}
