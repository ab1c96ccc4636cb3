//! The catalogue through its public API, on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use origin::catalog::{Saved, model::Status};
use shared::locale::Locale;
use support::{at, en, product};

fn names(list: &serde_json::Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

db_test! {
    /// A product is found by its id and by its slug, with all of its data.
    async fn a_product_is_found_by_id_and_slug(shop) {
        shop.categories(&["kitchen", "kitchen/cups"]).await;
        let mut mug = product("Ridge mug", "24.50");
        mug.category = Some("kitchen/cups".into());
        mug.brand = Some("Fjell".into());
        mug.names.insert(Locale::Zh, "山脊杯".into());
        let saved = shop.save(vec![mug]).await;
        let Saved::Added(id) = saved[0] else { panic!("{saved:?}") };

        let by_slug = shop.json("/api/v1/products/ridge-mug").await;
        assert_eq!(by_slug["price"]["from"], serde_json::json!({"minor": 2450, "currency": "USD"}));
        assert_eq!(by_slug["brand"]["name"], "Fjell");
        assert_eq!(by_slug["availability"], "in_stock");
        assert_eq!(by_slug["categories"][1]["slug"], "cups");
        assert_eq!(shop.json(&format!("/api/v1/products/{id}")).await, by_slug);
        let chinese = shop.json("/api/v1/products/ridge-mug?locale=zh").await;
        assert_eq!(chinese["name"], "山脊杯");
        assert_eq!(chinese["description"], "Some words.");
    }
}

db_test! {
    /// In every sort order, paging forwards to the end and back shows each product once.
    async fn paging_shows_every_product_once(shop) {
        let mut products = Vec::new();
        for number in 0..23_i64 {
            // Equal prices and sold numbers, so that the id has to decide.
            let mut it = product(&format!("p{number:02}"), &format!("{}.00", number % 5));
            it.sold = number % 3;
            products.push(it);
        }
        shop.save(products).await;
        for sort in ["newest", "price_up", "price_down", "best_selling"] {
            let base = format!("/api/v1/products?sort={sort}&limit=5");
            let (mut seen, mut pages, mut next) = (Vec::new(), Vec::new(), String::new());
            loop {
                let page = shop.json(&format!("{base}{next}")).await;
                seen.extend(names(&page).into_iter().map(str::to_owned));
                pages.push(names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>());
                match page["next"].as_str() {
                    Some(cursor) => next = format!("&cursor={cursor}"),
                    None => break,
                }
            }
            let mut distinct = seen.clone();
            distinct.sort();
            distinct.dedup();
            assert_eq!((seen.len(), distinct.len(), pages.len()), (23, 23, 5), "{sort}");

            let mut page = shop.json(&format!("{base}{next}")).await;
            for expected in pages.iter().rev().skip(1) {
                let previous = page["previous"].as_str().unwrap().to_owned();
                page = shop.json(&format!("{base}&cursor={previous}")).await;
                assert_eq!(&names(&page), expected, "{sort}");
            }
            assert!(page.get("previous").is_none_or(serde_json::Value::is_null), "{sort}");
        }
    }
}

db_test! {
    /// A list is filtered by category with its descendants, brand, price and availability.
    async fn lists_are_filtered(shop) {
        shop.categories(&["kitchen", "kitchen/cups", "garden"]).await;
        let with = |name: &str, price: &str, category: &str, brand: &str, stock: Option<i64>| {
            let mut it = product(name, price);
            it.category = Some(category.into());
            it.brand = Some(brand.into());
            it.variants[0].stock = stock;
            it
        };
        shop.save(vec![
            with("mug", "10.00", "kitchen/cups", "Fjell", Some(3)),
            with("pan", "60.00", "kitchen", "Ash", Some(50)),
            with("pot", "20.00", "garden", "Ash", Some(0)),
            with("book", "15.00", "garden", "Fjell", None),
        ]).await;
        for (query, expected) in [
            ("category=kitchen", vec!["mug", "pan"]),
            ("category=cups", vec!["mug"]),
            ("brand=ash", vec!["pan", "pot"]),
            ("brand=ash&brand=fjell&category=garden", vec!["book", "pot"]),
            ("brand=nobody", vec![]),
            ("price_min=1500&price_max=2000", vec!["book", "pot"]),
            ("availability=low", vec!["mug"]),
            ("availability=out", vec!["pot"]),
            ("availability=low&availability=in_stock", vec!["book", "mug", "pan"]),
        ] {
            let list = shop.json(&format!("/api/v1/products?{query}")).await;
            let mut found = names(&list);
            found.sort_unstable();
            assert_eq!(found, expected, "{query}");
        }
        let hot = shop.json("/api/v1/products/hot").await;
        assert!(!names(&hot).contains(&"pot"), "what is out is not hot");
        let facets = shop.json("/api/v1/facets?category=garden").await;
        assert_eq!(facets["product_count"], 2);
        assert_eq!(facets["price"]["to"]["minor"], 2000);
        assert_eq!(facets["brands"][0], serde_json::json!({
            "slug": "ash", "name": "Ash", "product_count": 1
        }));
        let tree = shop.json("/api/v1/categories").await;
        assert_eq!(tree["categories"][0]["product_count"], 2);
        assert_eq!(tree["categories"][0]["children"][0]["slug"], "cups");
    }
}

db_test! {
    /// Saving the same product writes nothing; a change raises the version and keeps ids.
    async fn saving_again_changes_only_differences(shop) {
        let mut mug = product("mug", "10.00");
        let mut second = mug.variants[0].clone();
        second.sku = "mug-2".into();
        mug.variants.push(second);
        let Saved::Added(id) = shop.save(vec![mug.clone()]).await[0] else { panic!() };
        let before = shop.json("/api/v1/products/mug").await;
        assert_eq!(shop.save(vec![mug.clone()]).await, [Saved::Unchanged(id)]);
        assert_eq!(shop.json("/api/v1/products/mug").await, before);

        mug.variants.remove(0);
        mug.variants[0].stock = Some(2);
        mug.names = en("Mug, renamed");
        assert_eq!(shop.save(vec![mug.clone()]).await, [Saved::Changed(id)]);
        let after = shop.json("/api/v1/products/mug").await;
        assert_eq!((after["version"].as_i64(), before["version"].as_i64()), (Some(2), Some(1)));
        assert_eq!(after["variants"].as_array().unwrap().len(), 1);
        assert_eq!(after["variants"][0]["id"], before["variants"][1]["id"]);
        assert_eq!(after["availability"], "low");
        assert_eq!(after["created_at"], before["created_at"]);

        mug.status = Status::Archived;
        shop.save(vec![mug]).await;
        assert_eq!(shop.get("/api/v1/products/mug").await.status, 404);
        assert!(names(&shop.json("/api/v1/products").await).is_empty());
    }
}

db_test! {
    /// A conflicting product is refused with its field; the rest of the batch is saved.
    async fn conflicting_products_are_refused_individually(shop) {
        let one = product("one", "1.00");
        let mut lost = product("lost", "1.00");
        lost.category = Some("nowhere".into());
        let again = product("one", "2.00");
        let mut twin = product("twin", "1.00");
        twin.variants[0].sku = "one-1".into();
        let saved = shop.save(vec![one, lost, again, twin, product("two", "3.00")]).await;
        let fields: Vec<_> = saved
            .iter()
            .map(|saved| match saved {
                Saved::Refused(field, _) => *field,
                _ => "saved",
            })
            .collect();
        assert_eq!(fields, ["external_id", "category", "saved", "sku", "saved"]);
        assert_eq!(shop.json("/api/v1/products/one").await["price"]["from"]["minor"], 200);
    }
}

db_test! {
    /// Two products with the same name have different slugs and keep them.
    async fn equal_names_get_their_own_slugs(shop) {
        let named = |external_id: &str| {
            let mut it = product(external_id, "1.00");
            it.names = en("Green tea");
            it
        };
        shop.save(vec![named("a"), named("b")]).await;
        shop.save(vec![named("c")]).await;
        for slug in ["green-tea", "green-tea-2", "green-tea-3"] {
            assert_eq!(shop.json(&format!("/api/v1/products/{slug}")).await["name"], "Green tea");
        }
        let mut changed = named("a");
        changed.sold = 9;
        shop.save(vec![changed]).await;
        assert_eq!(shop.json("/api/v1/products/green-tea-3").await["slug"], "green-tea-3");
    }
}

db_test! {
    /// The newest products are those with the latest creation time, whenever they were imported.
    async fn newest_follows_the_given_time(shop) {
        let dated = |name: &str, time: &str| {
            let mut it = product(name, "1.00");
            it.created_at = Some(at(time));
            it
        };
        shop.save(vec![
            dated("middle", "2025-06-01T00:00:00Z"),
            dated("newest", "2026-01-01T00:00:00Z"),
            dated("oldest", "2024-01-01T00:00:00Z"),
        ]).await;
        let list = shop.json("/api/v1/products").await;
        assert_eq!(names(&list), ["newest", "middle", "oldest"]);
    }
}
