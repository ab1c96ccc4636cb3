//! Paths of the shop's data, and the settings of the database.

use std::{path::PathBuf, time::Duration};

use crate::db;

use super::Config;

impl Config {
    /// The paths that other users of this machine should not be able to read.
    pub fn private_paths(&self) -> Vec<PathBuf> {
        let in_data = [
            "",
            "mail",
            "media",
            "avif-queue",
            "token-keys",
            "sealing.key",
        ];
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

    /// The folder of the images that wait to be encoded as AVIF.
    pub fn avif_queue_dir(&self) -> PathBuf {
        self.data_dir.join("avif-queue")
    }

    /// The folder of the images.
    pub fn media_dir(&self) -> PathBuf {
        self.data_dir.join("media")
    }

    /// The URL of the database: the setting, or the file in the data folder.
    pub fn database_url(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("mallard.db").display()))
    }

    /// The settings of the database.
    pub fn database(&self) -> db::Settings {
        db::Settings {
            url: self.database_url(),
            replica_url: self.database_replica_url.clone(),
            replica_lag_max: Duration::from_millis(self.database_replica_lag_max_ms),
            connections_max: self.database_connections,
            acquire_timeout: Duration::from_millis(self.database_acquire_ms),
            busy_timeout: Duration::from_millis(self.database_busy_ms),
        }
    }
}
