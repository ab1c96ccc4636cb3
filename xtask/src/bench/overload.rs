//! Overload: uncached pages are requested at twice the rate that the shop can render, alone and
//! while other clients order.

use std::{fs, thread};

use serde::Serialize;

use super::{
    load::{LoadResult, measure, wrk},
    processors,
    scenario::{CATALOGUE, LIST_PAGE, ShopSpec},
    shop::{BenchContext, Shop, TOKEN},
};
use crate::step::Failure;

const SHOP_SPEC: ShopSpec = ShopSpec {
    products: CATALOGUE,
    l1_bytes: 0,
};
/// The number of clients at full load, and of those that pause between requests during overload:
/// more than the shop queues, but not many more, because wrk's cost grows with the clients that
/// pause.
const FULL_CLIENTS: u32 = 64;
const OVERLOAD_CLIENTS: u32 = 512;
/// The offered load during overload, as a multiple of the capacity.
const OVERLOAD_FACTOR: f64 = 2.1;
/// The number of attempts to find the pause for that rate.
const PAUSE_ATTEMPTS: u32 = 2;
/// The duration of an overload, and of the full load before and after it. It is short and repeated,
/// because the speed of a shared machine changes by the second; the median counts.
const TURN_S: u64 = 2;
/// The clients that order in a closed loop.
const BUYERS: u32 = 2;
const CARTS_EACH_S: u64 = 2_000;
const CARTS: &str = "overload-carts.txt";
const GOODPUT: f64 = 0.80;

/// The overloaded pages: an expensive one, and one so cheap that rejecting it costs a good part of
/// rendering it.
const SEARCHES: (&str, &str) = ("searches", "/search?q=mug");
const LIST_PAGES: (&str, &str) = ("list pages", LIST_PAGE);

/// The results for pages and orders.
#[derive(Clone, Debug, Serialize)]
pub struct Overload {
    /// With half of the processors for the shop and half for the load generator.
    pub kinds: Vec<OverloadResult>,
    /// List pages with all processors shared, as in all other measurements.
    pub together: OverloadResult,
    /// Orders without any load of pages.
    pub orders: LoadResult,
    /// Orders beside list pages at full load, and during overload.
    pub beside_full: (LoadResult, LoadResult),
    pub beside_overload: (LoadResult, LoadResult),
}

/// The results for one kind of page at full load and during overload: the median of the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct OverloadResult {
    pub name: &'static str,
    /// Before and after the overload.
    pub full: [LoadResult; 2],
    pub overload: LoadResult,
    pub think_ms: f64,
}

/// Measures overload.
pub fn overload(context: &BenchContext<'_>, seconds: u64) -> Result<Overload, Failure> {
    let kinds = measure_separately(context, seconds)?;
    let shop = context.open(SHOP_SPEC)?;
    let load = OverloadRun {
        context,
        shop: &shop,
        seconds,
    };
    let together = load.kind(LIST_PAGES)?;
    load.carts()?;
    let orders = load.orders()?;
    let beside_full = load.both(FULL_CLIENTS, None)?;
    let beside_overload = load.both(OVERLOAD_CLIENTS, Some(together.think_ms))?;
    Ok(Overload {
        kinds,
        together,
        orders,
        beside_full,
        beside_overload,
    })
}

/// Measures each kind of page, with processors of its own for the load generator.
fn measure_separately(
    context: &BenchContext<'_>,
    seconds: u64,
) -> Result<Vec<OverloadResult>, Failure> {
    let [for_shop, for_load] = processors::halves()?;
    let shop = processors::on(&for_shop, || context.open(SHOP_SPEC))?;
    let load = OverloadRun {
        context,
        shop: &shop,
        seconds,
    };
    processors::on(&for_load, || {
        [SEARCHES, LIST_PAGES]
            .into_iter()
            .map(|kind| load.kind(kind))
            .collect()
    })
}

struct OverloadRun<'a> {
    context: &'a BenchContext<'a>,
    shop: &'a Shop<'a>,
    seconds: u64,
}

impl OverloadRun<'_> {
    fn kind(&self, (name, path): (&'static str, &str)) -> Result<OverloadResult, Failure> {
        let turn = Self {
            seconds: TURN_S,
            ..*self
        };
        let mut rounds = Vec::new();
        // The number of clients that pause, by Little's law. It is the same in all rounds.
        let mut pausing = None;
        let mut before = turn.pages(path, FULL_CLIENTS, None)?;
        // An odd number, so that there is a median.
        for _ in 1..2 * self.seconds {
            let rate = before.rate * OVERLOAD_FACTOR;
            let think_ms = match pausing {
                Some(many) => many / rate,
                None => turn.think_ms(path, rate)?,
            };
            let overload = turn.pages(path, OVERLOAD_CLIENTS, Some(think_ms))?;
            pausing = Some(think_ms * overload.rate);
            let after = turn.pages(path, FULL_CLIENTS, None)?;
            rounds.push(OverloadResult {
                name,
                full: [before, after.clone()],
                overload,
                think_ms,
            });
            before = after;
        }
        rounds.sort_by(|a, b| a.goodput().total_cmp(&b.goodput()));
        let middle = rounds.len() / 2;
        Ok(rounds.swap_remove(middle))
    }

    /// The pause of each client at which all together reach this rate. A client that waits for a
    /// response does not pause, and how many do that is found by trial.
    fn think_ms(&self, path: &str, rate: f64) -> Result<f64, Failure> {
        let mut think_ms = f64::from(OVERLOAD_CLIENTS) * 1_000.0 / rate;
        for _ in 0..PAUSE_ATTEMPTS {
            let offered = self.pages(path, OVERLOAD_CLIENTS, Some(think_ms))?.rate;
            think_ms *= offered / rate;
        }
        Ok(think_ms)
    }

    fn pages(
        &self,
        path: &str,
        clients: u32,
        think_ms: Option<f64>,
    ) -> Result<LoadResult, Failure> {
        let paths = self.shop.file("page.txt");
        fs::write(&paths, format!("{path}\n"))?;
        let mut wrk = wrk(self.context.workspace, "product.lua", clients, self.seconds);
        wrk.env("PATHS", paths);
        if let Some(think_ms) = think_ms {
            wrk.env("THINK_MS", format!("{think_ms:.0}"));
        }
        measure(wrk.arg(self.url()))
    }

    /// Creates carts that are ready to be ordered.
    fn carts(&self) -> Result<(), Failure> {
        let carts = (CARTS_EACH_S * self.seconds).to_string();
        let file = self.shop.file(CARTS).display().to_string();
        let prepared = self.shop.script("prepare.mjs", &[&carts, "200", &file]);
        prepared.map(drop)
    }

    fn orders(&self) -> Result<LoadResult, Failure> {
        let mut wrk = wrk(self.context.workspace, "load.lua", BUYERS, self.seconds);
        wrk.env("LOAD", "place")
            .env("TOKEN", TOKEN)
            .env("CARTS", self.shop.file(CARTS));
        measure(wrk.arg(self.url()))
    }

    /// Orders with list pages beside them.
    fn both(
        &self,
        clients: u32,
        think_ms: Option<f64>,
    ) -> Result<(LoadResult, LoadResult), Failure> {
        self.carts()?;
        thread::scope(|scope| {
            let pages = scope.spawn(|| self.pages(LIST_PAGE, clients, think_ms));
            let orders = self.orders();
            let pages = pages.join();
            let pages = pages.map_err(|_| Failure::new("the load of pages has panicked"));
            Ok((orders?, pages??))
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.shop.address)
    }
}

/// The number of successful responses per second.
fn successful_rate(it: &LoadResult) -> f64 {
    let served = it.requests.saturating_sub(it.refused);
    it.rate * served as f64 / (it.requests as f64).max(1.0)
}

impl OverloadResult {
    /// The number of pages per second at full load.
    fn capacity(&self) -> f64 {
        let [before, after] = &self.full;
        f64::midpoint(before.rate, after.rate)
    }

    /// The share of the capacity that was still achieved during overload.
    fn goodput(&self) -> f64 {
        successful_rate(&self.overload) / self.capacity().max(1.0)
    }

    fn line(&self) -> String {
        format!(
            "capacity {:.0} {}/s; of {:.0}/s that {OVERLOAD_CLIENTS} clients requested {:.0}/s were served, {:.0} % of the \
             capacity, p99 {:.0} ms, and the rest was rejected with 503",
            self.capacity(),
            self.name,
            self.overload.rate,
            successful_rate(&self.overload),
            self.goodput() * 100.0,
            self.overload.ms[2],
        )
    }
}

impl Overload {
    /// Unexpected errors: any failed order, and any page response other than the page or a 503.
    pub fn errors(&self) -> u64 {
        let unexpected = |it: &LoadResult| it.errors.saturating_sub(it.refused);
        let beside = [&self.beside_full.1, &self.beside_overload.1];
        let kinds = self.kinds.iter().chain([&self.together]);
        let kinds = kinds.flat_map(|it| it.full.iter().chain([&it.overload]));
        let orders = [&self.orders, &self.beside_full.0, &self.beside_overload.0];
        let pages: u64 = kinds.chain(beside).map(unexpected).sum();
        let orders: u64 = orders.into_iter().map(|it| it.errors).sum();
        pages + orders
    }

    /// The lines below the table.
    pub fn lines(&self) -> Vec<String> {
        let beside = |(orders, pages): &(LoadResult, LoadResult)| {
            format!(
                "{:.0}/s with p99 {:.1} ms and {} failed beside {:.0} pages/s of {:.0}",
                orders.rate,
                orders.ms[2],
                orders.errors,
                successful_rate(pages),
                pages.rate,
            )
        };
        let orders = format!(
            "{BUYERS} clients that order in a closed loop: {:.0} orders/s with p99 {:.1} ms alone; {}; {}",
            self.orders.rate,
            self.orders.ms[2],
            beside(&self.beside_full),
            beside(&self.beside_overload),
        );
        let apart = self.kinds.iter().map(|it| {
            let reached = it.goodput() >= GOODPUT;
            format!(
                "overload: {} (target ≥ {:.0} %; {})",
                it.line(),
                GOODPUT * 100.0,
                if reached { "yes" } else { "no" },
            )
        });
        let together = format!(
            "the same, with the load generator on the shop's own processors: {}",
            self.together.line()
        );
        apart.chain([together, orders]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_requests_do_not_count() {
        let load = |rate, requests, refused| LoadResult {
            rate,
            requests,
            refused,
            errors: refused,
            ms: [1.0; 4],
        };
        let orders = load(800.0, 2_400, 0);
        let kind = |refused| OverloadResult {
            name: "pages",
            full: [load(4_000.0, 12_000, 0), load(6_000.0, 18_000, 0)],
            overload: load(10_000.0, 30_000, refused),
            think_ms: 40.0,
        };
        let mut seen = Overload {
            kinds: vec![kind(15_000), kind(20_000)],
            together: kind(18_000),
            orders: orders.clone(),
            beside_full: (orders.clone(), load(4_000.0, 12_000, 0)),
            beside_overload: (orders, load(10_000.0, 30_000, 20_000)),
        };
        assert_eq!(seen.errors(), 0);
        let lines = seen.lines().join("\n");
        for part in [
            "5000/s were served, 100 % of the capacity, p99 1 ms, and the rest was rejected with 503 (target ≥ 80 %; yes)",
            "3333/s were served, 67 % of the capacity, p99 1 ms, and the rest was rejected with 503 (target ≥ 80 %; no)",
            "the shop's own processors: capacity 5000 pages/s; of 10000/s",
        ] {
            assert!(lines.contains(part), "{lines}");
        }
        seen.beside_overload.0.errors = 1;
        assert_eq!(seen.errors(), 1, "an order that is refused is an error");
    }
}
