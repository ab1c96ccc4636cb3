//! `cargo xtask serve`: from a clean checkout to a running shop.

use std::{
    fs, io::Read as _, net::SocketAddr, path::PathBuf, process::Command, thread, time::Duration,
};

use clap::Args;

use crate::{
    build, npm,
    process::{Running, free_port, is_stop_requested, require_free_port, stop_flag},
    stamp::{Inputs, run_unless_current},
    step::{Failure, run, step},
    watch::{Changed, Watch},
    workspace::Workspace,
};

/// Flags of `cargo xtask serve`
#[derive(Args, Clone)]
pub struct ServeArgs {
    /// The origin's port
    #[arg(long, default_value_t = 3000)]
    pub origin_port: u16,

    /// The port of the operators' listener of the origin
    #[arg(long, default_value_t = 9464)]
    pub ops_port: u16,

    /// The edge's port
    #[arg(long, default_value_t = 8080)]
    pub edge_port: u16,

    /// The URL of the database; by default the SQLite file in the data folder
    #[arg(long)]
    pub database_url: Option<String>,

    /// The folder of the database and the pictures
    #[arg(long, default_value = "data")]
    pub data: PathBuf,

    /// Run the origin without the edge
    #[arg(long)]
    pub origin_only: bool,

    /// Rebuild changed parts and restart the shop
    #[arg(long)]
    pub watch: bool,

    /// The bearer token of the operators
    #[arg(long, env = "MALLARD_OPERATOR_TOKEN", hide_env_values = true)]
    pub operator_token: Option<String>,

    /// The secret that edge and origin share, generated for this run
    #[arg(skip = new_secret())]
    pub edge_secret: String,

    /// Further settings of the origin
    #[arg(skip)]
    pub settings: Vec<(&'static str, &'static str)>,
}

/// A random secret; none if the system has no randomness.
pub fn new_secret() -> String {
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    match read {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => String::new(),
    }
}

impl ServeArgs {
    fn origin(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.origin_port))
    }

    fn ops(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ops_port))
    }

    fn edge(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.edge_port))
    }

    /// The shoppers' address.
    fn shop(&self) -> SocketAddr {
        if self.origin_only {
            self.origin()
        } else {
            self.edge()
        }
    }
}

/// Runs until the user stops it.
pub fn serve(workspace: &Workspace, args: &ServeArgs) -> Result<(), Failure> {
    let stop = stop_flag()?;
    require_free_port(args.origin(), "--origin-port")?;
    require_free_port(args.ops(), "--ops-port")?;
    if !args.origin_only {
        require_free_port(args.edge(), "--edge-port")?;
    }
    build::set_up(workspace)?;
    build::ui(workspace)?;
    if !args.origin_only {
        build::edge(workspace)?;
    }
    build::origin(workspace)?;
    step("database", || fill(workspace, args))?;
    let mut shop = step("open", || open(workspace, args))?;
    announce(args);
    let watch = if args.watch {
        Some(Watch::start(workspace)?)
    } else {
        None
    };
    while !is_stop_requested(&stop) {
        for program in &mut shop {
            program.check()?;
        }
        if let Some(changed) = watch.as_ref().and_then(Watch::changed) {
            drop(std::mem::take(&mut shop));
            // Reports a build error; the shop starts again after the next change.
            match rebuild(workspace, args, changed).and_then(|()| open(workspace, args)) {
                Ok(opened) => shop = opened,
                Err(Failure(message)) => eprintln!("  {message}"),
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    eprintln!("\n  closing");
    Ok(())
}

fn rebuild(workspace: &Workspace, args: &ServeArgs, changed: Changed) -> Result<(), Failure> {
    if changed.ui {
        build::ui(workspace)?;
    }
    if changed.edge && !args.origin_only {
        build::edge(workspace)?;
    }
    if changed.origin {
        build::origin(workspace)?;
        step("database", || fill(workspace, args))?;
    }
    Ok(())
}

fn announce(args: &ServeArgs) {
    let log = args.data.join("logs");
    eprintln!("\n  The shop is open: http://{}", args.shop());
    eprintln!(
        "  In Chinese: http://{}/zh · API: http://{}/docs/",
        args.shop(),
        args.shop()
    );
    if !args.origin_only {
        eprintln!(
            "  Origin: http://{} · logs: {}",
            args.origin(),
            log.display()
        );
    }
    eprintln!("  Operators: http://{}/metrics", args.ops());
    eprintln!("  Ctrl-C closes it.\n");
}

/// The command of the origin, with this shop's settings.
fn origin(workspace: &Workspace, args: &ServeArgs) -> Command {
    let mut command = Command::new(workspace.origin());
    command
        .current_dir(&workspace.root)
        .env("MALLARD_LISTEN", args.origin().to_string())
        .env("MALLARD_OPS_LISTEN", args.ops().to_string())
        // No load balancer needs time to notice the shutdown.
        .env("MALLARD_DRAIN_MS", "0")
        .env("MALLARD_BASE_URL", format!("http://{}", args.shop()))
        .env("MALLARD_DATA_DIR", &args.data)
        .env("MALLARD_ASSETS_DIR", workspace.site());
    if !args.origin_only && !args.edge_secret.is_empty() {
        command
            .env("MALLARD_EDGE_SECRET", &args.edge_secret)
            .env("MALLARD_EDGE_URLS", format!("http://{}", args.edge()));
    }
    if let Some(url) = &args.database_url {
        command.env("MALLARD_DATABASE_URL", url);
    }
    // Test cards, unless the settings say otherwise.
    if std::env::var_os("MALLARD_PAYMENT_METHODS").is_none() {
        command.env("MALLARD_PAYMENT_METHODS", "manual,test");
    }
    if let Some(token) = &args.operator_token {
        command.env("MALLARD_OPERATOR_TOKEN", token);
    }
    command.envs(args.settings.iter().copied());
    command
}

/// Migrates the database, and imports the demo catalogue unless this version of it is present.
fn fill(workspace: &Workspace, args: &ServeArgs) -> Result<(), Failure> {
    fs::create_dir_all(workspace.root.join(&args.data).join("logs"))?;
    run(origin(workspace, args).arg("migrate"))?;
    let data = workspace.root.join(&args.data);
    let inputs = Inputs::new()
        .path(&workspace.root.join("origin/demo"))?
        .text(args.database_url.as_deref().unwrap_or_default())
        .text(&data.to_string_lossy());
    let results = match args.database_url {
        Some(_) => Vec::new(),
        // The migration creates the database before the import.
        None => vec![data.join("media")],
    };
    run_unless_current(workspace, "demo", &inputs, &results, || {
        run(origin(workspace, args).args(["seed", "--log", "warn"])).map(drop)
    })
}

/// Starts origin and edge, and waits until both respond.
fn open(workspace: &Workspace, args: &ServeArgs) -> Result<Vec<Running>, Failure> {
    let logs = workspace.root.join(&args.data).join("logs");
    let mut serve = origin(workspace, args);
    serve.arg("serve");
    let mut origin = Running::start("the origin", &mut serve, &logs.join("origin.log"))?;
    origin.wait_until_ready(args.ops(), "/readyz")?;
    let mut programs = vec![origin];
    if !args.origin_only {
        let log = logs.join("edge.log");
        let mut edge = edge(
            workspace,
            args.edge(),
            args.origin(),
            &args.edge_secret,
            &log,
        )?;
        edge.wait_until_ready(args.edge(), "/")?;
        programs.push(edge);
    }
    Ok(programs)
}

/// Starts the edge on workerd.
pub fn edge(
    workspace: &Workspace,
    at: SocketAddr,
    origin: SocketAddr,
    secret: &str,
    log: &std::path::Path,
) -> Result<Running, Failure> {
    let mut command = Command::new(npm::workerd(workspace));
    command
        .arg("serve")
        .arg(workspace.edge().join("workerd.capnp"))
        .arg(format!("--socket-addr=http={at}"))
        .arg(format!("--external-addr=origin={origin}"))
        .env("EDGE_SECRET", secret);
    Running::start("the edge", &mut command, log)
}

/// The operator token of the tests.
pub const OPERATOR_TOKEN: &str = "operator-of-the-tests";

/// The buyers of the tests share a network and a few addresses.
const SHARED_BUYERS: [(&str, &str); 4] = [
    ("MALLARD_LIMIT_UNPAID_ORDERS", "0"),
    ("MALLARD_LIMIT_UNPAID_NETWORK", "0"),
    ("MALLARD_LIMIT_HELD_UNITS", "0"),
    ("MALLARD_LIMIT_DECLINES_NETWORK", "0"),
];

/// Starts a shop on free ports in a folder of its own.
pub fn open_for_tests(
    workspace: &Workspace,
    folder: &std::path::Path,
    ports: (u16, u16),
) -> Result<(SocketAddr, SocketAddr, Vec<Running>), Failure> {
    let args = for_tests(folder, ports)?;
    fill(workspace, &args)?;
    let programs = open(workspace, &args)?;
    Ok((args.origin(), args.edge(), programs))
}

/// Fills the database of such a shop, for tests that start the shop themselves.
pub fn fill_for_tests(workspace: &Workspace, folder: &std::path::Path) -> Result<(), Failure> {
    fill(workspace, &for_tests(folder, (0, 0))?)
}

fn for_tests(folder: &std::path::Path, ports: (u16, u16)) -> Result<ServeArgs, Failure> {
    Ok(ServeArgs {
        origin_port: ports.0,
        ops_port: free_port()?,
        edge_port: ports.1,
        database_url: None,
        data: folder.to_owned(),
        origin_only: false,
        watch: false,
        operator_token: Some(OPERATOR_TOKEN.to_owned()),
        edge_secret: new_secret(),
        settings: SHARED_BUYERS.to_vec(),
    })
}
