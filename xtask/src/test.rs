//! `cargo xtask test`: all checks, stage by stage.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use clap::Args;

use crate::{
    build,
    conformance::{self, ConformanceArgs},
    debian,
    mariadb::{Durability, Mariadb},
    npm,
    process::free_port,
    serve,
    step::{Failure, missing, run, shown},
    tidy,
    toolchain::{self, WASM},
    workspace::Workspace,
};

/// Flags of `cargo xtask test`
#[derive(Args, Clone)]
pub struct TestArgs {
    /// Only these stages; without any, all but mutants, which takes hours
    #[arg(value_parser = STAGES.map(|(name, _)| name))]
    pub stages: Vec<String>,

    /// Arguments for Playwright or cargo-mutants, as in `test browser -- buy.spec --project phone`
    /// and `test mutants -- --file origin/src/checkout/rules.rs`
    #[arg(last = true)]
    pub arguments: Vec<String>,
}

type Stage = fn(&Workspace, &TestArgs) -> Result<Count, Failure>;

const STAGES: [(&str, Stage); 13] = [
    ("tidy", |workspace, _| {
        tidy::tidy(workspace).map(|()| Count::default())
    }),
    ("format", |workspace, _| format(workspace)),
    ("build", |workspace, _| build_all(workspace)),
    ("lint", |workspace, _| lint(workspace)),
    ("lint-wasm", |workspace, _| lint_wasm(workspace)),
    ("units", |workspace, _| units(workspace)),
    ("edge", |workspace, _| edge(workspace)),
    ("attack", |workspace, _| attack(workspace)),
    ("conformance", |workspace, _| conforms(workspace)),
    ("deploy", |workspace, _| deploy(workspace)),
    ("deny", |workspace, _| deny(workspace)),
    ("browser", |workspace, args| {
        browser(workspace, &args.arguments)
    }),
    (MUTANTS, |workspace, args| {
        mutants(workspace, &args.arguments)
    }),
];

/// The stage that runs only when it is named.
const MUTANTS: &str = "mutants";

/// The number of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

/// Runs the stages until one fails, and prints the number of tests.
pub fn test(workspace: &Workspace, args: &TestArgs) -> Result<ExitCode, Failure> {
    let is_named = |name: &str| args.stages.iter().any(|it| it == name);
    let wanted = |name: &str| is_named(name) || (args.stages.is_empty() && name != MUTANTS);
    let mut total = Count::default();
    let mut table = Vec::new();
    let mut green = true;
    for (name, stage) in STAGES.into_iter().filter(|(name, _)| wanted(name)) {
        println!("\n── {name}");
        let started = Instant::now();
        let count = match stage(workspace, args) {
            Ok(count) => count,
            Err(Failure(message)) => {
                println!("{name}: {message}");
                green = false;
                Count {
                    passed: 0,
                    failed: 1,
                }
            }
        };
        green &= count.failed == 0;
        total.passed += count.passed;
        total.failed += count.failed;
        table.push((name, started.elapsed().as_secs_f64(), count));
        if !green {
            break;
        }
    }
    println!();
    for (name, seconds, count) in table {
        println!(
            "{name:<12}{seconds:>8.1} s {:>6} passed {:>4} failed",
            count.passed, count.failed
        );
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if green {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn format(workspace: &Workspace) -> Result<Count, Failure> {
    watched(workspace.cargo().args(["fmt", "--all", "--check"]))
}

fn build_all(workspace: &Workspace) -> Result<Count, Failure> {
    debian::install(&[
        debian::MARIADB,
        debian::REDIS,
        debian::CHROMIUM,
        debian::JAVA,
    ])?;
    debian::install(&debian::FONTS)?;
    build::set_up(workspace)?;
    build::ui(workspace)?;
    build::edge(workspace)?;
    build::origin(workspace)?;
    Ok(Count::default())
}

fn lint(workspace: &Workspace) -> Result<Count, Failure> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    watched(workspace.cargo().args(arguments))
}

fn lint_wasm(workspace: &Workspace) -> Result<Count, Failure> {
    toolchain::install_wasm(&workspace.target)?;
    let arguments = [
        "clippy", "-p", "ui", "-p", "edge", "--lib", "--target", WASM,
    ];
    watched(
        workspace
            .cargo()
            .args(arguments)
            .args(["--", "-D", "warnings"]),
    )
}

fn units(workspace: &Workspace) -> Result<Count, Failure> {
    let folder = tempfile::tempdir()?;
    let mariadb = Mariadb::start(folder.path(), Durability::None)?;
    watched(
        workspace
            .cargo()
            .args(["test", "--workspace"])
            .env("MALLARD_TEST_MYSQL_URL", &mariadb.url)
            .env("INSTA_UPDATE", "no"),
    )
}

fn edge(workspace: &Workspace) -> Result<Count, Failure> {
    watched(
        workspace
            .cargo()
            .args([
                "test",
                "-p",
                "edge",
                "--features",
                "workerd",
                "--test",
                "workerd",
            ])
            .env("WORKERD", npm::workerd(workspace))
            .env("EDGE_DIR", workspace.edge()),
    )
}

/// Attacks on the shop, each with normal buyers beside it, through the edge and the origin.
fn attack(workspace: &Workspace) -> Result<Count, Failure> {
    let folder = tempfile::tempdir()?;
    serve::fill_for_tests(workspace, folder.path())?;
    let arguments = ["test", "-p", "edge", "--features", "attack"];
    watched(
        workspace
            .cargo()
            .args(arguments)
            .args(["--test", "attack", "--", "--test-threads", "1"])
            .env("WORKERD", npm::workerd(workspace))
            .env("EDGE_DIR", workspace.edge())
            .env("ORIGIN", workspace.origin())
            .env("ASSETS", workspace.site())
            .env("ATTACK_DATA", folder.path()),
    )
}

/// The public HTTP cache test suite; expected failures do not count.
fn conforms(workspace: &Workspace) -> Result<Count, Failure> {
    let score = conformance::conformance(workspace, &ConformanceArgs::default())?;
    Ok(Count {
        passed: score.passed,
        failed: score.wrong,
    })
}

/// The installed version of cargo-deny.
const CARGO_DENY: &str = "0.20.2";

/// Checks licences, sources and duplicate crates. The advisory database is not reachable
/// everywhere; `cargo deny check` includes it.
fn deny(workspace: &Workspace) -> Result<Count, Failure> {
    let program = cargo_tool(workspace, "cargo-deny", CARGO_DENY)?;
    let mut deny = Command::new(program);
    deny.current_dir(&workspace.root)
        .args(["--locked", "check", "licenses", "bans", "sources"]);
    watched(&mut deny)
}

/// The installed version of cargo-mutants.
const CARGO_MUTANTS: &str = "27.1.0";

/// Changes the program in one place at a time and runs the tests: each change that no test notices
/// is listed. `.cargo/mutants.toml` names the modules, and the changes that are excepted.
fn mutants(workspace: &Workspace, arguments: &[String]) -> Result<Count, Failure> {
    let program = cargo_tool(workspace, "cargo-mutants", CARGO_MUTANTS)?;
    let folder = tempfile::tempdir()?;
    let mariadb = Mariadb::start(folder.path(), Durability::None)?;
    let mut mutants = Command::new(program);
    mutants
        .current_dir(&workspace.root)
        .args(["mutants", "--package", "origin", "--output"])
        .arg(&workspace.target)
        .args(arguments)
        .env("MALLARD_TEST_MYSQL_URL", &mariadb.url)
        .env("INSTA_UPDATE", "no");
    watched(&mut mutants)
}

/// A tool of cargo, which is installed below the target folder if it is missing there.
fn cargo_tool(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf, Failure> {
    let tools = workspace.target.join("tools");
    let program = tools.join("bin").join(name);
    if !program.is_file() {
        let arguments = ["install", name, "--locked", "--version", version, "--root"];
        run(workspace.cargo().args(arguments).arg(&tools))?;
    }
    Ok(program)
}

/// Checks the bundle as for a deployment, without an account. `wrangler.toml` expects the bundle
/// below the checkout, but cargo's target folder may be elsewhere, so both are copied next to each
/// other.
fn deploy(workspace: &Workspace) -> Result<Count, Failure> {
    let folder = tempfile::tempdir()?;
    let bundle = folder.path().join("target/edge");
    fs::create_dir_all(&bundle)?;
    for entry in fs::read_dir(workspace.edge())? {
        let path = entry?.path();
        fs::copy(&path, bundle.join(path.file_name().unwrap_or_default()))?;
    }
    let settings = "wrangler.toml";
    fs::copy(workspace.root.join(settings), folder.path().join(settings))?;
    let mut wrangler = Command::new(workspace.npm_bin("wrangler"));
    wrangler
        .current_dir(folder.path())
        .args(["deploy", "--dry-run", "--outdir", "out"])
        .env("CI", "1")
        .env("DO_NOT_TRACK", "1")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    watched(&mut wrangler)
}

/// Browser tests, through the edge.
fn browser(workspace: &Workspace, arguments: &[String]) -> Result<Count, Failure> {
    let folder = tempfile::tempdir()?;
    let ports = (free_port()?, free_port()?);
    let (origin, edge, shop) = serve::open_for_tests(workspace, folder.path(), ports)?;
    // An edge without an origin.
    let [lost, nobody] =
        [free_port()?, free_port()?].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let log = folder.path().join("lost.log");
    let mut away = serve::edge(workspace, lost, nobody, "", &log)?;
    away.wait_until_open(lost)?;
    let chromium = debian::find("chromium").unwrap_or_else(|| "chromium".into());
    let mut playwright = Command::new(workspace.npm_bin("playwright"));
    playwright
        .current_dir(workspace.root.join("e2e"))
        .arg("test")
        .args(arguments)
        .env("MALLARD_E2E_URL", format!("http://{edge}"))
        .env("MALLARD_E2E_ORIGIN", format!("http://{origin}"))
        .env("MALLARD_E2E_LOST", format!("http://{lost}"))
        .env("MALLARD_E2E_OPERATOR", serve::OPERATOR_TOKEN)
        .env("MALLARD_E2E_MAIL", folder.path().join("mail"))
        .env("CHROMIUM", chromium);
    let count = watched(&mut playwright);
    drop((shop, away));
    count
}

/// Runs a command with its output shown, and counts the tests that it reports.
fn watched(command: &mut Command) -> Result<Count, Failure> {
    println!("$ {}", shown(command));
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| missing(&program, &error))?;
    let mut count = Count::default();
    for line in BufReader::new(
        child
            .stdout
            .take()
            .ok_or_else(|| Failure::new("no output"))?,
    )
    .lines()
    {
        let line = line?;
        println!("{line}");
        count = count.and(counted(&line));
    }
    let status = child.wait()?;
    if !status.success() {
        count.failed = count.failed.max(1);
    }
    Ok(count)
}

impl Count {
    fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
        }
    }
}

/// The counts in a line of cargo's or Playwright's report.
fn counted(line: &str) -> Count {
    let words: Vec<&str> = line.split_whitespace().collect();
    let before = |word: &str| {
        let at = words
            .iter()
            .position(|it| it.trim_end_matches(';') == word)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    if line.starts_with("test result:") {
        let number = |word| before(word).unwrap_or(0);
        return Count {
            passed: number("passed"),
            failed: number("failed"),
        };
    }
    match words.as_slice() {
        [number, "passed", rest @ ..] if rest.first().is_none_or(|it| it.starts_with('(')) => {
            Count {
                passed: number.parse().unwrap_or(0),
                failed: 0,
            }
        }
        [number, "failed"] => Count {
            passed: 0,
            failed: number.parse().unwrap_or(0),
        },
        _ => Count::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_counted() {
        for (line, passed, failed) in [
            (
                "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured",
                12,
                0,
            ),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored", 3, 2),
            ("  31 passed (12.4s)", 31, 0),
            ("  2 failed", 0, 2),
            (
                "  ✓  1 [desktop] › browse.spec.ts:3:5 › 3 passed over (1s)",
                0,
                0,
            ),
            ("test a_test_that_has 3 passed ... ok", 0, 0),
        ] {
            assert_eq!(counted(line), Count { passed, failed }, "{line}");
        }
    }
}
