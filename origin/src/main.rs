//! The `origin` command.

use std::process::ExitCode;

/// Faster than the system's where many small things are made and thrown away by several threads, as pages
/// are.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    origin::cli::run()
}
