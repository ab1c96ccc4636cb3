//! `cargo xtask bench`: fills new shops, buys as a guest with each payment method, and runs every
//! scenario, each beside a reference: a constant response to as many clients in the same run.

mod load;
mod overload;
mod processors;
mod propagation;
mod scenario;
mod shop;
mod soak;
mod svg;
mod table;

use std::{fs, path::Path, process::Command, thread, time::Duration};

use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;

use self::{
    load::{LoadResult, Pace, install_oha, measure, oha, wrk},
    overload::Overload,
    scenario::{CATALOGUE, L1_BYTES, Load, Rate, SHOP, Scenario, ShopSpec},
    shop::{BenchContext, Shop, TOKEN},
    soak::Sample,
    table::{Row, median},
};
use crate::{
    build, debian,
    mariadb::{Durability, Mariadb},
    process::{Running, free_port, status},
    step::{Failure, step},
    workspace::Workspace,
};

/// Flags of `cargo xtask bench`
#[derive(Args, Clone)]
pub struct BenchArgs {
    /// Use a private MariaDB instead of SQLite
    #[arg(long)]
    mariadb: bool,

    /// Finish in less than ten minutes after the build: shorter loads, no catalogue of a million
    /// products
    #[arg(long)]
    quick: bool,

    /// How long each load lasts, in seconds [default: 10, or 3 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,

    /// Only these scenarios; an unknown name lists them all
    #[arg(long, num_args = 1.., value_name = "NAME")]
    only: Vec<String>,

    /// Run the soak test for this many seconds, an hour by default, and draw its charts
    #[arg(long, num_args = 0..=1, default_missing_value = "3600", value_name = "SECONDS")]
    soak: Option<u64>,
}

/// The duration of each measurement of the reference.
const REFERENCE_S: u64 = 1;
/// The file descriptors for twice the maximum number of connections, with a margin.
const DESCRIPTORS: u64 = 12_000;
/// The cache hit ratio at which a load on cached content begins, and the time limit for reaching
/// it.
const WARM: f64 = 0.999;
const WARM_UP_MAX_S: usize = 10;
const COLD_STARTS: usize = 5;
const HUNDREDTH_US: f64 = 10_000.0;

/// Runs everything and writes the report.
pub fn bench(workspace: &Workspace, args: &BenchArgs) -> Result<(), Failure> {
    let scenarios = chosen(args)?;
    let out = workspace.target.join("bench");
    fs::create_dir_all(&out)?;
    set_up(workspace, args, &scenarios)?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let database = args
        .mariadb
        .then(|| Mariadb::start(folder, Durability::Full))
        .transpose()?;
    let (stripe, _stand_in) = stand_in(workspace, folder)?;
    let context = BenchContext {
        workspace,
        folder,
        database: database.as_ref(),
        stripe,
    };
    let mut report = Report::default();
    let mut filled = Vec::new();
    let seconds = args.seconds.unwrap_or(if args.quick { 3 } else { 10 });
    println!("\n{}", table::HEAD);
    for group in scenarios.chunk_by(|a, b| a.shop_spec == b.shop_spec) {
        fill(&context, group[0].shop_spec.products, &mut filled)?;
        measure_group(&context, group, seconds, &mut report)?;
    }
    if args.wants(COLD_START) {
        fill(&context, CATALOGUE, &mut filled)?;
        report.cold_start_ms = cold_starts(&context)?;
    }
    if args.wants(OVERLOAD) {
        fill(&context, CATALOGUE, &mut filled)?;
        report.overload = Some(overload::overload(&context, seconds)?);
    }
    if args.wants(AGREE) {
        fill(&context, SHOP, &mut filled)?;
        report.propagation = propagation::measure_propagation(&context)?;
    }
    if let Some(seconds) = args.soak {
        fill(&context, CATALOGUE, &mut filled)?;
        report.soak = soak::soak(&context, seconds, &out)?;
    }
    report.finish(&out)
}

/// Measurements other than the scenarios of the table.
const COLD_START: &str = "cold-start";
const OVERLOAD: &str = "overload";
const AGREE: &str = "agree";
const MORE: [&str; 3] = [COLD_START, OVERLOAD, AGREE];

impl BenchArgs {
    /// Whether only the soak test was requested.
    fn only_soaks(&self) -> bool {
        self.only.is_empty() && self.soak.is_some() && !self.quick
    }

    /// Whether this measurement was requested.
    fn wants(&self, more: &str) -> bool {
        !self.only_soaks() && (self.only.is_empty() || self.only.iter().any(|name| name == more))
    }
}

/// The scenarios of this run.
fn chosen(args: &BenchArgs) -> Result<Vec<Scenario>, Failure> {
    let mut all = scenario::all();
    let unknown = args
        .only
        .iter()
        .find(|name| !MORE.contains(&name.as_str()) && !all.iter().any(|it| it.name == **name));
    if let Some(name) = unknown {
        let names: Vec<_> = all.iter().map(|it| it.name).chain(MORE).collect();
        let names = names.join(" ");
        return Err(Failure(format!(
            "no scenario is called {name}; there are {names}"
        )));
    }
    if !args.only.is_empty() {
        all.retain(|it| args.only.iter().any(|name| name == it.name));
    } else if args.only_soaks() {
        all.clear();
    } else if args.quick {
        all.retain(|it| !it.slow);
    }
    Ok(all)
}

fn set_up(workspace: &Workspace, args: &BenchArgs, scenarios: &[Scenario]) -> Result<(), Failure> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)
        .map_err(|error| Failure(format!("the limit of open files: {error}")))?;
    if most < DESCRIPTORS {
        return Err(Failure(format!(
            "{most} open files are allowed; 5,000 connections take {DESCRIPTORS} (ulimit -Hn)"
        )));
    }
    // Programs started from here inherit the limit.
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
        .map_err(|error| Failure(format!("the limit of open files: {error}")))?;
    let mut needed = vec![debian::WRK, debian::REDIS];
    if args.mariadb {
        needed.push(debian::MARIADB);
    }
    debian::install(&needed)?;
    let open = |it: &Scenario| matches!(it.load, Load::Open { .. });
    if scenarios.iter().any(open) {
        step("oha", || install_oha(workspace))?;
    }
    build::set_up(workspace)?;
    build::ui(workspace)?;
    build::origin(workspace)
}

/// Starts the stand-in for Stripe.
fn stand_in(workspace: &Workspace, folder: &Path) -> Result<(u16, Running), Failure> {
    let port = free_port()?;
    let mut node = Command::new("node");
    node.arg(workspace.root.join("bench/stripe.mjs"))
        .arg(port.to_string());
    let running = Running::start("Stripe", &mut node, &folder.join("stripe.log"))?;
    Ok((port, running))
}

fn fill(context: &BenchContext<'_>, products: u32, filled: &mut Vec<u32>) -> Result<(), Failure> {
    if filled.contains(&products) {
        return Ok(());
    }
    step(&format!("{products} products"), || context.fill(products))?;
    filled.push(products);
    Ok(())
}

/// The report of a run.
#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    purchases: Option<String>,
    cold_start_ms: Vec<f64>,
    overload: Option<Overload>,
    /// The latency between two origins.
    propagation: Vec<String>,
    soak: Vec<Sample>,
}

impl Report {
    /// Writes the report, and fails if a request has failed.
    fn finish(mut self, out: &Path) -> Result<(), Failure> {
        let mut notes = table::growth(&self.rows);
        if !self.cold_start_ms.is_empty() {
            let middle = median(&mut self.cold_start_ms);
            notes.push(format!(
                "cold start, from the process to its first 200: {middle:.0} ms (median of {COLD_STARTS})"
            ));
        }
        notes.extend(self.overload.iter().flat_map(Overload::lines));
        notes.extend(self.propagation.iter().cloned());
        if !self.soak.is_empty() {
            notes.push(soak::line(&self.soak));
        }
        let lines: Vec<_> = self.rows.iter().map(table::line).collect();
        let notes: Vec<_> = notes.iter().map(|it| format!("- {it}\n")).collect();
        let text = format!(
            "{}\n{}\n\n{}",
            table::HEAD,
            lines.join("\n"),
            notes.concat()
        );
        fs::write(out.join("bench.md"), text)?;
        let drift = soak::drift(&self.soak);
        let all = json!({
            "rows": self.rows,
            "purchases": self.purchases,
            "cold_start_ms": self.cold_start_ms,
            "overload": self.overload,
            "agree": self.propagation,
            "soak": { "samples": self.soak, "drift": drift },
        });
        fs::write(out.join("bench.json"), format!("{all:#}\n"))?;
        println!("\n{}", notes.concat());
        println!("{} has all of it", out.display());
        let loads: u64 = self.rows.iter().map(|it| it.measured.errors).sum();
        let soak: u64 = self.soak.iter().map(|it| it.errors).sum();
        let overload = self.overload.as_ref().map_or(0, Overload::errors);
        match loads + soak + overload {
            0 => Ok(()),
            errors => Err(Failure(format!("{errors} requests failed"))),
        }
    }
}

fn measure_group(
    context: &BenchContext<'_>,
    group: &[Scenario],
    seconds: u64,
    report: &mut Report,
) -> Result<(), Failure> {
    let shop = context.open(group[0].shop_spec)?;
    let writes = group.iter().any(|it| matches!(it.load, Load::Write { .. }));
    if writes && report.purchases.is_none() {
        let said = shop.script("buy.mjs", &[])?;
        eprintln!("A guest buys with each way to pay:\n{said}");
        report.purchases = Some(said);
    }
    for scenario in group {
        let runner = Runner {
            workspace: context.workspace,
            shop: &shop,
            scenario,
            seconds,
        };
        let row = runner.run()?;
        println!("{}", table::line(&row));
        report.rows.push(row);
    }
    Ok(())
}

struct Runner<'a> {
    workspace: &'a Workspace,
    shop: &'a Shop<'a>,
    scenario: &'a Scenario,
    seconds: u64,
}

impl Runner<'_> {
    fn run(&self) -> Result<Row, Failure> {
        self.prepare()?;
        let open = matches!(self.scenario.load, Load::Open { .. });
        let mut references = Vec::new();
        if !open {
            references.push(self.reference()?);
        }
        let offered = self.offered()?;
        let cache = self.shop.cache()?;
        let ticks = self.shop.origin.cpu_ticks()?;
        let measured = self.load(offered)?;
        let ticks = self.shop.origin.cpu_ticks()? - ticks;
        let hits = share(cache, self.shop.cache()?);
        let resident_kb = self.shop.origin.resident_kb()?;
        let peak_kb = self.shop.origin.peak_kb()?;
        if !open {
            references.push(self.reference()?);
        }
        let reference = (!open).then(|| median(&mut references));
        let cpu_us = ticks as f64 * HUNDREDTH_US;
        let took = measured.requests as f64 / measured.rate.max(1.0);
        let mut row = Row {
            name: self.scenario.name,
            clients: self.scenario.clients,
            products: self.scenario.shop_spec.products,
            l1_bytes: self.scenario.shop_spec.l1_bytes,
            ratio: reference.map(|it| measured.rate / it),
            reference,
            offered,
            cpu_us: cpu_us / (measured.requests as f64).max(1.0),
            cores: cpu_us / 1_000_000.0 / took.max(f64::EPSILON),
            resident_kb,
            peak_kb,
            hits,
            measured,
            target: String::new(),
            reached: None,
        };
        row.judge(&self.scenario.target);
        Ok(row)
    }

    /// Creates what the load needs, and warms the cache for reads.
    fn prepare(&self) -> Result<(), Failure> {
        if let Load::Write { carts, kinds, .. } = self.scenario.load {
            let carts = (u64::from(carts) * self.seconds).to_string();
            let file = self.shop.file("carts.txt").display().to_string();
            self.shop
                .script("prepare.mjs", &[&carts, &kinds.to_string(), &file])?;
        } else {
            self.paths()?;
            if !matches!(self.scenario.load, Load::Open { .. }) {
                self.warm_up()?;
            }
        }
        // Pending work from before must not count towards this load.
        thread::sleep(Duration::from_millis(500));
        Ok(())
    }

    /// Sends requests until the cache answers nearly all of them.
    fn warm_up(&self) -> Result<(), Failure> {
        for _ in 0..WARM_UP_MAX_S {
            let before = self.shop.cache()?;
            measure(&mut self.reads(1)?)?;
            if share(before, self.shop.cache()?).is_none_or(|hits| hits >= WARM) {
                break;
            }
        }
        Ok(())
    }

    fn reference(&self) -> Result<f64, Failure> {
        let file = self.shop.file("reference.txt");
        fs::write(&file, "/healthz\n")?;
        let mut wrk = wrk(
            self.workspace,
            "product.lua",
            self.scenario.clients,
            REFERENCE_S,
        );
        wrk.env("PATHS", file).arg(self.url());
        let measured = measure(&mut wrk)?;
        if measured.errors > 0 {
            let errors = measured.errors;
            return Err(Failure(format!(
                "{errors} requests to the reference failed"
            )));
        }
        Ok(measured.rate)
    }

    fn offered(&self) -> Result<Option<u32>, Failure> {
        let Load::Open { rate } = self.scenario.load else {
            return Ok(None);
        };
        Ok(Some(match rate {
            Rate::Fixed(rate) => rate,
            Rate::OfFull(percent) => {
                let full = self.oha(Pace::Full)?;
                (full.rate * f64::from(percent) / 100.0) as u32
            }
        }))
    }

    fn load(&self, offered: Option<u32>) -> Result<LoadResult, Failure> {
        let seconds = self.seconds;
        match self.scenario.load {
            Load::Products { .. } | Load::Path { .. } => measure(&mut self.reads(seconds)?),
            Load::Write { name, .. } => {
                let mut wrk = wrk(self.workspace, "load.lua", self.scenario.clients, seconds);
                wrk.env("LOAD", name)
                    .env("TOKEN", TOKEN)
                    .env("CARTS", self.shop.file("carts.txt"))
                    .arg(self.url());
                measure(&mut wrk)
            }
            Load::Open { .. } => self.oha(Pace::Due(offered.unwrap_or_default())),
        }
    }

    fn oha(&self, pace: Pace) -> Result<LoadResult, Failure> {
        let urls = self.shop.file("urls.txt");
        let url = self.url();
        let paths = fs::read_to_string(self.paths()?)?;
        let lines: Vec<_> = paths.lines().map(|it| format!("{url}{it}\n")).collect();
        fs::write(&urls, lines.concat())?;
        oha(
            self.workspace,
            &urls,
            (self.scenario.clients, pace),
            self.seconds,
        )
    }

    fn reads(&self, seconds: u64) -> Result<Command, Failure> {
        let mut wrk = wrk(
            self.workspace,
            "product.lua",
            self.scenario.clients,
            seconds,
        );
        wrk.env("PATHS", self.paths()?).arg(self.url());
        match self.scenario.load {
            Load::Products { zipf: true } => wrk.env("ZIPF", "1"),
            Load::Path {
                encoding: Some(encoding),
                ..
            } => wrk.env("ENCODING", encoding),
            _ => &mut wrk,
        };
        Ok(wrk)
    }

    fn paths(&self) -> Result<std::path::PathBuf, Failure> {
        let Load::Path { path, .. } = self.scenario.load else {
            return self.shop.products();
        };
        let file = self.shop.file("path.txt");
        // A redirect would be measured instead of the page.
        if status(self.shop.address, path) != Some(200) {
            return Err(Failure(format!("{path} does not respond with 200")));
        }
        fs::write(&file, format!("{path}\n"))?;
        Ok(file)
    }

    fn url(&self) -> String {
        format!("http://{}", self.shop.address)
    }
}

/// The hit ratio between two readings; none without requests.
fn share(before: (u64, u64), after: (u64, u64)) -> Option<f64> {
    let (hits, all) = (after.0 - before.0, after.1 - before.1);
    (all > 0).then(|| hits as f64 / all as f64)
}

fn cold_starts(context: &BenchContext<'_>) -> Result<Vec<f64>, Failure> {
    let shop_spec = ShopSpec {
        products: CATALOGUE,
        l1_bytes: L1_BYTES,
    };
    (0..COLD_STARTS)
        .map(|_| Ok(context.open(shop_spec)?.start.as_secs_f64() * 1_000.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(only: &[&str], quick: bool, soak: Option<u64>) -> BenchArgs {
        BenchArgs {
            mariadb: false,
            quick,
            seconds: None,
            only: only.iter().map(ToString::to_string).collect(),
            soak,
        }
    }

    fn names(args: &BenchArgs) -> Vec<&'static str> {
        let chosen = chosen(args).unwrap_or_default();
        chosen.iter().map(|it| it.name).collect()
    }

    #[test]
    fn requested_scenarios_are_run() {
        assert_eq!(
            names(&args(&["hot", "product"], false, None)),
            ["product", "hot"]
        );
        assert!(names(&args(&[], false, None)).contains(&"list-10⁶"));
        assert!(!names(&args(&[], true, None)).contains(&"list-10⁶"));
        assert!(names(&args(&[], false, Some(60))).is_empty());
        assert!(args(&[], true, None).wants(AGREE));
        assert!(!args(&[], false, Some(60)).wants(AGREE));
        assert!(args(&["overload"], false, None).wants(OVERLOAD));
        assert!(!args(&["overload"], false, None).wants(AGREE));
        assert!(names(&args(&["overload"], false, None)).is_empty());
        let unknown = chosen(&args(&["hut"], false, None));
        assert!(unknown.is_err_and(|error| error.0.contains("hut") && error.0.contains("hot")));
    }

    #[test]
    fn hits_are_the_difference_of_two_readings() {
        assert_eq!(share((10, 20), (19, 30)), Some(0.9));
        assert_eq!(share((10, 20), (10, 20)), None);
    }
}
