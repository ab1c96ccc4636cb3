//! The wasm32 target: from rustup or, if that cannot download, built from the standard library's
//! source in a Debian package.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::step::{Failure, While, run, text_of};

/// The target of the islands and the Worker.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Debian's suites that have a `rust-src`, the most likely one first.
const SUITES: [&str; 5] = [
    "trixie-backports",
    "trixie",
    "forky",
    "sid",
    "bookworm-backports",
];

/// Makes the wasm32 target available to rustc.
pub fn install_wasm(scratch: &Path) -> Result<(), Failure> {
    let sysroot = PathBuf::from(text_of(Command::new("rustc").args(["--print", "sysroot"]))?);
    let libraries = sysroot.join("lib/rustlib").join(WASM).join("lib");
    if has_core(&libraries) {
        return Ok(());
    }
    let rustup = run(Command::new("timeout").args(["60", "rustup", "target", "add", WASM]));
    if rustup.is_ok() && has_core(&libraries) {
        return Ok(());
    }
    from_debian(scratch, &sysroot, &libraries).map_err(|Failure(why)| {
        Failure(format!(
            "the {WASM} target is missing: run `rustup target add {WASM}` ({why})"
        ))
    })
}

fn has_core(libraries: &Path) -> bool {
    let entries = fs::read_dir(libraries).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn from_debian(scratch: &Path, sysroot: &Path, libraries: &Path) -> Result<(), Failure> {
    let version = text_of(Command::new("rustc").arg("--version"))?;
    let version = version.split(' ').nth(1).unwrap_or_default().to_owned();
    let folder = scratch.join("rust-src");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let package = SUITES
        .iter()
        .find_map(|suite| fetch(&folder, suite, &version).ok());
    let package =
        package.ok_or_else(|| Failure(format!("no Debian suite has rust-src {version}")))?;
    run(Command::new("dpkg")
        .arg("-x")
        .arg(&package)
        .arg(folder.join("x")))?;
    let source = folder.join("x/usr/src");
    let unpacked = fs::read_dir(&source)?
        .flatten()
        .next()
        .map(|entry| entry.path());
    let library = unpacked.unwrap_or(source).join("library");
    // Cargo looks for the source in the sysroot only; it is removed again, even if the build fails.
    let parent = sysroot.join("lib/rustlib/src/rust");
    let destination = parent.join("library");
    let was_there = destination.exists();
    if !was_there {
        fs::create_dir_all(&parent)?;
        run(Command::new("cp").arg("-r").arg(&library).arg(&destination))?;
    }
    let built = build_std(&folder, libraries);
    if !was_there {
        fs::remove_dir_all(sysroot.join("lib/rustlib/src"))?;
    }
    built?;
    Ok(fs::remove_dir_all(&folder)?)
}

/// Downloads `rust-src` of this upstream version from a suite. Apt verifies its signature; the
/// system's package lists stay unchanged.
fn fetch(folder: &Path, suite: &str, version: &str) -> Result<PathBuf, Failure> {
    let sources = sources();
    let mirror = mirror(&sources).ok_or_else(|| Failure::new("apt names no Debian mirror"))?;
    let apt = folder.join(suite);
    for part in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(part))?;
    }
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(
        apt.join("sources.list"),
        format!("deb [signed-by={keys}] {mirror} {suite} main\n"),
    )?;
    let apt_tool = |tool: &str| {
        let mut command = Command::new(tool);
        for (key, value) in [
            ("Dir::Etc::sourcelist", apt.join("sources.list")),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
            ("Dir::State", apt.join("state")),
            ("Dir::State::status", "/dev/null".into()),
            ("Dir::Cache", apt.join("cache")),
            ("APT::Sandbox::User", "root".into()),
        ] {
            command.arg("-o").arg(format!("{key}={}", value.display()));
        }
        command.arg("-qq").current_dir(&apt);
        command
    };
    run(apt_tool("apt-get").arg("update"))?;
    let listed = text_of(apt_tool("apt-cache").args(["madison", "rust-src"]))?;
    let full = matching(&listed, version).ok_or_else(|| Failure::new("another version"))?;
    run(apt_tool("apt-get")
        .arg("download")
        .arg(format!("rust-src={full}")))?;
    let files = fs::read_dir(&apt)?.flatten().map(|entry| entry.path());
    let package = files
        .into_iter()
        .find(|path| path.extension().is_some_and(|it| it == "deb"));
    package.ok_or_else(|| Failure::new("apt downloaded nothing"))
}

/// Builds the standard library for wasm32 through an empty crate, and installs its libraries. They
/// include bitcode, which link-time optimization needs.
fn build_std(folder: &Path, libraries: &Path) -> Result<(), Failure> {
    let krate = folder.join("nothing");
    fs::create_dir_all(krate.join("src"))?;
    fs::write(krate.join("src/lib.rs"), "")?;
    let manifest = "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    fs::write(krate.join("Cargo.toml"), manifest)?;
    run(Command::new("cargo")
        .args([
            "build",
            "--release",
            "-Zbuild-std=std,panic_abort,panic_unwind",
        ])
        .args(["--target", WASM])
        .current_dir(&krate)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", krate.join("target")))?;
    fs::create_dir_all(libraries)?;
    for entry in fs::read_dir(krate.join("target").join(WASM).join("release/deps"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libnothing") {
            fs::copy(&path, libraries.join(&name)).while_doing("installing the wasm32 target")?;
        }
    }
    Ok(())
}

/// The system's apt sources, in both formats.
fn sources() -> String {
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten();
    let mut files: Vec<PathBuf> = parts.map(|entry| entry.path()).collect();
    files.push("/etc/apt/sources.list".into());
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    texts.collect::<Vec<_>>().join("\n")
}

/// The first mirror of Debian itself, not of its security updates.
fn mirror(sources: &str) -> Option<&str> {
    sources
        .lines()
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"))
}

/// The full version in apt-cache's table with this upstream version.
fn matching<'t>(madison: &'t str, version: &str) -> Option<&'t str> {
    let versions = madison
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim);
    let upstream = |full: &&str| full.split(['+', '-', '~']).next() == Some(version);
    versions.into_iter().find(upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_found_in_both_formats() {
        let new = "Types: deb\nURIs: http://mirror.example/debian-security\n\
                   URIs: http://mirror.example/debian\nSuites: bookworm";
        assert_eq!(mirror(new), Some("http://mirror.example/debian"));
        let old = "deb https://other.example/tools stable main\n\
                   deb [arch=amd64] http://mirror.example/debian/ bookworm main";
        assert_eq!(mirror(old), Some("http://mirror.example/debian/"));
        assert_eq!(mirror("# nothing"), None);
    }

    #[test]
    fn only_the_same_upstream_version_fits() {
        let table = "rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://m/debian trixie-backports/main\n\
                     rust-src | 1.85.0+dfsg3-1 | http://m/debian trixie/main";
        assert_eq!(matching(table, "1.95.0"), Some("1.95.0+dfsg1-2~bpo13+1"));
        assert_eq!(matching(table, "1.85.0"), Some("1.85.0+dfsg3-1"));
        assert_eq!(matching(table, "1.95.1"), None);
        assert_eq!(matching(table, "1.9"), None);
    }
}
