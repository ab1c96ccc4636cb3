//! `cargo xtask conformance`: the public HTTP cache test suite against the edge on workerd.
//!
//! Every test that the edge fails stands in `edge/conformance/expected.json` with the reason why it
//! does. One that fails and is not there is a regression; one that is there and passes is taken out.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use serde::Deserialize;

use crate::{
    build, npm,
    place::Place,
    process::{Running, free_port},
    step::{Failure, While, text_of},
};

/// Flags of `cargo xtask conformance`
#[derive(Args, Clone, Default)]
pub struct ConformanceArgs {
    /// Another version of the suite than the one that package.json names: its folder
    #[arg(long)]
    pub suite: Option<PathBuf>,

    /// Show what each failed test says
    #[arg(long)]
    pub verbose: bool,
}

/// What the tests came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed for a stated reason.
    pub deliberate: u64,
    /// Tests that failed and should not, or the other way round.
    pub wrong: u64,
}

#[derive(Deserialize)]
struct Line {
    chapter: String,
    id: String,
    kind: String,
    passed: bool,
    words: String,
}

/// Runs the suite, prints the table and says what is not as expected.
pub fn conformance(place: &Place, args: &ConformanceArgs) -> Result<Score, Failure> {
    build::set_up(place)?;
    build::edge(place)?;
    let folder = tempfile::tempdir()?;
    let bundled = place.root.join("node_modules/http-cache-tests");
    let suite = args.suite.clone().unwrap_or(bundled);
    let lines = run(place, &suite, folder.path())?;
    print_table(&lines);
    let expected = expected(place)?;
    let score = judge(&lines, &expected, args);
    println!();
    for kind in ["required", "optimal"] {
        let of: Vec<&Line> = lines.iter().filter(|it| it.kind == kind).collect();
        let passed = of.iter().filter(|it| it.passed).count();
        println!("{kind} {passed} of {}", of.len());
    }
    Ok(score)
}

fn run(place: &Place, suite: &Path, folder: &Path) -> Result<Vec<Line>, Failure> {
    let port = free_port()?;
    let engine = suite.join("test-engine");
    let engine = if engine.is_dir() {
        engine
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
    let mut server = Running::start(
        "the suite's server",
        &mut server,
        &folder.join("server.log"),
    )?;
    server.wait_until_open(origin)?;
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut edge = Command::new(npm::workerd(place));
    edge.arg("serve")
        .arg(place.edge().join("workerd.capnp"))
        .arg(format!("--socket-addr=http={at}"))
        .arg(format!("--external-addr=origin={origin}"))
        .env("CACHE_RULES", "standard");
    let mut edge = Running::start("the edge", &mut edge, &folder.join("edge.log"))?;
    edge.wait_until_open(at)?;
    let text = text_of(
        Command::new("node")
            .arg(place.root.join("edge/conformance/run.mjs"))
            .arg(suite)
            .arg(format!("http://{at}")),
    )?;
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines: Result<Vec<Line>, _> = lines.map(serde_json::from_str).collect();
    lines.map_err(|error| Failure(format!("the suite's results: {error}")))
}

/// The tests that fail deliberately, each with its reason.
fn expected(place: &Place) -> Result<BTreeMap<String, String>, Failure> {
    let path = place.root.join("edge/conformance/expected.json");
    let text = fs::read_to_string(&path).while_doing("reading edge/conformance/expected.json")?;
    serde_json::from_str(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

fn judge(lines: &[Line], expected: &BTreeMap<String, String>, args: &ConformanceArgs) -> Score {
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
                println!("fails: {} ({}): {}", line.id, line.kind, line.words);
                score.wrong += 1;
            }
        }
    }
    if args.verbose {
        for line in lines.iter().filter(|it| !it.passed) {
            println!("{} {}: {}", line.kind, line.id, line.words);
        }
    }
    score
}

/// The chapters in the suite's order, each with its required, optimal and checked behaviours.
fn print_table(lines: &[Line]) {
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

    fn line(id: &str, kind: &str, passed: bool) -> Line {
        Line {
            chapter: "chapter".into(),
            id: id.into(),
            kind: kind.into(),
            passed,
            words: String::new(),
        }
    }

    #[test]
    fn what_is_not_as_expected_is_wrong_both_ways() {
        let lines = [
            line("a", "required", true),
            line("b", "required", false),
            line("c", "optimal", false),
            line("d", "optimal", true),
            line("e", "check", false),
        ];
        let expected = ["c", "d"].map(|id| (id.to_owned(), "a reason".to_owned()));
        let score = judge(&lines, &expected.into(), &ConformanceArgs::default());
        let right = Score {
            passed: 1,
            deliberate: 1,
            wrong: 2,
        };
        assert_eq!(score, right);
    }
}
