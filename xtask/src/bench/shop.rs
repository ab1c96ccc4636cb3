//! The shops under test: filled once for each catalogue size, and started anew for each group of
//! scenarios.

use std::{
    fs,
    io::Read,
    net::{SocketAddr, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::scenario::ShopSpec;
use crate::{
    debian,
    mariadb::Mariadb,
    process::{Running, free_port, status},
    step::{Failure, run, text_of},
    workspace::Workspace,
};

pub const TOKEN: &str = "bench";
/// The maximum number of different products that are requested.
const ASKED_FOR: &str = "10000";
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The environment of a benchmark.
pub struct BenchContext<'a> {
    pub workspace: &'a Workspace,
    pub folder: &'a Path,
    pub database: Option<&'a Mariadb>,
    pub stripe: u16,
}

/// A running shop.
pub struct Shop<'a> {
    context: &'a BenchContext<'a>,
    pub address: SocketAddr,
    /// The address of the operators' endpoints.
    ops: SocketAddr,
    pub origin: Running,
    /// The time from process start to the first response.
    pub start: Duration,
    pub shop_spec: ShopSpec,
}

impl BenchContext<'_> {
    fn command(&self, products: u32) -> Command {
        let mut command = Command::new(self.workspace.origin());
        command
            .current_dir(self.folder)
            .arg("--data-dir")
            .arg(self.data_of(products))
            .arg("--assets-dir")
            .arg(self.workspace.site())
            .args(["--log", "error", "--operator-token", TOKEN]);
        if let Some(database) = self.database {
            let url = format!("{}/mallard_bench_{products}", database.url);
            command.args(["--database-url", &url]);
        }
        command
    }

    fn data_of(&self, products: u32) -> PathBuf {
        self.folder.join(format!("shop-{products}"))
    }

    /// Fills the shop with this many products. All products share the images, which are named by
    /// their content: one folder is sufficient, and only the first shop renders them.
    pub fn fill(&self, products: u32) -> Result<(), Failure> {
        let (pictures, data) = (self.folder.join("media"), self.data_of(products));
        fs::create_dir_all(&pictures)?;
        fs::create_dir(&data)?;
        symlink(&pictures, data.join("media"))?;
        if let Some(database) = self.database {
            create(&database.url, products)?;
        }
        run(self.command(products).arg("migrate"))?;
        let count = products.to_string();
        run(self.command(products).args(["seed", "--products", &count])).map(drop)
    }

    /// Starts the shop.
    pub fn open(&self, shop_spec: ShopSpec) -> Result<Shop<'_>, Failure> {
        self.open_with(shop_spec, &[])
    }

    /// Starts the shop with additional flags; several origins may run on one shop.
    pub fn open_with(&self, shop_spec: ShopSpec, more: &[&str]) -> Result<Shop<'_>, Failure> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let ops = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = self.command(shop_spec.products);
        command
            .env("MALLARD_L1_BYTES", shop_spec.l1_bytes.to_string())
            .args(["serve", "--listen", &address.to_string()])
            .args(["--ops-listen", &ops.to_string(), "--drain-ms", "0"])
            .args(["--payment-methods", "manual,test,stripe"])
            .args(["--stripe-secret-key", "sk_test_bench"])
            .args(["--stripe-url", &format!("http://127.0.0.1:{}", self.stripe)]);
        command.args(more);
        let started = Instant::now();
        let log = self.folder.join("origin.log");
        let mut origin = Running::start("origin", &mut command, &log)?;
        while status(ops, "/readyz") != Some(200) {
            origin.check()?;
            if started.elapsed() > START_TIMEOUT {
                return Err(Failure::new("the origin does not become ready"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Shop {
            context: self,
            address,
            ops,
            origin,
            start: started.elapsed(),
            shop_spec,
        })
    }
}

impl Shop<'_> {
    /// Runs a script of `bench/`.
    pub fn script(&self, name: &str, more: &[&str]) -> Result<String, Failure> {
        let mut node = Command::new("node");
        node.arg(self.context.workspace.root.join("bench").join(name))
            .args([&format!("http://{}", self.address), TOKEN])
            .args(more);
        text_of(&mut node)
    }

    /// The path of a file in the folder of this run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.context.folder.join(name)
    }

    /// The file with the paths of products; created on first use.
    pub fn products(&self) -> Result<PathBuf, Failure> {
        let products = self.shop_spec.products.to_string();
        let file = self.file(&format!("products-{products}.txt"));
        if !file.is_file() {
            let shown = file.display().to_string();
            self.script("catalogue.mjs", &[&products, ASKED_FOR, &shown])?;
        }
        Ok(file)
    }

    /// The response cache's counters: hits and lookups.
    pub fn cache(&self) -> Result<(u64, u64), Failure> {
        use std::io::Write;
        let mut stream = TcpStream::connect(self.ops)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let host = self.ops;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(served(&text))
    }
}

fn served(metrics: &str) -> (u64, u64) {
    let (mut hits, mut all) = (0, 0);
    for line in metrics.lines() {
        let Some((name, count)) = line.rsplit_once(' ') else {
            continue;
        };
        if name.contains("cache_requests_total{") && name.contains("layer=\"l1\"") {
            let count: u64 = count.parse().unwrap_or(0);
            all += count;
            if name.contains("outcome=\"hit\"") {
                hits += count;
            }
        }
    }
    (hits, all)
}

/// Creates the database on a server.
fn create(server: &str, products: u32) -> Result<(), Failure> {
    let port = server.rsplit(':').next().unwrap_or_default();
    let program = debian::find("mariadb").unwrap_or_else(|| "mariadb".into());
    run(Command::new(program)
        .args(["--no-defaults", "--host=127.0.0.1", "--user=root"])
        .args(["--port", port, "--execute"])
        .arg(format!("create database mallard_bench_{products}")))
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::served;

    #[test]
    fn hits_of_the_response_cache_are_parsed() {
        let metrics = "\
            # TYPE mallard_cache_requests counter\n\
            mallard_cache_requests_total{layer=\"l1\",outcome=\"hit\"} 90\n\
            mallard_cache_requests_total{layer=\"l1\",outcome=\"miss\"} 8\n\
            mallard_cache_requests_total{layer=\"l1\",outcome=\"stale\"} 2\n\
            mallard_cache_requests_total{layer=\"l2\",outcome=\"hit\"} 7\n\
            mallard_cache_l1_entries 8\n";
        assert_eq!(served(metrics), (90, 100));
        assert_eq!(served("HTTP/1.1 404 Not Found"), (0, 0));
    }
}
