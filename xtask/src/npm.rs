//! The npm packages: workerd, esbuild, wasm-opt, wrangler, Playwright. Their install scripts, which
//! would download, need not run.

use std::{path::PathBuf, process::Command};

use crate::{
    stamp::{Inputs, run_unless_current},
    step::{Failure, run},
    workspace::Workspace,
};

/// Installs the packages of package-lock.json.
pub fn install(workspace: &Workspace) -> Result<(), Failure> {
    let inputs = Inputs::new()
        .path(&workspace.root.join("package.json"))?
        .path(&workspace.root.join("package-lock.json"))?
        .text(&workspace.root.to_string_lossy());
    let results = [
        workspace.npm_bin("esbuild"),
        workspace.npm_bin("wasm-opt"),
        workerd(workspace),
    ];
    run_unless_current(workspace, "npm", &inputs, &results, || {
        // Not `npm ci`, which rejects a lock file without other systems' optional packages, as some
        // versions of npm write it. This installs the locked versions as well, and saves nothing.
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ])
        .current_dir(&workspace.root);
        run(&mut npm).map(drop)
    })
}

/// The workerd binary; npm's wrapper would start it through Node.
pub fn workerd(workspace: &Workspace) -> PathBuf {
    let system = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", "aarch64") => "darwin-arm64",
        ("macos", _) => "darwin-64",
        (_, "aarch64") => "linux-arm64",
        _ => "linux-64",
    };
    let package = format!("node_modules/@cloudflare/workerd-{system}/bin/workerd");
    workspace.root.join(package)
}
