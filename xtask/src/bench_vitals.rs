//! `cargo xtask bench-vitals`: measures web vitals in Chromium on a slow phone, through the edge.

use std::process::Command;

use clap::Args;

use crate::{
    build, debian,
    process::free_port,
    serve,
    step::{Failure, text_of},
    workspace::Workspace,
};

/// Flags of `cargo xtask bench-vitals`
#[derive(Args, Clone)]
pub struct BenchVitalsArgs {
    /// How often each page is measured; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// Measures, and prints a table.
pub fn bench(workspace: &Workspace, args: &BenchVitalsArgs) -> Result<(), Failure> {
    debian::install(&[debian::CHROMIUM])?;
    build::set_up(workspace)?;
    build::ui(workspace)?;
    build::edge(workspace)?;
    build::origin(workspace)?;
    let folder = tempfile::tempdir()?;
    let ports = (free_port()?, free_port()?);
    let (_, edge, _shop) = serve::open_for_tests(workspace, folder.path(), ports)?;
    let chromium = debian::find("chromium").unwrap_or_else(|| "chromium".into());
    let table = text_of(
        Command::new("node")
            .arg(workspace.root.join("bench/vitals.mjs"))
            .arg(format!("http://{edge}"))
            .arg(chromium)
            .arg(args.rounds.to_string()),
    )?;
    println!("\n{table}");
    Ok(())
}
