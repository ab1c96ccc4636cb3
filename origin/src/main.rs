//! The `origin` command.

use std::process::ExitCode;

/// mimalloc is faster than the system's allocator for many small allocations in several threads,
/// such as those of rendering pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    origin::cli::run()
}
