//! The latency with which one origin shows another one's changes: by polling, and through Redis.

use std::process::Command;

use super::{
    scenario::{L1_BYTES, SHOP, ShopSpec},
    shop::{BenchContext, TOKEN},
};
use crate::{
    debian,
    process::{Running, free_port},
    step::{Failure, text_of},
};

const ROUNDS: &str = "100";

/// Measures both, and returns a line for each.
pub fn measure_propagation(context: &BenchContext<'_>) -> Result<Vec<String>, Failure> {
    let port = free_port()?;
    let mut redis = Command::new(debian::find("redis-server").unwrap_or_default());
    redis
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--dir"])
        .arg(context.folder);
    let mut redis = Running::start("Redis", &mut redis, &context.folder.join("redis.log"))?;
    redis.wait_until_open(([127, 0, 0, 1], port).into())?;
    let url = format!("redis://127.0.0.1:{port}");
    let with = ["--redis-url", url.as_str()];
    [("without Redis", [].as_slice()), ("with Redis", &with)]
        .into_iter()
        .map(|(how, flags)| {
            Ok(format!(
                "another origin shows a change, {how}: {}",
                seen(context, flags)?
            ))
        })
        .collect()
}

fn seen(context: &BenchContext<'_>, flags: &[&str]) -> Result<String, Failure> {
    let shop_spec = ShopSpec {
        products: SHOP,
        l1_bytes: L1_BYTES,
    };
    let open = |node| context.open_with(shop_spec, &[&["--node-id", node], flags].concat());
    let (changed, shown) = (open("1")?, open("2")?);
    let at = |address| format!("http://{address}");
    let mut node = Command::new("node");
    node.arg(context.workspace.root.join("bench/seen.mjs"))
        .args([at(changed.address), at(shown.address)])
        .args([TOKEN, ROUNDS]);
    Ok(text_of(&mut node)?.trim().to_owned())
}
