//! Steps: each has a name and prints its duration; a failure ends with one line that says what to
//! do.

use std::{
    fmt::Display,
    io::Write,
    process::{Command, Output, Stdio},
    time::Instant,
};

/// An error message: what failed, and what to do.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    /// An error with this message.
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

/// Adds the current activity to an error.
pub trait While<T> {
    /// `doing` reads like "reading package-lock.json".
    fn while_doing(self, doing: impl Display) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> While<T> for Result<T, E> {
    fn while_doing(self, doing: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure(format!("{doing}: {}", error.into().0)))
    }
}

/// Runs a step and prints its duration.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let started = Instant::now();
    eprint!("  {name:<24}");
    // Shows the name while the step runs; an error of the terminal does not matter.
    let _ = std::io::stderr().flush();
    let done = work();
    match &done {
        Ok(_) => eprintln!("{:>7.1} s", started.elapsed().as_secs_f64()),
        Err(_) => eprintln!("   failed"),
    }
    done
}

/// Runs a command and hides its output, unless it fails; then the error has the end of it.
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

/// The output of a command.
pub fn text_of(command: &mut Command) -> Result<String, Failure> {
    let output = run(command)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command as it would be typed.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The error for a program that is not installed.
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
