//! The load generators and their results: wrk, a closed loop, and oha, an open loop whose times
//! count from when a request was due.

use std::{path::Path, process::Command};

use serde::Serialize;
use serde_json::Value;

use crate::{
    debian,
    step::{Failure, run, text_of},
    workspace::Workspace,
};

/// The installed version of oha.
const OHA: &str = "1.16.0";

/// The result of a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LoadResult {
    pub rate: f64,
    pub errors: u64,
    pub requests: u64,
    /// Errors with a response, whose status is not a success.
    pub refused: u64,
    /// p50, p95, p99, p999.
    pub ms: [f64; 4],
}

/// wrk with a script of `bench/`, which may need more environment variables.
pub fn wrk(workspace: &Workspace, script: &str, clients: u32, seconds: u64) -> Command {
    let mut wrk = Command::new(debian::find("wrk").unwrap_or_else(|| "wrk".into()));
    // wrk does not start with fewer clients than threads.
    let threads = clients.min(2);
    wrk.args([&format!("-t{threads}"), &format!("-c{clients}")])
        .arg(format!("-d{seconds}s"))
        .arg("-s")
        .arg(workspace.root.join("bench").join(script));
    wrk
}

/// Runs wrk and parses the line that the scripts print.
pub fn measure(wrk: &mut Command) -> Result<LoadResult, Failure> {
    parse_wrk(&text_of(wrk)?)
}

fn parse_wrk(text: &str) -> Result<LoadResult, Failure> {
    let result = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let numbers = result.map(|it| it.split(' ').map(str::parse).collect());
    let numbers: Vec<f64> = numbers
        .transpose()
        .map_err(|error| Failure(format!("wrk: {error}")))?
        .unwrap_or_default();
    let &[rate, errors, p50, p95, p99, p999, requests, refused] = numbers.as_slice() else {
        return Err(Failure(format!(
            "wrk says nothing that is understood:\n{text}"
        )));
    };
    Ok(LoadResult {
        rate,
        errors: errors as u64,
        requests: requests as u64,
        refused: refused as u64,
        ms: [p50, p95, p99, p999],
    })
}

/// Installs oha below cargo's target folder, once.
pub fn install_oha(workspace: &Workspace) -> Result<(), Failure> {
    let tools = workspace.target.join("tools");
    if tools.join("bin/oha").is_file() {
        return Ok(());
    }
    run(workspace
        .cargo()
        .args(["install", "oha", "--locked", "--version", OHA])
        .arg("--root")
        .arg(tools))
    .map(drop)
}

/// The schedule of requests.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Closed loop: when the previous response has arrived.
    Full,
    /// Open loop: at a fixed rate in requests per second, whatever the response times.
    Due(u32),
}

/// oha with these URLs.
pub fn oha(
    workspace: &Workspace,
    urls: &Path,
    (clients, pace): (u32, Pace),
    seconds: u64,
) -> Result<LoadResult, Failure> {
    let mut oha = Command::new(workspace.target.join("tools/bin/oha"));
    oha.args(["--no-tui", "--output-format", "json"]);
    if let Pace::Due(rate) = pace {
        oha.args(["--latency-correction", "-q", &rate.to_string()]);
    }
    oha.args(["-c", &clients.to_string(), "-z", &format!("{seconds}s")])
        .arg("--urls-from-file")
        .arg(urls);
    let text = text_of(&mut oha)?;
    let said = serde_json::from_str(&text).map_err(|error| Failure(format!("oha: {error}")))?;
    parse_oha(&said)
}

fn parse_oha(said: &Value) -> Result<LoadResult, Failure> {
    let number = |at: &str| {
        let found = said.pointer(at).and_then(Value::as_f64);
        found.ok_or_else(|| Failure(format!("oha does not say {at}")))
    };
    let mut ms = [0.0; 4];
    for (ms, part) in ms.iter_mut().zip(["p50", "p95", "p99", "p99.9"]) {
        *ms = number(&format!("/latencyPercentiles/{part}"))? * 1_000.0;
    }
    let sum = |at: &str, counts: &dyn Fn(&str) -> bool| -> u64 {
        let all = said.pointer(at).and_then(Value::as_object);
        all.into_iter()
            .flatten()
            .filter(|(what, _)| counts(what))
            .filter_map(|(_, count)| count.as_u64())
            .sum()
    };
    // Requests in flight at the deadline do not count as rejected.
    let failed = sum("/errorDistribution", &|what| what != DEADLINE);
    let refused = sum("/statusCodeDistribution", &|status| {
        !status.starts_with('2')
    });
    let answered = sum("/statusCodeDistribution", &|_| true);
    Ok(LoadResult {
        rate: number("/summary/requestsPerSec")?,
        errors: failed + refused,
        requests: answered,
        refused,
        ms,
    })
}

const DEADLINE: &str = "aborted due to deadline";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_the_scripts_is_parsed() {
        let text = "Running 1s test\nRESULT 52000 3 0.5 1.25 2 7.125 104000 1\n";
        let read = parse_wrk(text).ok();
        let expected = LoadResult {
            rate: 52_000.0,
            errors: 3,
            requests: 104_000,
            refused: 1,
            ms: [0.5, 1.25, 2.0, 7.125],
        };
        assert_eq!(read, Some(expected));
        assert!(parse_wrk("RESULT 1 2 3").is_err());
        assert!(parse_wrk("RESULT a b c d e f g h").is_err());
        assert!(parse_wrk("connection refused").is_err());
    }

    #[test]
    fn the_output_of_oha_is_parsed_and_its_deadline_is_no_error() {
        let said = serde_json::json!({
            "summary": { "requestsPerSec": 15_000.5 },
            "latencyPercentiles":
                { "p50": 0.001, "p95": 0.002, "p99": 0.004, "p99.9": 0.008 },
            "statusCodeDistribution": { "200": 90, "304": 2, "503": 4 },
            "errorDistribution": { "aborted due to deadline": 50, "connection closed": 1 },
        });
        let read = parse_oha(&said).ok();
        let expected = LoadResult {
            rate: 15_000.5,
            errors: 7,
            requests: 96,
            refused: 6,
            ms: [1.0, 2.0, 4.0, 8.0],
        };
        assert_eq!(read, Some(expected));
        assert!(parse_oha(&serde_json::json!({})).is_err());
    }
}
