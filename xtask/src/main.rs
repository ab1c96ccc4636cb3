//! `cargo xtask …`: sets up, builds, serves and tests the shop. Each step is a thin layer over the
//! ecosystem's own tools and prints its duration.

#![forbid(unsafe_code)]

mod assets;
mod bench;
mod bench_edge;
mod bench_vitals;
mod build;
mod conformance;
mod debian;
mod layers;
mod mariadb;
mod npm;
mod process;
mod serve;
mod stamp;
mod step;
mod test;
mod tidy;
mod toolchain;
mod wasm;
mod watch;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::{step::Failure, workspace::Workspace};

/// The tasks of the project
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install missing tools, fill the shop, and run origin and edge
    Serve(serve::ServeArgs),
    /// Run all checks
    Test(test::TestArgs),
    /// Buy with each payment method in a new shop, and measure every scenario under load
    Bench(bench::BenchArgs),
    /// Measure the cost of a hit at the edge, beside a JavaScript Worker, nginx and Varnish
    BenchEdge(bench_edge::BenchEdgeArgs),
    /// Measure the web vitals of a slow phone
    BenchVitals(bench_vitals::BenchVitalsArgs),
    /// Run the public HTTP cache test suite against the edge
    Conformance(conformance::ConformanceArgs),
    /// Build the optimised parts
    Build {
        /// The part to build
        #[arg(default_value = "all")]
        part: Part,
    },
    /// Install the build tools: the wasm32 target and the npm packages
    Setup,
    /// Check the house rules that no other tool checks
    Tidy,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Everything
    All,
    /// The storefront's stylesheet and islands
    Ui,
    /// The Worker
    Edge,
    /// The server
    Origin,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(Failure(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode, Failure> {
    let workspace = Workspace::find()?;
    match task {
        Task::Serve(args) => serve::serve(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::Test(args) => test::test(&workspace, &args),
        Task::Bench(args) => bench::bench(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::BenchEdge(args) => bench_edge::bench(&workspace, &args).map(|()| ExitCode::SUCCESS),
        Task::BenchVitals(args) => {
            bench_vitals::bench(&workspace, &args).map(|()| ExitCode::SUCCESS)
        }
        Task::Conformance(args) => {
            let score = conformance::conformance(&workspace, &args)?;
            Ok(if score.wrong == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Task::Setup => build::set_up(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Tidy => tidy::tidy(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Build { part } => {
            build::set_up(&workspace)?;
            if matches!(part, Part::All | Part::Ui) {
                build::ui(&workspace)?;
            }
            if matches!(part, Part::All | Part::Edge) {
                build::edge(&workspace)?;
            }
            if matches!(part, Part::All | Part::Origin) {
                build::origin(&workspace)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
