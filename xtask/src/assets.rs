//! The pages' assets: bundled, named by a hash of their content, compressed in advance and listed
//! in a manifest. The assets of the previous build stay, for pages that are open or cached.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    step::{Failure, run},
    wasm,
    workspace::Workspace,
};

type Manifest = BTreeMap<String, String>;

/// Smaller files fit into one packet uncompressed.
const WORTH_COMPRESSING: usize = 1_024;

/// Builds the assets and the manifest.
pub fn build(workspace: &Workspace) -> Result<(), Failure> {
    let parts = workspace.target.join("ui-parts");
    fs::create_dir_all(&parts)?;
    wasm::build(workspace, "ui", wasm::Host::Browser, "ui", &parts)?;
    let bundle = |from: &Path, to: &str| -> Result<PathBuf, Failure> {
        let to = parts.join(to);
        let mut esbuild = Command::new(workspace.npm_bin("esbuild"));
        esbuild
            .arg(from)
            .args([
                "--bundle",
                "--minify",
                "--format=esm",
                "--log-level=warning",
            ])
            .args(["--target=chrome109,firefox115,safari16"])
            .arg(format!("--outfile={}", to.display()));
        run(&mut esbuild)?;
        Ok(to)
    };
    let style = bundle(&workspace.root.join("ui/style/main.css"), "style.css")?;
    let boot = bundle(&workspace.root.join("ui/script/main.js"), "boot.js")?;
    let script = bundle(&parts.join("ui.js"), "islands.js")?;
    let files = [
        ("style", style),
        ("boot", boot),
        ("script", script),
        ("wasm", parts.join("ui_bg.wasm")),
        ("icon", workspace.root.join("ui/icon.svg")),
    ];
    publish(&workspace.site(), &files)
}

fn publish(site: &Path, files: &[(&str, PathBuf)]) -> Result<(), Failure> {
    let folder = site.join("assets");
    fs::create_dir_all(&folder)?;
    let mut manifest = Manifest::new();
    for (name, file) in files {
        let content = fs::read(file)?;
        let hash = blake3::hash(&content).to_hex();
        let extension = file.extension().unwrap_or_default().to_string_lossy();
        let published = format!("{name}-{}.{extension}", &hash[..10]);
        write_atomically(&folder.join(&published), &content)?;
        if content.len() >= WORTH_COMPRESSING {
            write_atomically(&folder.join(format!("{published}.br")), &brotli(&content)?)?;
            write_atomically(&folder.join(format!("{published}.gz")), &gzip(&content)?)?;
        }
        manifest.insert((*name).to_owned(), format!("/assets/{published}"));
    }
    let path = site.join("manifest.json");
    let before = fs::read_to_string(&path).ok();
    let before: Manifest = before
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Failure(format!("manifest.json: {error}")))?;
    write_atomically(&path, text.as_bytes())?;
    delete_unlisted(&folder, &[&manifest, &before])
}

/// Deletes the files that none of these manifests lists.
fn delete_unlisted(folder: &Path, manifests: &[&Manifest]) -> Result<(), Failure> {
    let kept: Vec<&str> = manifests
        .iter()
        .flat_map(|manifest| manifest.values())
        .filter_map(|address| address.rsplit('/').next())
        .collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !kept.iter().any(|kept| name.starts_with(kept)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file atomically, by renaming a temporary one.
fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let beside = path.with_extension("part");
    fs::write(&beside, content)?;
    Ok(fs::rename(&beside, path)?)
}

fn brotli(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4_096, 11, 22);
    encoder.write_all(content)?;
    Ok(encoder.into_inner())
}

fn gzip(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_previous_build_stays_and_older_ones_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (source, site) = (folder.path().join("style.css"), folder.path().join("site"));
        let mut published = Vec::new();
        for content in ["a{}", "b{}", "c{}"] {
            fs::write(&source, content).unwrap();
            publish(&site, &[("style", source.clone())]).unwrap();
            let text = fs::read_to_string(site.join("manifest.json")).unwrap();
            let manifest: Manifest = serde_json::from_str(&text).unwrap();
            published.push(site.join(manifest["style"].trim_start_matches('/')));
        }
        let there: Vec<bool> = published.iter().map(|path| path.exists()).collect();
        assert_eq!(there, [false, true, true]);
    }
}
