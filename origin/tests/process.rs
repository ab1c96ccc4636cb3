//! The real program as a supervisor sees it: start, readiness and stop.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use support::Shop;

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// An address below the system's ephemeral ports.
fn free_address(number: u16) -> SocketAddr {
    let begin = 16_000 + u16::try_from(std::process::id() % 7_000).unwrap();
    let ports = (begin..).step_by(8).map(|port| port + number);
    let mut addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    addresses.find(|it| TcpListener::bind(it).is_ok()).unwrap()
}

struct Origin {
    shop: SocketAddr,
    ops: SocketAddr,
    child: Child,
}

impl Drop for Origin {
    fn drop(&mut self) {
        // The process may have exited by itself.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn command(shop: &Shop, program: &mut Command) -> Command {
    let assets = shop.folder().join("site");
    std::fs::create_dir_all(&assets).unwrap();
    let manifest = serde_json::to_string(&support::assets()).unwrap();
    std::fs::write(assets.join("manifest.json"), manifest).unwrap();
    program.arg("serve").arg("--data-dir").arg(shop.folder());
    program.arg("--assets-dir").arg(&assets);
    program.args(["--database-url", &shop.url()]);
    std::mem::replace(program, Command::new("true"))
}

impl Origin {
    fn start(mut command: Command, number: u16, more: &[&str]) -> Self {
        let (shop, ops) = (free_address(number), free_address(number + 1));
        command
            .args([
                "--listen",
                &shop.to_string(),
                "--ops-listen",
                &ops.to_string(),
            ])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let mut origin = Self { shop, ops, child };
        origin.wait_for("readiness", |it| it.ready() == Some(200));
        origin
    }

    fn wait_for(&mut self, what: &str, mut it: impl FnMut(&mut Self) -> bool) {
        let started = Instant::now();
        while !it(self) {
            assert!(started.elapsed() < TIME_LIMIT, "{what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn ready(&self) -> Option<u16> {
        get(self.ops, "/readyz").map(|it| it.0)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    fn wait_for_exit(&mut self) {
        self.wait_for("exit", |it| it.child.try_wait().unwrap().is_some());
        assert!(self.child.wait().unwrap().success());
    }
}

/// Sends a GET request and returns status and body; none without a response.
fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIME_LIMIT)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_origin"))
}

/// After SIGTERM readiness fails first, while requests are still served; then the process ends.
#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_readiness_fails_before_the_server_stops() {
    let shop = Shop::on_sqlite().await;
    // A drain time that only the second signal ends.
    let more = ["--drain-ms", "600000"];
    let mut origin = Origin::start(command(&shop, &mut program()), 0, &more);
    assert_eq!(get(origin.shop, "/healthz").unwrap().0, 200);
    assert_eq!(get(origin.shop, "/readyz").unwrap().0, 404);
    origin.signal(Signal::SIGTERM);
    origin.wait_for("no readiness", |it| it.ready() == Some(503));
    assert_eq!(get(origin.shop, "/healthz").unwrap().0, 200);
    assert!(get(origin.ops, "/readyz").unwrap().1.contains("stopping"));
    origin.signal(Signal::SIGTERM);
    origin.wait_for_exit();
    // The drain time also ends by itself, and SIGINT stops at once.
    let mut short = Origin::start(command(&shop, &mut program()), 2, &["--drain-ms", "1"]);
    short.signal(Signal::SIGTERM);
    short.wait_for_exit();
    let mut interrupted = Origin::start(command(&shop, &mut program()), 4, &more);
    interrupted.signal(Signal::SIGINT);
    interrupted.wait_for_exit();
}

/// With a full disk, simulated with a limit of the file size, the process is alive and readiness
/// reports the reason.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_fails_when_the_disk_is_full() {
    let shop = Shop::on_sqlite().await;
    let size = std::fs::metadata(shop.folder().join("test.db"))
        .unwrap()
        .len();
    shop.app.db.close().await;
    let mut limited = Command::new("sh");
    // In blocks of 512 bytes. The write-ahead log grows until the limit.
    let script = format!(
        "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
        size / 512 + 64
    );
    limited.args(["-c", &script, env!("CARGO_BIN_EXE_origin")]);
    let mut origin = Origin::start(command(&shop, &mut limited), 6, &["--drain-ms", "0"]);
    origin.wait_for("no readiness", |it| it.ready() == Some(503));
    let body = get(origin.ops, "/readyz").unwrap().1;
    assert!(body.contains("disk is full"), "{body}");
    assert_eq!(get(origin.shop, "/healthz").unwrap().0, 200);
}

fn fails(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    output
}

/// A server that cannot start logs the reason.
#[tokio::test]
async fn an_error_at_start_is_one_line_of_the_log() {
    let shop = Shop::on_sqlite().await;
    for (args, word) in [
        (&["--listen", "nonsense"][..], "--listen"),
        (&["--config", "/dev/null/none.toml"], "none.toml"),
        (&["--payment-methods", "stripe"], "stripe"),
    ] {
        let mut command = command(&shop, &mut program());
        let output = fails(command.args(["--ops-listen", "off"]).args(args));
        let text = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let line: Value = serde_json::from_str(lines[lines.len() - 1]).expect(&text);
        assert_eq!(line["level"], "error", "{text}");
        assert!(line["message"].as_str().unwrap().contains(word), "{text}");
        assert!(lines.iter().all(|it| it.starts_with('{')), "{text}");
    }
    // With the text format the error is a plain sentence.
    let mut command = command(&shop, &mut program());
    let args = ["--log-format", "text", "--payment-methods", "stripe"];
    let text = String::from_utf8(fails(command.args(args)).stderr).unwrap();
    assert!(text.starts_with("origin: "), "{text}");
    let output = fails(
        program()
            .args(["import", "none.csv", "--format", "csv", "--data-dir"])
            .arg(shop.folder()),
    );
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("origin: "), "{text}");
}
