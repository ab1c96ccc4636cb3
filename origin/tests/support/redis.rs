//! A Redis for one test: a server, a server with a Sentinel, or a cluster of one node. It is
//! stopped when it is dropped.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;

/// The time limit of queries. It is long, because the machine runs other tests, too.
const TIMEOUT: Duration = Duration::from_secs(5);

pub struct Redis {
    /// The processes, the server first.
    children: Vec<Child>,
    pub port: u16,
    pub url: String,
    _folder: TempDir,
}

impl Redis {
    /// Starts one server.
    pub fn start() -> Self {
        Self::start_at(free_port())
    }

    /// Starts one server on this port.
    pub fn start_at(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path(), port, &[]);
        Self {
            children: vec![server],
            port,
            url: format!("redis://127.0.0.1:{port}"),
            _folder: folder,
        }
    }

    /// Starts a cluster of one node, which has all slots.
    pub fn cluster() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, bus) = (free_port(), free_port());
        let bus = bus.to_string();
        let more = ["--cluster-enabled", "yes", "--cluster-port", &bus];
        let server = server(folder.path(), port, &more);
        command(port, &["cluster", "addslotsrange", "0", "16383"]);
        while !command(port, &["cluster", "info"]).contains("cluster_state:ok") {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            children: vec![server],
            port,
            url: format!("redis-cluster://127.0.0.1:{port}"),
            _folder: folder,
        }
    }

    /// Starts a server and a Sentinel that knows it as `shop`. The first Sentinel in the URL does
    /// not exist.
    pub fn sentinel() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, at, unused) = (free_port(), free_port(), free_port());
        let server = server(folder.path(), port, &[]);
        let settings = folder.path().join("sentinel.conf");
        let text = format!("port {at}\nbind 127.0.0.1\nsentinel monitor shop 127.0.0.1 {port} 1\n");
        std::fs::write(&settings, text).unwrap();
        let sentinel = Command::new("redis-server")
            .arg(&settings)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(at);
        Self {
            children: vec![server, sentinel],
            port,
            url: format!("redis-sentinel://127.0.0.1:{unused},127.0.0.1:{at}#shop"),
            _folder: folder,
        }
    }

    /// A client of this Redis.
    pub fn client(&self) -> Arc<origin::redis_client::RedisClient> {
        Arc::new(origin::redis_client::RedisClient::new(&self.url, TIMEOUT).unwrap())
    }

    /// The number of keys.
    pub fn keys(&self) -> usize {
        command(self.port, &["dbsize"]).trim().parse().unwrap()
    }

    /// Runs a command and returns its output.
    pub fn command(&self, words: &[&str]) -> String {
        command(self.port, words)
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.children[0].kill().unwrap();
        self.children[0].wait().unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn server(folder: &Path, port: u16, more: &[&str]) -> Child {
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--dir"])
        .arg(folder)
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is needed: `cargo xtask test` installs it");
    wait_for(port);
    child
}

fn command(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn wait_for(port: u16) {
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
