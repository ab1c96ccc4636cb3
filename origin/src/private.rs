//! Files and folders that nobody but the shop's own user may read: the database, keys, mail, pictures.
//!
//! What must stay true: they are made with modes 600 and 700, so that there is no moment at which
//! somebody else can open them; what an operator has made wider stays so and is named at start.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What group and others may do.
const OTHERS: u32 = 0o077;

/// Makes a folder, and those above it, unless it is there.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
}

/// Makes an empty file, unless it is there.
pub fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false);
    file.mode(FILE_MODE).open(path).map(drop)
}

/// Those of these paths that group or others may use, with their modes. What is not there is left out.
pub fn open_to_others(paths: impl IntoIterator<Item = PathBuf>) -> Vec<(PathBuf, u32)> {
    let open = paths.into_iter().filter_map(|path| {
        let mode = path.metadata().ok()?.permissions().mode() & 0o777;
        (mode & OTHERS != 0).then_some((path, mode))
    });
    open.collect()
}

/// Says in the log what others on this machine may read.
pub fn warn_of_open(paths: impl IntoIterator<Item = PathBuf>) {
    for (path, mode) in open_to_others(paths) {
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
    fn what_is_made_is_for_nobody_else_and_what_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("shop/data");
        create_folder(&data).unwrap();
        let file = data.join("mallard.db");
        create_file(&file).unwrap();
        assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
        assert_eq!(open_to_others([data.clone(), file.clone()]), []);
        fs::write(&file, "rows").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o711)).unwrap();
        create_folder(&data).unwrap();
        create_file(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "rows");
        let open = open_to_others([data.clone(), file.clone(), data.join("none")]);
        assert_eq!(open, [(data, 0o711), (file, 0o640)]);
    }
}
