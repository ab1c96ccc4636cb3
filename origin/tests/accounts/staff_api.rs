//! The staff API: products, prices, pictures, categories and orders.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use http::Request;
use origin::accounts;
use serde_json::{Value, json};

use crate::{
    db_test,
    shopper::{count, on_hand, only, place, ready_cart, send},
    support::{Reply, Shop},
};

async fn operate(shop: &Shop, method: &str, path: &str, tag: &str, body: &Value) -> Reply {
    let (name, value) = match tag {
        "new" => ("if-none-match", "*"),
        "" => ("x-nothing", ""),
        tag => ("if-match", tag),
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/operator/{path}"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer operator")
        .header(name, value);
    shop.send_body(request, Body::from(body.to_string())).await
}

async fn get(shop: &Shop, path: &str) -> Reply {
    operate(shop, "GET", path, "", &json!({})).await
}

fn mug() -> Value {
    let price = |minor: i64| json!({ "minor": minor, "currency": "USD" });
    json!({
        "status": "active", "names": { "en": "Mug", "zh": "杯子" }, "brand": "Ridge",
        "descriptions": { "en": "A mug." }, "attributes": [{ "names": { "en": "Material" }, "values": { "en": "Clay" } }],
        "options": [{ "code": "colour", "names": { "en": "Colour" }, "values": [
            { "code": "moss", "names": { "en": "Moss" }, "swatch": "#556b2f" }, { "code": "sand", "names": { "en": "Sand" } }] }],
        "variants": [
            { "sku": "MUG-MOSS", "options": { "colour": "moss" }, "price": price(1_800), "compare_at": price(2_000) },
            { "sku": "MUG-SAND", "options": { "colour": "sand" }, "price": price(1_900), "weight_g": 340 }],
        "images": [{ "src": "https://pictures.example/mug.jpg", "alts": { "en": "A mug" } }],
        "tags": ["new"],
    })
}

db_test! {
    /// A product is created, read, changed with its version as the precondition, and archived;
    /// shoppers see each step.
    async fn products_are_created_changed_and_archived(shop) {
        let made = operate(shop, "PUT", "products/mug", "new", &mug()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(made.header("etag"), "\"1\"");
        assert_eq!(operate(shop, "PUT", "products/mug", "new", &mug()).await.status, 412);
        let shown = shop.json("/api/v1/products/mug").await;
        assert_eq!((&shown["name"], &shown["availability"], &shown["price"]["from"]["minor"]), (&json!("Mug"), &json!("out"), &json!(1_800)));
        assert_eq!(shop.json("/api/v1/facets").await["brands"][0]["product_count"], 1);
        let read = get(shop, "products/mug").await;
        let mut draft = read.json();
        assert_eq!(draft["variants"], {
            let mut variants = mug()["variants"].clone();
            for variant in variants.as_array_mut().unwrap() {
                variant["tracked"] = json!(true);
                variant["backorder"] = json!(false);
            }
            variants
        });
        assert_eq!((&draft["images"], &draft["slug"]), (&mug()["images"], &json!("mug")));
        draft["names"]["en"] = json!("Big mug");
        draft["variants"][0]["price"]["minor"] = json!(2_100);
        let changed = operate(shop, "PUT", "products/mug", read.header("etag"), &draft).await;
        assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""), "{}", changed.text());
        for stale in ["\"1\"", "\"x\"", "x", "W/\"2\""] {
            assert_eq!(operate(shop, "PUT", "products/mug", stale, &draft).await.status, 412, "{stale}");
        }
        let shown = shop.json("/api/v1/products/mug").await;
        assert_eq!((&shown["name"], &shown["price"]["to"]["minor"]), (&json!("Big mug"), &json!(2_100)));
        // Saving the same draft again does not change the version.
        assert_eq!(operate(shop, "PUT", "products/mug", "", &changed.json()).await.header("etag"), "\"2\"");
        let list = get(shop, "products?limit=1").await.json();
        assert_eq!((&list["products"][0]["external_id"], list.get("next")), (&json!("mug"), None));
        let gone = operate(shop, "DELETE", "products/mug", "\"2\"", &json!({})).await;
        assert_eq!(gone.json()["status"], "archived", "{}", gone.text());
        assert_eq!(shop.get("/api/v1/products/mug").await.status, 404);
        assert_eq!(shop.json("/api/v1/facets").await["brands"], json!([]));
        assert_eq!(get(shop, "products/none").await.status, 404);
        assert_eq!(operate(shop, "DELETE", "products/none", "", &json!({})).await.status, 404);
        let log = get(shop, "audit?subject=product:mug").await.json();
        let entry = &log["entries"][0];
        assert_eq!((&entry["before"]["status"], &entry["after"]["status"]), (&json!("active"), &json!("archived")));
        assert_eq!(log["entries"].as_array().unwrap().last().unwrap()["before"], Value::Null);
    }
}

db_test! {
    /// All faults of a product are reported, and nothing is saved.
    async fn an_invalid_product_is_rejected_with_all_faults(shop) {
        shop.save(vec![only("tea", "5.00", 3)]).await;
        let with = |path: &[&str], value: Value| {
            let mut draft = mug();
            let mut place = &mut draft;
            for part in path {
                place = match part.parse::<usize>() {
                    Ok(index) => &mut place[index],
                    Err(_) => &mut place[*part],
                };
            }
            *place = value;
            draft
        };
        for (draft, field) in [
            (with(&["variants"], json!([])), "variants"),
            (with(&["variants", "0", "price", "minor"], json!(-1)), "variants[0].price"),
            (with(&["variants", "0", "price", "currency"], json!("EUR")), "variants[0].price"),
            (with(&["variants", "1", "sku"], json!("MUG-MOSS")), "variants[1].sku"),
            (with(&["variants", "1", "options"], json!({ "colour": "moss" })), "variants[1].options"),
            (with(&["variants", "1", "options"], json!({ "size": "big" })), "variants[1].options"),
            (with(&["variants", "0", "sku"], json!("tea-1")), "sku"),
            (with(&["names"], json!({})), "names"),
            (with(&["category"], json!("none")), "category"),
            (with(&["slug"], json!("Not a slug")), "slug"),
            (with(&["images"], json!([{ "src": "/media/../../etc/passwd" }])), "images"),
            (with(&["images"], json!([{ "src": "javascript:alert(1)" }])), "images"),
            (with(&["price"], json!("1.00")), "price"),
            (with(&["tags"], json!(["x".repeat(200)])), "tags"),
        ] {
            let reply = operate(shop, "PUT", "products/mug", "", &draft).await;
            assert_eq!(reply.status, 400, "{field}: {}", reply.text());
            let errors = reply.json()["errors"].clone();
            let named = errors.as_array().unwrap().iter().any(|it| it["field"].as_str().unwrap().starts_with(field));
            assert!(named, "{field}: {}", reply.text());
        }
        assert_eq!(count(shop, "select count(*) from products").await, 1);
        let long = format!("products/{}", "x".repeat(101));
        assert_eq!(operate(shop, "PUT", &long, "", &mug()).await.status, 400);
    }
}

db_test! {
    /// Changing a price or back-order affects one variant. Stock, holds and sales stay the same
    /// under concurrent purchases.
    async fn changing_a_price_keeps_stock_and_holds(shop) {
        shop.save(vec![only("tea", "5.00", 30)]).await;
        let mut carts = Vec::new();
        for _ in 0..10 {
            carts.push(ready_cart(shop, "tea-1", 1).await);
        }
        send(shop, "POST", &format!("{}/hold", carts[0]), &json!({})).await;
        let price = |minor: i64| json!({ "price": { "minor": minor, "currency": "USD" } });
        let buys = carts.iter().map(|cart| place(shop, cart));
        let edits = async {
            for minor in 600..610 {
                let changed = operate(shop, "PATCH", "variants/tea-1", "", &price(minor)).await;
                assert_eq!(changed.status, 200, "{}", changed.text());
            }
        };
        let (bought, ()) = tokio::join!(futures_util::future::join_all(buys), edits);
        let sold = bought.iter().filter(|it| it.status == 201).count();
        assert!(bought.iter().all(|it| [201, 409].contains(&it.status.as_u16())));
        assert_eq!(on_hand(shop).await, 30 - i64::try_from(sold).unwrap());
        assert_eq!(shop.json("/api/v1/products/tea").await["price"]["from"]["minor"], 609);
        // A cart reports the changed price.
        let cart = ready_cart(shop, "tea-1", 1).await;
        operate(shop, "PATCH", "variants/tea-1", "", &price(700)).await;
        let line = shop.json(&cart).await["lines"][0].clone();
        assert_eq!((&line["price"]["minor"], &line["problems"][0]["type"]), (&json!(700), &json!("price_changed")));
        let version = get(shop, "products/tea").await.header("etag").to_owned();
        let later = operate(shop, "PATCH", "variants/tea-1", &version, &json!({ "backorder": true })).await;
        assert_eq!(later.json()["variants"][0]["backorder"], true);
        assert_eq!(operate(shop, "PATCH", "variants/tea-1", &version, &price(1)).await.status, 412);
        assert_eq!(operate(shop, "PATCH", "variants/none", "", &price(1)).await.status, 404);
        assert_eq!(operate(shop, "PATCH", "variants/tea-1", "", &price(-1)).await.status, 400);
        assert_eq!(ready_cart(shop, "tea-1", 99).await.len(), cart.len());
    }
}

db_test! {
    /// A GTIN is validated, changed, removed, and shown on the product but not in lists.
    async fn gtins_are_validated_and_shown_on_products(shop) {
        let with = |gtin: Value| {
            let mut draft = mug();
            draft["variants"][1]["gtin"] = gtin;
            draft
        };
        for (gtin, why) in [
            (json!("4006381333930"), "must be 1, not 0"),
            (json!("36000291452"), "not 11"),
            (json!("106141410004150"), "not 15"),
            (json!("40063813E3931"), "'E'"),
        ] {
            let reply = operate(shop, "PUT", "products/mug", "", &with(gtin.clone())).await;
            let error = reply.json()["errors"][0].clone();
            assert_eq!((reply.status.as_u16(), &error["field"]), (400, &json!("variants[1].gtin")), "{gtin}");
            assert!(reply.text().contains(why), "{}", reply.text());
        }
        let made = operate(shop, "PUT", "products/mug", "new", &with(json!("4 006381-333931"))).await;
        assert_eq!(made.json()["variants"][1]["gtin"], "4006381333931", "{}", made.text());
        let shown = shop.json("/api/v1/products/mug").await["variants"].clone();
        assert_eq!((shown[0].get("gtin"), &shown[1]["gtin"]), (None, &json!("4006381333931")));
        assert!(!shop.get("/api/v1/products").await.text().contains("4006381333931"));
        assert!(shop.get("/p/mug").await.text().contains(r#""gtin":"4006381333931""#));
        // Another spelling of a GTIN is no change, and changes of other fields keep it.
        let same = operate(shop, "PUT", "products/mug", "", &with(json!("4006381333931"))).await;
        assert_eq!(same.header("etag"), made.header("etag"));
        let heavier = operate(shop, "PATCH", "variants/MUG-SAND", "", &json!({ "weight_g": 350 })).await;
        assert_eq!(heavier.json()["variants"][1]["gtin"], "4006381333931");
        let wrong = operate(shop, "PATCH", "variants/MUG-SAND", "", &json!({ "gtin": "1" })).await;
        assert_eq!(wrong.status, 400, "{}", wrong.text());
        let other = operate(shop, "PATCH", "variants/MUG-SAND", "", &json!({ "gtin": "96385074" })).await;
        assert_eq!(other.json()["variants"][1]["gtin"], "96385074");
        assert_ne!(other.header("etag"), heavier.header("etag"));
        let none = operate(shop, "PATCH", "variants/MUG-SAND", "", &json!({ "gtin": "" })).await;
        assert_eq!(none.json()["variants"][1].get("gtin"), None);
        let shown = shop.json("/api/v1/products/mug").await["variants"].clone();
        assert_eq!(shown[1].get("gtin"), None);
    }
}

db_test! {
    /// Every change of the catalogue by staff is in the audit log once, and a refused one is not.
    async fn changes_of_the_catalogue_are_audited(shop) {
        let kitchen = json!({ "names": { "en": "Kitchen" }, "position": 1 });
        let heavier = json!({ "weight_g": 350 });
        let (none, picture) = (json!({}), Some(picture(90)));
        for (method, path, body, picture, entry) in [
            ("PUT", "categories/kitchen", &kitchen, None, "category.save category:kitchen"),
            ("DELETE", "categories/kitchen", &none, None, "category.delete category:kitchen"),
            ("PUT", "products/mug", &mug(), None, "product.save product:mug"),
            ("PATCH", "variants/MUG-SAND", &heavier, None, "product.save product:mug"),
            ("POST", "products/mug/images", &none, picture, "product.save product:mug"),
            ("DELETE", "products/mug", &none, None, "product.save product:mug"),
        ] {
            let before = count(shop, "select count(*) from audit_log").await;
            let done = match picture {
                Some(picture) => upload(shop, path, picture).await,
                None => operate(shop, method, path, "", body).await,
            };
            assert!(done.status.is_success(), "{method} {path}: {}", done.text());
            let log = get(shop, "audit?limit=2").await.json();
            let last = &log["entries"][0];
            let text = |name: &str| last[name].as_str().unwrap().to_owned();
            assert_eq!(format!("{} {}", text("action"), text("subject")), entry, "{method}");
            assert_eq!(text("actor"), "operator", "{method} {path}");
            let rows = count(shop, "select count(*) from audit_log").await;
            assert_eq!(rows, before + 1, "{method} {path}");
        }
        let before = count(shop, "select count(*) from audit_log").await;
        for (method, path) in [("DELETE", "categories/none"), ("DELETE", "products/none")] {
            assert_eq!(operate(shop, method, path, "", &none).await.status, 404, "{path}");
        }
        assert_eq!(count(shop, "select count(*) from audit_log").await, before);
    }
}

db_test! {
    /// A role that the command gives is in the audit log, of a new account and of a known one.
    async fn a_role_from_the_command_is_audited(shop) {
        for (role, rights, after) in [
            ("staff", "orders,stock", json!(["staff", ["orders", "stock"]])),
            ("customer", "", json!(["customer", []])),
        ] {
            let given = accounts::set_role_by_command(&shop.app, "eve@example.org", role, rights);
            given.await.unwrap();
            let entry = get(shop, "audit?limit=1").await.json()["entries"][0].clone();
            assert_eq!(entry["action"], "user.role");
            assert_eq!((&entry["actor"], &entry["after"]), (&json!("command"), &after));
        }
        assert_eq!(count(shop, "select count(*) from audit_log").await, 2);
        assert_eq!(count(shop, "select count(*) from users").await, 1);
    }
}

/// A picture of one colour.
fn picture(colour: u8) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(400, 300, image::Rgb([colour, 80, 80]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn upload(shop: &Shop, path: &str, content: Vec<u8>) -> Reply {
    let request = Request::post(format!("/api/v1/operator/{path}"))
        .header("content-type", "image/jpeg")
        .header("authorization", "Bearer operator");
    shop.send_body(request, Body::from(content)).await
}

db_test! {
    /// Concurrent uploads are processed one at a time, because each takes much memory.
    async fn uploads_are_processed_one_at_a_time(shop) {
        operate(shop, "PUT", "products/mug", "new", &mug()).await;
        let turn = shop.app.pictures.acquire().await.unwrap();
        let taken = AtomicUsize::new(0);
        let sent = async |shade: u8| {
            let reply = upload(shop, "products/mug/images", picture(shade)).await;
            taken.fetch_add(1, Ordering::Relaxed);
            reply.status.as_u16()
        };
        let meanwhile = async {
            for _ in 0..20 {
                get(shop, "products/mug").await;
            }
            assert_eq!(taken.load(Ordering::Relaxed), 0);
            drop(turn);
        };
        let (one, two, ()) = tokio::join!(sent(10), sent(200), meanwhile);
        assert_eq!((one, two), (200, 200));
    }
}

db_test! {
    /// A picture with one pixel more than the limit is rejected, and the error names the setting.
    async fn pictures_have_a_limit_of_pixels(shop) {
        operate(shop, "PUT", "products/mug", "new", &mug()).await;
        let limited = async |pixels| shop.with(|config| config.images.picture_pixels = pixels).await;
        let (below, at) = (limited(400 * 300 - 1).await, limited(400 * 300).await);
        let refused = upload(&below, "products/mug/images", picture(7)).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.text().contains("--picture-pixels"), "{}", refused.text());
        assert_eq!(upload(&at, "products/mug/images", picture(7)).await.status, 200);
        below.app.db.close().await;
        at.app.db.close().await;
    }
}

db_test! {
    /// The format is detected from the content, not from name or type. A picture is kept when its
    /// product is saved and removed with it.
    async fn picture_formats_are_detected_by_content(shop) {
        operate(shop, "PUT", "products/mug", "new", &mug()).await;
        let added = upload(shop, "products/mug/images", picture(90)).await;
        assert_eq!(added.status, 200, "{}", added.text());
        let src = added.json()["images"][1]["src"].as_str().unwrap().to_owned();
        assert!(src.starts_with("/media/"), "{src}");
        assert_eq!(shop.get(&src).await.status, 200);
        let again = upload(shop, "products/mug/images", picture(90)).await;
        assert_eq!(again.json()["images"].as_array().unwrap().len(), 2);
        let mut draft = again.json();
        draft["images"].as_array_mut().unwrap().reverse();
        draft["images"][0]["alts"] = json!({ "en": "Red" });
        let saved = operate(shop, "PUT", "products/mug", again.header("etag"), &draft).await;
        assert_eq!(saved.status, 200, "{}", saved.text());
        let image = shop.json("/api/v1/products/mug").await["images"][0].clone();
        assert_eq!((&image["src"], &image["alt"], &image["width"]), (&json!(src), &json!("Red"), &json!(400)));
        assert!(!image["sources"].as_array().unwrap().is_empty());
        for (what, content) in [
            ("nothing", Vec::new()),
            ("a page", b"<html><script>alert(1)</script></html>".to_vec()),
            ("a drawing with a script", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec()),
            ("half a picture", picture(90)[..200].to_vec()),
            ("a program", b"\x7fELF".to_vec()),
        ] {
            let reply = upload(shop, "products/mug/images", content).await;
            assert_eq!(reply.status, 400, "{what}: {}", reply.text());
        }
        assert_eq!(upload(shop, "products/none/images", picture(9)).await.status, 404);
        // Another product cannot take over the picture by its URL.
        let mut thief = mug();
        thief["variants"] = json!([{ "sku": "T", "options": { "colour": "moss" }, "price": { "minor": 1, "currency": "USD" } }]);
        thief["images"] = json!([{ "src": src }]);
        assert_eq!(operate(shop, "PUT", "products/thief", "new", &thief).await.status, 400);
    }
}

/// A picture with as much detail as a photo.
fn photo() -> Vec<u8> {
    let wave = |x: u32, y: u32| {
        ((f64::from(x) / 5.0).sin() * (f64::from(y) / 9.0).cos() * 90.0 + 120.0) as u8
    };
    let image = image::RgbImage::from_fn(150, 100, |x, y| {
        image::Rgb([wave(x, y), wave(y, x), wave(x + y, x)])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

db_test! {
    /// A page may offer AVIF before it is encoded: its URL serves the WebP until then, for caches
    /// that ask again soon.
    async fn avif_is_encoded_in_the_background(shop) {
        operate(shop, "PUT", "products/mug", "new", &mug()).await;
        let added = upload(shop, "products/mug/images", photo()).await;
        assert_eq!(added.status, 200, "{}", added.text());
        let images = shop.json("/api/v1/products/mug").await["images"].clone();
        let source = &images[1]["sources"][0];
        assert_eq!(source["media_type"], "image/avif", "{images}");
        let url = source["renditions"][1]["url"].as_str().unwrap();
        let before = shop.get(url).await;
        assert_eq!((before.status.as_u16(), before.header("content-type")), (200, "image/webp"));
        assert!(!before.header("cache-control").contains("immutable"), "{:?}", before.headers);

        let library = origin::media::Library::of_config(&shop.app.config).unwrap();
        origin::media::encode_queued(library, |_| {}).await.unwrap();
        let after = shop.get(url).await;
        assert_eq!((after.status.as_u16(), after.header("content-type")), (200, "image/avif"));
        assert!(after.header("cache-control").contains("immutable"), "{:?}", after.headers);
        assert!(after.body.len() < before.body.len());
        // A 304 has the fields of the 200 (RFC 9110 §15.4.5).
        let since = after.header("last-modified").to_owned();
        let request = Request::get(url).header("if-modified-since", since);
        let unchanged = shop.send_body(request, Body::empty()).await;
        assert_eq!(unchanged.status, 304);
        assert!(unchanged.header("cache-control").contains("immutable"), "{:?}", unchanged.headers);
        let encoded = shop.get(&url.replace(".avif", "%2Eavif")).await;
        assert_eq!((encoded.status.as_u16(), encoded.header("content-type")), (200, "image/avif"));
        for secret in ["test.avif", "test.webp"] {
            std::fs::write(shop.app.config.data_dir.join(secret), "secret").unwrap();
        }
        for absent in ["/media/0123-80.avif", "/media/x.avif", "/media/%2e%2e/test.avif"] {
            assert_eq!(shop.get(absent).await.status, 404, "{absent}");
        }
    }
}

db_test! {
    /// Categories are created, changed and deleted unless they have content.
    async fn categories_are_created_changed_and_deleted(shop) {
        let draft = |name: &str, parent: Option<&str>| json!({ "names": { "en": name }, "parent": parent, "position": 1 });
        let kitchen = operate(shop, "PUT", "categories/kitchen", "new", &draft("Kitchen", None)).await;
        assert_eq!(kitchen.status, 201, "{}", kitchen.text());
        assert_eq!(operate(shop, "PUT", "categories/cups", "new", &draft("Cups", Some("kitchen"))).await.status, 201);
        assert_eq!(operate(shop, "PUT", "categories/cups", "new", &draft("Cups", Some("kitchen"))).await.status, 412);
        let read = get(shop, "categories/cups").await;
        assert_eq!((&read.json()["parent"], &read.json()["slug"]), (&json!("kitchen"), &json!("cups")));
        let renamed = operate(shop, "PUT", "categories/cups", read.header("etag"), &draft("Mugs", Some("kitchen"))).await;
        assert_eq!(renamed.json()["names"]["en"], "Mugs", "{}", renamed.text());
        assert_eq!(operate(shop, "PUT", "categories/cups", read.header("etag"), &draft("Pots", Some("kitchen"))).await.status, 412);
        for (id, body) in [("a", draft("A", Some("none"))), ("b", draft("", None)), ("kitchen", draft("Kitchen", Some("cups")))] {
            let reply = operate(shop, "PUT", &format!("categories/{id}"), "", &body).await;
            assert_eq!(reply.status, 400, "{id}: {}", reply.text());
        }
        let mut product = mug();
        product["category"] = json!("cups");
        operate(shop, "PUT", "products/mug", "new", &product).await;
        shop.app.clock.advance(2_000);
        assert_eq!(shop.json("/api/v1/products?category=kitchen").await["items"].as_array().unwrap().len(), 1);
        for id in ["cups", "kitchen"] {
            assert_eq!(operate(shop, "DELETE", &format!("categories/{id}"), "", &json!({})).await.status, 409, "{id}");
        }
        product["category"] = Value::Null;
        operate(shop, "PUT", "products/mug", "", &product).await;
        for (id, status) in [("cups", 200), ("kitchen", 200), ("kitchen", 404)] {
            assert_eq!(operate(shop, "DELETE", &format!("categories/{id}"), "", &json!({})).await.status.as_u16(), status, "{id}");
        }
        shop.app.clock.advance(2_000);
        assert_eq!(shop.json("/api/v1/categories").await["categories"], json!([]));
    }
}

db_test! {
    /// Staff list all orders, by state and page by page.
    async fn staff_list_orders_by_state(shop) {
        shop.save(vec![only("tea", "5.00", 9)]).await;
        let mut numbers = Vec::new();
        for _ in 0..3 {
            shop.app.clock.advance(1_000);
            let cart = ready_cart(shop, "tea-1", 1).await;
            numbers.insert(0, place(shop, &cart).await.json()["number"].clone());
        }
        let number = numbers[1].as_str().unwrap();
        let paid = operate(shop, "POST", &format!("orders/{number}/steps"), "", &json!({ "state": "paid" })).await;
        assert_eq!(paid.status, 200);
        // The response is the current order, with the version for the next step.
        assert_eq!(paid.json(), get(shop, &format!("orders/{number}")).await.json());
        let first = get(shop, "orders?limit=2").await.json();
        let path = format!("orders?limit=2&cursor={}", first["next"].as_str().unwrap());
        let second = get(shop, &path).await.json();
        let seen: Vec<_> = [&first, &second].iter().flat_map(|it| it["orders"].as_array().unwrap()).map(|it| it["number"].clone()).collect();
        assert_eq!(seen, numbers);
        let paid = get(shop, "orders?state=paid").await.json();
        assert_eq!((paid["orders"].as_array().unwrap().len(), &paid["orders"][0]["number"]), (1, &numbers[1]));
        assert_eq!(get(shop, &format!("orders/{number}")).await.json()["state"], "paid");
        let step = async |number: &str, state: &str| {
            let path = format!("orders/{number}/steps");
            operate(shop, "POST", &path, "", &json!({ "state": state })).await.status.as_u16()
        };
        let (pending, left) = (numbers[0].as_str().unwrap(), on_hand(shop).await);
        assert_eq!((step(pending, "cancelled").await, step(pending, "cancelled").await), (200, 409));
        assert_eq!((step(number, "cancelled").await, on_hand(shop).await), (409, left + 1));
        let log = get(shop, &format!("audit?subject=order:{pending}")).await.json();
        assert_eq!((&log["entries"][0]["before"], &log["entries"][0]["after"]), (&json!("pending"), &json!("cancelled")));
        for path in ["orders?limit=0", "orders?state=lost", "orders?cursor=!"] {
            assert_eq!(get(shop, path).await.status, 400, "{path}");
        }
    }
}
