//! Stamps: hashes of a step's inputs, so that a step is skipped when they have not changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{step::Failure, workspace::Workspace};

/// A hash of files, folders and any other inputs of a step.
pub struct Inputs(blake3::Hasher);

impl Inputs {
    /// Without inputs.
    pub fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    /// Adds a string, such as a version.
    pub fn text(mut self, text: &str) -> Self {
        self.0.update(text.as_bytes()).update(b"\0");
        self
    }

    /// Adds a file, or all files below a folder, by name and content.
    pub fn path(mut self, path: &Path) -> Result<Self, Failure> {
        self.add(path)?;
        Ok(self)
    }

    fn add(&mut self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            let mut entries: Vec<PathBuf> = fs::read_dir(path)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<_>>()?;
            entries.sort();
            return entries.iter().try_for_each(|entry| self.add(entry));
        }
        self.0
            .update(path.to_string_lossy().as_bytes())
            .update(b"\0");
        match fs::read(path) {
            Ok(content) => self.0.update(blake3::hash(&content).as_bytes()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.0.update(b"absent"),
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// The hash.
    pub fn hash(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// Runs the step unless its inputs are unchanged and all its results exist.
pub fn run_unless_current(
    workspace: &Workspace,
    name: &str,
    inputs: &Inputs,
    results: &[PathBuf],
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stamps = workspace.target.join("stamps");
    let stamp = stamps.join(name);
    let hash = inputs.hash();
    let same = fs::read_to_string(&stamp).is_ok_and(|old| old == hash);
    if same && results.iter().all(|result| result.exists()) {
        return Ok(());
    }
    work()?;
    fs::create_dir_all(&stamps)?;
    fs::write(&stamp, hash)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let hash = || Inputs::new().path(folder.path()).unwrap().hash();
        let empty = hash();
        fs::write(folder.path().join("a"), "1").unwrap();
        let one = hash();
        fs::write(folder.path().join("a"), "2").unwrap();
        let two = hash();
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        let all = [empty, one, two, hash()];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 4);
    }

    #[test]
    fn a_step_runs_again_when_its_result_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().into(),
            target: folder.path().join("target"),
        };
        let result = folder.path().join("result");
        let mut times = 0;
        let mut go = || {
            let work = || {
                times += 1;
                Ok(fs::write(&result, "made")?)
            };
            run_unless_current(
                &workspace,
                "it",
                &Inputs::new().text("v1"),
                std::slice::from_ref(&result),
                work,
            )
            .unwrap();
            times
        };
        assert_eq!((go(), go()), (1, 1));
        fs::remove_file(&result).unwrap();
        assert_eq!(go(), 2);
    }
}
