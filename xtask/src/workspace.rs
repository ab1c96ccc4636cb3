//! The workspace: the checkout, and cargo's target folder, which may be elsewhere.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::step::{Failure, text_of};

/// The paths of the workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The root of the checkout.
    pub root: PathBuf,
    /// Cargo's target folder, which also contains the built shop.
    pub target: PathBuf,
}

impl Workspace {
    /// Gets the paths from cargo.
    pub fn find() -> Result<Self, Failure> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_owned();
        let mut metadata = Command::new(cargo());
        metadata
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(&root);
        let metadata: serde_json::Value = serde_json::from_str(&text_of(&mut metadata)?)
            .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
        let target = metadata["target_directory"].as_str().map(PathBuf::from);
        Ok(Self {
            target: target.unwrap_or_else(|| root.join("target")),
            root,
        })
    }

    /// The folder of the assets and their manifest.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// The folder of the Worker and its workerd configuration.
    pub fn edge(&self) -> PathBuf {
        self.target.join("edge")
    }

    /// The path of the server.
    pub fn origin(&self) -> PathBuf {
        self.target.join("release/origin")
    }

    /// The path of a program of an npm package.
    pub fn npm_bin(&self, name: &str) -> PathBuf {
        self.root.join("node_modules/.bin").join(name)
    }

    /// A cargo command in the checkout.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        // Cargo's variables about xtask do not apply to other packages; some build scripts would
        // run again because of them.
        let about_xtask =
            |name: &str| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(about_xtask) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// The cargo that runs xtask.
fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
