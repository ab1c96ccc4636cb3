//! The command line: `serve` and the administrative commands. An error is one line that says what
//! to do, and the exit status is not zero.

use std::{
    io::IsTerminal as _, path::PathBuf, process::ExitCode, sync::atomic::Ordering, time::Duration,
};

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    accounts,
    app::App,
    assets, at_rest, catalog,
    clock::Clock,
    command_error::CommandError,
    config::{self, Config},
    db, http_pipeline,
    jobs::Jobs,
    load, private_files, relay, server, telemetry,
};

/// The origin of a Mallard shop
#[derive(Parser, Debug)]
#[command(name = "origin", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: CliCommand,

    /// A TOML file with settings; by default `mallard.toml`, if it exists
    #[arg(long, env = "MALLARD_CONFIG", global = true, value_name = "FILE")]
    #[arg(help_heading = "Settings")]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Config,
}

const AFTER_HELP: &str = "\
A setting is taken from its flag, else from its environment variable, else from the file (its key is \
the flag's name with underscores), else it is the default. `origin config` prints those in force.";

const DEFAULT_FILE: &str = "mallard.toml";

#[derive(Subcommand, Debug)]
enum CliCommand {
    /// Serve the shop
    Serve,
    /// Migrate the database to this version
    Migrate,
    /// Import products from a file
    Import(load::ImportArgs),
    /// Export all products to a file
    Export(load::ExportArgs),
    /// Fill the shop with the demo catalogue, or with many products for a load test
    Seed(load::SeedArgs),
    /// Manage the accounts of people who run the shop
    User(accounts::UserArgs),
    /// List undelivered messages, or send them again
    Outbox(relay::OutboxArgs),
    /// Print the effective settings and their sources; passwords are masked
    Config,
}

/// Runs the command line and returns the exit status.
pub fn run() -> ExitCode {
    match try_run() {
        Ok(code) => code,
        Err(CommandExit::Usage(error)) if error.use_stderr() && log_is_json() => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let message = first.strip_prefix("error: ").unwrap_or(first);
            eprintln!("{}", telemetry::error_line(message, &Clock::System));
            ExitCode::from(2)
        }
        Err(CommandExit::Usage(error)) => error.exit(),
        Err(CommandExit::Failed(message)) => {
            if log_is_json() {
                eprintln!("{}", telemetry::error_line(&message, &Clock::System));
            } else {
                eprintln!("origin: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether to print an error as a JSON log line, because a log collector reads it. Decided from the
/// raw arguments, because the settings may be the error.
fn log_is_json() -> bool {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let of_next = args.windows(2).find(|it| it[0] == "--log-format");
    let format = of_next.map(|it| it[1].clone()).or_else(|| {
        let mut args = args.iter();
        args.find_map(|it| it.strip_prefix("--log-format=").map(str::to_owned))
    });
    let format = format.or_else(|| std::env::var("MALLARD_LOG_FORMAT").ok());
    let is_text = format.is_some_and(|it| it == "text");
    args.iter().any(|it| it == "serve") && !is_text && !std::io::stderr().is_terminal()
}

/// Why a command stops early.
enum CommandExit {
    /// The command line is wrong, or help was requested.
    Usage(clap::Error),
    /// It failed, with a line for the user.
    Failed(String),
}

impl From<clap::Error> for CommandExit {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

impl<E: Into<CommandError>> From<E> for CommandExit {
    fn from(error: E) -> Self {
        Self::Failed(error.into().0)
    }
}

fn try_run() -> Result<ExitCode, CommandExit> {
    let (command, file_keys) = with_file(Cli::command())?;
    let matches = command.clone().try_get_matches()?;
    let cli = Cli::from_arg_matches(&matches)?;
    if matches!(cli.command, CliCommand::Config) {
        print!(
            "{}",
            config::describe(&command, innermost(&matches), &file_keys)
        );
        print!("{}", cli.settings.describe_addresses());
        return Ok(ExitCode::SUCCESS);
    }
    let format = cli.settings.log_format;
    telemetry::start_logging(&cli.settings.log, format, Clock::System)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    Ok(runtime.block_on(act(cli))?)
}

/// clap puts global flags into the matches of the subcommand.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| inner)
}

/// Reads the settings file before the command line is parsed, because it changes the defaults.
fn with_file(command: Command) -> Result<(Command, Vec<String>), CommandExit> {
    let named = config_flag().or_else(|| std::env::var_os("MALLARD_CONFIG").map(PathBuf::from));
    let default = PathBuf::from(DEFAULT_FILE);
    let path = match named {
        Some(path) => path,
        None if default.exists() => default,
        None => return Ok((command, Vec::new())),
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let in_file = |error| format!("{}: {error}", path.display());
    let command = config::with_file(command, &text).map_err(in_file)?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    Ok((command, table.keys().cloned().collect()))
}

fn config_flag() -> Option<PathBuf> {
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = arg.to_str().and_then(|arg| arg.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    None
}

async fn act(cli: Cli) -> Result<ExitCode, CommandError> {
    let settings = cli.settings;
    match cli.command {
        CliCommand::Serve => serve(settings).await.map(|()| ExitCode::SUCCESS),
        CliCommand::Config => Ok(ExitCode::SUCCESS),
        command => {
            let app = connect(settings).await?;
            let done = work(&app, command).await;
            app.close().await;
            done
        }
    }
}

/// Runs a command that ends by itself.
async fn work(app: &App, command: CliCommand) -> Result<ExitCode, CommandError> {
    migrate(app).await?;
    if !matches!(command, CliCommand::Migrate) {
        app.lease().await?;
    }
    match command {
        CliCommand::Import(args) => load::import(app, args).await,
        CliCommand::Export(args) => load::export(app, args).await,
        CliCommand::Seed(args) => load::seed(app, args).await,
        CliCommand::User(args) => accounts::run_user_command(app, args).await,
        CliCommand::Outbox(args) => relay::outbox(app, &args).await,
        CliCommand::Migrate => {
            at_rest::protect(app).await?;
            Ok(ExitCode::SUCCESS)
        }
        CliCommand::Serve | CliCommand::Config => Ok(ExitCode::SUCCESS),
    }
}

async fn serve(settings: Config) -> Result<(), CommandError> {
    let assets = assets::read(&settings.assets_dir)?;
    make_folder(&settings)?;
    let mut settings = settings;
    settings.connections_max = server::connections_possible(settings.connections_max);
    let app = App::connect(settings, assets, Clock::System)
        .await
        .map_err(unreachable_database)?;
    private_files::warn_if_accessible(app.config.private_paths());
    let state = db::migration_status(&app.db).await?;
    if !state.is_complete() {
        let (applied, known) = (state.applied, state.known);
        let message =
            format!("the database has {applied} of {known} migrations: run `origin migrate`");
        return Err(message.into());
    }
    app.lease().await?;
    at_rest::protect_once(&app).await?;
    let stop = stop_signal(&app)?;
    let listener = server::bind(&app)?;
    let operators = server::bind_operators(&app)?;
    for warning in app.config.address_warnings() {
        tracing::warn!("{warning}");
    }
    for sentence in app.config.trusted_address_sources() {
        tracing::info!("client addresses are taken from: {sentence}");
    }
    let operators = operators.map(|listener| server::Operators::start(&app, listener));
    tracing::info!(listen = %app.config.listen, "serving");
    let jobs = Jobs::start(&app);
    server::serve(&app, http_pipeline::router(&app), listener, stop).await;
    jobs.stop().await;
    if let Some(operators) = operators {
        operators.stop().await;
    }
    app.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Connects without built assets, for commands that need none.
async fn connect(settings: Config) -> Result<App, CommandError> {
    make_folder(&settings)?;
    let assets = shared::page::Assets::default();
    App::connect(settings, assets, Clock::System)
        .await
        .map_err(unreachable_database)
}

async fn migrate(app: &App) -> Result<(), CommandError> {
    let before = db::migration_status(&app.db).await?;
    if !before.is_complete() {
        db::migrate(&app.db)
            .await
            .map_err(|error| format!("the migration failed: {error}"))?;
        tracing::info!(
            applied = before.known - before.applied,
            "the database is up to date"
        );
    }
    at_rest::protect_once(app).await?;
    let searchable = catalog::rebuild_search_index(app).await;
    Ok(searchable.map_err(|error| format!("the search index could not be written: {error}"))?)
}

fn make_folder(settings: &Config) -> Result<(), CommandError> {
    private_files::create_folder(&settings.data_dir).map_err(|error| {
        let folder = settings.data_dir.display();
        CommandError(format!(
            "cannot create the data folder {folder}: {error}; set --data-dir"
        ))
    })
}

fn unreachable_database(error: db::Error) -> CommandError {
    CommandError(format!(
        "cannot open the database: {error}; check --database-url"
    ))
}

/// Completes when the process has to stop: at once after SIGINT, and after the drain time following
/// SIGTERM, while readiness already fails.
fn stop_signal(app: &App) -> Result<impl Future<Output = ()> + use<>, CommandError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| CommandError(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let app = app.clone();
    Ok(async move {
        let drain_ms = tokio::select! {
            _ = interrupt.recv() => 0,
            _ = terminate.recv() => app.config.net.drain_ms,
        };
        app.stopping.store(true, Ordering::Release);
        if drain_ms == 0 {
            return;
        }
        tracing::info!(
            drain_ms,
            "stopping soon: no longer ready, still serving requests"
        );
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(drain_ms)) => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
