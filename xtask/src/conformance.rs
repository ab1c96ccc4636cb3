//! `cargo xtask conformance`: runs the public HTTP cache test suite against the edge on workerd, in
//! each of its modes.
//!
//! Every test that the edge fails is listed for its mode in `edge/conformance/MODE.json`, with the
//! reason. An unlisted failure is a regression; a listed test that passes must be removed from the
//! list.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::{
    build, npm,
    process::{Running, free_port},
    step::{Failure, While, text_of},
    workspace::Workspace,
};

/// Flags of `cargo xtask conformance`
#[derive(Args, Clone, Default)]
pub struct ConformanceArgs {
    /// Another version of the suite than that of package.json: its folder, with its npm packages
    #[arg(long)]
    pub suite: Option<PathBuf>,

    /// Only this mode; without it, all modes run
    #[arg(long)]
    pub mode: Option<Mode>,

    /// Show the message of each failed test
    #[arg(long)]
    pub verbose: bool,
}

/// The configuration of the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// As a general cache
    Standard,
    /// As a shop's cache on workerd
    Shop,
    /// As in wrangler.toml, with a second-level cache and without circuit breakers
    Deployed,
}

/// The suite's origin fails on purpose, in many tests at once. The circuit breakers are disabled so
/// that one test cannot influence another.
const NO_BREAKERS: [&str; 2] = ["BREAKER_FAILURES", "0"];

impl Mode {
    const ALL: [Self; 3] = [Self::Standard, Self::Shop, Self::Deployed];

    const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Shop => "shop",
            Self::Deployed => "deployed",
        }
    }

    /// The settings of the edge.
    fn settings(self, workspace: &Workspace) -> Result<Vec<(String, String)>, Failure> {
        let mut settings = match self {
            Self::Standard => vec![("CACHE_RULES".to_owned(), "standard".to_owned())],
            Self::Shop => Vec::new(),
            Self::Deployed => {
                let text = fs::read_to_string(workspace.root.join("wrangler.toml"))?;
                variables(&text)?
            }
        };
        settings.push(NO_BREAKERS.map(str::to_owned).into());
        Ok(settings)
    }
}

/// The variables in wrangler.toml.
fn variables(text: &str) -> Result<Vec<(String, String)>, Failure> {
    #[derive(Deserialize)]
    struct Wrangler {
        vars: BTreeMap<String, String>,
    }
    let wrangler: Wrangler =
        toml::from_str(text).map_err(|error| Failure(format!("wrangler.toml: {error}")))?;
    Ok(wrangler.vars.into_iter().collect())
}

/// The results of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed for a listed reason.
    pub deliberate: u64,
    /// Unlisted failures, and listed tests that passed.
    pub wrong: u64,
}

impl Score {
    const fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            deliberate: self.deliberate + other.deliberate,
            wrong: self.wrong + other.wrong,
        }
    }
}

/// The result of one test.
#[derive(Deserialize)]
struct TestResult {
    chapter: String,
    id: String,
    kind: String,
    ran: bool,
    passed: bool,
    message: String,
}

/// The tests that fail deliberately in a mode, each with its reason: in both known versions of the
/// suite, in that of package.json, and in the newest one, whose engine is in its own folder.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct ExpectedFailures {
    both: BTreeMap<String, String>,
    bundled: BTreeMap<String, String>,
    newest: BTreeMap<String, String>,
}

impl ExpectedFailures {
    fn read(workspace: &Workspace, mode: Mode) -> Result<Self, Failure> {
        let name = format!("edge/conformance/{}.json", mode.name());
        let text =
            fs::read_to_string(workspace.root.join(&name)).while_doing("reading the reasons")?;
        serde_json::from_str(&text).map_err(|error| Failure(format!("{name}: {error}")))
    }

    /// The expected failures for a version of the suite.
    fn of(mut self, newest: bool) -> BTreeMap<String, String> {
        let more = if newest { self.newest } else { self.bundled };
        self.both.extend(more);
        self.both
    }
}

/// Runs the suite in the requested modes, prints their tables and reports unexpected results.
pub fn conformance(workspace: &Workspace, args: &ConformanceArgs) -> Result<Score, Failure> {
    build::set_up(workspace)?;
    build::edge(workspace)?;
    let folder = tempfile::tempdir()?;
    let bundled = workspace.root.join("node_modules/http-cache-tests");
    let suite = args.suite.as_ref().unwrap_or(&bundled);
    let suite = suite.canonicalize().while_doing("looking for the suite")?;
    let newest = suite.join("test-engine").is_dir();
    let (_server, origin) = serve_suite(&suite, newest, folder.path())?;
    let modes = args.mode.map_or(Mode::ALL.to_vec(), |mode| vec![mode]);
    let suite = suite.as_path();
    // The tests mostly wait, so the modes run concurrently.
    let runs = thread::scope(|scope| {
        let runs = modes.iter().map(|mode| {
            let folder = folder.path().join(mode.name());
            scope.spawn(move || run(workspace, *mode, suite, origin, &folder))
        });
        let runs: Vec<_> = runs.collect();
        let end = |_| Err(Failure::new("a run of the suite has panicked"));
        runs.into_iter()
            .map(|run| run.join().unwrap_or_else(end))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let mut score = Score::default();
    for (mode, lines) in modes.into_iter().zip(runs) {
        println!("\n── {}", mode.name());
        print_table(&lines);
        let expected = ExpectedFailures::read(workspace, mode)?.of(newest);
        score = score.and(judge(&lines, &expected, args));
        println!("{}", summary(mode, &lines));
    }
    Ok(score)
}

fn summary(mode: Mode, lines: &[TestResult]) -> String {
    let of = |kind: &str| {
        let of: Vec<&TestResult> = lines.iter().filter(|it| it.kind == kind).collect();
        let passed = of.iter().filter(|it| it.passed).count();
        format!("{kind} {passed} of {}", of.len())
    };
    format!("{}: {}, {}", mode.name(), of("required"), of("optimal"))
}

/// Starts the suite's own origin server.
fn serve_suite(
    suite: &Path,
    newest: bool,
    folder: &Path,
) -> Result<(Running, SocketAddr), Failure> {
    let port = free_port()?;
    let engine = if newest {
        suite.join("test-engine")
    } else {
        suite.to_owned()
    };
    let mut server = Command::new("node");
    server
        .arg(engine.join("server/server.mjs"))
        .current_dir(suite)
        .env("npm_config_protocol", "http")
        .env("npm_config_port", port.to_string())
        .env("npm_config_pidfile", folder.join("pid"));
    let origin = SocketAddr::from(([127, 0, 0, 1], port));
    let log = folder.join("server.log");
    let mut server = Running::start("the suite's server", &mut server, &log)?;
    server.wait_until_open(origin)?;
    Ok((server, origin))
}

fn run(
    workspace: &Workspace,
    mode: Mode,
    suite: &Path,
    origin: SocketAddr,
    folder: &Path,
) -> Result<Vec<TestResult>, Failure> {
    fs::create_dir_all(folder)?;
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut config = workspace.edge().join("workerd.capnp");
    let mut second_level = None;
    if mode == Mode::Deployed {
        let (cache, address) = start_second_level_cache(workspace, folder)?;
        config = config_with_second_level_cache(workspace, address, folder)?;
        second_level = Some(cache);
    }
    let mut edge = Command::new(npm::workerd(workspace));
    edge.arg("serve")
        .arg(config)
        .arg(format!("--socket-addr=http={at}"))
        .arg(format!("--external-addr=origin={origin}"))
        .envs(mode.settings(workspace)?);
    let mut edge = Running::start("the edge", &mut edge, &folder.join("edge.log"))?;
    edge.wait_until_open(at)?;
    let text = text_of(
        Command::new("node")
            .arg(workspace.root.join("edge/conformance/run_suite.mjs"))
            .arg(suite)
            .arg(format!("http://{at}")),
    )?;
    drop(second_level);
    results(&text)
}

/// Parses the results of a run; an error if any test has none.
fn results(text: &str) -> Result<Vec<TestResult>, Failure> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines: Result<Vec<TestResult>, _> = lines.map(serde_json::from_str).collect();
    let lines = lines.map_err(|error| Failure(format!("the suite's results: {error}")))?;
    match lines.iter().filter(|line| !line.ran).count() {
        _ if lines.is_empty() => Err(Failure::new("the suite has no tests")),
        0 => Ok(lines),
        silent => Err(Failure(format!(
            "{silent} of {} tests have no result: the suite was not run",
            lines.len()
        ))),
    }
}

/// Starts a stand-in for Cloudflare's Cache API.
fn start_second_level_cache(
    workspace: &Workspace,
    folder: &Path,
) -> Result<(Running, SocketAddr), Failure> {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut cache = Command::new("node");
    cache
        .arg(
            workspace
                .root
                .join("edge/conformance/second_level_cache.mjs"),
        )
        .arg(at.port().to_string());
    let log = folder.join("cache.log");
    let mut cache = Running::start("the cache behind the edge", &mut cache, &log)?;
    cache.wait_until_open(at)?;
    Ok((cache, at))
}

/// Writes a workerd configuration with this second-level cache.
fn config_with_second_level_cache(
    workspace: &Workspace,
    cache: SocketAddr,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    for file in ["index.js", "index_bg.wasm"] {
        fs::copy(workspace.edge().join(file), folder.join(file))?;
    }
    let service = format!("(name = \"cache\", external = (address = \"{cache}\", http = ())),");
    let text = fs::read_to_string(workspace.edge().join("workerd.capnp"))?
        .replace("services = [", &format!("services = [{service}"))
        .replace("bindings = [", "cacheApiOutbound = \"cache\", bindings = [");
    let config = folder.join("workerd.capnp");
    fs::write(&config, text)?;
    Ok(config)
}

fn judge(
    lines: &[TestResult],
    expected: &BTreeMap<String, String>,
    args: &ConformanceArgs,
) -> Score {
    let mut score = Score::default();
    for line in lines.iter().filter(|it| it.kind != "check") {
        match (line.passed, expected.get(&line.id)) {
            (true, None) => score.passed += 1,
            (false, Some(reason)) => {
                println!("fails deliberately: {}: {reason}", line.id);
                score.deliberate += 1;
            }
            (true, Some(_)) => {
                println!("passes, but is expected to fail: {}", line.id);
                score.wrong += 1;
            }
            (false, None) => {
                println!("fails: {} ({}): {}", line.id, line.kind, line.message);
                score.wrong += 1;
            }
        }
    }
    for id in expected.keys() {
        if !lines.iter().any(|line| line.id == *id) {
            println!("is expected to fail, and is not in the suite: {id}");
            score.wrong += 1;
        }
    }
    if args.verbose {
        for line in lines.iter().filter(|it| !it.passed) {
            println!("{} {}: {}", line.kind, line.id, line.message);
        }
    }
    score
}

/// Prints the chapters in the suite's order, with their required, optimal and checked behaviours.
fn print_table(lines: &[TestResult]) {
    println!(
        "\n{:<44}{:>12}{:>12}{:>12}",
        "chapter", "required", "optimal", "checks"
    );
    let mut chapters: Vec<&str> = lines.iter().map(|it| it.chapter.as_str()).collect();
    chapters.dedup();
    for chapter in chapters {
        let cell = |kind: &str| {
            let of = lines
                .iter()
                .filter(|it| it.chapter == chapter && it.kind == kind);
            let (all, passed) = of.fold((0, 0), |(all, passed), line| {
                (all + 1, passed + u32::from(line.passed))
            });
            if all == 0 {
                String::new()
            } else {
                format!("{passed}/{all}")
            }
        };
        let cells = [cell("required"), cell("optimal"), cell("check")];
        println!(
            "{chapter:<44}{:>12}{:>12}{:>12}",
            cells[0], cells[1], cells[2]
        );
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, kind: &str, passed: bool) -> TestResult {
        TestResult {
            chapter: "chapter".into(),
            id: id.into(),
            kind: kind.into(),
            ran: true,
            passed,
            message: String::new(),
        }
    }

    #[test]
    fn unexpected_failures_and_unexpected_passes_are_wrong() {
        let lines = [
            line("a", "required", true),
            line("b", "required", false),
            line("c", "optimal", false),
            line("d", "optimal", true),
            line("e", "check", false),
        ];
        let expected = ["c", "d", "f"].map(|id| (id.to_owned(), "a reason".to_owned()));
        let score = judge(&lines, &expected.into(), &ConformanceArgs::default());
        let right = Score {
            passed: 1,
            deliberate: 1,
            wrong: 3,
        };
        assert_eq!(score, right);
    }

    #[test]
    fn a_run_without_results_is_an_error() {
        let line = |ran: bool| {
            let fields = r#""chapter":"a","id":"b","kind":"check","passed":false,"message":"""#;
            format!(r#"{{{fields},"ran":{ran}}}"#)
        };
        assert!(results("").is_err());
        assert!(results("something else\n").is_err());
        assert!(results(&format!("{}\n{}", line(true), line(false))).is_err());
        assert_eq!(results(&line(true)).map_or(0, |it| it.len()), 1);
    }

    #[test]
    fn a_version_of_the_suite_has_its_own_reasons() {
        let reasons = || -> ExpectedFailures {
            serde_json::from_str(r#"{"both":{"a":"x"},"bundled":{"b":"x"},"newest":{"c":"x"}}"#)
                .unwrap_or_default()
        };
        let ids = |newest| reasons().of(newest).into_keys().collect::<Vec<_>>();
        assert_eq!(ids(false), ["a", "b"]);
        assert_eq!(ids(true), ["a", "c"]);
    }

    /// The deployed configuration is the one that is tested.
    #[test]
    fn the_settings_of_the_deployed_edge_are_read() {
        let text = "name = \"x\"\n[vars]\nCACHE_API = \"on\"\n";
        let read = variables(text).unwrap_or_default();
        assert_eq!(read, [("CACHE_API".to_owned(), "on".to_owned())]);
        assert!(variables("name = 1").is_err());
    }
}
