//! `cargo xtask bench`: a freshly served shop, a guest who buys with each way to pay, and what the
//! order desk does under load, beside a route that answers a constant.

use std::{net::SocketAddr, path::Path, process::Command, thread, time::Duration};

use clap::Args;

use crate::{
    build, debian,
    mariadb::{Durability, Mariadb},
    place::Place,
    process::{Running, free_port},
    step::{Failure, run, step, text_of},
};

/// Flags of `cargo xtask bench`
#[derive(Args, Clone)]
pub struct BenchArgs {
    /// On a private MariaDB instead of SQLite
    #[arg(long)]
    mariadb: bool,

    /// How long each load lasts, in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

/// A load: its name in `bench/load.lua`, how many clients, how many carts and kinds of things it needs.
struct Load {
    about: &'static str,
    name: &'static str,
    clients: u32,
    carts: u32,
    kinds: u32,
}

const LOADS: [Load; 5] = [
    Load {
        about: "place order, 200 skus",
        name: "place",
        clients: 20,
        carts: 32_000,
        kinds: 200,
    },
    Load {
        about: "place order, one sku",
        name: "place",
        clients: 20,
        carts: 32_000,
        kinds: 1,
    },
    Load {
        about: "cart update",
        name: "cart",
        clients: 30,
        carts: 2_000,
        kinds: 200,
    },
    Load {
        about: "stock deduction",
        name: "stock",
        clients: 50,
        carts: 2_000,
        kinds: 200,
    },
    Load {
        about: "mix: 70 % product, 20 % cart, 5 % order, 5 % stock",
        name: "mix",
        clients: 40,
        carts: 16_000,
        kinds: 200,
    },
];

const TOKEN: &str = "bench";
const PRODUCTS: &str = "1000";

/// Runs everything and prints a table.
pub fn bench(place: &Place, args: &BenchArgs) -> Result<(), Failure> {
    debian::install(if args.mariadb {
        &[debian::WRK, debian::MARIADB]
    } else {
        &[debian::WRK]
    })?;
    build::set_up(place)?;
    build::ui(place)?;
    build::origin(place)?;
    let folder = tempfile::tempdir()?;
    let database = args
        .mariadb
        .then(|| Mariadb::start(folder.path(), Durability::Full))
        .transpose()?;
    let url = database.as_ref().map(|it| {
        let url = format!("{}/mallard_bench", it.url);
        create(&it.url).map(|()| url)
    });
    let shop = Shop {
        place,
        folder: folder.path(),
        address: SocketAddr::from(([127, 0, 0, 1], free_port()?)),
        database_url: url.transpose()?,
    };
    let stripe = free_port()?;
    let mut stand_in = Command::new("node");
    stand_in
        .arg(place.root.join("bench/stripe.mjs"))
        .arg(stripe.to_string());
    let _stand_in = Running::start("Stripe", &mut stand_in, &folder.path().join("stripe.log"))?;
    step("shop", || shop.fill())?;
    let _origin = shop.open(stripe)?;

    println!("\nA guest buys with each way to pay:");
    print!("{}", shop.script("buy.mjs", &[])?);
    println!("\n{}", HEAD.trim());
    for load in &LOADS {
        let carts = shop.folder.join("carts.txt");
        let (count, kinds) = (load.carts.to_string(), load.kinds.to_string());
        let file = carts.display().to_string();
        shop.script("prepare.mjs", &[&count, &kinds, &file])?;
        // What is left of the work before is not this load's.
        thread::sleep(Duration::from_secs(3));
        let reference = shop.load("reference", load.clients, 2)?;
        let result = shop.load(load.name, load.clients, args.seconds)?;
        println!("{}", row(load, &reference, &result));
        if result.errors > 0 {
            return Err(Failure(format!("{} requests failed", result.errors)));
        }
    }
    Ok(())
}

const HEAD: &str = "
| load | clients | requests/s | p50 | p95 | p99 | p999 ms | errors | reference/s | ratio |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |";

fn row(load: &Load, reference: &Measured, result: &Measured) -> String {
    let [p50, p95, p99, p999] = result.ms;
    let ratio = result.rate / reference.rate * 100.0;
    format!(
        "| {} | {} | {:.0} | {p50:.1} | {p95:.1} | {p99:.1} | {p999:.1} | {} | {:.0} | {ratio:.1} % |",
        load.about, load.clients, result.rate, result.errors, reference.rate
    )
}

/// What wrk has measured.
struct Measured {
    rate: f64,
    errors: u64,
    /// p50, p95, p99, p999.
    ms: [f64; 4],
}

struct Shop<'a> {
    place: &'a Place,
    folder: &'a Path,
    address: SocketAddr,
    database_url: Option<String>,
}

impl Shop<'_> {
    fn origin(&self) -> Command {
        let mut command = Command::new(self.place.origin());
        command
            .current_dir(self.folder)
            .arg("--data-dir")
            .arg(self.folder.join("shop"))
            .arg("--assets-dir")
            .arg(self.place.site())
            .args(["--log", "error", "--operator-token", TOKEN]);
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        command
    }

    fn fill(&self) -> Result<(), Failure> {
        run(self.origin().arg("migrate"))?;
        run(self.origin().args(["seed", "--products", PRODUCTS])).map(drop)
    }

    fn open(&self, stripe: u16) -> Result<Running, Failure> {
        let mut command = self.origin();
        command
            .args(["serve", "--listen", &self.address.to_string()])
            .args(["--payment-methods", "manual,test,stripe"])
            .args(["--stripe-secret-key", "sk_test_bench"])
            .args(["--stripe-url", &format!("http://127.0.0.1:{stripe}")]);
        let mut origin = Running::start("origin", &mut command, &self.folder.join("origin.log"))?;
        origin.wait_until_up(self.address, "/readyz")?;
        Ok(origin)
    }

    fn script(&self, name: &str, more: &[&str]) -> Result<String, Failure> {
        let mut node = Command::new("node");
        node.arg(self.place.root.join("bench").join(name))
            .args([&format!("http://{}", self.address), TOKEN])
            .args(more);
        text_of(&mut node)
    }

    fn load(&self, name: &str, clients: u32, seconds: u64) -> Result<Measured, Failure> {
        let mut wrk = Command::new(debian::find("wrk").unwrap_or_else(|| "wrk".into()));
        wrk.env("LOAD", name)
            .env("TOKEN", TOKEN)
            .env("CARTS", self.folder.join("carts.txt"))
            .args(["-t2", &format!("-c{clients}"), &format!("-d{seconds}s")])
            .arg("-s")
            .arg(self.place.root.join("bench/load.lua"))
            .arg(format!("http://{}", self.address));
        let text = text_of(&mut wrk)?;
        let result = text.lines().find_map(|line| line.strip_prefix("RESULT "));
        let numbers = result.map(|it| it.split(' ').map(str::parse).collect());
        let numbers: Vec<f64> = numbers
            .transpose()
            .map_err(|error| Failure(format!("wrk: {error}")))?
            .unwrap_or_default();
        let &[rate, errors, p50, p95, p99, p999] = numbers.as_slice() else {
            return Err(Failure(format!(
                "wrk says nothing that is understood:\n{text}"
            )));
        };
        Ok(Measured {
            rate,
            errors: errors as u64,
            ms: [p50, p95, p99, p999],
        })
    }
}

/// Makes the database on a server.
fn create(server: &str) -> Result<(), Failure> {
    let port = server.rsplit(':').next().unwrap_or_default();
    let program = debian::find("mariadb").unwrap_or_else(|| "mariadb".into());
    run(Command::new(program)
        .args([
            "--no-defaults",
            "--host=127.0.0.1",
            "--user=root",
            "--port",
            port,
        ])
        .args(["--execute", "create database mallard_bench"]))
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_is_one_that_the_script_knows() {
        let script = include_str!("../../bench/load.lua");
        for load in &LOADS {
            assert!(
                script.contains(&format!("  {} = ", load.name)),
                "{}",
                load.name
            );
        }
    }
}
