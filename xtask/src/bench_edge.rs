//! `cargo xtask bench-edge`: measures the cost of a hit, compared with a JavaScript Worker that
//! sends the same bytes on the same workerd, with nginx and with Varnish; and memory, start-up time
//! and size.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Instant,
};

use clap::Args;

use crate::{
    build, debian, npm,
    process::{Running, free_port},
    serve,
    step::{Failure, text_of},
    workspace::Workspace,
};

/// Flags of `cargo xtask bench-edge`
#[derive(Args, Clone)]
pub struct BenchEdgeArgs {
    /// How long each load lasts, in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u64,

    /// How often each server is measured, by turns; the best result counts
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

const PATH: &str = "/p/mug";
const BODY_BYTES: usize = 20_000;
const CLIENTS: &str = "32";
/// Header fields of a browser.
const FIELDS: [&str; 4] = [
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-encoding: gzip, deflate, br",
    "accept-language: en-US,en;q=0.9",
    "user-agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
];
/// The number of entries for the memory measurement, and the size of each.
const ENTRIES: usize = 10_000;
const ENTRY_BYTES: usize = 4_000;
/// The number of changes in the purge measurement.
const PURGES: &str = "200";

/// A server that is measured.
struct MeasuredServer {
    name: &'static str,
    at: SocketAddr,
    running: Running,
}

/// Measures all servers, and prints a table.
pub fn bench(workspace: &Workspace, args: &BenchEdgeArgs) -> Result<(), Failure> {
    const NGINX: debian::Needed = ("nginx", "nginx-light");
    const VARNISH: debian::Needed = ("varnishd", "varnish");
    debian::install(&[debian::WRK, NGINX, VARNISH])?;
    build::set_up(workspace)?;
    build::edge(workspace)?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let origin = origin()?;
    let started = Instant::now();
    let edge = edge(workspace, folder, origin, "edge")?;
    let answer = get(edge.at, PATH)?;
    let start_ms = started.elapsed().as_millis();
    let servers = [
        reference(workspace, folder, &answer)?,
        edge,
        nginx(workspace, folder, origin)?,
        varnish(workspace, folder, origin)?,
    ];
    let mut best: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for _ in 0..args.rounds {
        for server in &servers {
            let (rate, cpu_us) = measure_load(server, args.seconds)?;
            let entry = best.entry(server.name).or_insert((rate, cpu_us));
            *entry = (entry.0.max(rate), entry.1.min(cpu_us));
        }
    }
    println!("\n| | hits/s | CPU µs per hit | beside the reference |");
    println!("| --- | --: | --: | --: |");
    let reference = best[servers[0].name].1;
    for server in &servers {
        let (rate, cpu_us) = best[server.name];
        let ratio = cpu_us / reference;
        println!("| {} | {rate:.0} | {cpu_us:.1} | {ratio:.2} |", server.name);
    }
    drop(servers);
    let memory = measure_memory(workspace, folder, origin)?;
    let wasm = fs::metadata(workspace.edge().join("index_bg.wasm"))?.len();
    println!("\nmemory for {ENTRIES} entries of {ENTRY_BYTES} bytes: {memory} MB");
    println!("start to first answer: {start_ms} ms · wasm: {wasm} bytes");
    measure_purges(workspace)
}

/// Measures how long after a commit the edge of a complete shop serves the change.
fn measure_purges(workspace: &Workspace) -> Result<(), Failure> {
    build::ui(workspace)?;
    build::origin(workspace)?;
    let folder = tempfile::tempdir()?;
    let ports = (free_port()?, free_port()?);
    let (_, edge, _shop) = serve::open_for_tests(workspace, folder.path(), ports)?;
    let mut script = Command::new("node");
    script
        .arg(workspace.root.join("bench/seen.mjs"))
        .args([format!("http://{edge}"), format!("http://{edge}")])
        .args([serve::OPERATOR_TOKEN, PURGES]);
    let said = text_of(&mut script)?;
    println!("\na change is shown by the edge after: {}", said.trim());
    Ok(())
}

/// An origin whose bodies have the size at the end of the path, or [`BODY_BYTES`].
fn origin() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve_connection(stream));
        }
    });
    Ok(address)
}

fn serve_connection(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        let size = first.split(' ').nth(1)?.rsplit('-').next()?;
        let size = size.parse().unwrap_or(BODY_BYTES);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\ncontent-type: text/html; charset=utf-8\r\n\
             cache-control: public, max-age=600\r\ncdn-cache-control: public, max-age=600\r\n\
             cache-tag: p1,c1,home\r\netag: \"a\"\r\nvary: Accept-Encoding\r\n\
             date: Thu, 01 Jan 2099 00:00:00 GMT\r\n\r\n"
        );
        let answer = [head.as_bytes(), &vec![b'x'; size]].concat();
        stream.write_all(&answer).ok()?;
    }
}

fn edge(
    workspace: &Workspace,
    folder: &Path,
    origin: SocketAddr,
    log: &str,
) -> Result<MeasuredServer, Failure> {
    let at = free_address()?;
    let mut command = Command::new(npm::workerd(workspace));
    command
        .arg("serve")
        .arg(workspace.edge().join("workerd.capnp"))
        .arg(format!("--socket-addr=http={at}"))
        .arg(format!("--external-addr=origin={origin}"))
        .env("MEMORY_MAX", "134217728");
    start_server("edge (Rust)", at, &mut command, &folder.join(log))
}

/// Starts the JavaScript Worker with the edge's own response.
fn reference(
    workspace: &Workspace,
    folder: &Path,
    answer: &EdgeResponse,
) -> Result<MeasuredServer, Failure> {
    let fields: BTreeMap<&str, &str> = answer
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let json = serde_json::json!({ "path": PATH, "fields": fields });
    fs::write(folder.join("answer.json"), json.to_string())?;
    fs::write(folder.join("body.bin"), &answer.body)?;
    for file in ["reference.mjs", "reference.capnp"] {
        fs::copy(
            workspace.root.join("bench/edge").join(file),
            folder.join(file),
        )?;
    }
    let at = free_address()?;
    let mut command = Command::new(npm::workerd(workspace));
    command
        .arg("serve")
        .arg(folder.join("reference.capnp"))
        .arg(format!("--socket-addr=http={at}"));
    start_server(
        "reference (JavaScript)",
        at,
        &mut command,
        &folder.join("reference.log"),
    )
}

fn nginx(
    workspace: &Workspace,
    folder: &Path,
    origin: SocketAddr,
) -> Result<MeasuredServer, Failure> {
    let at = free_address()?;
    let text = fs::read_to_string(workspace.root.join("bench/edge/nginx.conf"))?
        .replace("FOLDER", &folder.display().to_string())
        .replace("ORIGIN", &origin.to_string())
        .replace("AT", &at.to_string());
    let file = folder.join("nginx.conf");
    fs::write(&file, format!("user root;\n{text}"))?;
    let program = debian::find("nginx").unwrap_or_else(|| "nginx".into());
    let mut command = Command::new(program);
    command.arg("-c").arg(&file).arg("-p").arg(folder);
    start_server(
        "nginx proxy_cache",
        at,
        &mut command,
        &folder.join("nginx.log"),
    )
}

fn varnish(
    workspace: &Workspace,
    folder: &Path,
    origin: SocketAddr,
) -> Result<MeasuredServer, Failure> {
    let at = free_address()?;
    let text = fs::read_to_string(workspace.root.join("bench/edge/varnish.vcl"))?;
    let file = folder.join("varnish.vcl");
    fs::write(&file, text.replace("PORT", &origin.port().to_string()))?;
    let program = debian::find("varnishd").unwrap_or_else(|| "varnishd".into());
    let mut command = Command::new(program);
    command
        .args(["-F", "-j", "none", "-s", "malloc,256m"])
        .arg("-a")
        .arg(at.to_string())
        .arg("-f")
        .arg(&file)
        .arg("-n")
        .arg(folder.join("varnish"));
    start_server("Varnish", at, &mut command, &folder.join("varnish.log"))
}

fn free_address() -> Result<SocketAddr, Failure> {
    Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)))
}

fn start_server(
    name: &'static str,
    at: SocketAddr,
    command: &mut Command,
    log: &Path,
) -> Result<MeasuredServer, Failure> {
    let mut running = Running::start(name, command, log)?;
    running.wait_until_ready(at, PATH)?;
    Ok(MeasuredServer { name, at, running })
}

/// Hits per second, and the CPU time of each in microseconds.
fn measure_load(server: &MeasuredServer, seconds: u64) -> Result<(f64, f64), Failure> {
    let before = server.running.cpu_ticks()?;
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c", CLIENTS])
        .arg(format!("-d{seconds}s"))
        .args(FIELDS.iter().flat_map(|field| ["-H", field]))
        .arg(format!("http://{}{PATH}", server.at));
    let report = text_of(&mut wrk)?;
    let ticks = server.running.cpu_ticks()? - before;
    if report.contains("Non-2xx") || report.contains("Socket errors") {
        return Err(Failure(format!(
            "{} fails under load:\n{report}",
            server.name
        )));
    }
    let after = |word: &str| {
        let line = report.lines().find(|line| line.contains(word))?;
        let number = |text: &str| text.parse::<f64>().ok();
        line.split_whitespace().find_map(number)
    };
    let (requests, rate) = (after("requests in"), after("Requests/sec"));
    let missing = || Failure(format!("wrk says nothing of {}", server.name));
    let (requests, rate) = requests.zip(rate).ok_or_else(missing)?;
    // The kernel counts CPU time in hundredths of a second.
    Ok((rate, ticks as f64 * 10_000.0 / requests))
}

/// By how many megabytes the edge grows with [`ENTRIES`] entries.
fn measure_memory(
    workspace: &Workspace,
    folder: &Path,
    origin: SocketAddr,
) -> Result<u64, Failure> {
    let edge = edge(workspace, folder, origin, "edge-memory")?;
    let before = edge.running.resident_kb()?;
    for number in 0..ENTRIES {
        get(edge.at, &format!("/p/mug-{number}-{ENTRY_BYTES}"))?;
    }
    Ok(edge.running.resident_kb()?.saturating_sub(before) / 1_024)
}

struct EdgeResponse {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

fn get(at: SocketAddr, path: &str) -> Result<EdgeResponse, Failure> {
    let mut stream = TcpStream::connect(at)?;
    let fields = FIELDS.join("\r\n");
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: shop\r\n{fields}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
    let end = end.ok_or_else(|| Failure::new("no answer"))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let fields = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    let fields = fields.filter(|(name, _)| !name.eq_ignore_ascii_case("connection"));
    Ok(EdgeResponse {
        fields: fields
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: bytes[end + 4..].to_vec(),
    })
}
