//! A shop with the demo catalogue: an origin with an edge in front of it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

use crate::client;

const TOKEN: &str = "operator-of-the-attack";
const SECRET: &str = "what edge and origin share";

/// A shop, which is stopped when it is dropped.
pub struct TestShop {
    /// The address of the edge, for buyers.
    pub edge: SocketAddr,
    /// The address of the origin.
    pub origin: SocketAddr,
    /// The address of the operators' endpoints.
    pub ops: SocketAddr,
    /// A variant with enough stock, which all buyers order.
    pub sku: String,
    folder: tempfile::TempDir,
    flags: Vec<String>,
    programs: [Option<Child>; 2],
}

/// An environment variable that `cargo xtask test attack` sets.
fn environment_variable(name: &str) -> String {
    let set = std::env::var(name);
    set.unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test attack`"))
}

impl TestShop {
    /// Starts a shop; `flags` are those of the origin.
    pub fn open(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in fs::read_dir(environment_variable("ATTACK_DATA"))
            .unwrap()
            .flatten()
        {
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
        let mut shop = Self {
            edge: free_address(),
            origin: free_address(),
            ops: free_address(),
            sku: String::new(),
            folder,
            flags: flags.iter().map(|&it| it.to_owned()).collect(),
            programs: [None, None],
        };
        shop.start_origin();
        shop.start_edge();
        wait_until_up(shop.ops, "/readyz");
        wait_until_up(shop.edge, "/shipping");
        shop.stock_up();
        shop
    }

    fn start_origin(&mut self) {
        let child = Command::new(environment_variable("ORIGIN"))
            .arg("serve")
            .args(["--listen", &self.origin.to_string()])
            .args(["--ops-listen", &self.ops.to_string()])
            // There is no load balancer that has to notice the shutdown.
            .args(["--drain-ms", "0"])
            .args(["--base-url", &format!("http://{}", self.edge)])
            .args(["--assets-dir", &environment_variable("ASSETS")])
            .args(["--operator-token", TOKEN, "--edge-secret", SECRET])
            .args(["--payment-methods", "manual,test", "--log", "error"])
            .args(&self.flags)
            .env("MALLARD_DATA_DIR", self.folder.path())
            .stdout(Stdio::null())
            .spawn();
        self.programs[0] = Some(child.unwrap());
    }

    fn start_edge(&mut self) {
        let child = Command::new(environment_variable("WORKERD"))
            .arg("serve")
            .arg(format!(
                "{}/workerd.capnp",
                environment_variable("EDGE_DIR")
            ))
            .arg(format!("--socket-addr=http={}", self.edge))
            .arg(format!("--external-addr=origin={}", self.origin))
            .env("EDGE_SECRET", SECRET)
            .env("CLIENT_ADDRESS_FIELD", "x-real-ip")
            .stdout(Stdio::null())
            .spawn();
        self.programs[1] = Some(child.unwrap());
    }

    fn stock_up(&mut self) {
        let path = "/api/v1/products?availability=in_stock&limit=1";
        let found = client::send_json(self.origin, "GET", path, &[], None).unwrap();
        let id = found.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/products/{id}");
        let product = client::send_json(self.origin, "GET", &path, &[], None).unwrap();
        let sku = product.json()["variants"][0]["sku"]
            .as_str()
            .unwrap()
            .to_owned();
        let token = format!("Bearer {TOKEN}");
        let fields = [("authorization", &*token), ("idempotency-key", "stock-up")];
        let changes = json!({ "changes": [{ "sku": sku, "on_hand": 1_000_000 }] });
        let path = "/api/v1/operator/stock";
        let changed =
            client::send_json(self.origin, "POST", path, &fields, Some(&changes)).unwrap();
        assert_eq!(changed.status, 200, "{changed:?}");
        self.sku = sku;
    }

    /// Stops the origin as a supervisor does, and starts it again.
    pub fn restart_origin(&mut self) {
        if let Some(mut origin) = self.programs[0].take() {
            let pid = Pid::from_raw(i32::try_from(origin.id()).unwrap());
            kill(pid, Signal::SIGTERM).unwrap();
            origin.wait().unwrap();
        }
        self.start_origin();
        wait_until_up(self.ops, "/readyz");
    }
}

impl Drop for TestShop {
    fn drop(&mut self) {
        for mut program in self.programs.iter_mut().filter_map(Option::take) {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

fn wait_until_up(address: SocketAddr, path: &str) {
    for _ in 0..1_200 {
        let response = client::send_json(address, "GET", path, &[], None);
        if response.is_ok_and(|it| it.status == 200) {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("nobody answers at {address}");
}

/// A free address below the ephemeral ports.
fn free_address() -> SocketAddr {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = std::process::id() as usize * 16 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(14_000 + number % 6_000).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
