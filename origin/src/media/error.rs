//! Errors of pictures.

use std::{io, path::PathBuf};

/// Why a picture could not be ingested.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media folder cannot be created.
    #[error("cannot create the media folder {}: {source}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The media folder cannot be written, for example because the disk is full.
    #[error("{name} cannot be written into the media folder: {source}")]
    Write {
        /// Which file.
        name: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Its file is too large.
    #[error("the image is too large: at most {} MiB are allowed", super::FILE_MAX / 1_048_576)]
    TooManyBytes,
    /// It has too many pixels for its bit depth.
    #[error("the image is too large: at most {} megapixels are allowed (--picture-pixels)",
        pixels_max / 1_000_000)]
    TooManyPixels {
        /// The limit.
        pixels_max: u64,
    },
    /// It is not a picture, or a broken one.
    #[error("not a supported image: {0}")]
    Broken(String),
}
