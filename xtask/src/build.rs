//! Building the parts. Each is skipped when nothing that it is made from has changed.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    assets, npm,
    place::Place,
    stamp::{Inputs, unless_done},
    step::{Failure, run, step},
    toolchain, wasm,
};

/// Installs what building needs.
pub fn set_up(place: &Place) -> Result<(), Failure> {
    fs::create_dir_all(&place.target)?;
    step("wasm32 target", || toolchain::install_wasm(&place.target))?;
    step("npm packages", || npm::install(place))
}

/// The stylesheet and the islands, with hashed names and a manifest.
pub fn ui(place: &Place) -> Result<(), Failure> {
    step("storefront", || {
        let inputs = crate_inputs(place, "ui")?.path(&place.root.join("ui/style"))?;
        let inputs = inputs.path(&place.root.join("ui/script"))?;
        let inputs = inputs.path(&place.root.join("ui/icon.svg"))?;
        let results = [place.site().join("manifest.json")];
        unless_done(place, "ui", &inputs, &results, || assets::build(place))
    })
}

/// The Worker with its workerd configuration.
pub fn edge(place: &Place) -> Result<(), Failure> {
    step("edge", || {
        let inputs = crate_inputs(place, "edge")?
            .path(&place.root.join("edge/shim.mjs"))?
            .path(&place.root.join("edge/workerd.capnp"))?;
        let results = ["index.js", "index_bg.wasm", "workerd.capnp"];
        let results = results.map(|name| place.edge().join(name));
        unless_done(place, "edge", &inputs, &results, || build_edge(place))
    })
}

fn build_edge(place: &Place) -> Result<(), Failure> {
    let parts = place.target.join("edge-parts");
    wasm::build(place, "edge", wasm::Host::Worker, "index", &parts)?;
    let edge = place.edge();
    fs::create_dir_all(&edge)?;
    for (from, to) in [
        ("edge/shim.mjs", "shim.mjs"),
        ("edge/src/worker/bridge.mjs", "bridge.mjs"),
    ] {
        fs::copy(place.root.join(from), parts.join(to))?;
    }
    let mut esbuild = Command::new(place.npm_bin("esbuild"));
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
    // workerd knows the module as WebAssembly from its configuration, and not this newer syntax.
    let script = fs::read_to_string(edge.join("index.js"))?;
    fs::write(
        edge.join("index.js"),
        script.replace("import source ", "import "),
    )?;
    fs::copy(parts.join("index_bg.wasm"), edge.join("index_bg.wasm"))?;
    fs::copy(
        place.root.join("edge/workerd.capnp"),
        edge.join("workerd.capnp"),
    )?;
    Ok(())
}

/// The server. Cargo knows best whether anything has changed.
pub fn origin(place: &Place) -> Result<(), Failure> {
    step("origin", || {
        run(place.cargo().args(["build", "--release", "-p", "origin"])).map(drop)
    })
}

/// What a crate for WebAssembly is made from.
fn crate_inputs(place: &Place, krate: &str) -> Result<Inputs, Failure> {
    let at = |path: &str| -> PathBuf { place.root.join(path) };
    Inputs::new()
        .path(&at("Cargo.lock"))?
        .path(&at("Cargo.toml"))?
        .path(&at("package-lock.json"))?
        .path(&at("shared/src"))?
        .path(&at(krate).join("Cargo.toml"))?
        .path(&at(krate).join("src"))
}
