//! Builds the parts. A part is skipped if its inputs have not changed.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    assets, npm,
    stamp::{Inputs, run_unless_current},
    step::{Failure, run, step},
    toolchain, wasm,
    workspace::Workspace,
};

/// Installs the build tools.
pub fn set_up(workspace: &Workspace) -> Result<(), Failure> {
    fs::create_dir_all(&workspace.target)?;
    step("wasm32 target", || {
        toolchain::install_wasm(&workspace.target)
    })?;
    step("npm packages", || npm::install(workspace))
}

/// Builds the stylesheet and the islands, with hashed names and a manifest.
pub fn ui(workspace: &Workspace) -> Result<(), Failure> {
    step("storefront", || {
        let inputs = crate_inputs(workspace, "ui")?.path(&workspace.root.join("ui/style"))?;
        let inputs = inputs.path(&workspace.root.join("ui/script"))?;
        let inputs = inputs.path(&workspace.root.join("ui/icon.svg"))?;
        let results = [workspace.site().join("manifest.json")];
        run_unless_current(workspace, "ui", &inputs, &results, || {
            assets::build(workspace)
        })
    })
}

/// Builds the Worker with its workerd configuration.
pub fn edge(workspace: &Workspace) -> Result<(), Failure> {
    step("edge", || {
        let inputs = crate_inputs(workspace, "edge")?
            .path(&workspace.root.join("edge/shim.mjs"))?
            .path(&workspace.root.join("edge/workerd.capnp"))?;
        let results = ["index.js", "index_bg.wasm", "workerd.capnp"];
        let results = results.map(|name| workspace.edge().join(name));
        run_unless_current(workspace, "edge", &inputs, &results, || {
            build_edge(workspace)
        })
    })
}

fn build_edge(workspace: &Workspace) -> Result<(), Failure> {
    let parts = workspace.target.join("edge-parts");
    wasm::build(workspace, "edge", wasm::Host::Worker, "index", &parts)?;
    let edge = workspace.edge();
    fs::create_dir_all(&edge)?;
    for (from, to) in [
        ("edge/shim.mjs", "shim.mjs"),
        ("edge/src/worker/bridge.mjs", "bridge.mjs"),
    ] {
        fs::copy(workspace.root.join(from), parts.join(to))?;
    }
    let mut esbuild = Command::new(workspace.npm_bin("esbuild"));
    esbuild
        .arg(parts.join("shim.mjs"))
        .args([
            "--bundle",
            "--format=esm",
            "--minify-whitespace",
            "--log-level=warning",
        ])
        .args(["--external:./index_bg.wasm", "--external:cloudflare:*"])
        .arg(format!("--outfile={}", edge.join("index.js").display()));
    run(&mut esbuild)?;
    // workerd learns from its configuration that the module is WebAssembly, and does not support
    // this newer syntax.
    let script = fs::read_to_string(edge.join("index.js"))?;
    fs::write(
        edge.join("index.js"),
        script.replace("import source ", "import "),
    )?;
    fs::copy(parts.join("index_bg.wasm"), edge.join("index_bg.wasm"))?;
    fs::copy(
        workspace.root.join("edge/workerd.capnp"),
        edge.join("workerd.capnp"),
    )?;
    Ok(())
}

/// Builds the server. Cargo itself tracks its changes.
pub fn origin(workspace: &Workspace) -> Result<(), Failure> {
    step("origin", || {
        run(workspace
            .cargo()
            .args(["build", "--release", "-p", "origin"]))
        .map(drop)
    })
}

/// The inputs of a crate that is built for WebAssembly.
fn crate_inputs(workspace: &Workspace, krate: &str) -> Result<Inputs, Failure> {
    let at = |path: &str| -> PathBuf { workspace.root.join(path) };
    Inputs::new()
        .path(&at("Cargo.lock"))?
        .path(&at("Cargo.toml"))?
        .path(&at("package-lock.json"))?
        .path(&at("shared/src"))?
        .path(&at(krate).join("Cargo.toml"))?
        .path(&at(krate).join("src"))
}
