//! Search through the public API, on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails panics"
)]

mod support;

use origin::catalog::{
    self,
    model::{NewCategory, NewProduct, Status},
};
use serde_json::{Value, json};
use shared::locale::Locale;
use support::{Shop, en, product};

/// A product with names in both languages, a brand and a number of sold units.
fn named(name: &str, chinese: &str, brand: &str, sold: i64) -> NewProduct {
    let mut it = product(name, "10.00");
    it.names.insert(Locale::Zh, chinese.to_owned());
    it.brand = Some(brand.to_owned());
    it.sold = sold;
    it
}

/// Saves a small catalogue.
async fn fill(shop: &Shop) {
    shop.categories(&["tableware", "tableware/drinking", "garden"])
        .await;
    let mut ridge = named("Ridge mug", "山脊马克杯", "Fjell", 5);
    ridge.category = Some("tableware/drinking".into());
    ridge.variants[0].sku = "RIDGE-MUG-MOSS".into();
    let mut harbour = named("Harbour mug", "港湾马克杯", "Lund & Sea", 50);
    harbour.category = Some("tableware/drinking".into());
    harbour.tags = vec!["stoneware".into()];
    let mut pan = named("Muggle pan", "陶瓷平底锅", "Ash", 500);
    pan.category = Some("garden".into());
    let bowl = named("Crème bowls", "奶油陶瓷碗", "Fjell", 1);
    shop.save(vec![ridge, harbour, pan, bowl]).await;
}

async fn names(shop: &Shop, query: &str) -> Vec<String> {
    let list = shop.json(&format!("/api/v1/search?{query}")).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(list["total"], items.len(), "{query}");
    let name = |it: &Value| it["name"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

db_test! {
    /// A product must match all terms, in its name, brand, tags, SKUs or categories; the last term
    /// is a prefix. A match in the name weighs more than in the brand, then more sales come first.
    async fn products_match_all_terms(shop) {
        fill(shop).await;
        for (query, expected) in [
            ("q=mug", vec!["Harbour mug", "Ridge mug", "Muggle pan"]),
            ("q=Mugs", vec!["Harbour mug", "Ridge mug"]),
            ("q=mug+ridge", vec!["Ridge mug"]),
            ("q=ri+mug", vec![]),
            ("q=creme+bowl", vec!["Crème bowls"]),
            ("q=CR%C3%88ME", vec!["Crème bowls"]),
            ("q=fjell", vec!["Ridge mug", "Crème bowls"]),
            ("q=lund+sea", vec!["Harbour mug"]),
            ("q=stone", vec!["Harbour mug"]),
            ("q=ridge-mug-moss", vec!["Ridge mug"]),
            ("q=tableware", vec!["Harbour mug", "Ridge mug"]),
            ("q=drinking+fjell", vec!["Ridge mug"]),
            ("q=garden+mug", vec!["Muggle pan"]),
            // Only the last word is a prefix, also if it is repeated.
            ("q=mug+mug", vec!["Harbour mug", "Ridge mug"]),
            ("q=some+words", vec![]),
            ("q=", vec![]),
            ("q=%21%3F", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(names(shop, query).await, expected, "{query}");
        }
    }
}

db_test! {
    /// Chinese text matches by its characters, anywhere in a word.
    async fn chinese_text_matches_by_characters(shop) {
        fill(shop).await;
        for (words, expected) in [
            ("马克杯", vec!["港湾马克杯", "山脊马克杯"]),
            ("山脊", vec!["山脊马克杯"]),
            ("杯", vec!["港湾马克杯", "山脊马克杯"]),
            ("山脊 马克杯", vec!["山脊马克杯"]),
            ("马克杯 fjell", vec!["山脊马克杯"]),
            // No name contains this text, but these contain all of its characters.
            ("陶瓷锅", vec!["陶瓷平底锅"]),
            ("山脊杯", vec!["山脊马克杯"]),
            ("铁锅", vec![]),
        ] {
            let q: String = form_urlencoded::byte_serialize(words.as_bytes()).collect();
            assert_eq!(names(shop, &format!("q={q}&locale=zh")).await, expected, "{words}");
        }
        // A product without a Chinese name is shown with its English name and found by it.
        shop.save(vec![product("Lantern", "9.00")]).await;
        assert_eq!(names(shop, "q=lantern&locale=zh").await, ["Lantern"]);
    }
}

db_test! {
    /// A misspelled word is corrected if it is not indexed, and the correction is reported.
    async fn misspelled_words_are_corrected(shop) {
        fill(shop).await;
        for (typed, meant, expected) in [
            ("ridgr", "ridge", vec!["Ridge mug"]),
            ("rigde+mug", "ridge mug", vec!["Ridge mug"]),
            ("harbor", "harbour", vec!["Harbour mug"]),
            ("fjel+mgu", "fjell mug", vec!["Ridge mug"]),
        ] {
            let found = shop.json(&format!("/api/v1/search?q={typed}")).await;
            assert_eq!(found["corrected"], meant, "{typed}");
            assert_eq!(names(shop, &format!("q={typed}")).await, expected, "{typed}");
        }
        for typed in ["rxxge", "xyzzy", "mug+xyzzy", "qq"] {
            let found = shop.json(&format!("/api/v1/search?q={typed}")).await;
            assert_eq!((&found["total"], found.get("corrected")), (&json!(0), None), "{typed}");
        }
        // An indexed word is not corrected, even if the filters exclude all of its products.
        let found = shop.json("/api/v1/search?q=ridge&price_max=1").await;
        assert_eq!((&found["total"], found.get("corrected")), (&json!(0), None));
    }
}

db_test! {
    /// Search results have the filters of lists; no filter narrows its own facet.
    async fn results_are_filtered(shop) {
        fill(shop).await;
        let mut dear = named("Gold mug", "金杯", "Ash", 0);
        dear.variants[0].price.minor = 9_000;
        dear.variants[0].stock = Some(0);
        shop.save(vec![dear]).await;
        for (query, expected) in [
            ("q=mug&brand=fjell", vec!["Ridge mug"]),
            ("q=mug&brand=fjell&brand=ash", vec!["Ridge mug", "Gold mug", "Muggle pan"]),
            ("q=mug&brand=nobody", vec![]),
            ("q=mug&category=tableware", vec!["Harbour mug", "Ridge mug"]),
            ("q=mug&price_min=1001", vec!["Gold mug"]),
            ("q=mug&price_max=1000&category=garden", vec!["Muggle pan"]),
            ("q=mug&availability=out", vec!["Gold mug"]),
            ("q=mug&sort=price_down&brand=ash", vec!["Gold mug", "Muggle pan"]),
            ("q=mug&sort=best_selling", vec!["Muggle pan", "Harbour mug", "Ridge mug", "Gold mug"]),
        ] {
            assert_eq!(names(shop, query).await, expected, "{query}");
        }
    }
}

db_test! {
    /// In every sort order, paging forwards to the end and back shows each product once.
    async fn paging_shows_every_result_once(shop) {
        let mut products = Vec::new();
        for number in 0..23_i64 {
            let mut it = product(&format!("mug {number:02}"), &format!("{}.00", number % 5));
            it.sold = number % 3;
            products.push(it);
        }
        shop.save(products).await;
        for sort in ["", "&sort=newest", "&sort=price_up", "&sort=price_down"] {
            let base = format!("/api/v1/search?q=mug&limit=5{sort}");
            let (mut pages, mut next): (Vec<Value>, _) = (Vec::new(), String::new());
            loop {
                let page = shop.json(&format!("{base}{next}")).await;
                assert_eq!((&page["total"], &page["more"]), (&json!(23), &json!(false)));
                pages.push(page["items"].clone());
                match page["next"].as_str() {
                    Some(cursor) => next = format!("&cursor={cursor}"),
                    None => break,
                }
            }
            let ids = pages.iter().flat_map(|it| it.as_array().unwrap());
            let ids: std::collections::HashSet<_> = ids.map(|it| it["id"].to_string()).collect();
            assert_eq!((ids.len(), pages.len()), (23, 5), "{sort}");
            let mut page = shop.json(&format!("{base}{next}")).await;
            for expected in pages.iter().rev().skip(1) {
                let previous = page["previous"].as_str().unwrap().to_owned();
                page = shop.json(&format!("{base}&cursor={previous}")).await;
                assert_eq!(&page["items"], expected, "{sort}");
            }
        }
    }
}

db_test! {
    /// A renamed product is found by its new name only, an archived one not at all.
    async fn changes_are_indexed(shop) {
        fill(shop).await;
        let mut mug = named("Ridge mug", "山脊马克杯", "Fjell", 5);
        mug.category = Some("tableware/drinking".into());
        mug.variants[0].sku = "RIDGE-MUG-MOSS".into();
        mug.names = en("Summit beaker");
        shop.save(vec![mug.clone()]).await;
        assert_eq!(names(shop, "q=summit").await, ["Summit beaker"]);
        assert_eq!(names(shop, "q=mug&brand=fjell").await, ["Summit beaker"], "by its sku");
        mug.variants[0].sku = "S-1".into();
        shop.save(vec![mug.clone()]).await;
        assert!(names(shop, "q=mug&brand=fjell").await.is_empty());
        mug.status = Status::Archived;
        shop.save(vec![mug]).await;
        assert!(names(shop, "q=summit").await.is_empty());

        let renamed = NewCategory {
            external_id: "garden".into(),
            position: 2,
            names: en("Outdoors"),
            ..NewCategory::default()
        };
        let mut tx = shop.app.db.write().await.unwrap();
        let saved = catalog::save_category(&mut tx, shop.app.context(), &renamed, None);
        saved.await.unwrap();
        catalog::recount(&mut tx, shop.app.context()).await.unwrap();
        tx.commit().await.unwrap();
        shop.app.clock.advance(2_000);
        assert_eq!(names(shop, "q=outdoors").await, ["Muggle pan"]);
        assert!(names(shop, "q=garden").await.is_empty());
    }
}

db_test! {
    /// Products saved by an older version are indexed once.
    async fn products_of_older_versions_are_indexed(shop) {
        fill(shop).await;
        let archived = NewProduct { status: Status::Archived, ..product("Old mug", "1.00") };
        shop.save(vec![archived]).await;
        let before = rows(shop).await;
        shop.remove_search_index().await;
        assert!(names(shop, "q=mug").await.is_empty());
        catalog::rebuild_search_index(&shop.app).await.unwrap();
        assert_eq!(rows(shop).await, before);
        assert_eq!(names(shop, "q=mug+ridge").await, ["Ridge mug"]);
        // The rebuild has completed, so it does not run again.
        let mut tx = shop.app.db.write().await.unwrap();
        sqlx::query("delete from search_words").execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        catalog::rebuild_search_index(&shop.app).await.unwrap();
        assert!(rows(shop).await.is_empty());
        let mut tx = shop.app.db.write().await.unwrap();
        let again = "update versions set version = 0 where name = 'search'";
        sqlx::query(again).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        catalog::rebuild_search_index(&shop.app).await.unwrap();
    }
}

async fn rows(shop: &Shop) -> Vec<(String, String, i64, i64, i64)> {
    let mut reader = shop.app.db.read().await.unwrap();
    let statement = "
        select locale, word, weight, sold, product_id
          from search_words
         order by locale, word, weight desc, sold desc, product_id desc";
    sqlx::query_as(statement)
        .fetch_all(&mut *reader)
        .await
        .unwrap()
}

db_test! {
    /// Suggestions are a few products and categories in compact JSON.
    async fn suggestions_are_few_and_small(shop) {
        fill(shop).await;
        let many = (0..9).map(|it| product(&format!("Mug of drinks {it}"), "5.00"));
        shop.save(many.collect()).await;
        let found = shop.json("/api/v1/suggestions?q=dri").await;
        assert_eq!(found["products"].as_array().unwrap().len(), 6);
        assert_eq!(found["categories"], json!([{
            "id": found["categories"][0]["id"], "slug": "drinking", "name": "drinking",
        }]));
        let one = shop.json("/api/v1/suggestions?q=ridge").await;
        let usd = |minor: i64| json!({ "minor": minor, "currency": "USD" });
        assert_eq!(one["products"], json!([{
            "slug": "ridge-mug", "name": "Ridge mug",
            "price": { "from": usd(1_000), "to": usd(1_000), "compare_at": null },
        }]));
        let nothing = json!({ "products": [], "categories": [] });
        assert_eq!(shop.json("/api/v1/suggestions?q=%20").await, nothing);
        assert_eq!(shop.json("/api/v1/suggestions").await, nothing);
    }
}

#[tokio::test]
async fn queries_have_limits() {
    let shop = Shop::on_sqlite().await;
    fill(&shop).await;
    let at = "a".repeat(100);
    for path in ["/api/v1/search", "/api/v1/suggestions"] {
        assert_eq!(shop.get(&format!("{path}?q={at}")).await.status, 200);
        let beyond = shop.get(&format!("{path}?q={at}a")).await;
        assert_eq!(beyond.status, 400);
        assert_eq!(beyond.json()["errors"][0]["field"], "q");
    }
    for (query, status) in [
        ("q=mug&limit=100", 200),
        ("q=mug&limit=101", 400),
        ("q=mug&limit=0", 400),
        ("q=mug&price_min=-1", 400),
        ("q=mug&sort=best_match", 400),
        ("q=mug&category=nowhere", 404),
        ("q=mug&cursor=AAAAAAAAAAAAAAAAAAAAAAAA", 400),
        ("q=%27%22%3B--%25_%00", 200),
    ] {
        let reply = shop.get(&format!("/api/v1/search?{query}")).await;
        assert_eq!(reply.status, status, "{query}");
    }
}

#[tokio::test]
async fn totals_have_a_limit() {
    let shop = Shop::on_sqlite().await;
    let mugs = |from: u32, to: u32| (from..to).map(|it| product(&format!("mug {it}"), "1.00"));
    shop.save(mugs(0, 1_000).collect()).await;
    let found = shop.json("/api/v1/search?q=mug&limit=1").await;
    assert_eq!(
        (&found["total"], &found["more"]),
        (&json!(1_000), &json!(false))
    );
    shop.save(mugs(1_000, 1_001).collect()).await;
    let found = shop.json("/api/v1/search?q=mug&limit=1").await;
    assert_eq!(
        (&found["total"], &found["more"]),
        (&json!(1_000), &json!(true))
    );
}

#[tokio::test]
async fn truncated_results_are_marked() {
    let shop = Shop::on_sqlite().await;
    let mugs = |from: u32, to: u32| (from..to).map(|it| product(&format!("mug {it}"), "1.00"));
    let mut dear = product("dear mug", "9.00");
    dear.sold = 1;
    shop.save(mugs(0, 3_999).chain([dear]).collect()).await;
    for (query, total) in [("q=mug&price_min=200", 1), ("q=dear+mug", 1)] {
        let found = shop.json(&format!("/api/v1/search?{query}")).await;
        let expected = (json!(total), json!(false));
        assert_eq!(
            (found["total"].clone(), found["more"].clone()),
            expected,
            "{query}"
        );
    }
    shop.save(mugs(3_999, 4_000).collect()).await;
    let found = shop.json("/api/v1/search?q=mug&price_min=200").await;
    assert_eq!((&found["total"], &found["more"]), (&json!(1), &json!(true)));
    let found = shop.json("/api/v1/search?q=dear+mug").await;
    assert_eq!(
        (&found["total"], &found["more"]),
        (&json!(1), &json!(false))
    );
}

#[tokio::test]
async fn search_pages_are_cached_and_not_indexed_by_search_engines() {
    let shop = Shop::on_sqlite().await;
    fill(&shop).await;
    for (path, texts) in [
        (
            "/search?q=mug",
            vec!["Results for “mug”", "Ridge mug", "3 products"],
        ),
        ("/search?q=++MUG+", vec!["Results for “mug”", "Ridge mug"]),
        (
            "/zh/search?q=%E6%9D%AF",
            vec!["“杯”的搜索结果", "山脊马克杯", "2 件商品"],
        ),
        (
            "/search?q=mug&brand=fjell&sort=price_up",
            vec!["Ridge mug", "One product"],
        ),
        ("/search?q=rigde", vec!["“ridge”", "Ridge mug"]),
        (
            "/search?q=xyzzy",
            vec!["Check the spelling", "tableware", "Muggle pan"],
        ),
        ("/search?q=mug&max=1", vec!["Show all results"]),
        (
            "/search?q=drinking",
            vec!["Shop all drinking", "href=\"/c/drinking\""],
        ),
        ("/search", vec!["What are you looking for?", "tableware"]),
        (
            "/search?q=mug&cursor=AAAAAAAAAAAAAAAAAAAAAAAA",
            vec!["Ridge mug"],
        ),
        (
            "/search?q=%3Cscript%3Ealert(1)",
            vec!["&lt;script&gt;alert(1)"],
        ),
    ] {
        let page = shop.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        for text in texts {
            assert!(
                page.text().contains(text),
                "{path}: {text}\n{}",
                page.text()
            );
        }
        assert!(
            page.text().contains(r#"name="robots" content="noindex""#),
            "{path}"
        );
        assert!(
            page.header("cdn-cache-control").contains("max-age=60"),
            "{path}"
        );
        let tags = page.header("cache-tag");
        let kind = ["categories,search,p", "home,categories"];
        assert!(kind.iter().any(|it| tags.starts_with(it)), "{path}: {tags}");
    }
    let long = format!("/search?q={}", "a".repeat(200));
    assert_eq!(shop.get(&long).await.status, 200);
    let same = shop.get("/search?q=Mug%20").await;
    assert_eq!(same.body, shop.get("/search?q=mug").await.body);
}
