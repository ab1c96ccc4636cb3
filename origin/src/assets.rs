//! The manifest of the built assets.

use std::path::Path;

use shared::page::Assets;

/// Reads `manifest.json` of the folder that `cargo xtask build` fills.
pub fn read(folder: &Path) -> Result<Assets, String> {
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let path = path.display();
        format!("cannot read {path}: {error}; run `cargo xtask build`, or set --assets-dir")
    })?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}
