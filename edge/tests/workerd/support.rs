//! Test support: an origin, the built Worker on workerd, and a client.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use shared::edge::{METRICS, PURGE, SIGNED_HEADER, signed_call};

/// A request as the origin received it.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub method: String,
    pub target: String,
    pub fields: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// A response that the origin sends.
#[derive(Clone, Debug)]
pub struct TestResponse {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub delay: Duration,
}

impl TestResponse {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            fields: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    pub fn with_field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Whether the body has no `Content-Length`.
    fn is_chunked(&self) -> bool {
        self.fields.iter().any(|it| it.0 == "Transfer-Encoding")
    }

    pub fn delayed_by(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }
}

/// How the origin behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginHealth {
    Healthy,
    /// Closes every connection.
    Down,
    /// Accepts requests and never responds.
    Hanging,
    /// Responds to everything with 500.
    Failing,
    /// Closes the connection in the middle of each body.
    Truncating,
}

type Handler = dyn Fn(&ReceivedRequest) -> TestResponse + Send + Sync;

pub struct TestOrigin {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<ReceivedRequest>>>,
    health: Arc<Mutex<OriginHealth>>,
}

impl TestOrigin {
    /// Starts an origin that responds with this handler.
    pub fn start(
        handler: impl Fn(&ReceivedRequest) -> TestResponse + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), handler)
    }

    /// The same at a given address.
    pub fn start_at(
        address: SocketAddr,
        handler: impl Fn(&ReceivedRequest) -> TestResponse + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::default();
        let health = Arc::new(Mutex::new(OriginHealth::Healthy));
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, state) = (Arc::clone(&received), Arc::clone(&health));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                let state = Arc::clone(&state);
                thread::spawn(move || serve_connection(stream, &*handler, &log, &state));
            }
        });
        Self {
            address,
            received,
            health,
        }
    }

    /// How many requests for a target were received.
    pub fn request_count(&self, target: &str) -> usize {
        let received = self.received.lock().unwrap();
        received.iter().filter(|it| it.target == target).count()
    }

    /// All requests that were received.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.received.lock().unwrap().clone()
    }

    pub fn set_health(&self, health: OriginHealth) {
        *self.health.lock().unwrap() = health;
    }
}

fn serve_connection(
    mut stream: TcpStream,
    handler: &Handler,
    log: &Mutex<Vec<ReceivedRequest>>,
    health: &Mutex<OriginHealth>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = read(&mut reader)?;
        let state = *health.lock().unwrap();
        log.lock().unwrap().push(request.clone());
        let mut response = match state {
            OriginHealth::Down => return None,
            OriginHealth::Hanging => {
                // Wait until the edge gives up.
                let _ = reader.read(&mut [0]);
                return None;
            }
            OriginHealth::Failing => TestResponse {
                status: 500,
                ..TestResponse::new("failed")
            },
            OriginHealth::Healthy | OriginHealth::Truncating => handler(&request),
        };
        thread::sleep(response.delay);
        let mut head = format!("HTTP/1.1 {} X\r\n", response.status);
        if response.is_chunked() {
            response.body = in_chunks(&response.body);
        } else {
            head.push_str(&format!("content-length: {}\r\n", response.body.len()));
        }
        for (name, value) in &response.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        if state == OriginHealth::Truncating {
            response.body.truncate(response.body.len() / 2);
        }
        let mut message = head.into_bytes();
        if request.method != "HEAD" {
            message.extend_from_slice(&response.body);
        }
        stream.write_all(&message).ok()?;
        if state == OriginHealth::Truncating {
            return None;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<ReceivedRequest> {
    let mut first = String::new();
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let fields = fields(reader)?;
    let length = fields.get("content-length");
    let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap_or(0))];
    reader.read_exact(&mut body).ok()?;
    if fields
        .get("transfer-encoding")
        .is_some_and(|it| it == "chunked")
    {
        body = chunks(reader)?;
    }
    Some(ReceivedRequest {
        method,
        target,
        fields,
        body,
    })
}

/// Encodes a body in chunks of a thousand bytes.
fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(1_000) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

fn chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Some(body);
        }
    }
}

/// Reads header fields up to the empty line, and joins those of the same name.
fn fields(reader: &mut impl BufRead) -> Option<HashMap<String, String>> {
    let mut fields: HashMap<String, String> = HashMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Some(fields);
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        fields
            .entry(name)
            .and_modify(|old| old.push_str(&format!(", {value}")))
            .or_insert_with(|| value.to_owned());
    }
}

/// An environment variable that `cargo xtask test` sets.
pub fn environment_variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

pub struct TestEdge {
    pub address: SocketAddr,
    child: Child,
}

impl Drop for TestEdge {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[derive(Debug)]
pub struct ClientResponse {
    pub status: u16,
    pub fields: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl ClientResponse {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// Whether `Cache-Status` contains this text.
    pub fn cache_status_contains(&self, text: &str) -> bool {
        self.field("cache-status").contains(text)
    }
}

pub const SECRET: &str = "what edge and origin share";

impl TestEdge {
    pub fn start(origin: &TestOrigin) -> Self {
        Self::start_with(origin, &[("EDGE_SECRET", SECRET)])
    }

    pub fn start_with(origin: &TestOrigin, environment: &[(&str, &str)]) -> Self {
        let config = format!("{}/workerd.capnp", environment_variable("EDGE_DIR"));
        Self::start_with_config(&config, origin, environment)
    }

    /// Starts an edge with this workerd configuration.
    pub fn start_with_config(
        config: &str,
        origin: &TestOrigin,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_in_front_of(config, origin.address, environment)
    }

    /// Starts an edge in front of an address where no origin may listen yet.
    pub fn start_in_front_of(
        config: &str,
        origin: SocketAddr,
        environment: &[(&str, &str)],
    ) -> Self {
        let address = free_address();
        let child = Command::new(environment_variable("WORKERD"))
            .arg("serve")
            .arg(config)
            .arg(format!("--socket-addr=http={address}"))
            .arg(format!("--external-addr=origin={origin}"))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let edge = Self { address, child };
        for _ in 0..600 {
            if TcpStream::connect(address).is_ok() {
                return edge;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("workerd does not come up");
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> ClientResponse {
        TestClient::to(self.address).send(method, path, fields, body)
    }

    pub fn get(&self, path: &str) -> ClientResponse {
        self.send("GET", path, &[], b"")
    }

    /// A client with a persistent connection.
    pub fn client(&self) -> TestClient {
        TestClient::to(self.address)
    }

    /// A signed call to one of the edge's own endpoints.
    pub fn call_signed(&self, method: &str, path: &str, body: &str) -> ClientResponse {
        let signed = signed_call(SECRET, method, path, body.as_bytes(), seconds());
        self.send(method, path, &[(SIGNED_HEADER, &signed)], body.as_bytes())
    }

    pub fn purge(&self, body: &str) -> ClientResponse {
        let response = self.call_signed("POST", PURGE, body);
        assert_eq!(response.status, 204, "{response:?}");
        response
    }

    /// The value of a counter.
    pub fn counter(&self, name: &str) -> u64 {
        let response = self.call_signed("GET", METRICS, "");
        let mut lines = response.text().lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name}: {response:?}"))
            .parse()
            .unwrap()
    }
}

/// The time limit for a state that a test waits for.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Repeats `step` until it returns true; panics if it never does.
pub fn repeat_until(what: &str, mut step: impl FnMut() -> bool) {
    let started = Instant::now();
    while !step() {
        assert!(started.elapsed() < TIME_LIMIT, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The time in seconds, as signatures contain it.
pub fn seconds() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge runs on the machine's clock"
    )]
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// A connection to the edge.
pub struct TestClient {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl TestClient {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // No response is a failed test, not one that hangs.
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub fn get(&mut self, path: &str) -> ClientResponse {
        self.send("GET", path, &[], b"")
    }

    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> ClientResponse {
        self.send_request(method, path, fields, body);
        self.read_response(method).expect("an answer")
    }

    /// Sends these bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a request without waiting for the response.
    pub fn send_request(&mut self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\n");
        for (name, value) in fields {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || !matches!(method, "GET" | "HEAD") {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let request = [request.as_bytes(), body].concat();
        self.stream.write_all(&request).unwrap();
    }

    /// Reads a response; None if it is truncated.
    pub fn read_response(&mut self, method: &str) -> Option<ClientResponse> {
        let mut first = String::new();
        self.reader.read_line(&mut first).ok()?;
        let status = first.split(' ').nth(1)?.parse().ok()?;
        let fields = fields(&mut self.reader)?;
        let mut body = Vec::new();
        let chunked = fields
            .get("transfer-encoding")
            .is_some_and(|it| it == "chunked");
        if method == "HEAD" || matches!(status, 204 | 304) {
        } else if chunked {
            body = chunks(&mut self.reader)?;
        } else {
            body = vec![0; fields.get("content-length")?.parse().ok()?];
            self.reader.read_exact(&mut body).ok()?;
        }
        Some(ClientResponse {
            status,
            fields,
            body,
        })
    }
}

/// A free address. It is below the ephemeral ports, so that no outgoing connection takes it before
/// workerd listens.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = std::process::id() as usize * 16 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(20_000 + number % 12_000).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The cache field of a catalogue response, as the shop's origin sends it.
pub const SHARED_CACHE_CONTROL: (&str, &str) = (
    "CDN-Cache-Control",
    "public, max-age=60, stale-while-revalidate=60, stale-if-error=600",
);

/// Starts an origin with this handler, and an edge in front of it.
pub fn origin_and_edge(
    handler: impl Fn(&ReceivedRequest) -> TestResponse + Send + Sync + 'static,
) -> (TestOrigin, TestEdge) {
    let origin = TestOrigin::start(handler);
    let edge = TestEdge::start(&origin);
    (origin, edge)
}

/// How often a test repeats something: the environment variable, or the default.
pub fn repetitions(name: &str, usual: usize) -> usize {
    let set = std::env::var(name).ok();
    set.and_then(|it| it.parse().ok()).unwrap_or(usual)
}
