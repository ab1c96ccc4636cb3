//! The demo catalogue and the products for load tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

use std::{collections::HashSet, ops::ControlFlow};

use origin::{
    catalog::model::{ImageSource, NewProduct},
    import::{self, Format, Row, Source},
    load::bulk,
};
use shared::{locale::Locale, money::Currency};

fn rows() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    for (name, text) in demo::files() {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let source = Source {
            path,
            translations: None,
            media: None,
        };
        import::read(Format::Jsonl, &source, Currency::USD, &mut |item| {
            rows.push(item.unwrap_or_else(|bad| panic!("{name}: {bad}")).row);
            ControlFlow::Continue(())
        })
        .unwrap();
    }
    rows
}

fn is_drawn(product: &NewProduct) -> bool {
    product.images.iter().all(|image| match &image.source {
        ImageSource::Drawn(words) => demo::art::draw(words).is_some(),
        _ => false,
    })
}

#[test]
fn every_product_has_texts_in_both_languages_and_pictures() {
    let (mut top, mut products, mut pictures) = (0, 0, HashSet::new());
    for row in rows() {
        match row {
            Row::Category(category) => {
                assert_eq!(category.names.len(), 2, "{}", category.external_id);
                top += usize::from(category.parent.is_none());
            }
            Row::Product(product) => {
                products += 1;
                for texts in [&product.names, &product.descriptions] {
                    assert!(Locale::ALL.iter().all(|it| texts.contains_key(it)));
                }
                assert!(is_drawn(&product), "{}", product.external_id);
                let first = format!("{:?}", product.images[0].source);
                assert!(
                    pictures.insert(first),
                    "{}: a picture again",
                    product.external_id
                );
            }
        }
    }
    assert!(
        top >= 8 && products >= 120,
        "{top} categories, {products} products"
    );
}

#[test]
fn generated_products_are_distinct_and_reproducible() {
    let categories = ["a".to_owned(), "b".to_owned()];
    let make = || bulk::products(2_000, &categories, Currency::USD).collect::<Vec<_>>();
    let products = make();
    assert_eq!(products, make());
    let skus: HashSet<_> = products
        .iter()
        .flat_map(|it| &it.variants)
        .map(|it| &it.sku)
        .collect();
    assert_eq!(
        skus.len(),
        products.iter().map(|it| it.variants.len()).sum::<usize>()
    );
    assert!(products.iter().take(200).all(is_drawn));
}
