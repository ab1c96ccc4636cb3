//! What lies on disk and in the database: nothing that others on the machine can read.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use origin::{outbox::deliver_due, private};

use crate::{shopper::*, support::Shop};

/// Everything below a folder, itself included.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A shop with an order, its mail and a picture, whose files are all made by it.
#[tokio::test]
async fn what_the_shop_keeps_is_for_nobody_else() {
    let shop = Shop::on_sqlite().await;
    shop.save(vec![only("tea", "5.00", 9)]).await;
    let path = ready_cart(&shop, "tea-1", 1).await;
    assert_eq!(place(&shop, &path).await.status, 201);
    deliver_due(&shop.app).await.unwrap();
    let drawing = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>"#;
    let library = shop.app.config.library().unwrap();
    library.ingest_svg(drawing).unwrap();
    let all = below(&shop.folder());
    for end in [
        "test.db",
        "test.db-wal",
        "test.db-shm",
        "token-keys",
        ".eml",
        ".svg",
    ] {
        let named = |path: &PathBuf| path.to_string_lossy().ends_with(end);
        assert!(all.iter().any(named), "no {end}: {all:?}");
    }
    assert_eq!(private::open_to_others(all), []);
    // What an operator makes wider is named.
    let file = shop.folder().join("test.db");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = private::open_to_others(shop.app.config.private_paths());
    assert_eq!(open, [(file, 0o644)]);
}
