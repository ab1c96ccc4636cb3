//! Generated products for load tests: plausible, distinct and reproducible.

use shared::{
    locale::Locale,
    money::{Currency, Money},
    time::Timestamp,
};

use crate::catalog::model::{
    ImageSource, NewImage, NewOption, NewOptionValue, NewProduct, NewVariant, Status, Texts,
};

/// First words of product names, in both languages.
const QUALITIES: [(&str, &str); 12] = [
    ("Quiet", "静谧"),
    ("Harbour", "港湾"),
    ("Ridge", "山脊"),
    ("Morning", "晨光"),
    ("Field", "原野"),
    ("Evening", "暮色"),
    ("Forest", "森林"),
    ("Island", "海岛"),
    ("Orchard", "果园"),
    ("Winter", "冬日"),
    ("Meadow", "草地"),
    ("River", "河岸"),
];
/// Objects that can be drawn, in both languages.
const THINGS: [(&str, &str, &str); 16] = [
    ("mug", "mug", "马克杯"),
    ("bowl", "bowl", "碗"),
    ("plates", "plates", "餐盘"),
    ("carafe", "carafe", "水瓶"),
    ("teapot", "teapot", "茶壶"),
    ("kettle", "kettle", "水壶"),
    ("mushroom", "lamp", "台灯"),
    ("pendant", "pendant", "吊灯"),
    ("chair", "chair", "椅子"),
    ("stool", "stool", "凳子"),
    ("vase", "vase", "花瓶"),
    ("basket", "basket", "篮子"),
    ("cushion", "cushion", "靠枕"),
    ("throw", "throw", "盖毯"),
    ("towels", "towels", "毛巾"),
    ("clock", "clock", "挂钟"),
];
const COLOURS: [(&str, &str, &str, &str); 4] = [
    ("moss", "Moss", "苔绿", "#6b7752"),
    ("clay", "Clay", "陶土", "#b9714f"),
    ("ink", "Ink", "墨蓝", "#2f3a4a"),
    ("oat", "Oat", "燕麦", "#dccfb8"),
];
const BRANDS: [&str; 7] = [
    "Fjell",
    "Holt",
    "Tern",
    "Lumen",
    "Glashaus",
    "Lund & Sea",
    "Ash & Reed",
];
/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;
/// The interval between the creation times of products.
const STEP_MS: i64 = 600_000;

/// `count` products spread over these categories (by external id). The same numbers give the same
/// products.
pub fn products<'c>(
    count: u64,
    categories: &'c [String],
    currency: Currency,
) -> impl Iterator<Item = NewProduct> + use<'c> {
    (0..count).map(move |number| product(number, categories, currency))
}

fn product(number: u64, categories: &[String], currency: Currency) -> NewProduct {
    let mut chance = Chance(number);
    let (quality, quality_zh) = *chance.one_of(&QUALITIES);
    let (piece, thing, thing_zh) = *chance.one_of(&THINGS);
    let places = categories.len();
    let category = (places > 0).then(|| categories[chance.below(places)].clone());
    let shown = 1 + chance.below(3);
    let price = 900 + 100 * i64::try_from(chance.below(300)).unwrap_or(0);
    let reduced = chance.below(5) == 0;
    let variants = COLOURS[..shown]
        .iter()
        .zip(0..)
        .map(|((code, ..), image)| NewVariant {
            sku: format!("BULK-{number}-{}", code.to_uppercase()),
            gtin: None,
            options: vec![("colour".to_owned(), (*code).to_owned())],
            price: Money::new(price, currency),
            compare_at: reduced.then(|| Money::new(price * 5 / 4, currency)),
            stock: i64::try_from(chance.below(60)).ok(),
            backorder: false,
            weight_g: u32::try_from(200 + chance.below(3_000)).ok(),
            image: Some(image),
        });
    let variants = variants.collect();
    let values = COLOURS[..shown]
        .iter()
        .map(|(code, en, zh, swatch)| NewOptionValue {
            code: (*code).to_owned(),
            names: both(en, zh),
            swatch: Some((*swatch).to_owned()),
        });
    let images = COLOURS[..shown].iter().map(|(code, ..)| NewImage {
        source: ImageSource::Drawn(format!("{piece}?colour={code}&tone=sand")),
        alts: Texts::new(),
    });
    NewProduct {
        external_id: format!("bulk-{number}"),
        slug: Some(format!("bulk-{number}")),
        status: Status::Active,
        category,
        brand: Some((*chance.one_of(&BRANDS)).to_owned()),
        names: both(
            &format!("{quality} {thing} No. {number}"),
            &format!("{quality_zh}{thing_zh} {number} 号"),
        ),
        descriptions: both(
            &format!("A {thing} of the {quality} series, made to be used every day."),
            &format!("{quality_zh}系列的{thing_zh}，为每天的使用而做。"),
        ),
        attributes: Vec::new(),
        options: vec![NewOption {
            code: "colour".to_owned(),
            names: both("Colour", "颜色"),
            values: values.collect(),
        }],
        variants,
        images: images.collect(),
        tags: Vec::new(),
        created_at: Some(Timestamp::from_millis(
            START_MS + STEP_MS * i64::try_from(number).unwrap_or(0),
        )),
        // The sold units follow a Zipf distribution.
        sold: 100_000 / (1 + i64::try_from(chance.below(10_000)).unwrap_or(0)),
    }
}

fn both(en: &str, zh: &str) -> Texts {
    Texts::from([(Locale::En, en.to_owned()), (Locale::Zh, zh.to_owned())])
}

/// SplitMix64 (Steele, Lea, Flood 2014): numbers that look random and follow from the seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    fn one_of<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }
}
