//! Files and folders that only the shop's own user may read: the database, keys, mail, images.
//!
//! Invariants: they are created with modes 600 and 700, so that no other user can open them at any
//! moment; wider modes that an operator has set are kept, and logged at start.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Creates a folder and its parents, unless it exists.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
}

/// Creates an empty file, unless it exists.
pub fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false);
    file.mode(FILE_MODE).open(path).map(drop)
}

/// The existing paths that group or others can access, with their modes.
pub fn list_accessible_to_others(paths: impl IntoIterator<Item = PathBuf>) -> Vec<(PathBuf, u32)> {
    let open = paths.into_iter().filter_map(|path| {
        let mode = path.metadata().ok()?.permissions().mode() & 0o777;
        (mode & OTHERS != 0).then_some((path, mode))
    });
    open.collect()
}

/// Logs a warning for each path that other users of this machine can access.
pub fn warn_if_accessible(paths: impl IntoIterator<Item = PathBuf>) {
    for (path, mode) in list_accessible_to_others(paths) {
        let (path, mode) = (path.display(), format!("{mode:o}"));
        tracing::warn!(
            file.path = %path,
            file.mode = mode,
            "other users of this machine can read the shop's files: run `chmod go-rwx` on them"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn new_paths_are_private_and_existing_ones_keep_their_modes() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("shop/data");
        create_folder(&data).unwrap();
        let file = data.join("mallard.db");
        create_file(&file).unwrap();
        assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
        assert_eq!(list_accessible_to_others([data.clone(), file.clone()]), []);
        fs::write(&file, "rows").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o711)).unwrap();
        create_folder(&data).unwrap();
        create_file(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "rows");
        let open = list_accessible_to_others([data.clone(), file.clone(), data.join("none")]);
        assert_eq!(open, [(data, 0o711), (file, 0o640)]);
    }
}
