//! Whole imports and exports, on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use std::{fs, path::Path};

use origin::{
    import::{self, Format, Source},
    load::{self, ExportArgs, ImportMode, ImportReport},
};
use support::Shop;

async fn import_file(shop: &Shop, path: &Path, mode: ImportMode) -> ImportReport {
    let format = match path.extension().and_then(|it| it.to_str()) {
        Some("csv") => Format::Csv,
        _ => Format::Jsonl,
    };
    let source = Source {
        path: path.to_owned(),
        translations: None,
        media: None,
    };
    let currency = shop.app.config.currency;
    load::load(&shop.app, mode, move |emit| {
        import::read(format, &source, currency, emit).map_err(|error| error.to_string())
    })
    .await
    .unwrap()
}

async fn import_text(shop: &Shop, text: &str, mode: ImportMode) -> ImportReport {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.jsonl");
    fs::write(&path, text).unwrap();
    import_file(shop, &path, mode).await
}

/// The number of products that shoppers see.
async fn product_count(shop: &Shop) -> u64 {
    let facets = shop.get("/api/v1/facets").await.json();
    facets["product_count"].as_u64().unwrap()
}

fn counts(report: &ImportReport) -> (u64, u64, u64, u64) {
    (report.added, report.changed, report.unchanged, report.bad)
}

const TEA: &str = r#"{"type":"category","external_id":"tea","names":{"en":"Tea","zh":"茶"}}
{"type":"product","external_id":"oolong","category":"tea","names":{"en":"Oolong"},"price":"12.50","stock":3,"sku":"OO"}
{"type":"product","external_id":"sencha","category":"tea","names":{"en":"Sencha"},"price":"9","stock":0,"sku":"SE"}
"#;

const BAD: &str = r#"{"type":"product","external_id":"assam","names":{"en":"Assam"},"price":"7","sku":"AS"}
{"type":"product","external_id":"dust","names":{"en":"Dust"},"price":"-1","sku":"DU"}
{"type":"product","external_id":"kukicha","names":{"en":"Kukicha"},"price":"8","sku":"KU"}
"#;

db_test! {
    /// Importing the same file changes nothing; a changed line changes one product.
    async fn importing_again_changes_only_differences(shop) {
        let first = import_text(shop, TEA, ImportMode::default()).await;
        assert_eq!(counts(&first), (3, 0, 0, 0));
        let again = import_text(shop, TEA, ImportMode::default()).await;
        assert_eq!(counts(&again), (0, 0, 3, 0));
        let dearer = TEA.replace("12.50", "13.50");
        let third = import_text(shop, &dearer, ImportMode::default()).await;
        assert_eq!(counts(&third), (0, 1, 2, 0));
        assert_eq!(product_count(shop).await, 2);
        let page = shop.get("/api/v1/products/oolong").await.json();
        assert_eq!(page["variants"][0]["price"]["minor"], 1350, "{page}");
    }
}

db_test! {
    /// An invalid row is skipped and the others are loaded.
    async fn an_invalid_row_is_skipped(shop) {
        let report = import_text(shop, BAD, ImportMode::default()).await;
        assert_eq!(counts(&report), (2, 0, 0, 1));
        assert!(report.stopped.is_none());
        assert_eq!(product_count(shop).await, 2);
    }
}

db_test! {
    /// With `--strict`, everything is loaded or nothing.
    async fn strict_is_all_or_nothing(shop) {
        let strict = ImportMode { strict: true, dry_run: false };
        let report = import_text(shop, BAD, strict).await;
        let why = report.stopped.clone().unwrap();
        assert!(why.contains("line 2") && why.contains("price"), "{why}");
        assert_eq!((report.added, report.changed), (0, 0));
        assert_eq!(product_count(shop).await, 0);
        let report = import_text(shop, TEA, strict).await;
        assert_eq!(counts(&report), (3, 0, 0, 0));
        assert_eq!(product_count(shop).await, 2);
    }
}

db_test! {
    /// A dry run reports what would happen and changes nothing.
    async fn a_dry_run_changes_nothing(shop) {
        let dry = ImportMode { strict: false, dry_run: true };
        let report = import_text(shop, TEA, dry).await;
        assert_eq!(counts(&report), (3, 0, 0, 0));
        assert!(report.to_string().contains("nothing was changed"));
        assert_eq!(product_count(shop).await, 0);
        assert!(!shop.app.config.media_dir().exists());
    }
}

db_test! {
    /// The demo catalogue, exported and imported into another database, is the same.
    async fn an_export_imports_as_the_same_catalogue(shop) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in demo::files() {
            // Without pictures, which are slow to draw.
            let mut lines = String::new();
            for line in text.lines() {
                let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
                let fields = row.as_object_mut().unwrap();
                fields.remove("image");
                fields.remove("images");
                for variant in fields.get_mut("variants").into_iter().flat_map(|it| it.as_array_mut().unwrap()) {
                    variant.as_object_mut().unwrap().remove("image");
                }
                lines.push_str(&row.to_string());
                lines.push('\n');
            }
            let path = folder.path().join(name);
            fs::write(&path, lines).unwrap();
            let report = import_file(shop, &path, ImportMode::default()).await;
            assert_eq!((report.bad, report.stopped), (0, None), "{name}");
        }
        let exported = async |from: &Shop, name: &str| {
            let file = folder.path().join(name);
            let args = ExportArgs { file: file.clone() };
            load::export(&from.app, args).await.unwrap();
            file
        };
        let csv = exported(shop, "shop.csv").await;
        let jsonl = exported(shop, "shop.jsonl").await;
        let text = fs::read_to_string(&jsonl).unwrap();
        assert!(text.lines().count() > 150);
        for (file, again) in [(csv, "again-1.jsonl"), (jsonl, "again-2.jsonl")] {
            let other = Shop::on_sqlite().await;
            let report = import_file(&other, &file, ImportMode { strict: true, dry_run: false }).await;
            assert_eq!((report.bad, report.stopped), (0, None));
            let again = exported(&other, again).await;
            // Compared line by line, so that a failure shows only the difference.
            for (found, wanted) in fs::read_to_string(again).unwrap().lines().zip(text.lines()) {
                assert_eq!(found, wanted);
            }
            other.audit().await;
        }
    }
}

#[tokio::test]
async fn the_next_import_counts_the_facets_of_a_killed_one() {
    let shop = Shop::on_sqlite().await;
    import_text(&shop, TEA, ImportMode::default()).await;
    // The state after a process was killed between its last batch and the facet count.
    let mut tx = shop.app.db.write().await.unwrap();
    for statement in [
        "delete from category_facets",
        "update versions set version = version + 1 where name = 'saved'",
    ] {
        sqlx::query(statement).execute(tx.conn()).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(product_count(&shop).await, 0);
    let report = import_text(&shop, TEA, ImportMode::default()).await;
    assert_eq!(counts(&report), (0, 0, 3, 0));
    assert_eq!(product_count(&shop).await, 2);
}
