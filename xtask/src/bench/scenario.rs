//! The scenarios as data: the shop, the load and the target.

/// The number of products of a shop for reads.
pub const CATALOGUE: u32 = 10_000;
/// The number of products of a shop for purchases.
pub const SHOP: u32 = 1_000;
/// The initial limit of the response cache.
pub const L1_BYTES: u64 = 64 << 20;

/// The shop that a scenario needs; scenarios with the same needs share a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShopSpec {
    pub products: u32,
    pub l1_bytes: u64,
}

/// The requests of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Products by id, uniform or with a Zipf distribution.
    Products { zipf: bool },
    /// One path, with the client's `Accept-Encoding`.
    Path {
        path: &'static str,
        encoding: Option<&'static str>,
    },
    /// A load of `load.lua` that writes: carts per second, and the number of different SKUs in
    /// them.
    Write {
        name: &'static str,
        carts: u32,
        kinds: u32,
    },
    /// Products by id in an open loop.
    Open { rate: Rate },
}

/// The request rate of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Requests per second.
    Fixed(u32),
    /// A percentage of the rate that the load generator reaches in a closed loop. It shares the
    /// server's processors, so that it cannot send at arbitrary rates.
    OfFull(u32),
}

/// A target; each given part must be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Target {
    pub rate: Option<f64>,
    pub ratio: Option<f64>,
    /// p50, p95, p99, p999 in milliseconds.
    pub ms: [Option<f64>; 4],
    pub peak_mb: Option<f64>,
}

/// A scenario: one line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub shop_spec: ShopSpec,
    pub load: Load,
    pub clients: u32,
    pub target: Target,
    /// Whether `--quick` omits it.
    pub slow: bool,
}

const NONE: Target = Target {
    rate: None,
    ratio: None,
    ms: [None; 4],
    peak_mb: None,
};
const HIT: Target = Target {
    rate: Some(50_000.0),
    ratio: Some(0.85),
    ..NONE
};
const LIST: Target = Target {
    ratio: Some(0.80),
    ..NONE
};
const MISS: Target = Target {
    rate: Some(8_000.0),
    ..NONE
};
const PAGE: Target = Target {
    ratio: Some(0.70),
    ..NONE
};

const fn scenario(name: &'static str, load: Load, clients: u32, target: Target) -> Scenario {
    Scenario {
        name,
        shop_spec: ShopSpec {
            products: CATALOGUE,
            l1_bytes: L1_BYTES,
        },
        load,
        clients,
        target,
        slow: false,
    }
}

const fn get(path: &'static str, encoding: Option<&'static str>) -> Load {
    Load::Path { path, encoding }
}

const fn write_load(name: &'static str, carts: u32, kinds: u32) -> Load {
    Load::Write { name, carts, kinds }
}

const UNIFORM: Load = Load::Products { zipf: false };
const LISTED: &str = "/api/v1/products?availability=in_stock&sort=price_up&limit=24";
/// A category whose page has 24 products.
pub const LIST_PAGE: &str = "/c/tableware";
const A_PRODUCT_PAGE: &str = "/p/bulk-7";

/// All scenarios, with those of one shop next to each other.
pub fn all() -> Vec<Scenario> {
    let mut all = reads();
    all.extend(writes());
    for (name, products, slow) in [
        ("10³", 1_000, false),
        ("10⁴", 10_000, false),
        ("10⁵", 100_000, false),
        ("10⁶", 1_000_000, true),
    ] {
        all.extend(grown(name, products, slow));
    }
    all
}

fn reads() -> Vec<Scenario> {
    let open = |name, rate, clients, ms| {
        let target = Target { ms, ..NONE };
        scenario(name, Load::Open { rate }, clients, target)
    };
    let missed = |name, load| Scenario {
        shop_spec: ShopSpec {
            products: CATALOGUE,
            l1_bytes: 0,
        },
        ..scenario(name, load, 64, MISS)
    };
    vec![
        scenario("product", UNIFORM, 64, HIT),
        scenario("product-zipf", Load::Products { zipf: true }, 64, HIT),
        scenario("product-200", UNIFORM, 200, NONE),
        scenario("product-1000", UNIFORM, 1_000, HIT),
        scenario("product-5000", UNIFORM, 5_000, NONE),
        open(
            "open-70%",
            Rate::OfFull(70),
            64,
            [Some(1.0), Some(5.0), Some(10.0), Some(50.0)],
        ),
        open(
            "open-5000",
            Rate::Fixed(15_000),
            5_000,
            [None, None, Some(50.0), None],
        ),
        scenario("list", get(LISTED, None), 64, LIST),
        scenario("hot", get("/api/v1/products/hot", None), 64, LIST),
        scenario("home", get("/", None), 64, NONE),
        scenario("home-br", get("/", Some("br")), 64, PAGE),
        scenario("page-list", get(LIST_PAGE, None), 64, NONE),
        scenario("page-list-br", get(LIST_PAGE, Some("br")), 64, PAGE),
        scenario("page-search-br", get("/search?q=mug", Some("br")), 64, PAGE),
        scenario("page-product", get(A_PRODUCT_PAGE, None), 64, NONE),
        scenario("page-product-br", get(A_PRODUCT_PAGE, Some("br")), 64, PAGE),
        missed("product-miss", UNIFORM),
        missed("page-list-miss", get(LIST_PAGE, None)),
    ]
}

fn writes() -> Vec<Scenario> {
    let shop = ShopSpec {
        products: SHOP,
        l1_bytes: L1_BYTES,
    };
    [
        ("place", write_load("place", 8_000, 200), 20),
        ("place-one-sku", write_load("place", 8_000, 1), 20),
        ("cart", write_load("cart", 500, 200), 30),
        ("stock", write_load("stock", 500, 200), 50),
        ("mix", write_load("mix", 4_000, 200), 40),
    ]
    .map(|(name, load, clients)| Scenario {
        shop_spec: shop,
        ..scenario(name, load, clients, NONE)
    })
    .to_vec()
}

/// Uncached products and lists for growing catalogues, and an origin with a full cache.
fn grown(size: &'static str, products: u32, slow: bool) -> Vec<Scenario> {
    let names: [&'static str; 3] = match size {
        "10³" => ["product-10³", "list-10³", "full-10³"],
        "10⁴" => ["product-10⁴", "list-10⁴", "full-10⁴"],
        "10⁵" => ["product-10⁵", "list-10⁵", "full-10⁵"],
        _ => ["product-10⁶", "list-10⁶", "full-10⁶"],
    };
    let at = |l1_bytes, it| Scenario {
        shop_spec: ShopSpec { products, l1_bytes },
        slow,
        ..it
    };
    let mut all = vec![
        at(0, scenario(names[0], UNIFORM, 16, NONE)),
        at(0, scenario(names[1], get(LISTED, None), 16, NONE)),
    ];
    if products == 100_000 {
        let target = Target {
            peak_mb: Some(200.0),
            ..NONE
        };
        all.push(at(L1_BYTES, scenario(names[2], UNIFORM, 64, target)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_names_are_unique() {
        let mut names: Vec<_> = all().iter().map(|it| it.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_write_load_exists_in_the_script() {
        let script = include_str!("../../../bench/load.lua");
        for it in all() {
            if let Load::Write { name, .. } = it.load {
                assert!(script.contains(&format!("  {name} = ")), "{name}");
            }
        }
    }
}
