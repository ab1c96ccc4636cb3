//! More than the shop can do: pages that nothing keeps are asked for twice as often as they can be made,
//! alone and while others order.

use std::{fs, thread};

use serde::Serialize;

use super::{
    load::{Measured, measure, wrk},
    processors,
    scenario::{A_LIST_PAGE, CATALOGUE, Needs},
    shop::{Ground, Shop, TOKEN},
};
use crate::step::Failure;

const NEEDS: Needs = Needs {
    products: CATALOGUE,
    l1_bytes: 0,
};
/// How many ask when they have been answered, and how many who think in between: more than the shop lets
/// wait, and no more than that, as wrk looks at everybody who thinks whenever anything happens.
const FULL: u32 = 64;
const CROWD: u32 = 512;
/// How often the crowd asks, beside what can be made.
const TIMES: f64 = 2.1;
/// How often one tries how long the crowd has to think for that.
const TRIES: u32 = 2;
/// How long the crowd stays, and full load before and after it: a short time and often, as the speed of
/// a machine that others share changes by the second. The middle counts.
const TURN_S: u64 = 2;
/// Who orders, when the last order is answered.
const BUYERS: u32 = 2;
const CARTS_EACH_S: u64 = 2_000;
const CARTS: &str = "overload-carts.txt";
const GOODPUT: f64 = 0.80;

/// What is asked for too often: what takes long to make, and what takes so little that refusing it takes a
/// good part of that.
const SEARCHES: (&str, &str) = ("searches", "/search?q=mug");
const LIST_PAGES: (&str, &str) = ("list pages", A_LIST_PAGE);

/// What was seen of pages and of orders.
#[derive(Clone, Debug, Serialize)]
pub struct Overload {
    /// With half of the processors for the shop, and half for who asks.
    pub kinds: Vec<Kind>,
    /// List pages, with all processors for both, as everything else is measured.
    pub together: Kind,
    /// Orders while nobody looks at pages.
    pub orders: Measured,
    /// Orders beside as many list pages as can be made, and beside too many.
    pub beside_full: (Measured, Measured),
    pub beside_crowd: (Measured, Measured),
}

/// As many as can be made of one kind, and what became of too many: the middle of the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Kind {
    pub name: &'static str,
    /// Before the crowd and after it.
    pub full: [Measured; 2],
    pub crowd: Measured,
    pub think_ms: f64,
}

/// Asks for too much.
pub fn overload(ground: &Ground<'_>, seconds: u64) -> Result<Overload, Failure> {
    let kinds = apart(ground, seconds)?;
    let shop = ground.open(NEEDS)?;
    let load = Load {
        ground,
        shop: &shop,
        seconds,
    };
    let together = load.kind(LIST_PAGES)?;
    load.carts()?;
    let orders = load.orders()?;
    let beside_full = load.both(FULL, None)?;
    let beside_crowd = load.both(CROWD, Some(together.think_ms))?;
    Ok(Overload {
        kinds,
        together,
        orders,
        beside_full,
        beside_crowd,
    })
}

/// Each kind, where asking takes none of the time for making.
fn apart(ground: &Ground<'_>, seconds: u64) -> Result<Vec<Kind>, Failure> {
    let [for_shop, for_crowd] = processors::halves()?;
    let shop = processors::on(&for_shop, || ground.open(NEEDS))?;
    let load = Load {
        ground,
        shop: &shop,
        seconds,
    };
    processors::on(&for_crowd, || {
        [SEARCHES, LIST_PAGES]
            .into_iter()
            .map(|kind| load.kind(kind))
            .collect()
    })
}

struct Load<'a> {
    ground: &'a Ground<'a>,
    shop: &'a Shop<'a>,
    seconds: u64,
}

impl Load<'_> {
    fn kind(&self, (name, path): (&'static str, &str)) -> Result<Kind, Failure> {
        let turn = Self {
            seconds: TURN_S,
            ..*self
        };
        let mut rounds = Vec::new();
        // How many think, by Little's law: in turn after turn they are as many.
        let mut thinkers = None;
        let mut before = turn.pages(path, FULL, None)?;
        // An odd number: there is a middle.
        for _ in 1..2 * self.seconds {
            let rate = before.rate * TIMES;
            let think_ms = match thinkers {
                Some(many) => many / rate,
                None => turn.think_ms(path, rate)?,
            };
            let crowd = turn.pages(path, CROWD, Some(think_ms))?;
            thinkers = Some(think_ms * crowd.rate);
            let after = turn.pages(path, FULL, None)?;
            rounds.push(Kind {
                name,
                full: [before, after.clone()],
                crowd,
                think_ms,
            });
            before = after;
        }
        rounds.sort_by(|a, b| a.goodput().total_cmp(&b.goodput()));
        let middle = rounds.len() / 2;
        Ok(rounds.swap_remove(middle))
    }

    /// How long each of the crowd thinks when together they ask at this rate. Who waits for an answer
    /// does not think, and how many that are is seen by trying.
    fn think_ms(&self, path: &str, rate: f64) -> Result<f64, Failure> {
        let mut think_ms = f64::from(CROWD) * 1_000.0 / rate;
        for _ in 0..TRIES {
            let asked = self.pages(path, CROWD, Some(think_ms))?.rate;
            think_ms *= asked / rate;
        }
        Ok(think_ms)
    }

    fn pages(&self, path: &str, clients: u32, think_ms: Option<f64>) -> Result<Measured, Failure> {
        let paths = self.shop.file("page.txt");
        fs::write(&paths, format!("{path}\n"))?;
        let mut wrk = wrk(self.ground.workspace, "product.lua", clients, self.seconds);
        wrk.env("PATHS", paths);
        if let Some(think_ms) = think_ms {
            wrk.env("THINK_MS", format!("{think_ms:.0}"));
        }
        measure(wrk.arg(self.url()))
    }

    /// Makes carts that only have to be ordered.
    fn carts(&self) -> Result<(), Failure> {
        let carts = (CARTS_EACH_S * self.seconds).to_string();
        let file = self.shop.file(CARTS).display().to_string();
        let made = self.shop.script("prepare.mjs", &[&carts, "200", &file]);
        made.map(drop)
    }

    fn orders(&self) -> Result<Measured, Failure> {
        let mut wrk = wrk(self.ground.workspace, "load.lua", BUYERS, self.seconds);
        wrk.env("LOAD", "place")
            .env("TOKEN", TOKEN)
            .env("CARTS", self.shop.file(CARTS));
        measure(wrk.arg(self.url()))
    }

    /// Orders, and the list pages beside them.
    fn both(&self, clients: u32, think_ms: Option<f64>) -> Result<(Measured, Measured), Failure> {
        self.carts()?;
        thread::scope(|scope| {
            let pages = scope.spawn(|| self.pages(A_LIST_PAGE, clients, think_ms));
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

/// Of those a second that were asked for, those that were made.
fn made(it: &Measured) -> f64 {
    let made = it.requests.saturating_sub(it.refused);
    it.rate * made as f64 / (it.requests as f64).max(1.0)
}

impl Kind {
    /// How many can be made.
    fn capacity(&self) -> f64 {
        let [before, after] = &self.full;
        f64::midpoint(before.rate, after.rate)
    }

    /// Of as many as can be made, those that were made when there were too many.
    fn goodput(&self) -> f64 {
        made(&self.crowd) / self.capacity().max(1.0)
    }

    fn line(&self) -> String {
        format!(
            "{:.0} {}/s can be made; of {:.0}/s that {CROWD} clients asked for {:.0}/s were made, {:.0} % of \
             that, p99 {:.0} ms, and the rest was told to come back",
            self.capacity(),
            self.name,
            self.crowd.rate,
            made(&self.crowd),
            self.goodput() * 100.0,
            self.crowd.ms[2],
        )
    }
}

impl Overload {
    /// What failed although it should not have: no order does, and no page gets anything but itself or a 503.
    pub fn errors(&self) -> u64 {
        let unanswered = |it: &Measured| it.errors.saturating_sub(it.refused);
        let beside = [&self.beside_full.1, &self.beside_crowd.1];
        let kinds = self.kinds.iter().chain([&self.together]);
        let kinds = kinds.flat_map(|it| it.full.iter().chain([&it.crowd]));
        let orders = [&self.orders, &self.beside_full.0, &self.beside_crowd.0];
        let pages: u64 = kinds.chain(beside).map(unanswered).sum();
        let orders: u64 = orders.into_iter().map(|it| it.errors).sum();
        pages + orders
    }

    /// What is said of it below the table.
    pub fn lines(&self) -> Vec<String> {
        let beside = |(orders, pages): &(Measured, Measured)| {
            format!(
                "{:.0}/s with p99 {:.1} ms and {} failed beside {:.0} pages/s of {:.0}",
                orders.rate,
                orders.ms[2],
                orders.errors,
                made(pages),
                pages.rate,
            )
        };
        let orders = format!(
            "{BUYERS} buyers who order all the time: {:.0} orders/s with p99 {:.1} ms alone; {}; {}",
            self.orders.rate,
            self.orders.ms[2],
            beside(&self.beside_full),
            beside(&self.beside_crowd),
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
            "the same, with who asks on the shop's own processors: {}",
            self.together.line()
        );
        apart.chain([together, orders]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_was_not_made() {
        let load = |rate, requests, refused| Measured {
            rate,
            requests,
            refused,
            errors: refused,
            ms: [1.0; 4],
        };
        let orders = load(800.0, 2_400, 0);
        let kind = |refused| Kind {
            name: "pages",
            full: [load(4_000.0, 12_000, 0), load(6_000.0, 18_000, 0)],
            crowd: load(10_000.0, 30_000, refused),
            think_ms: 40.0,
        };
        let mut seen = Overload {
            kinds: vec![kind(15_000), kind(20_000)],
            together: kind(18_000),
            orders: orders.clone(),
            beside_full: (orders.clone(), load(4_000.0, 12_000, 0)),
            beside_crowd: (orders, load(10_000.0, 30_000, 20_000)),
        };
        assert_eq!(seen.errors(), 0);
        let said = seen.lines().join("\n");
        for part in [
            "5000/s were made, 100 % of that, p99 1 ms, and the rest was told to come back (target ≥ 80 %; yes)",
            "3333/s were made, 67 % of that, p99 1 ms, and the rest was told to come back (target ≥ 80 %; no)",
            "the shop's own processors: 5000 pages/s can be made; of 10000/s",
        ] {
            assert!(said.contains(part), "{said}");
        }
        seen.beside_crowd.0.errors = 1;
        assert_eq!(seen.errors(), 1, "an order that is refused is an error");
    }
}
