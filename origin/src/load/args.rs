//! The flags of `origin import` and `origin export`.

use std::path::PathBuf;

use clap::Args;

use crate::import::Format;

use super::ImportMode;

/// Flags of `origin import`
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// The file to read
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The format of the file; docs/import.md describes each
    #[arg(long)]
    pub format: Format,

    /// Spree's second file, with names and descriptions in other languages
    #[arg(long, value_name = "FILE")]
    pub translations: Option<PathBuf>,

    /// The folder for relative paths of pictures; by default the folder of the file
    #[arg(long, value_name = "FOLDER")]
    pub media: Option<PathBuf>,

    /// Change nothing unless every row is valid
    #[arg(long)]
    pub strict: bool,

    /// Report what would be imported, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl ImportArgs {
    /// The import mode that the flags select.
    pub fn mode(&self) -> ImportMode {
        ImportMode {
            strict: self.strict,
            dry_run: self.dry_run,
        }
    }
}

/// Flags of `origin export`
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// The file to write, `.csv` or `.jsonl`; it must not exist
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
