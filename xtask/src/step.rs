//! Steps: each is named, timed and, when it fails, ends with one line that says what to do.

use std::{
    fmt::Display,
    io::Write,
    process::{Command, Output, Stdio},
    time::Instant,
};

/// A line for a person: what failed, and what to do.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    /// A failure with this line.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self("the disk is full: make room, then run the same command again".into());
        }
        Self(error.to_string())
    }
}

/// Names what was being done when something failed.
pub trait While<T> {
    /// `doing` reads like "reading package-lock.json".
    fn while_doing(self, doing: impl Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> While<T> for Result<T, E> {
    fn while_doing(self, doing: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure(format!("{doing}: {}", error.into().0)))
    }
}

/// Runs a step and says how long it took.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let started = Instant::now();
    eprint!("  {name:<24}");
    // The name is shown while the work goes on; that it cannot be shown stops nothing.
    let _ = std::io::stderr().flush();
    let done = work();
    match &done {
        Ok(_) => eprintln!("{:>7.1} s", started.elapsed().as_secs_f64()),
        Err(_) => eprintln!("   failed"),
    }
    done
}

/// Runs a program whose words matter only when it fails; then the last of them are shown.
pub fn run(command: &mut Command) -> Result<Output, Failure> {
    const LINES: usize = 40;
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| missing(&name, &error))?;
    if output.status.success() {
        return Ok(output);
    }
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    let words = String::from_utf8_lossy(&words);
    let lines: Vec<&str> = words.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    eprintln!("\n{last}");
    if words.contains("No space left on device") || words.contains("ENOSPC") {
        return Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into());
    }
    Err(Failure(format!(
        "`{}` failed; its last words are above",
        shown(command)
    )))
}

/// What a program prints.
pub fn text_of(command: &mut Command) -> Result<String, Failure> {
    let output = run(command)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command as a person would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What to do when a program is not there.
pub fn missing(name: &str, error: &std::io::Error) -> Failure {
    let how = match name {
        "node" | "npm" | "npx" => "install Node.js 20 or later",
        "rustup" => "install Rust with rustup",
        "mariadbd" | "mariadb-install-db" => "install MariaDB (Debian: mariadb-server)",
        _ => "install it, or put it on the PATH",
    };
    match error.kind() {
        std::io::ErrorKind::NotFound => Failure(format!("`{name}` is missing: {how}")),
        _ => Failure(format!("`{name}` cannot be started: {error}")),
    }
}
