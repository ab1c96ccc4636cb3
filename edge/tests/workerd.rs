//! The built Worker on workerd, in front of a small origin of the tests' own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// What a test's origin answers at a path: status, fields and body.
type Answers = HashMap<&'static str, (u16, Vec<(&'static str, &'static str)>, &'static [u8])>;

struct Origin {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    dead: Arc<AtomicBool>,
}

impl Origin {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, dead) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (log, is_dead) = (Arc::clone(&asked), Arc::clone(&dead));
        thread::spawn(move || {
            let answers = Arc::new(answers);
            for stream in listener.incoming().flatten() {
                let (answers, log) = (Arc::clone(&answers), Arc::clone(&log));
                let is_dead = Arc::clone(&is_dead);
                thread::spawn(move || converse(stream, &answers, &log, &is_dead));
            }
        });
        Self {
            address,
            asked,
            dead,
        }
    }

    fn asked(&self, path: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|request| request.split(' ').nth(1) == Some(path))
            .count()
    }
}

fn converse(
    stream: TcpStream,
    answers: &Answers,
    log: &Mutex<Vec<String>>,
    is_dead: &AtomicBool,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        if is_dead.load(Ordering::SeqCst) {
            return None;
        }
        log.lock().unwrap().push(head.clone());
        let path = head.split(' ').nth(1)?;
        let none = (404, vec![], &b"nothing"[..]);
        let (status, fields, content) = answers.get(path).unwrap_or(&none);
        let content = if path == "/echo" { &body[..] } else { content };
        let mut answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n",
            content.len()
        );
        for (name, value) in fields {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        answer.push_str("\r\n");
        stream.write_all(answer.as_bytes()).ok()?;
        stream.write_all(content).ok()?;
    }
}

struct Edge {
    address: SocketAddr,
    child: Child,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    fields: HashMap<String, String>,
    body: Vec<u8>,
}

impl Reply {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Edge {
    fn start(origin: &Origin) -> Self {
        Self::start_with(origin, &[])
    }

    fn start_with(origin: &Origin, environment: &[(&str, &str)]) -> Self {
        let needed = |name: &str| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
        };
        let address = free_address();
        let child = Command::new(needed("WORKERD"))
            .arg("serve")
            .arg(format!("{}/workerd.capnp", needed("EDGE_DIR")))
            .arg(format!("--socket-addr=http={address}"))
            .arg(format!("--external-addr=origin={}", origin.address))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let edge = Self { address, child };
        for _ in 0..600 {
            if TcpStream::connect(address).is_ok() {
                return edge;
            }
            thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("workerd does not come up");
    }

    fn send(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n");
        for (name, value) in fields {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        stream.write_all(request.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        // A connection that is reset behind a whole answer has lost nothing; every test looks at the body.
        let ended = stream.read_to_end(&mut answer);
        assert!(ended.is_ok() || !answer.is_empty(), "{ended:?}");
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let fields = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Reply {
            status,
            fields,
            body: answer[end + 4..].to_vec(),
        }
    }

    fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }
}

/// An address that nobody has. It lies below the ports that the system hands out by itself, so that
/// no connection takes it before workerd does.
fn free_address() -> SocketAddr {
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

const SHARED: (&str, &str) = (
    "CDN-Cache-Control",
    "public, max-age=60, stale-while-revalidate=60, stale-if-error=600",
);

fn pair(answers: Answers) -> (Origin, Edge) {
    let origin = Origin::start(answers);
    let edge = Edge::start(&origin);
    (origin, edge)
}

/// What the edge tells the origin of clients is its own word: signed where there is a secret, nothing where
/// there is none, and never what a client says.
#[test]
fn who_asks_is_said_by_the_edge_and_by_nobody_else() {
    let fields = [
        ("x-real-ip", "192.0.2.7"),
        ("mallard-client", "198.51.100.1 1 00"),
    ];
    let said = |environment: &[(&str, &str)], path: &str| {
        let origin = Origin::start(HashMap::from([(
            "/p/mug",
            (200, vec![SHARED], &b"mug"[..]),
        )]));
        let edge = Edge::start_with(&origin, environment);
        edge.send("GET", path, &fields, b"");
        edge.send("POST", path, &fields, b"{}");
        let asked = origin.asked.lock().unwrap();
        let lines = asked.iter().map(|head| {
            let mut lines = head.lines().map(str::to_ascii_lowercase);
            lines.find_map(|it| it.strip_prefix("mallard-client: ").map(str::to_owned))
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(said(&[], "/p/mug"), [None, None]);
    let environment = [
        ("EDGE_SECRET", "secret"),
        ("CLIENT_ADDRESS_FIELD", "x-real-ip"),
    ];
    for line in said(&environment, "/p/mug") {
        let line = line.unwrap();
        let (text, signature) = line.rsplit_once(' ').unwrap();
        assert!(text.starts_with("192.0.2.7 "), "{text}");
        let seconds: i64 = text.rsplit_once(' ').unwrap().1.parse().unwrap();
        assert_eq!(
            shared::edge::signed_address("secret", Some("192.0.2.7"), seconds),
            format!("{text} {signature}")
        );
    }
    for line in said(&environment[..1], "/p/mug") {
        assert!(line.unwrap().starts_with("- "));
    }
}

#[test]
fn the_second_visit_is_a_hit_however_it_is_spelled() {
    let fields = vec![
        SHARED,
        ("ETag", "\"a\""),
        ("Cache-Control", "public, max-age=0"),
    ];
    let (origin, edge) = pair(HashMap::from([("/p/mug", (200, fields, &b"mug"[..]))]));
    let first = edge.get("/p/mug");
    assert!(
        first.field("cache-status").contains("fwd=uri-miss"),
        "{first:?}"
    );
    for path in ["/p/mug", "/p/m%75g?utm_source=x&fbclid=1"] {
        let again = edge.get(path);
        assert_eq!((again.status, &again.body[..]), (200, &b"mug"[..]));
        assert!(
            again
                .field("cache-status")
                .starts_with("Mallard; hit; ttl="),
            "{again:?}"
        );
        assert_eq!(again.field("cache-control"), "public, max-age=0");
        assert!(again.fields.contains_key("age") && again.fields.contains_key("x-request-id"));
        assert!(!again.fields.contains_key("cdn-cache-control"));
    }
    let known = edge.send("GET", "/p/mug", &[("If-None-Match", "\"a\"")], b"");
    assert_eq!((known.status, known.body.len()), (304, 0));
    let head = edge.send("HEAD", "/p/mug", &[], b"");
    assert_eq!(
        (head.status, head.body.len(), head.field("content-length")),
        (200, 0, "3")
    );
    assert_eq!(origin.asked("/p/mug"), 1);
}

#[test]
fn what_is_private_is_never_kept() {
    let (origin, edge) = pair(HashMap::from([
        (
            "/private",
            (200, vec![("Cache-Control", "no-store")], &b"a"[..]),
        ),
        (
            "/cookie",
            (200, vec![SHARED, ("Set-Cookie", "a=b")], &b"b"[..]),
        ),
        ("/silent", (200, vec![], &b"c"[..])),
    ]));
    for path in ["/private", "/cookie", "/silent"] {
        for _ in 0..3 {
            assert!(
                edge.get(path).field("cache-status").contains("fwd="),
                "{path}"
            );
        }
        assert_eq!(origin.asked(path), 3, "{path}");
    }
}

#[test]
fn codings_are_kept_side_by_side_as_they_came() {
    let fields = vec![
        SHARED,
        ("Vary", "Accept-Encoding"),
        ("mallard-coding", "br"),
    ];
    let (_origin, edge) = pair(HashMap::from([(
        "/p/br",
        (200, fields, &b"not really br"[..]),
    )]));
    for _ in 0..2 {
        let reply = edge.send("GET", "/p/br", &[("Accept-Encoding", "gzip, br")], b"");
        assert_eq!(reply.field("content-encoding"), "br");
        assert_eq!(reply.body, b"not really br");
        assert!(!reply.fields.contains_key("mallard-coding"));
    }
    let plain = edge.get("/p/br");
    assert!(
        plain.field("cache-status").contains("fwd=vary-miss"),
        "{plain:?}"
    );
}

#[test]
fn the_shop_stays_browsable_when_its_origin_is_down() {
    let short = ("CDN-Cache-Control", "public, max-age=0, stale-if-error=600");
    let (origin, edge) = pair(HashMap::from([("/p/mug", (200, vec![short], &b"mug"[..]))]));
    edge.get("/p/mug");
    origin.dead.store(true, Ordering::SeqCst);
    let stale = edge.get("/p/mug");
    assert_eq!((stale.status, &stale.body[..]), (200, &b"mug"[..]));
    assert!(
        stale.field("cache-status").contains("origin-unreachable"),
        "{stale:?}"
    );
    let page = edge.get("/p/other");
    assert_eq!(
        (page.status, page.field("cache-control")),
        (503, "no-store")
    );
    assert!(page.field("content-type").starts_with("text/html"));
    let api = edge.get("/api/v1/products");
    assert_eq!(
        (api.status, api.field("content-type")),
        (503, "application/problem+json")
    );
}

#[test]
fn what_is_not_a_read_is_passed_with_its_body() {
    let (origin, edge) = pair(HashMap::from([("/echo", (201, vec![], &b""[..]))]));
    let reply = edge.send("POST", "/echo", &[("Content-Type", "text/plain")], b"hello");
    assert_eq!((reply.status, &reply.body[..]), (201, &b"hello"[..]));
    assert_eq!(origin.asked("/echo"), 1);
}

#[test]
fn the_operators_addresses_end_here() {
    let (origin, edge) = pair(HashMap::new());
    for path in ["/metrics", "/healthz", "/%72eadyz"] {
        assert_eq!(edge.get(path).status, 404, "{path}");
        assert_eq!(origin.asked(path), 0, "{path}");
    }
}

#[test]
fn a_thousand_hits_ask_the_origin_once() {
    let (origin, edge) = pair(HashMap::from([(
        "/p/mug",
        (200, vec![SHARED], &b"mug"[..]),
    )]));
    edge.get("/p/mug");
    let hits = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let reply = edge.get("/p/mug");
                    hits.fetch_add(usize::from(reply.body == b"mug"), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((hits.into_inner(), origin.asked("/p/mug")), (1_000, 1));
}
