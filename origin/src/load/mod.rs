//! Loading the catalogue: the commands that bring rows of a file (or of the seed) into the database
//! and their pictures into the media folder, and out again. Owns no tables.
//!
//! What must stay true: loading the same again changes nothing; with `--strict` or `--dry-run`
//! everything is one transaction, which is undone; memory does not grow with the file.

mod args;
mod loader;
mod pictures;
mod seed;
mod unload;

use std::{ops::ControlFlow, process::ExitCode};

use tokio::sync::mpsc;

pub use args::{ExportArgs, ImportArgs};
pub use loader::{Loader, Mode, Report};
pub use seed::{SeedArgs, seed, seed_shop};
pub use unload::export;

use crate::{
    app::App,
    audit::{self, Change},
    cli::CommandError,
    import::{self, BadRow, Located, Source},
};

/// Rows on their way from the reading thread: enough to keep both sides busy.
const QUEUE: usize = 1_024;

/// What the reading thread hands over.
pub type Item = Result<Located, BadRow>;

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
        audit::note_command(app, change).await?;
    }
    match report.stopped {
        Some(why) => Err(CommandError(why)),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Loads the rows that `read` hands out; `read` runs on a thread of its own. What it fails with is
/// said in the report.
pub async fn load<R>(app: &App, mode: Mode, read: R) -> Result<Report, CommandError>
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
