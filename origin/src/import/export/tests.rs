//! Exports round-trip: importing an export gives the same rows.

use std::{collections::BTreeSet, ops::ControlFlow};

use proptest::{collection::vec, option::of, prelude::*};
use shared::{
    locale::Locale,
    money::{Currency, Money},
    time::Timestamp,
};

use super::*;
use crate::{
    catalog::model::{
        NewAttribute, NewCategory, NewImage, NewOption, NewOptionValue, NewProduct, NewVariant,
        Status, Texts,
    },
    import::{Format, Row, Source, read},
};

/// A line with characters that are special in the formats, without surrounding white space.
fn line() -> impl Strategy<Value = String> {
    r#"[a-zA-Z0-9茶é"'|\\,;:#>=+@-]['=+@-]{0,2}[a-z0-9 ,;"'|\\茶>:]{0,12}[a-z"|\\茶,]"#
}

fn paragraphs() -> impl Strategy<Value = String> {
    vec(line(), 1..4).prop_map(|lines| lines.join("\n\n"))
}

fn texts(text: impl Strategy<Value = String>, least: usize) -> impl Strategy<Value = Texts> {
    vec(text, least..=2).prop_map(|texts| Locale::ALL.into_iter().zip(texts).collect())
}

fn slug() -> impl Strategy<Value = Option<String>> {
    of("[a-z]{1,4}(-[a-z0-9]{1,4}){0,2}")
}

fn image() -> impl Strategy<Value = NewImage> {
    let source = prop_oneof![
        "[a-z]{1,8}".prop_map(|it| ImageSource::Remote(format!("https://a.example/{it}.png?a=b"))),
        "[a-z]{1,8}\\?colour=[a-z]{1,4}".prop_map(ImageSource::Drawn),
        Just(ImageSource::File("pictures/mug.jpg".into())),
    ];
    (source, texts(line(), 0)).prop_map(|(source, alts)| NewImage { source, alts })
}

fn money() -> impl Strategy<Value = Money> {
    (0_i64..=1_000_000_000_000).prop_map(|minor| Money::new(minor, Currency::USD))
}

fn category() -> impl Strategy<Value = NewCategory> {
    (
        slug(),
        -9_i64..9,
        texts(line(), 1),
        texts(paragraphs(), 0),
        of(image()),
    )
        .prop_map(|(slug, position, names, descriptions, image)| NewCategory {
            external_id: "tea > green".to_owned(),
            slug,
            parent: Some("kitchen".to_owned()),
            position,
            names,
            descriptions,
            image,
        })
}

fn options() -> impl Strategy<Value = Vec<NewOption>> {
    let value = (texts(line(), 1), of("#[0-9a-f]{6}")).prop_map(|(names, swatch)| NewOptionValue {
        code: String::new(),
        names,
        swatch,
    });
    let option = (texts(line(), 1), vec(value, 1..4)).prop_map(|(names, values)| NewOption {
        code: String::new(),
        names,
        values,
    });
    vec(option, 0..=3).prop_map(|mut options| {
        for (number, option) in options.iter_mut().enumerate() {
            option.code = format!("o{number}");
            for (number, value) in option.values.iter_mut().enumerate() {
                value.code = format!("v{number}");
            }
        }
        options
    })
}

/// The option values of each variant, by index; duplicates are dropped.
fn picks() -> impl Strategy<Value = BTreeSet<[usize; 3]>> {
    proptest::collection::btree_set([0_usize..4, 0_usize..4, 0_usize..4], 1..6)
}

fn variants(
    options: &[NewOption],
    picks: &BTreeSet<[usize; 3]>,
    of: &NewVariant,
) -> Vec<NewVariant> {
    let mut seen = BTreeSet::new();
    let mut variants = Vec::new();
    // Reversed, so that the variants do not introduce the values in order.
    for pick in picks.iter().rev() {
        let choice = |(option, pick): (&NewOption, &usize)| {
            let value = &option.values[pick % option.values.len()];
            (option.code.clone(), value.code.clone())
        };
        let choices: Vec<_> = options.iter().zip(pick).map(choice).collect();
        if seen.insert(choices.clone()) {
            let sku = format!("{}-{}", of.sku, variants.len());
            variants.push(NewVariant {
                sku,
                options: choices,
                ..of.clone()
            });
        }
    }
    variants
}

fn variant() -> impl Strategy<Value = NewVariant> {
    let weight = of(0_u32..1_000_000_000);
    let gtin = prop_oneof![
        Just(None),
        Just(Some("00012345600012".to_owned())),
        Just(Some("96385074".to_owned()))
    ];
    (
        (line(), gtin),
        money(),
        of(money()),
        (of(0_i64..=1_000_000_000), any::<bool>()),
        weight,
        of(0_u32..3),
    )
        .prop_map(
            |((sku, gtin), price, compare_at, (stock, backorder), weight_g, image)| NewVariant {
                sku,
                gtin,
                options: Vec::new(),
                price,
                compare_at,
                stock,
                backorder,
                weight_g,
                image,
            },
        )
}

fn product() -> impl Strategy<Value = NewProduct> {
    let status = prop_oneof![
        Just(Status::Active),
        Just(Status::Draft),
        Just(Status::Archived)
    ];
    let words = (
        slug(),
        status,
        of(line()),
        texts(line(), 1),
        texts(paragraphs(), 0),
    );
    let attribute = (texts(line(), 1), texts(line(), 1))
        .prop_map(|(names, values)| NewAttribute { names, values });
    let lists = (
        vec(attribute, 0..6),
        vec(image(), 0..6),
        vec(line(), 0..4),
        variant(),
        picks(),
    );
    let created_at = of((0_i64..4_000_000_000_000).prop_map(Timestamp::from_millis));
    (words, lists, options(), created_at, 0_i64..1_000_000).prop_map(
        |(words, lists, options, created_at, sold)| {
            let (slug, status, brand, names, descriptions) = words;
            let (attributes, images, mut tags, variant, picks) = lists;
            let mut seen = BTreeSet::new();
            tags.retain(|tag| seen.insert(tag.clone()));
            let mut variants = variants(&options, &picks, &variant);
            for variant in &mut variants {
                variant
                    .image
                    .take_if(|image| *image as usize >= images.len());
            }
            NewProduct {
                external_id: "demo, 1".to_owned(),
                slug,
                status,
                category: Some("tea > green".to_owned()),
                brand,
                names,
                descriptions,
                attributes,
                options,
                variants,
                images,
                tags,
                created_at,
                sold,
            }
        },
    )
}

/// Prefixes the paths of a row's pictures with the folder of the export.
fn in_folder(mut row: Row, folder: &Path) -> Row {
    let images: Vec<&mut NewImage> = match &mut row {
        Row::Category(category) => category.image.iter_mut().collect(),
        Row::Product(product) => product.images.iter_mut().collect(),
    };
    for image in images {
        if let ImageSource::File(path) = &mut image.source {
            *path = folder.join(&path);
        }
    }
    row
}

fn read_back(format: Format, path: &Path) -> Vec<Row> {
    let source = Source {
        path: path.to_owned(),
        translations: None,
        media: None,
    };
    let mut rows = Vec::new();
    read(format, &source, Currency::USD, &mut |row| {
        rows.push(row.unwrap_or_else(|bad| panic!("{bad}")).row);
        ControlFlow::Continue(())
    })
    .unwrap();
    rows
}

/// The cells that a spreadsheet program would evaluate.
fn formulas(text: &[u8]) -> Vec<String> {
    let mut reader = ::csv::Reader::from_reader(text);
    let records = reader.records().map(Result::unwrap);
    let cells = records.flat_map(|it| it.iter().map(str::to_owned).collect::<Vec<_>>());
    cells
        .filter(|it| it.starts_with(['=', '+', '-', '@', '\t', '\r']))
        .filter(|it| it.parse::<i64>().is_err())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn exports_round_trip(category in category(), product in product()) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pictures")).unwrap();
        std::fs::write(folder.path().join("pictures/mug.jpg"), "x").unwrap();
        let rows = [Row::Category(category), Row::Product(product)]
            .map(|row| in_folder(row, folder.path()));

        let path = folder.path();
        let writers = [
            (Format::Jsonl, Writer::jsonl(Vec::new(), path)),
            (Format::Csv, Writer::csv(Vec::new(), path).unwrap()),
        ];
        for (format, mut writer) in writers {
            for row in &rows {
                writer.write(row).unwrap();
            }
            let text = writer.finish().unwrap();
            if format == Format::Csv {
                let formulas = formulas(&text);
                prop_assert!(formulas.is_empty(), "{:?}", formulas);
            }
            let path = folder.path().join("catalogue");
            std::fs::write(&path, text).unwrap();
            let found = read_back(format, &path);
            prop_assert_eq!(found.as_slice(), rows.as_slice());
        }
    }
}
