//! The settings of images.

use clap::Args;

/// The settings of images.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct ImageConfig {
    /// The most pixels of an uploaded image; each takes at least four bytes of memory
    #[arg(
        long,
        env = "MALLARD_PICTURE_PIXELS",
        default_value_t = 50_000_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub picture_pixels: u64,

    /// Encode images also as AVIF, in the background: smaller downloads for some seconds of
    /// processor time for each image
    #[arg(
        long,
        env = "MALLARD_AVIF",
        default_value_t = true,
        action = clap::ArgAction::Set,
        global = true
    )]
    pub avif: bool,
}
