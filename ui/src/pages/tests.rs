//! Invariants of every page's markup.

mod accounts;
mod buying;
mod styles;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, from_value, json};
use sha2::{Digest, Sha256};
use shared::{
    locale::Locale,
    page::{
        CategoryPage, ErrorPage, HomePage, INFO, InfoPage, ProductPage, SearchPage, Shell,
        info_path,
    },
};

use super::*;
use crate::csp_hashes;

/// A name that breaks out of any unescaped context.
const NASTY: &str = r#"</script><script>alert("1")</script>'&<b onclick=x>"#;

fn money(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "USD" })
}

fn image() -> Value {
    json!({
        "src": "/media/a.jpg", "alt": NASTY, "width": 1200, "height": 900,
        "sources": [{ "media_type": "image/webp", "renditions": [{ "url": "/media/a-320.webp", "width": 320 }] }],
    })
}

fn card(id: &str) -> Value {
    json!({
        "id": id, "slug": "mug", "name": NASTY, "brand": NASTY, "availability": "low",
        "price": { "from": money(1_000), "to": money(2_000), "compare_at": money(3_000) },
        "image": image(), "created_at": "2026-01-02T03:04:05Z",
    })
}

fn category_node() -> Value {
    json!({
        "id": "5", "slug": "cups", "name": NASTY, "description": NASTY, "image": image(),
        "product_count": 1_234,
        "children": [{ "id": "6", "slug": "mugs", "name": NASTY, "description": "", "image": null,
                       "product_count": 7, "children": [] }],
    })
}

fn shell(locale: Locale, path: &str) -> Shell {
    from_value(json!({
        "locale": locale.code(), "path": path, "canonical": path, "base_url": "https://shop.example",
        "shop_name": "Duck & Co", "categories": [category_node()],
        "assets": { "style": "/assets/s.css", "boot": "/assets/b.js", "script": "/assets/u.js",
                    "wasm": "/assets/u.wasm", "icon": "/assets/i.svg" },
    }))
    .unwrap()
}

fn home_page() -> HomePage {
    from_value(json!({ "hot": [card("1"), card("2")], "new": [card("3")] })).unwrap()
}

fn category_page() -> CategoryPage {
    from_value(json!({
        "category": category_node(),
        "ancestors": [{ "id": "4", "slug": "table", "name": NASTY }],
        "facets": { "product_count": 12, "price": { "from": money(100), "to": money(9_900) },
                    "brands": [{ "slug": "fjell", "name": NASTY, "product_count": 3 }] },
        "filter": { "brand": ["fjell"], "min": NASTY, "sort": "price_up" },
        "wrong": ["min"], "currency": "USD",
        "list": { "items": [card("1")], "next": null, "previous": null },
    }))
    .unwrap()
}

fn product_page() -> ProductPage {
    let variant = |id: &str, value: &str| {
        json!({
            "id": id, "sku": NASTY, "options": [{ "option": "colour", "value": value }],
            "price": money(1_000), "compare_at": money(1_500), "availability": "in_stock",
            "image": 0, "weight_g": 300,
        })
    };
    from_value(json!({
        "variant": 1,
        "related": [card("9")],
        "shipping": [{ "name": NASTY, "zones": [
            { "countries": ["DE", "AT"], "price": money(600), "per_kg": null, "free_from": money(1_200) },
            { "countries": ["US"], "price": money(900), "per_kg": money(100), "free_from": null },
            { "countries": ["*"], "price": money(2_000), "per_kg": null, "free_from": null },
        ] }],
        "product": {
            "id": "1", "slug": "mug", "name": NASTY, "description": format!("{NASTY}\n\n{NASTY}"),
            "brand": { "id": "2", "slug": "fjell", "name": NASTY },
            "categories": [{ "id": "5", "slug": "cups", "name": NASTY }],
            "price": { "from": money(1_000), "to": money(1_000), "compare_at": null },
            "availability": "in_stock",
            "options": [{ "code": "colour", "name": NASTY, "values": [
                { "code": "red", "name": NASTY, "swatch": "#ff0000" },
                { "code": "blue", "name": NASTY, "swatch": "#0000ff" },
            ] }],
            "variants": [variant("7", "red"), variant("8", "blue")],
            "images": [image(), image()],
            "attributes": [{ "name": NASTY, "value": NASTY }],
            "tags": [], "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
            "version": 1,
        },
    }))
    .unwrap()
}

fn search_page(items: &[Value]) -> SearchPage {
    from_value(json!({
        "q": NASTY, "filter": {}, "wrong": [], "currency": "USD",
        "facets": { "product_count": 1_200, "price": { "from": money(100), "to": money(9_900) },
                    "brands": [{ "slug": "fjell", "name": NASTY, "product_count": 3 }] },
        "found": { "items": items, "next": null, "previous": null, "total": items.len(),
                   "more": !items.is_empty(), "corrected": NASTY },
        "categories": [{ "id": "4", "slug": "table", "name": NASTY }], "hot": [card("2")],
    }))
    .unwrap()
}

/// Every page in this language, with its path.
fn every_page(locale: Locale) -> Vec<(String, String)> {
    let mut pages: Vec<_> = shared_pages(locale)
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text))
        .collect();
    pages.extend(buying::pages(locale));
    pages.extend(accounts::pages(locale));
    pages
}

/// The pages that are the same for everybody.
fn shared_pages(locale: Locale) -> Vec<(&'static str, String)> {
    let wrong = ErrorPage {
        status: 404,
        request_id: Some(NASTY.to_owned()),
    };
    let mut pages = vec![
        ("/", home(&shell(locale, "/"), &home_page())),
        (
            "/c/cups",
            category(&shell(locale, "/c/cups"), &category_page()),
        ),
        ("/p/mug", product(&shell(locale, "/p/mug"), &product_page())),
        ("/gone", error(&shell(locale, "/gone"), &wrong)),
        (
            "/search?q=mug",
            search(&shell(locale, "/search?q=mug"), &search_page(&[card("1")])),
        ),
        (
            "/search?q=none",
            search(&shell(locale, "/search?q=none"), &search_page(&[])),
        ),
    ];
    let info_pages = INFO.map(|slug| {
        let path = ["/shipping", "/returns", "/terms", "/privacy", "/contact"]
            .into_iter()
            .find(|it| *it == info_path(slug))
            .unwrap();
        (path, info(&shell(locale, path), &info_page(slug)))
    });
    pages.extend(info_pages);
    pages
}

fn info_page(slug: &str) -> InfoPage {
    let zone = |country: &str| {
        json!({ "countries": ["DE", country], "price": money(600), "per_kg": money(100),
                "free_from": money(9_000) })
    };
    from_value(json!({
        "slug": slug, "contact": NASTY, "email": "shop@example.org",
        "methods": [{ "name": NASTY, "zones": [zone("*"), zone("XX")] }],
    }))
    .unwrap()
}

fn for_every_page(check: impl Fn(Locale, &str, &str, &Html)) {
    for locale in Locale::ALL {
        for (path, text) in every_page(locale) {
            check(locale, &path, &text, &Html::parse_document(&text));
        }
    }
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn attribute<'a>(page: &'a Html, selector: &str, name: &str) -> Vec<&'a str> {
    let elements = all(page, selector).into_iter();
    elements.filter_map(|it| it.attr(name)).collect()
}

#[test]
fn a_page_has_its_language_its_landmarks_and_one_heading() {
    for_every_page(|locale, path, text, page| {
        assert!(text.starts_with("<!DOCTYPE html><html"), "{path}");
        assert_eq!(attribute(page, "html", "lang"), [locale.tag()], "{path}");
        for (what, count) in [
            ("h1", 1),
            ("main#content", 1),
            ("body > header", 1),
            ("body > footer", 1),
            ("title", 1),
        ] {
            assert_eq!(all(page, what).len(), count, "{path}: {what}");
        }
        let unnamed = all(page, "nav:not([aria-label])");
        assert!(unnamed.is_empty(), "{path}: a nav without a name");
        let mut before = 0;
        for heading in all(page, "h1, h2, h3, h4") {
            let level = heading.value().name()[1..].parse::<u8>().unwrap();
            assert!(level <= before + 1, "{path}: h{level} after h{before}");
            before = level;
        }
    });
}

#[test]
fn pages_link_to_their_translations() {
    for locale in Locale::ALL {
        for (path, text) in shared_pages(locale) {
            let page = Html::parse_document(&text);
            let here = format!("https://shop.example{}", locale.path(path));
            let canonical = attribute(&page, "link[rel=canonical]", "href");
            assert_eq!(canonical, [here.as_str()]);
            let tags = attribute(&page, "link[rel=alternate]", "hreflang");
            assert_eq!(tags, ["en", "zh-Hans", "x-default"]);
            let open_graph = attribute(&page, "meta[property='og:url']", "content");
            assert_eq!(open_graph, [here.as_str()]);
        }
    }
    let mut hidden = shell(Locale::En, "/c/cups?sort=price_up");
    hidden.canonical = None;
    let page = Html::parse_document(&category(&hidden, &category_page()));
    assert_eq!(
        attribute(&page, "meta[name=robots]", "content"),
        ["noindex"]
    );
    assert!(
        all(
            &page,
            "link[rel=canonical], link[rel=alternate][href^=http]"
        )
        .is_empty()
    );
}

#[test]
fn content_is_escaped() {
    for_every_page(|_, path, text, page| {
        assert!(all(page, "b").is_empty(), "{path}");
        assert!(!text.contains("<script>alert"), "{path}");
        let known = "script[type=module], script[type='application/ld+json'], leptos-island script";
        let scripts = all(page, "script").len() - all(page, known).len();
        assert_eq!(scripts, 1, "{path}: an inline script beside the early one");
    });
    let (_, text) = &every_page(Locale::En)[2];
    let page = Html::parse_document(text);
    let heading: String = all(&page, "h1")[0].text().collect();
    assert_eq!(heading, NASTY);
    let data: Vec<Value> = all(&page, "script[type='application/ld+json']")
        .into_iter()
        .map(|it| serde_json::from_str(&it.text().collect::<String>()).unwrap())
        .collect();
    let product = data
        .iter()
        .find(|it| it["@type"] != "BreadcrumbList")
        .unwrap();
    assert_eq!(product["name"], NASTY);
    assert_eq!(product["@context"], "https://schema.org");
}

#[test]
fn the_policy_allows_every_inline_script() {
    for_every_page(|_, path, _, page| {
        assert!(all(page, "[style]").is_empty(), "{path}: a style attribute");
        for element in all(page, "*") {
            let handler = element
                .value()
                .attrs()
                .find(|(name, _)| name.starts_with("on"));
            assert_eq!(handler, None, "{path}");
        }
        let early = all(page, "head > script:not([type])");
        let hash = STANDARD.encode(Sha256::digest(early[0].text().collect::<String>()));
        assert_eq!(csp_hashes(), [format!("'sha256-{hash}'")]);
    });
}

#[test]
fn images_have_dimensions_and_alternative_texts() {
    for_every_page(|_, path, _, page| {
        for image in all(page, "img") {
            for name in ["alt", "width", "height"] {
                assert!(image.attr(name).is_some(), "{path}: img without {name}");
            }
        }
    });
}

#[test]
fn fields_have_labels_and_ids_are_unique() {
    for_every_page(|_, path, _, page| {
        let fields = all(page, "input:not([type=hidden]), select, textarea");
        for field in fields {
            let id = field.attr("id").unwrap_or_default();
            let mut around = field.ancestors().filter_map(ElementRef::wrap);
            let inside = around.any(|it| it.value().name() == "label");
            let labelled = inside || !all(page, &format!("label[for='{id}']")).is_empty();
            assert!(labelled, "{path}: {}", field.html());
        }
        let ids = attribute(page, "[id]", "id");
        let once: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), once.len(), "{path}: {ids:?}");
        for name in attribute(page, "[aria-labelledby]", "aria-labelledby") {
            assert!(ids.contains(&name), "{path}: nothing is called {name}");
        }
    });
}

#[test]
fn the_same_page_has_the_same_bytes() {
    for locale in Locale::ALL {
        assert_eq!(every_page(locale), every_page(locale));
    }
}

#[test]
fn a_filter_and_a_choice_work_without_scripts() {
    let (_, text) = &every_page(Locale::Zh)[1];
    let page = Html::parse_document(text);
    let form = &all(&page, "main form[method=get]")[0];
    assert_eq!(form.attr("action"), Some("/zh/c/cups"));
    assert_eq!(
        attribute(&page, "input[name=brand][checked]", "value"),
        ["fjell"]
    );
    assert_eq!(attribute(&page, "option[selected]", "value"), ["price_up"]);
    let min = &all(&page, "input[name=min]")[0];
    assert_eq!(
        (min.attr("value"), min.attr("aria-invalid")),
        (Some(NASTY), Some("true"))
    );
    let (_, text) = &every_page(Locale::En)[2];
    let page = Html::parse_document(text);
    let choices = attribute(&page, "a[href^='/p/mug?variant=']", "href");
    assert!(!choices.is_empty(), "variants are links");
}

#[test]
fn every_page_has_a_search_that_works_without_scripts() {
    for_every_page(|locale, path, _, page| {
        let form = "header form[role=search][method=get]";
        let action = locale.path("/search");
        assert_eq!(attribute(page, form, "action"), [&action], "{path}");
        let field = format!("{form} input[type=search][name=q]");
        let id = attribute(page, &field, "id")[0];
        let label = all(page, &format!("{form} label[for='{id}']"));
        assert!(!label[0].text().collect::<String>().is_empty(), "{path}");
        let button = attribute(page, &format!("{form} button[type=submit]"), "aria-label");
        assert_eq!(button.len(), 1, "{path}");
    });
    let home = Html::parse_document(&every_page(Locale::Zh)[0].1);
    let data = all(&home, "script[type='application/ld+json']");
    let data: Vec<Value> = data
        .into_iter()
        .map(|it| serde_json::from_str(&it.text().collect::<String>()).unwrap())
        .collect();
    let site = data.iter().find(|it| it["@type"] == "WebSite").unwrap();
    assert_eq!(
        site["potentialAction"]["target"]["urlTemplate"],
        "https://shop.example/zh/search?q={search_term_string}"
    );
}

#[test]
fn the_search_page_keeps_the_query_and_offers_links() {
    let mut here = shell(Locale::En, "/search?q=mug");
    here.searched = Some(NASTY.to_owned());
    let page = Html::parse_document(&search(&here, &search_page(&[card("1")])));
    for field in ["header input[name=q]", "main form input[name=q]"] {
        assert_eq!(attribute(&page, field, "value"), [NASTY], "{field}");
    }
    assert_eq!(attribute(&page, "#sort option[selected]", "value"), [""]);
    let text: String = all(&page, "main")[0].text().collect();
    assert!(text.contains("More than 1 "), "{text}");
    assert!(all(&page, "main a[href='/c/table']").len() == 1);

    let page = Html::parse_document(&search(&here, &search_page(&[])));
    assert!(all(&page, "main form").is_empty(), "nothing to narrow");
    assert!(all(&page, "main .hints li").len() >= 2);
    assert!(
        !all(&page, "main a[href='/c/cups']").is_empty(),
        "categories to browse"
    );
    assert!(
        !all(&page, "main a[href='/p/mug']").is_empty(),
        "what sells best"
    );

    let mut filtered = search_page(&[]);
    filtered.filter.min = "10".to_owned();
    let page = Html::parse_document(&search(&here, &filtered));
    let wider = attribute(&page, "main .empty a", "href");
    assert_eq!(wider.len(), 1);
    assert!(wider[0].starts_with("/search?q=") && !wider[0].contains("min="));
}

/// The structured data of a page with a compare-at price, options and shipping methods.
#[test]
fn structured_data_of_a_product_agrees_with_its_page() {
    let here = shell(Locale::En, "/p/mug");
    let product_of = |page: &ProductPage| {
        let html = Html::parse_document(&product(&here, page));
        let data = all(&html, "script[type='application/ld+json']");
        let data = data
            .into_iter()
            .map(|it| serde_json::from_str::<Value>(&it.text().collect::<String>()).unwrap());
        data.into_iter()
            .find(|it| it["@type"] != "BreadcrumbList")
            .unwrap()
    };
    let mut page = product_page();
    page.product.variants[1].gtin = Some("4006381333931".to_owned());
    let group = product_of(&page);
    assert_eq!(group["hasVariant"][1]["gtin"], "4006381333931");
    assert_eq!(group["@type"], "ProductGroup");
    assert_eq!(group["variesBy"], json!(["https://schema.org/color"]));
    let first = &group["hasVariant"][0];
    assert_eq!(first["color"], NASTY);
    assert_eq!(first["sku"], NASTY);
    assert_eq!(first.get("gtin"), None);
    let offer = &first["offers"];
    assert_eq!(offer["price"], "10.00");
    assert_eq!(offer["priceSpecification"]["price"], "15.00");
    let rates = offer["shippingDetails"].as_array().unwrap();
    assert_eq!(
        rates.len(),
        1,
        "one by weight and one everywhere else cannot be said"
    );
    assert_eq!(rates[0]["shippingRate"]["value"], "6.00");
    assert_eq!(
        rates[0]["shippingDestination"]["addressCountry"],
        json!(["DE", "AT"])
    );
    let returns = &offer["hasMerchantReturnPolicy"];
    assert_eq!(returns["merchantReturnDays"], 30);
    assert_eq!(
        returns["merchantReturnLink"],
        "https://shop.example/returns"
    );

    page.product.variants.truncate(1);
    page.product.variants[0].price.minor = 1_200;
    page.product.variants[0].gtin = Some("96385074".to_owned());
    let single = product_of(&page);
    assert_eq!(single["@type"], "Product");
    assert_eq!(single["gtin"], "96385074");
    assert_eq!(single["offers"]["gtin"], "96385074");
    let rate = &single["offers"]["shippingDetails"][0]["shippingRate"];
    assert_eq!(rate["value"], "0", "free from 12.00 on");
}

#[test]
fn breadcrumbs_begin_at_the_home_page() {
    for_every_page(|locale, path, _, page| {
        for data in all(page, "script[type='application/ld+json']") {
            let data: Value = serde_json::from_str(&data.text().collect::<String>()).unwrap();
            if data["@type"] == "BreadcrumbList" {
                let items = data["itemListElement"].as_array().unwrap();
                assert!(items.len() >= 2, "{path}: one item is no way");
                let home = format!("https://shop.example{}", locale.path("/"));
                assert_eq!(items[0]["item"], home, "{path}");
            }
        }
    });
}

/// Text browsers, reader modes and search engines ignore stylesheets: words that are separate on
/// the screen must be separate in the text.
#[test]
fn words_are_separate_without_styles() {
    const INLINE: [&str; 12] = [
        "a", "b", "button", "code", "del", "em", "s", "small", "span", "strong", "time", "label",
    ];
    let is_inline = |it: &ElementRef<'_>| INLINE.contains(&it.value().name());
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let glued = std::cell::RefCell::new(std::collections::BTreeSet::new());
    for_every_page(|_, path, _, page| {
        for element in all(page, "body *").into_iter().filter(is_inline) {
            let next = element.next_sibling().and_then(ElementRef::wrap);
            let Some(next) = next.filter(is_inline) else {
                continue;
            };
            let text: String = element.text().collect();
            let more: String = next.text().collect();
            if is_word(text.chars().last()) && is_word(more.chars().next()) {
                glued.borrow_mut().insert(format!("{path}: {text}|{more}"));
            }
        }
    });
    let glued = glued.into_inner();
    assert!(glued.is_empty(), "{glued:#?}");
}

#[test]
fn the_largest_image_is_loaded_first() {
    for_every_page(|_, path, _, page| {
        let first = all(page, "img[fetchpriority=high]");
        assert!(first.len() <= 1, "{path}");
        assert!(
            first.iter().all(|it| it.attr("loading").is_none()),
            "{path}"
        );
        let shows_pictures = ["/", "/c/cups", "/p/mug", "/search?q=mug"].contains(&path);
        assert_eq!(first.len() == 1, shows_pictures, "{path}");
    });
}

#[test]
fn markup_is_valid_despite_leptos_markers() {
    for_every_page(|_, path, text, _| assert!(!text.contains("<!>"), "{path}"));
}
