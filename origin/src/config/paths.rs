//! Where the shop keeps what is not in the database.

use std::path::PathBuf;

use crate::{
    db,
    media::{self, Library},
};

use super::Config;

impl Config {
    /// What nobody else on this machine should be able to read.
    pub fn private_paths(&self) -> Vec<PathBuf> {
        let in_data = ["", "mail", "media", "token-keys", "sealing.key"];
        let mut paths: Vec<PathBuf> = in_data.iter().map(|it| self.data_dir.join(it)).collect();
        if let Some(file) = db::sqlite_file(&self.database_url()) {
            let beside = |end: &str| {
                let mut name = file.clone().into_os_string();
                name.push(end);
                PathBuf::from(name)
            };
            paths.extend([beside("-wal"), beside("-shm"), beside("")]);
        }
        paths
    }

    /// The shop's pictures.
    pub fn library(&self) -> Result<Library, media::Error> {
        Library::open(self.media_dir(), self.picture_pixels)
    }

    /// Where pictures are kept.
    pub fn media_dir(&self) -> PathBuf {
        self.data_dir.join("media")
    }
}
