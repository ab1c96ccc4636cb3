//! What can be wrong with a picture.

use std::{io, path::PathBuf};

/// Why a picture could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media folder cannot be made.
    #[error("cannot create the media folder {}: {source}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The media folder cannot be written, for example because the disk is full.
    #[error("{name} cannot be written into the media folder: {source}")]
    Write {
        /// Which file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// Its file has more bytes than are taken.
    #[error("the image is too large: at most {} MiB are allowed", super::FILE_MAX / 1_048_576)]
    TooManyBytes,
    /// It has more pixels than are taken, or as many with more bits each.
    #[error("the image is too large: at most {} megapixels are allowed (--picture-pixels)",
        pixels_max / 1_000_000)]
    TooManyPixels {
        /// The most.
        pixels_max: u64,
    },
    /// It is not a picture, or a broken one.
    #[error("not a supported image: {0}")]
    Broken(String),
}
