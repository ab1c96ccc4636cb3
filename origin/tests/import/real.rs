//! Catalogues of public projects, if their folder exists beside the repository.

use std::io::Write as _;

use super::*;

/// If this environment variable is set, a missing catalogue is a failure.
const REQUIRED: &str = "MALLARD_TEST_REAL_CATALOGUES";

/// The path of a catalogue. If it is missing, the test is skipped with a message that bypasses the
/// harness, which hides the output of tests that pass.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os(REQUIRED).is_none(),
        "{name} is missing, and {REQUIRED} is set"
    );
    let message = format!("SKIPPED: the catalogue {name} is missing\n");
    std::io::stderr().write_all(message.as_bytes()).unwrap();
    None
}

#[test]
fn dummyjson() {
    let Some(path) = real("dummyjson/products.json") else {
        return;
    };
    let (found, done) = read_from(Format::Dummyjson, &source(path), Currency::USD);
    done.unwrap();
    assert_eq!(found.bad, []);
    assert_eq!((found.categories.len(), found.products.len()), (24, 194));
    let mascara = found.product("dummyjson-1");
    assert_eq!(mascara.variants[0].price.minor, 999);
    assert_eq!(mascara.variants[0].compare_at.unwrap().minor, 1116);
    assert_eq!(mascara.variants[0].stock, Some(99));
}

#[test]
fn typesense() {
    let Some(path) = real("typesense/ecommerce.json") else {
        return;
    };
    let (found, done) = read_from(Format::Typesense, &source(path), Currency::USD);
    done.unwrap();
    assert_eq!(found.bad, []);
    assert_eq!((found.categories.len(), found.products.len()), (67, 3291));
    let phone = found.product("typesense-4984700");
    assert_eq!((phone.sold, phone.variants[0].price.minor), (21_449, 4999));
    let path = "typesense-Cell Phones > Prepaid Phones > All Prepaid Phones";
    assert_eq!(phone.category.as_deref(), Some(path));
}

fn spree_source() -> Option<Source> {
    let translations = real("spree/product_translations.csv")?;
    Some(Source {
        translations: Some(translations),
        ..source(real("spree/products.csv")?)
    })
}

#[test]
fn spree() {
    let Some(source) = spree_source() else { return };
    let (found, done) = read_from(Format::Spree, &source, Currency::USD);
    done.unwrap();
    assert_eq!(found.bad, []);
    assert_eq!((found.products.len(), found.variants()), (37, 87));
    let machine = found.product("spree-automatic-espresso-machine");
    assert_eq!(
        machine.category.as_deref(),
        Some("spree-Kitchen > Coffee Machines")
    );
    let black = &machine.variants[0];
    assert_eq!(black.sku, "AUTOMATIC-ESPRESSO-MACHINE-MATTE-BLACK");
    assert_eq!(
        (black.price.minor, black.stock, black.weight_g),
        (87_999, Some(5000), Some(8981))
    );
    assert_eq!((black.image, black.compare_at), (Some(1), None));
    assert_eq!(machine.images.len(), 4);
    assert_eq!(
        black.options,
        [("color".to_owned(), "matte-black".to_owned())]
    );
}

#[test]
fn spree_in_its_other_currency() {
    let Some(source) = spree_source() else { return };
    let (found, done) = read_from(Format::Spree, &source, "EUR".parse().unwrap());
    done.unwrap();
    assert_eq!(found.bad, []);
    assert_eq!((found.products.len(), found.variants()), (37, 87));
    let machine = found.product("spree-automatic-espresso-machine");
    assert_eq!(machine.variants[0].price.minor, 81_999);
    assert_eq!(machine.variants[0].weight_g, Some(8981));

    let (found, done) = read_from(Format::Spree, &source, "GBP".parse().unwrap());
    done.unwrap();
    assert_eq!((found.products.len(), found.bad.len()), (0, 37));
    assert_eq!(found.bad_fields()[0], (2, "price"));
}

#[test]
fn saleor() {
    let Some(path) = real("saleor/populatedb_data.json") else {
        return;
    };
    let (found, done) = read_from(Format::Saleor, &source(&path), Currency::USD);
    done.unwrap();
    // One photo's name is equally similar to two files, which is reported; the product is kept.
    assert_eq!(found.bad_fields(), [(851, "image")]);
    assert_eq!(found.categories.len(), 16);
    assert_eq!((found.products.len(), found.variants()), (32, 73));
}
