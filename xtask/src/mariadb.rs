//! A private MariaDB for tests and benchmarks: with its own folder and port, deleted at the end.

use std::{
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    debian,
    process::{Running, free_port},
    step::{Failure, run},
};

/// The commits that must survive a power failure.
#[derive(Clone, Copy)]
pub enum Durability {
    /// All commits, as in production.
    Full,
    /// Nothing, which makes tests faster.
    None,
}

impl Durability {
    const fn flag(self) -> &'static str {
        match self {
            Self::Full => "--innodb-flush-log-at-trx-commit=1",
            Self::None => "--innodb-flush-log-at-trx-commit=0",
        }
    }
}

/// A running server; dropping it stops the server.
pub struct Mariadb {
    /// The server's URL, without a database.
    pub url: String,
    _running: Running,
}

impl Mariadb {
    /// Creates an empty data folder in `folder` and starts the server.
    pub fn start(folder: &Path, durability: Durability) -> Result<Self, Failure> {
        let data = format!("--datadir={}", folder.join("data").display());
        let program = |name: &str| debian::find(name).unwrap_or_else(|| name.into());
        let mut user = vec!["--no-defaults".to_owned()];
        if nix::unistd::geteuid().is_root() {
            user.push("--user=root".to_owned());
        }
        run(Command::new(program("mariadb-install-db"))
            .args(&user)
            .arg(&data)
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"]))?;
        let port = free_port()?;
        let mut server = Command::new(program("mariadbd"));
        server
            .args(&user)
            .arg(&data)
            .arg(format!("--port={port}"))
            .arg(format!("--socket={}", folder.join("socket").display()))
            .args(["--bind-address=127.0.0.1", "--max-connections=600"])
            .args([durability.flag(), "--skip-log-bin"]);
        let mut running = Running::start("MariaDB", &mut server, &folder.join("log"))?;
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            running.check()?;
            if started.elapsed() > Duration::from_secs(60) {
                return Err(Failure::new("MariaDB does not come up"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(Self {
            url: format!("mysql://root@127.0.0.1:{port}"),
            _running: running,
        })
    }
}
