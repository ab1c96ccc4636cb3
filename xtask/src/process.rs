//! Child processes: started in a process group of their own, and stopped with all their
//! descendants.

use std::{
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::step::{Failure, missing};

const POLL: Duration = Duration::from_millis(50);
/// How long a process may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(12);
const LAST_LINES: usize = 12;

/// A running process; dropping it stops the process.
pub struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a process whose output goes to a file.
    pub fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self, Failure> {
        let file = File::create(log)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .map_err(|error| missing(&program, &error))?;
        Ok(Self {
            name,
            child,
            log: log.to_owned(),
        })
    }

    /// Fails with the end of the output if the process has exited.
    pub fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        let words = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = words.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        Failure(format!(
            "{} has ended ({status}); its last words were:\n{last}",
            self.name
        ))
    }

    /// Waits until a path responds with 200. Fails if the process exits or takes too long.
    pub fn wait_until_ready(&mut self, address: SocketAddr, path: &str) -> Result<(), Failure> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            self.check()?;
            if status(address, path).is_some_and(|status| status == 200) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(Failure(format!(
            "{} does not respond at http://{address}{path}",
            self.name
        )))
    }

    /// The CPU time of the process group, in hundredths of a second.
    pub fn cpu_ticks(&self) -> Result<u64, Failure> {
        let mut ticks = 0;
        for stat in self.stats()? {
            // The fields after the name in parentheses: state, parent, group, … user and system
            // time.
            let fields: Vec<&str> = stat.split_whitespace().collect();
            let time = fields.get(11..13).unwrap_or_default();
            ticks += time
                .iter()
                .filter_map(|it| it.parse::<u64>().ok())
                .sum::<u64>();
        }
        Ok(ticks)
    }

    /// The resident memory of the process group, in kB.
    pub fn resident_kb(&self) -> Result<u64, Failure> {
        const PAGE_KB: u64 = 4;
        let mut pages = 0;
        for stat in self.stats()? {
            pages += stat
                .split_whitespace()
                .nth(21)
                .and_then(|it| it.parse::<u64>().ok())
                .unwrap_or(0);
        }
        Ok(pages * PAGE_KB)
    }

    /// The peak of the resident memory, in kB.
    pub fn peak_kb(&self) -> Result<u64, Failure> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(file)?;
        let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        peak.and_then(|it| it.split_whitespace().next()?.parse().ok())
            .ok_or_else(|| Failure::new("Linux does not say how much memory was used"))
    }

    /// The number of open file descriptors.
    pub fn descriptors(&self) -> Result<usize, Failure> {
        let folder = format!("/proc/{}/fd", self.child.id());
        Ok(std::fs::read_dir(folder)?.count())
    }

    /// The fields of `/proc/PID/stat` after the name, for each process of the group.
    fn stats(&self) -> Result<Vec<String>, Failure> {
        let group = self.child.id().to_string();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let Some((_, rest)) = stat.rsplit_once(") ") else {
                continue;
            };
            if rest.split_whitespace().nth(2) == Some(group.as_str()) {
                found.push(rest.to_owned());
            }
        }
        Ok(found)
    }

    /// Waits until an address accepts connections.
    pub fn wait_until_open(&mut self, address: SocketAddr) -> Result<(), Failure> {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            self.check()?;
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(Failure(format!(
            "{} does not listen at {address}",
            self.name
        )))
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // A process group that has exited needs no signal.
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
        let started = Instant::now();
        while started.elapsed() < STOP_TIMEOUT {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            thread::sleep(POLL);
        }
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The status of a GET request; none without a response.
pub fn status(address: SocketAddr, path: &str) -> Option<u16> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    str::from_utf8(&head).ok()?.split(' ').nth(1)?.parse().ok()
}

/// Fails if the port is in use, and names the flag that chooses another one.
pub fn require_free_port(address: SocketAddr, flag: &str) -> Result<(), Failure> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(Failure(format!(
            "port {} is in use by another program; choose another with {flag}",
            address.port()
        ))),
        Err(error) => Err(Failure(format!("cannot listen on {address}: {error}"))),
    }
}

/// A free port. It is below the ephemeral ports, so that no outgoing connection takes it before it
/// is used.
pub fn free_port() -> Result<u16, Failure> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 8_000;
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (begin + number) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Failure::new("no port is free"))
}

/// A flag that is set when the user stops this program: Ctrl-C, SIGTERM, or a closed terminal.
pub fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Whether the user has asked to stop.
pub fn is_stop_requested(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}
