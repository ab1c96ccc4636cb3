//! Programs that neither cargo nor npm provides: installed if this user may do so, otherwise the
//! error names their packages.

use std::process::Command;

use crate::step::{Failure, run};

/// A program or the path of a file, and the Debian package that contains it.
pub type Needed = (&'static str, &'static str);

/// The fonts of the reference screenshots.
pub const FONTS: [Needed; 2] = [
    (
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "fonts-dejavu-core",
    ),
    (
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "fonts-noto-cjk",
    ),
];

pub const MARIADB: Needed = ("mariadbd", "mariadb-server");
pub const CHROMIUM: Needed = ("chromium", "chromium");
pub const REDIS: Needed = ("redis-server", "redis-server");
/// The W3C's markup validator needs Java.
pub const JAVA: Needed = ("java", "default-jre-headless");
pub const WRK: Needed = ("wrk", "wrk");

/// Installs the missing packages.
pub fn install(needed: &[Needed]) -> Result<(), Failure> {
    let missing: Vec<_> = needed
        .iter()
        .filter(|(program, _)| !is_there(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    let wanted = packages.join(" ");
    if !nix::unistd::geteuid().is_root() || !is_there("apt-get") {
        return Err(Failure(format!(
            "missing: {wanted}; install them and run this again"
        )));
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
    .map(drop)
}

/// The path of a program.
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/bin"].map(Into::into));
    folders
        .into_iter()
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn is_there(program: &str) -> bool {
    find(program).is_some()
}
