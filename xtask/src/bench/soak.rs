//! The soak test: a long load in windows, and the development of memory, descriptors and p99, drawn
//! over time.

use std::{fs, path::Path, time::Instant};

use serde::Serialize;

use super::{
    load::{measure, wrk},
    scenario::{CATALOGUE, L1_BYTES, ShopSpec},
    shop::BenchContext,
    svg,
    table::median,
};
use crate::step::Failure;

const CLIENTS: u32 = 64;
/// The maximum length of a window, and the minimum number of windows.
const WINDOW_S: u64 = 20;
const WINDOWS: u64 = 12;
const PAGES: &str = "/\n/search?q=mug\n/api/v1/products/hot\n/api/v1/products?limit=24\n";

/// A sample at the end of a window.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub at_s: f64,
    pub rate: f64,
    pub p99_ms: f64,
    pub resident_kb: u64,
    pub descriptors: usize,
    pub errors: u64,
}

/// The relative change from the second quarter, when the server is warm, to the last quarter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    pub resident: f64,
    pub descriptors: f64,
    pub p99: f64,
}

/// Runs the load for this many seconds.
pub fn soak(context: &BenchContext<'_>, seconds: u64, out: &Path) -> Result<Vec<Sample>, Failure> {
    let shop = context.open(ShopSpec {
        products: CATALOGUE,
        l1_bytes: L1_BYTES,
    })?;
    let (products, pages) = (shop.products()?, shop.file("pages.txt"));
    fs::write(&pages, PAGES)?;
    let window = (seconds / WINDOWS).clamp(1, WINDOW_S);
    let started = Instant::now();
    let mut samples = Vec::new();
    while started.elapsed().as_secs() < seconds {
        let mut wrk = wrk(context.workspace, "stability.lua", CLIENTS, window);
        wrk.env("PATHS", &products)
            .env("PAGES", &pages)
            .arg(format!("http://{}", shop.address));
        let measured = measure(&mut wrk)?;
        samples.push(Sample {
            at_s: started.elapsed().as_secs_f64(),
            rate: measured.rate,
            p99_ms: measured.ms[2],
            resident_kb: shop.origin.resident_kb()?,
            descriptors: shop.origin.descriptors()?,
            errors: measured.errors,
        });
        // Drawn after each window, so that an interrupted test leaves its results.
        draw(&samples, out)?;
    }
    Ok(samples)
}

fn draw(samples: &[Sample], out: &Path) -> Result<(), Failure> {
    let picture = |file: &str, title: &str, unit: &str, of: &dyn Fn(&Sample) -> f64| {
        let points: Vec<_> = samples.iter().map(|it| (it.at_s, of(it))).collect();
        fs::write(out.join(file), svg::draw(title, unit, &points))
    };
    picture("soak-rss.svg", "RSS", "MB", &|it| {
        it.resident_kb as f64 * 1_024.0 / 1_000_000.0
    })?;
    picture("soak-descriptors.svg", "Open descriptors", "count", &|it| {
        it.descriptors as f64
    })?;
    picture("soak-p99.svg", "p99", "ms", &|it| it.p99_ms)?;
    Ok(())
}

/// None with too few samples.
pub fn drift(samples: &[Sample]) -> Option<Drift> {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return None;
    }
    let of = |value: &dyn Fn(&Sample) -> f64| {
        let middle = |part: &[Sample]| {
            let mut values: Vec<f64> = part.iter().map(value).collect();
            median(&mut values)
        };
        let begin = middle(&samples[quarter..2 * quarter]);
        let end = middle(&samples[samples.len() - quarter..]);
        end / begin - 1.0
    };
    Some(Drift {
        resident: of(&|it| it.resident_kb as f64),
        descriptors: of(&|it| it.descriptors as f64),
        p99: of(&|it| it.p99_ms),
    })
}

/// The line below the table.
pub fn line(samples: &[Sample]) -> String {
    let Some(it) = drift(samples) else {
        return "soak: too short to say anything".to_owned();
    };
    let seconds = samples.last().map_or(0.0, |it| it.at_s);
    let judge = |reached: bool| if reached { "yes" } else { "no" };
    format!(
        "soak of {seconds:.0} s: RSS {:+.1} % (target < 5 %; {}), descriptors {:+.1} % (target: flat; \
         {}), p99 {:+.1} % (target < 20 %; {})",
        it.resident * 100.0,
        judge(it.resident < 0.05),
        it.descriptors * 100.0,
        judge(it.descriptors < 0.05),
        it.p99 * 100.0,
        judge(it.p99 < 0.20),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(resident: impl Fn(u64) -> u64) -> Vec<Sample> {
        let sample = |number: u64| Sample {
            at_s: number as f64,
            rate: 1.0,
            p99_ms: 2.0,
            resident_kb: resident(number),
            descriptors: 80,
            errors: 0,
        };
        (0..12).map(sample).collect()
    }

    #[test]
    fn growth_is_drift_and_warming_up_is_not() {
        let warm = drift(&samples(|it| if it < 3 { 10 } else { 100 }));
        assert_eq!(warm.map(|it| it.resident.abs() < 1e-9), Some(true));
        let grows = samples(|it| 100 + 10 * it);
        let found = drift(&grows).map(|it| it.resident);
        // 140 in the middle of the second quarter, 200 in the middle of the last one.
        assert_eq!(found.map(|it| (it - 3.0 / 7.0).abs() < 1e-9), Some(true));
        assert!(line(&grows).contains("+42.9 % (target < 5 %; no)"));
        assert_eq!(drift(&grows[..3]), None);
    }
}
