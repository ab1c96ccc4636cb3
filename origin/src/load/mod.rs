//! The commands `import`, `export` and `seed`: they load rows of a file into the database and
//! pictures into the media folder, and export them. Owns no tables.
//!
//! Invariants: loading the same file again changes nothing; with `--strict` or `--dry-run`,
//! everything is one transaction that can be rolled back; memory does not grow with the file.

mod args;
pub mod bulk;
mod export;
mod loader;
mod pictures;
mod seed;

use std::{ops::ControlFlow, process::ExitCode};

use tokio::sync::mpsc;

pub use args::{ExportArgs, ImportArgs};
pub use export::export;
pub use loader::{ImportMode, ImportReport, Loader};
pub use seed::{SeedArgs, seed, seed_shop};

use crate::{
    app::App,
    audit::{self, Change},
    command_error::CommandError,
    import::{self, BadRow, LocatedRow, Source},
};

/// The capacity of the channel between the reading thread and the loader.
const QUEUE: usize = 1_024;

/// A row or a fault from the reading thread.
pub type Item = Result<LocatedRow, BadRow>;

/// Runs `origin import`.
pub async fn import(app: &App, args: ImportArgs) -> Result<ExitCode, CommandError> {
    let source = Source {
        path: args.file.clone(),
        translations: args.translations.clone(),
        media: args.media.clone(),
    };
    let currency = app.config.currency;
    let format = args.format;
    let report = load(app, args.mode(), move |emit| {
        import::read(format, &source, currency, emit).map_err(|error| error.to_string())
    })
    .await?;
    println!("{report}");
    if !args.dry_run {
        let file = args.file.file_name().unwrap_or_default().to_string_lossy();
        let change = Change::new("catalogue.import", "catalogue").to(&(file, report.to_string()));
        audit::record_command(app, change).await?;
    }
    match report.stopped {
        Some(why) => Err(CommandError(why)),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Loads the rows that `read` emits on a thread of its own. Its error becomes part of the report.
pub async fn load<R>(app: &App, mode: ImportMode, read: R) -> Result<ImportReport, CommandError>
where
    R: FnOnce(&mut import::Emit<'_>) -> Result<(), String> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel::<Item>(QUEUE);
    let reading = tokio::task::spawn_blocking(move || {
        let mut emit = |item: Item| match sender.blocking_send(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        read(&mut emit)
    });
    let mut loader = Loader::new(app, mode)?;
    while let Some(item) = receiver.recv().await {
        loader.take(item).await?;
        if loader.has_stopped() {
            break;
        }
    }
    drop(receiver);
    let read = reading
        .await
        .map_err(|error| CommandError(format!("reading failed: {error}")))?;
    loader.finish(read.err()).await
}
