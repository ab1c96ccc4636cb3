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

    /// What kind of file it is; docs/import.md describes each
    #[arg(long)]
    pub format: Format,

    /// Spree's second file, with names and descriptions in other languages
    #[arg(long, value_name = "FILE")]
    pub translations: Option<PathBuf>,

    /// The folder that pictures are relative to, if not the file's own
    #[arg(long, value_name = "FOLDER")]
    pub media: Option<PathBuf>,

    /// Change nothing unless every row is right
    #[arg(long)]
    pub strict: bool,

    /// Say what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl ImportArgs {
    /// What becomes of the rows.
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
    /// The file to write, `.csv` or `.jsonl`; it must not be there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
