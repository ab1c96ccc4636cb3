//! More than the shop can do: pages that nothing keeps are asked for twice as often as they can be made,
//! alone and while others order.

use std::{fs, thread};

use serde::Serialize;

use super::{
    load::{Measured, Pace, measure, oha, wrk},
    scenario::{A_LIST_PAGE, Needs, SHOP},
    shop::{Ground, Shop, TOKEN},
};
use crate::{place::Place, step::Failure};

const NEEDS: Needs = Needs {
    products: SHOP,
    l1_bytes: 0,
};
/// How many ask as soon as they are answered, and how many when it is due.
const AT_CAPACITY: u32 = 64;
const OVER_CAPACITY: u32 = 1_000;
/// Who orders, as soon as the last order is answered.
const BUYERS: u32 = 2;
const CARTS_EACH_S: u64 = 2_000;
const CARTS: &str = "overload-carts.txt";
const GOODPUT: f64 = 0.80;

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Overload {
    /// Pages a second that can be made.
    pub capacity: f64,
    /// Pages a second that were asked for.
    pub offered: u32,
    /// What became of those.
    pub pages: Measured,
    /// Orders while nobody looks at pages, and while too many do.
    pub orders_alone: Measured,
    pub orders_beside: Measured,
    pub pages_beside: Measured,
}

/// Asks for too much.
pub fn overload(ground: &Ground<'_>, seconds: u64) -> Result<Overload, Failure> {
    let shop = ground.open(NEEDS)?;
    let urls = shop.file("page.txt");
    fs::write(&urls, format!("http://{}{A_LIST_PAGE}\n", shop.address))?;
    let place = ground.place;
    let full = oha(place, &urls, (AT_CAPACITY, Pace::Full), seconds)?;
    let capacity = full.rate;
    let offered = (capacity * 2.0) as u32;
    let twice = (OVER_CAPACITY, Pace::Due(offered));
    let pages = oha(place, &urls, twice, seconds)?;
    carts(&shop, seconds)?;
    let orders_alone = order(place, &shop, seconds)?;
    carts(&shop, seconds)?;
    let (orders_beside, pages_beside) = thread::scope(|scope| {
        let pages = scope.spawn(|| oha(place, &urls, twice, seconds));
        let orders = order(place, &shop, seconds);
        let pages = pages
            .join()
            .map_err(|_| Failure::new("the load of pages has panicked"));
        Ok::<_, Failure>((orders?, pages??))
    })?;
    Ok(Overload {
        capacity,
        offered,
        pages,
        orders_alone,
        orders_beside,
        pages_beside,
    })
}

/// Makes carts that only have to be ordered.
fn carts(shop: &Shop<'_>, seconds: u64) -> Result<(), Failure> {
    let carts = (CARTS_EACH_S * seconds).to_string();
    let file = shop.file(CARTS).display().to_string();
    shop.script("prepare.mjs", &[&carts, "200", &file])
        .map(drop)
}

fn order(place: &Place, shop: &Shop<'_>, seconds: u64) -> Result<Measured, Failure> {
    let mut wrk = wrk(place, "load.lua", BUYERS, seconds);
    wrk.env("LOAD", "place")
        .env("TOKEN", TOKEN)
        .env("CARTS", shop.file(CARTS))
        .arg(format!("http://{}", shop.address));
    measure(&mut wrk)
}

impl Overload {
    /// Pages a second that were made of those that were asked for.
    fn good(&self) -> f64 {
        let made = self.pages.requests.saturating_sub(self.pages.refused);
        self.pages.rate * made as f64 / (self.pages.requests as f64).max(1.0)
    }

    /// What failed although it should not have: no order is refused, and no page gets anything but itself or
    /// a 503.
    pub fn errors(&self) -> u64 {
        let unanswered = |it: &Measured| it.errors - it.refused;
        self.orders_alone.errors
            + self.orders_beside.errors
            + unanswered(&self.pages)
            + unanswered(&self.pages_beside)
    }

    /// What is said of it below the table.
    pub fn line(&self) -> String {
        let goodput = self.good() / self.capacity.max(1.0);
        let reached = if goodput >= GOODPUT { "yes" } else { "no" };
        let share = |it: &Measured| 100.0 * it.refused as f64 / (it.requests as f64).max(1.0);
        let (alone, beside) = (&self.orders_alone, &self.orders_beside);
        let pages = format!(
            "overload: {:.0} pages/s can be made; of {}/s that were due {:.0}/s were made, {:.0} % of that (target \
             ≥ {:.0} %; {reached}), p99 {:.0} ms, and {:.0} % were told to come back",
            self.capacity,
            self.offered,
            self.good(),
            goodput * 100.0,
            GOODPUT * 100.0,
            self.pages.ms[2],
            share(&self.pages),
        );
        format!(
            "{pages}; beside as many, of which {:.0} % were refused, {BUYERS} buyers placed {:.0} orders/s with p99 \
             {:.1} ms instead of {:.0} with {:.1} ms, and {} failed",
            share(&self.pages_beside),
            beside.rate,
            beside.ms[2],
            alone.rate,
            alone.ms[2],
            beside.errors,
        )
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
        let seen = Overload {
            capacity: 5_000.0,
            offered: 10_000,
            pages: load(10_000.0, 30_000, 15_000),
            orders_alone: load(800.0, 2_400, 0),
            orders_beside: load(400.0, 1_200, 0),
            pages_beside: load(10_000.0, 30_000, 20_000),
        };
        assert_eq!(seen.errors(), 0);
        let line = seen.line();
        assert!(
            line.contains("5000/s were made, 100 % of that (target ≥ 80 %; yes)"),
            "{line}"
        );
        let mut fewer = seen.clone();
        (fewer.pages.refused, fewer.pages.errors) = (20_000, 20_000);
        let line = fewer.line();
        assert!(
            line.contains("3333/s were made, 67 % of that (target ≥ 80 %; no)"),
            "{line}"
        );
        fewer.orders_beside.errors = 1;
        assert_eq!(fewer.errors(), 1, "an order that is refused is an error");
    }
}
