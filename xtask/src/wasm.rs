//! Builds WebAssembly for a browser or a Worker from a crate: cargo, wasm-bindgen, wasm-opt.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use wasm_bindgen_cli_support::Bindgen;

use crate::{
    step::{Failure, run},
    toolchain::WASM,
    workspace::Workspace,
};

/// The features that workerd and all recent browsers support; listed, so that wasm-opt neither
/// guesses nor uses others.
const FEATURES: [&str; 7] = [
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
];

/// The host of a module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A browser, through `init()`.
    Browser,
    /// A Worker, as a module; it can be reset after a panic.
    Worker,
}

impl Host {
    /// The profile in Cargo.toml: a browser downloads the module once a visitor, the edge runs it
    /// once a request.
    const fn profile(self) -> &'static str {
        match self {
            Self::Browser => "wasm-release",
            Self::Worker => "wasm-edge",
        }
    }
}

/// Builds a crate into `folder`: `{name}.js` and `{name}_bg.wasm`.
pub fn build(
    workspace: &Workspace,
    krate: &str,
    host: Host,
    name: &str,
    folder: &Path,
) -> Result<(), Failure> {
    let profile = host.profile();
    run(workspace.cargo().args([
        "build",
        "--lib",
        "--profile",
        profile,
        "--target",
        WASM,
        "-p",
        krate,
    ]))?;
    let built = workspace
        .target
        .join(WASM)
        .join(profile)
        .join(format!("{krate}.wasm"));
    bind(&built, host, name, folder).map_err(|error| Failure(format!("wasm-bindgen: {error}")))?;
    shrink(workspace, &folder.join(format!("{name}_bg.wasm")))
}

fn bind(
    built: &Path,
    host: Host,
    name: &str,
    folder: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(built)
        .out_name(name)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    match host {
        Host::Browser => bindgen.web(true)?.omit_default_module_path(true),
        Host::Worker => bindgen
            .module(true)?
            .reset_state_function(true)
            .force_enable_abort_handler(true),
    };
    Ok(bindgen.generate(folder)?)
}

fn shrink(workspace: &Workspace, wasm: &Path) -> Result<(), Failure> {
    let smaller: PathBuf = wasm.with_extension("smaller");
    let mut command = Command::new("node");
    command
        .arg(workspace.npm_bin("wasm-opt"))
        .arg("-Oz")
        .args(FEATURES);
    run(command.arg(wasm).arg("-o").arg(&smaller))?;
    Ok(std::fs::rename(&smaller, wasm)?)
}
