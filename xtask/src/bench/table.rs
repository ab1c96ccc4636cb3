//! The table of results and targets.

use serde::Serialize;

use super::{load::LoadResult, scenario::Target};

/// The minimum share of responses in an open loop for its times to count.
const OPEN_LOOP_SHARE_MIN: f64 = 0.95;

/// A line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub name: &'static str,
    pub clients: u32,
    pub products: u32,
    pub l1_bytes: u64,
    /// The offered rate of an open loop, in requests per second.
    pub offered: Option<u32>,
    #[serde(flatten)]
    pub measured: LoadResult,
    /// The rate of `/healthz` with as many clients, just before and after; none for an open loop.
    pub reference: Option<f64>,
    pub ratio: Option<f64>,
    /// The server's CPU time per request.
    pub cpu_us: f64,
    pub cores: f64,
    pub resident_kb: u64,
    pub peak_kb: u64,
    /// The hit ratio of requests that the response cache may answer.
    pub hits: Option<f64>,
    pub target: String,
    /// Whether the target was reached; none without a target.
    pub reached: Option<bool>,
}

impl Row {
    /// Compares the result with the target.
    pub fn judge(&mut self, target: &Target) {
        let mut said = Vec::new();
        let mut reached = true;
        if let Some(ratio) = target.ratio {
            said.push(format!("≥ {ratio:.2} of the reference"));
            reached &= self.ratio.is_some_and(|it| it >= ratio);
        }
        if let Some(rate) = target.rate {
            said.push(format!("≥ {rate:.0}/s"));
            reached &= self.measured.rate >= rate;
        }
        let parts = ["p50", "p95", "p99", "p999"];
        for ((part, ms), most) in parts.iter().zip(self.measured.ms).zip(target.ms) {
            if let Some(most) = most {
                said.push(format!("{part} ≤ {most:.0} ms"));
                reached &= ms <= most;
            }
        }
        if let Some(mb) = target.peak_mb {
            said.push(format!("RSS ≤ {mb:.0} MB"));
            reached &= self.peak_kb as f64 * 1_024.0 / 1_000_000.0 <= mb;
        }
        reached &= self.measured.errors == 0;
        // A rate that was not offered was not sustained.
        let sent = |offered| self.measured.rate >= f64::from(offered) * OPEN_LOOP_SHARE_MIN;
        reached &= self.offered.is_none_or(sent);
        self.reached = (!said.is_empty()).then_some(reached);
        self.target = said.join(", ");
    }
}

pub const HEAD: &str = "\
| scenario | clients | requests/s | p50 | p95 | p99 | p999 ms | errors | CPU µs | cores | RSS, peak MB \
| L1 hits | reference/s | ratio | target | reached |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --- | --- |";

/// A row in Markdown.
pub fn line(row: &Row) -> String {
    let [p50, p95, p99, p999] = row.measured.ms;
    let mb = |kb: u64| kb as f64 * 1_024.0 / 1_000_000.0;
    let or_dash = |it: Option<String>| it.unwrap_or_else(|| "–".to_owned());
    let reached = match row.reached {
        None => "",
        Some(true) => "yes",
        Some(false) => "no",
    };
    format!(
        "| {}{} | {} | {:.0} | {p50:.2} | {p95:.2} | {p99:.2} | {p999:.2} | {} | {:.1} | {:.2} \
         | {:.0}, {:.0} | {} | {} | {} | {} | {reached} |",
        row.name,
        row.offered
            .map_or(String::new(), |it| format!(", {it}/s due")),
        row.clients,
        row.measured.rate,
        row.measured.errors,
        row.cpu_us,
        row.cores,
        mb(row.resident_kb),
        mb(row.peak_kb),
        or_dash(row.hits.map(|it| format!("{:.1} %", it * 100.0))),
        or_dash(row.reference.map(|it| format!("{it:.0}"))),
        or_dash(row.ratio.map(|it| format!("{it:.2}"))),
        row.target,
    )
}

/// The growth of p99 with the catalogue, relative to the smallest one.
pub fn growth(rows: &[Row]) -> Vec<String> {
    let of = |kind: &str| -> Vec<&Row> {
        let sizes = ["10³", "10⁴", "10⁵", "10⁶"];
        let names = sizes.map(|size| format!("{kind}-{size}"));
        let is = |row: &&Row| names.iter().any(|name| name == row.name);
        rows.iter().filter(is).collect()
    };
    let mut lines = Vec::new();
    for kind in ["product", "list"] {
        if let [first, .., last] = of(kind).as_slice() {
            let times = last.measured.ms[2] / first.measured.ms[2];
            let reached = if times <= 2.0 { "yes" } else { "no" };
            lines.push(format!(
                "p99 of {} is {times:.2} × that of {} (target for 10⁶ against 10³: ≤ 2; {reached})",
                last.name, first.name
            ));
        }
    }
    lines
}

/// The median; for an even number of values the mean of both middle ones.
pub fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        count if count % 2 == 1 => numbers[count / 2],
        count => f64::midpoint(numbers[count / 2 - 1], numbers[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, p99: f64) -> Row {
        Row {
            name,
            clients: 64,
            products: 10_000,
            offered: None,
            l1_bytes: 0,
            measured: LoadResult {
                rate: 60_000.0,
                errors: 0,
                requests: 180_000,
                refused: 0,
                ms: [0.5, 1.0, p99, 4.0],
            },
            reference: Some(80_000.0),
            ratio: Some(0.75),
            cpu_us: 12.0,
            cores: 0.9,
            resident_kb: 50_000,
            peak_kb: 60_000,
            hits: Some(0.995),
            target: String::new(),
            reached: None,
        }
    }

    fn judged(target: &Target, errors: u64) -> Option<bool> {
        let mut row = row("product", 2.0);
        row.measured.errors = errors;
        row.judge(target);
        row.reached
    }

    #[test]
    fn every_part_of_a_target_and_every_error_counts() {
        let target = Target {
            rate: Some(50_000.0),
            ratio: Some(0.70),
            ms: [None, None, Some(2.0), None],
            peak_mb: Some(62.0),
        };
        assert_eq!(judged(&target, 0), Some(true));
        assert_eq!(judged(&target, 1), Some(false));
        let worse = [
            Target {
                rate: Some(60_001.0),
                ..target
            },
            Target {
                ratio: Some(0.76),
                ..target
            },
            Target {
                ms: [None, None, None, Some(3.9)],
                ..target
            },
            Target {
                peak_mb: Some(61.0),
                ..target
            },
        ];
        for target in worse {
            assert_eq!(judged(&target, 0), Some(false), "{target:?}");
        }
        assert_eq!(judged(&Target::default(), 1), None);
        let mut short = row("open", 2.0);
        for (offered, reached) in [(63_000, true), (64_000, false)] {
            short.offered = Some(offered);
            short.judge(&target);
            assert_eq!(short.reached, Some(reached), "{offered}");
        }
    }

    #[test]
    fn rows_have_as_many_cells_as_the_header() {
        let cells = |line: &str| line.matches('|').count();
        for head in HEAD.lines() {
            assert_eq!(cells(&line(&row("product", 2.0))), cells(head));
        }
    }

    #[test]
    fn growth_is_relative_to_the_smallest_catalogue() {
        let rows = [
            row("list-10³", 2.0),
            row("list-10⁴", 3.0),
            row("list-10⁵", 5.0),
        ];
        let said = growth(&rows);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].contains("2.50 ×") && said[0].ends_with("no)"),
            "{said:?}"
        );
        assert!(growth(&rows[..1]).is_empty());
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median(&mut [4.0, 1.0]).to_bits(), 2.5_f64.to_bits());
    }
}
